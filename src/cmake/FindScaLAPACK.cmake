# Finds ScaLAPACK (with BLACS, part of it since 2.0) built for the MPI in use, and proves the match by running one
# rank: a library of another MPI links but fails to create a BLACS grid.
set(_ntkflow_mpi_flavour openmpi)
if(MPI_C_LIBRARY_VERSION_STRING MATCHES "MPICH")
  set(_ntkflow_mpi_flavour mpich)
endif()
find_library(ScaLAPACK_LIBRARY NAMES scalapack-${_ntkflow_mpi_flavour} scalapack)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARY)
if(ScaLAPACK_FOUND AND NOT TARGET ScaLAPACK::ScaLAPACK)
  add_library(ScaLAPACK::ScaLAPACK UNKNOWN IMPORTED)
  set_target_properties(ScaLAPACK::ScaLAPACK PROPERTIES IMPORTED_LOCATION "${ScaLAPACK_LIBRARY}"
                        INTERFACE_LINK_LIBRARIES "LAPACK::LAPACK;BLAS::BLAS;MPI::MPI_C")
  # Both libraries name the MPI they were linked with; comparing the two needs no process start (a configure step may
  # run where no MPI job may), and catches the common mistake of an MPICH build beside Open MPI.
  if(NOT ScaLAPACK_MATCHES_MPI)
    include(CheckCXXSourceCompiles)
    file(GET_RUNTIME_DEPENDENCIES LIBRARIES "${ScaLAPACK_LIBRARY}" RESOLVED_DEPENDENCIES_VAR _ntkflow_needs
         UNRESOLVED_DEPENDENCIES_VAR _ntkflow_missing POST_EXCLUDE_REGEXES "ld-linux")
    set(_ntkflow_match FALSE)
    set(_ntkflow_foreign "")
    foreach(_lib IN LISTS MPI_C_LIBRARIES)
      get_filename_component(_real "${_lib}" REALPATH)
      foreach(_need IN LISTS _ntkflow_needs)
        get_filename_component(_need_real "${_need}" REALPATH)
        if(_need_real STREQUAL _real)
          set(_ntkflow_match TRUE)
        elseif(_need_real MATCHES "/libmpi(ch)?\\.so")
          set(_ntkflow_foreign "${_need_real}")
        endif()
      endforeach()
    endforeach()
    if(NOT _ntkflow_match AND NOT ScaLAPACK_LIBRARY MATCHES "\\.a$")
      message(FATAL_ERROR "ScaLAPACK (${ScaLAPACK_LIBRARY}) was built for another MPI (${_ntkflow_foreign}) than the one in "
                          "use (${MPI_C_LIBRARIES}): install the ScaLAPACK of your MPI (Debian: libscalapack-openmpi-dev) or "
                          "set ScaLAPACK_LIBRARY.")
    endif()
    set(ScaLAPACK_MATCHES_MPI TRUE CACHE INTERNAL "ScaLAPACK is linked with the MPI in use")
  endif()
endif()
