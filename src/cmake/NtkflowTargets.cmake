# Flags shared by all targets, and the helpers by which modules and tests are declared.

# What users of the installed package need as well: the language level and MPI's old C++ bindings kept out.
add_library(ntkflow_flags INTERFACE)
add_library(ntkflow::flags ALIAS ntkflow_flags)
set_target_properties(ntkflow_flags PROPERTIES EXPORT_NAME flags)
target_compile_features(ntkflow_flags INTERFACE cxx_std_20)
target_compile_definitions(ntkflow_flags INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)

# What only our own sources are compiled with.
add_library(ntkflow_warnings INTERFACE)
target_compile_options(ntkflow_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                                  $<$<BOOL:${NTKFLOW_WERROR}>:-Werror>)
target_compile_definitions(ntkflow_warnings INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS NTKFLOW_DEBUG=1>)
if(NTKFLOW_SANITIZE)
  # As plain directory options: the runtime must be linked into each program, and whoever links the libraries needs it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# ntkflow_add_module(NAME SOURCES ... [LINK modules...] [PRIVATE_LINK libraries...])
# A static library ntkflow_<name>, alias ntkflow::<name>. LINK names the modules of the layer table's row; PRIVATE_LINK
# names third-party libraries used in .cpp files alone.
function(ntkflow_add_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE_LINK")
  add_library(ntkflow_${name} STATIC ${arg_SOURCES})
  add_library(ntkflow::${name} ALIAS ntkflow_${name})
  set_target_properties(ntkflow_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(ntkflow_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                                             PRIVATE ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(ntkflow_${name} PUBLIC ntkflow_flags ${arg_LINK}
                                        PRIVATE ${arg_PRIVATE_LINK} $<BUILD_INTERFACE:ntkflow_warnings>)
  set_property(GLOBAL APPEND PROPERTY NTKFLOW_MODULES ntkflow_${name})
endfunction()

# ntkflow_add_test(MODULE.NAME SOURCES ... [LINK ...] [RANKS 1 2 4] [LABELS ...] [TIMEOUT seconds] [DEFINITIONS ...])
# With RANKS the test runs under mpiexec once for each count, as MODULE.NAME.np<count>, with a gtest main that agrees on
# failures over all ranks; without, it is a serial test. A hang is a failure after TIMEOUT (default 120 s).
function(ntkflow_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINK;RANKS;LABELS;DEFINITIONS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NTKFLOW_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  string(REPLACE "." "_" target "ntkflow_test_${name}")
  add_executable(${target} ${arg_SOURCES})
  target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  if(NOT arg_RANKS)
    target_link_libraries(${target} PRIVATE ${arg_LINK} GTest::gtest_main ntkflow_warnings)
    add_test(NAME ${name} COMMAND ${target})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS};serial"
                                            ENVIRONMENT "${NTKFLOW_TEST_ENVIRONMENT}"
                                            SKIP_REGULAR_EXPRESSION "${NTKFLOW_ALL_SKIPPED}")
    return()
  endif()
  target_link_libraries(${target} PRIVATE ${arg_LINK} ntkflow_test_support ntkflow_warnings)
  foreach(ranks IN LISTS arg_RANKS)
    set(test ${name}.np${ranks})
    add_test(NAME ${test} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} ${NTKFLOW_MPIEXEC_FLAGS}
                                  $<TARGET_FILE:${target}>)
    set_tests_properties(${test} PROPERTIES TIMEOUT ${arg_TIMEOUT} PROCESSORS ${ranks} LABELS "${arg_LABELS};np${ranks}"
                                            ENVIRONMENT "${NTKFLOW_TEST_ENVIRONMENT}"
                                            SKIP_REGULAR_EXPRESSION "${NTKFLOW_ALL_SKIPPED}")
  endforeach()
endfunction()

# ntkflow_add_python_test(MODULE.NAME FILE.py [ENVIRONMENT name=value...] [LABELS ...] [TIMEOUT seconds] [PROCESSORS n])
# A test written with Python's unittest; it is skipped, with its reasons, when all of its cases are.
function(ntkflow_add_python_test name file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT;PROCESSORS" "ENVIRONMENT;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_PROCESSORS)
    set(arg_PROCESSORS 1)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NTKFLOW_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
  endif()
  add_test(NAME ${name} COMMAND ${NTKFLOW_PYTHON} ${PROJECT_SOURCE_DIR}/tests/support/run_python_test.py
                                ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} PROCESSORS ${arg_PROCESSORS} LABELS "${arg_LABELS}"
                                          SKIP_RETURN_CODE 77
                                          ENVIRONMENT "${NTKFLOW_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
endfunction()

# Under mpiexec more ranks than cores must run, idle ranks must not spin, and no rank may be pinned to one core. Containers
# often forbid to read another process's memory, so messages go through shared memory alone.
set(NTKFLOW_MPIEXEC_FLAGS "")
set(NTKFLOW_MPI_ENVIRONMENT
    OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
    OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)
# What every test runs with. Open MPI itself leaks what it allocates once, so leaks are not looked for. GoogleTest takes
# mpiexec's pipe for a terminal and would colour the lines that are matched below.
set(NTKFLOW_TEST_ENVIRONMENT OMP_NUM_THREADS=1 GTEST_COLOR=no ASAN_OPTIONS=detect_leaks=0 ${NTKFLOW_MPI_ENVIRONMENT})
# GoogleTest's last lines when every case that was chosen was skipped. One skipped case among others must not hide that
# another one failed, as a bare "[  SKIPPED ]" would: CTest looks at this expression before the exit code.
set(NTKFLOW_ALL_SKIPPED
    "\\[  PASSED  \\] 0 tests?\\.[\r\n]+\\[  SKIPPED \\] [0-9]+ tests?, listed below:[\r\n]+(\\[  SKIPPED \\] [^\r\n]*[\r\n]*)+$")
