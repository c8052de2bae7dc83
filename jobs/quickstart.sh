#!/usr/bin/env bash
# From a fresh clone to a first result: installs what is missing, builds the program, runs the main job on 2 ranks on
# the sample of MNIST in inputs/, and shows where to look.
#
#   bash jobs/quickstart.sh [PRESET]    PRESET of CMakePresets.json, default release
#
# jobs/test.sh uses the same build folder for the same preset, so neither builds again what the other has built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source jobs/setup.sh

preset=${1:-release}
build=build/$preset
program=$build/src/app/ntkflow
result=build/sample.h5

ntkflow_install_packages "${ntkflow_run_packages[@]}"
if [ ! -f "$build/build.ninja" ]; then
  ntkflow_print_and_run cmake --preset "$preset" -D NTKFLOW_BUILD_TESTS=OFF -D NTKFLOW_BUILD_BENCHMARKS=OFF
fi
ntkflow_print_and_run cmake --build "$build" --target ntkflow_app

ntkflow_mpi_environment
ntkflow_print_and_run mpirun -n 2 "$program" run inputs/sample.toml --output "$result" --overwrite

echo
ntkflow_print_and_run "$program" show "$result"
accuracy=$("$program" show "$result" | awk '$1 == "test_accuracy" { print $2 }')
cat <<END

Test accuracy on 1,000 images after training on 2,000: $accuracy
The result is in $result. To look at it:
  $program show $result                   the summary above
  h5dump -H $result                       every data set with its shape (package hdf5-tools)
  h5dump -a /regression/test_accuracy $result
  python3 -c 'import h5py; print(h5py.File("$result")["regression"].attrs["test_accuracy"])'   (package python3-h5py)
Next: README.md, and the commented configurations inputs/*.toml.
END
