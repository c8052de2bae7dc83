# Finds every library, and stops with one clear sentence where a library is there but is the wrong one:
# serial HDF5, an HDF5 or ScaLAPACK for another MPI, or the slow reference BLAS.
include(CheckCXXSourceCompiles)
include(FortranCInterface)
include(NtkflowMpiMatch)

find_package(MPI 3.1 REQUIRED COMPONENTS C)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(muparser REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(hwy REQUIRED CONFIG)
find_package(xxHash REQUIRED)
find_package(Random123 REQUIRED)
find_package(BLAS REQUIRED)

# The reference BLAS is right but 20 to 50 times slower; nobody wants it by accident. OpenBLAS, MKL and BLIS each have
# a symbol of their own by which they are known.
function(ntkflow_check_fast_blas)
  set(CMAKE_REQUIRED_LIBRARIES BLAS::BLAS)
  set(CMAKE_REQUIRED_QUIET TRUE)
  foreach(symbol IN ITEMS openblas_get_config mkl_get_max_threads bli_info_get_version_str)
    check_cxx_source_compiles("extern \"C\" char* ${symbol}(); int main() { return ${symbol}() == nullptr; }"
                              NTKFLOW_BLAS_HAS_${symbol})
    if(NTKFLOW_BLAS_HAS_${symbol})
      return()
    endif()
    # Not remembered, so that configuring again after installing another BLAS looks again.
    unset(NTKFLOW_BLAS_HAS_${symbol} CACHE)
  endforeach()
  message(FATAL_ERROR "The BLAS found (${BLAS_LIBRARIES}) is none of OpenBLAS, MKL or BLIS; the reference BLAS would make "
                      "ntkflow 20 to 50 times slower: install OpenBLAS (Debian: libopenblas-openmp-dev) or set BLA_VENDOR.")
endfunction()
ntkflow_check_fast_blas()

find_package(LAPACK REQUIRED)
find_package(ScaLAPACK REQUIRED)

set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 1.10 REQUIRED COMPONENTS C HL)
set(ntkflow_hdf5_advice "install the HDF5 built for your MPI (Debian: libhdf5-openmpi-dev) or set HDF5_ROOT.")
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "The HDF5 found (${HDF5_C_LIBRARIES}) is a serial build, and ntkflow writes its results in "
                      "parallel: ${ntkflow_hdf5_advice}")
endif()
foreach(library IN LISTS HDF5_C_LIBRARIES)
  ntkflow_foreign_mpi("${library}" foreign)
  if(foreign)
    message(FATAL_ERROR "HDF5 (${library}) was built for another MPI (${foreign}) than the one in use: "
                        "${ntkflow_hdf5_advice}")
  endif()
endforeach()

# Fortran name mangling for BLAS and ScaLAPACK, used by src/linalg/*_abi.hpp.
FortranCInterface_HEADER(${PROJECT_BINARY_DIR}/generated/ntkflow_fortran.h MACRO_NAMESPACE "NTKFLOW_FC_")
