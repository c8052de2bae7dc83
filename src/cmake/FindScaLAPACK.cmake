# Finds ScaLAPACK (with BLACS, part of it since 2.0) built for the MPI in use: MPI must have been found before.
include("${CMAKE_CURRENT_LIST_DIR}/NtkflowMpiMatch.cmake")

ntkflow_mpi_sonames(_ntkflow_mpi)
if(_ntkflow_mpi MATCHES "mpich")
  find_library(ScaLAPACK_LIBRARY NAMES scalapack-mpich scalapack)
else()
  find_library(ScaLAPACK_LIBRARY NAMES scalapack-openmpi scalapack)
endif()

set(_ntkflow_advice "install the ScaLAPACK of your MPI (Debian: libscalapack-openmpi-dev) or set ScaLAPACK_LIBRARY.")
if(ScaLAPACK_LIBRARY)
  ntkflow_foreign_mpi("${ScaLAPACK_LIBRARY}" _ntkflow_foreign)
  if(_ntkflow_foreign)
    message(FATAL_ERROR "ScaLAPACK (${ScaLAPACK_LIBRARY}) was built for another MPI (${_ntkflow_foreign}) than the one in "
                        "use (${_ntkflow_mpi}): ${_ntkflow_advice}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARY
                                  REASON_FAILURE_MESSAGE "There is no ScaLAPACK here: ${_ntkflow_advice}")
if(ScaLAPACK_FOUND AND NOT TARGET ScaLAPACK::ScaLAPACK)
  add_library(ScaLAPACK::ScaLAPACK UNKNOWN IMPORTED)
  set_target_properties(ScaLAPACK::ScaLAPACK PROPERTIES IMPORTED_LOCATION "${ScaLAPACK_LIBRARY}"
                        INTERFACE_LINK_LIBRARIES "LAPACK::LAPACK;BLAS::BLAS;MPI::MPI_C")
endif()
