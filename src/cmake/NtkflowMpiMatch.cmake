# Which MPI a library was linked with, read from the names it asks the loader for. No process is started: a configure
# step may run where no MPI job may.

# The names of the shared libraries that `library` needs, or of `library` itself with SONAME; empty for a static archive.
function(ntkflow_read_dynamic_section library tag result)
  set(names "")
  if(CMAKE_READELF)
    execute_process(COMMAND ${CMAKE_READELF} -d "${library}" OUTPUT_VARIABLE section ERROR_QUIET)
    string(REGEX MATCHALL "\\(${tag}\\)[^\n]*\\[[^]\n]+\\]" lines "${section}")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE ".*\\[([^]]+)\\]" "\\1" name "${line}")
      list(APPEND names "${name}")
    endforeach()
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

# The sonames of the MPI that find_package(MPI) has found, such as libmpi.so.40 (Open MPI) or libmpich.so.12.
function(ntkflow_mpi_sonames result)
  set(sonames "")
  foreach(library IN LISTS MPI_C_LIBRARIES)
    ntkflow_read_dynamic_section("${library}" SONAME soname)
    list(APPEND sonames ${soname})
  endforeach()
  set(${result} "${sonames}" PARENT_SCOPE)
endfunction()

# Sets `result` to the MPI that `library` needs where that is not the MPI in use, else to an empty string. Two MPIs in
# one program link without a word and then crash, or run as many separate ranks 0.
function(ntkflow_foreign_mpi library result)
  ntkflow_mpi_sonames(mine)
  ntkflow_read_dynamic_section("${library}" NEEDED needed)
  list(FILTER needed INCLUDE REGEX "^lib(mpi|mpich)\\.so")
  set(foreign ${needed})
  list(REMOVE_ITEM foreign ${mine})
  if(NOT mine)
    set(foreign "")
  endif()
  set(${result} "${foreign}" PARENT_SCOPE)
endfunction()
