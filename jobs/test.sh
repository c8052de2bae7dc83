#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests. The last line is `N passed, N failed, N skipped`.
#
#   bash jobs/test.sh [PRESET] [CTEST ARGUMENTS...]    PRESET of CMakePresets.json, default release
#
# NTKFLOW_DATA names a folder with the full MNIST in mnist/ (default: inputs/, where inputs/fetch_mnist.sh puts it);
# tests that need it are skipped without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source jobs/setup.sh

preset=${1:-release}
shift || true
build=build/$preset
export NTKFLOW_DATA=${NTKFLOW_DATA:-$PWD/inputs}

ntkflow_install_packages "${ntkflow_test_packages[@]}"
ntkflow_print_and_run cmake --preset "$preset" -D NTKFLOW_BUILD_TESTS=ON -D NTKFLOW_BUILD_BENCHMARKS=ON
ntkflow_print_and_run cmake --build "$build"

report=$PWD/$build/tests.xml
rm -f "$report"
status=0
cores=$(env -u OMP_NUM_THREADS nproc) # nproc counts no more than OMP_NUM_THREADS
ntkflow_print_and_run ctest --test-dir "$build" --output-on-failure --parallel "$cores" --output-junit "$report" "$@" ||
  status=$?
python3 jobs/summarize_tests.py "$report" || status=1
exit "$status"
