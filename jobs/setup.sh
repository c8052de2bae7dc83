#!/usr/bin/env bash
# What ntkflow needs of a Debian or Ubuntu machine.
#
#   bash jobs/setup.sh [run|test|ci]    installs what is missing to build and run, to test, or to check a change
#   source jobs/setup.sh                only defines the functions, for quickstart.sh and test.sh
#
# Every command that changes the system is printed first. As root it is run; with sudo that asks no password it is run
# through sudo; else the line to give an administrator is printed and the exit code is 1. Where the libraries come from
# elsewhere (a cluster's modules, another distribution), NTKFLOW_SKIP_SETUP=1 leaves the system alone and CMake says what
# it does not find.

ntkflow_run_packages=(
  g++ gfortran cmake ninja-build git
  openmpi-bin libopenmpi-dev libscalapack-openmpi-dev libopenblas-openmp-dev libhdf5-openmpi-dev
  libcli11-dev libtomlplusplus-dev libfmt-dev libspdlog-dev zlib1g-dev libhwy-dev libmuparser-dev
  libxxhash-dev librandom123-dev nlohmann-json3-dev libboost-dev
)
ntkflow_test_packages=(
  "${ntkflow_run_packages[@]}"
  libgtest-dev libbenchmark-dev
  python3 python3-h5py python3-xarray python3-h5netcdf python3-netcdf4 python3-matplotlib hdf5-tools
)
ntkflow_ci_packages=("${ntkflow_test_packages[@]}" clang-format-14)
# Some tests use these and are skipped without them.
ntkflow_ci_optional_packages=(shellcheck slurm-wlm munge)

# Prints those of the given packages that are not installed, one per line.
ntkflow_missing_packages() {
  local installed package
  # Names that dpkg has never heard of go to stderr and make it fail; they are simply not in the list.
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p')
  for package in "$@"; do
    grep -qxF -- "$package" <<<"$installed" || echo "$package"
  done
}

ntkflow_print_and_run() {
  echo "+ $*"
  "$@"
}

# Installs those of the given packages that are missing.
ntkflow_install_packages() {
  if [ "${NTKFLOW_SKIP_SETUP:-0}" = 1 ]; then
    return 0
  fi
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "jobs/setup.sh: this is neither Debian nor Ubuntu (there is no apt-get). Install the counterparts of" >&2
    echo "  $*" >&2
    echo "and set NTKFLOW_SKIP_SETUP=1 to go on without this check." >&2
    return 1
  fi
  local missing
  mapfile -t missing < <(ntkflow_missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    return 0
  fi

  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}")
  local update=(apt-get update)
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "jobs/setup.sh: ${#missing[@]} packages are missing, and installing them needs an administrator. Ask for:" >&2
      echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    install=(sudo -n "${install[@]}")
    update=(sudo -n "${update[@]}")
  fi

  echo "Installing ${#missing[@]} missing packages."
  # A fresh container has no package lists at all, and old lists name versions that are gone: then once more, updated.
  local lists
  lists=$(find "${NTKFLOW_APT_LISTS:-/var/lib/apt/lists}" -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)
  if [ -n "$lists" ] && ntkflow_print_and_run "${install[@]}" </dev/null; then
    return 0
  fi
  ntkflow_print_and_run "${update[@]}" </dev/null && ntkflow_print_and_run "${install[@]}" </dev/null
}

# Lets mpirun start more ranks than there are cores, and start at all where everything runs as root. Ranks exchange
# messages through shared memory alone: containers often forbid to read another process's memory.
ntkflow_mpi_environment() {
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -u
  case ${1:-run} in
    run) ntkflow_install_packages "${ntkflow_run_packages[@]}" ;;
    test) ntkflow_install_packages "${ntkflow_test_packages[@]}" ;;
    ci)
      ntkflow_install_packages "${ntkflow_ci_packages[@]}" || exit
      ntkflow_install_packages "${ntkflow_ci_optional_packages[@]}" ||
        echo "Going on without ${ntkflow_ci_optional_packages[*]}: the tests that need them will be skipped."
      ;;
    *)
      echo "usage: bash jobs/setup.sh [run|test|ci]" >&2
      exit 2
      ;;
  esac
fi
