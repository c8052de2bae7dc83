# Target ntkflow_version: whoever links it can include "ntkflow_version.h", which defines NTKFLOW_VERSION and
# NTKFLOW_GIT_REVISION as strings. The revision is read at every build, but the header is rewritten only when it differs,
# so a build without changes compiles nothing.
find_package(Git QUIET)
set(ntkflow_version_header ${PROJECT_BINARY_DIR}/generated/ntkflow_version.h)
set(ntkflow_write_version
    ${CMAKE_COMMAND} -D GIT=${GIT_EXECUTABLE} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
    -D TEMPLATE=${PROJECT_SOURCE_DIR}/src/cmake/ntkflow_version.h.in -D HEADER=${ntkflow_version_header}
    -P ${PROJECT_SOURCE_DIR}/src/cmake/write_version.cmake)
add_custom_target(ntkflow_version_header COMMAND ${ntkflow_write_version} BYPRODUCTS ${ntkflow_version_header}
                  COMMENT "Reading the git revision" VERBATIM)

add_library(ntkflow_version INTERFACE)
target_include_directories(ntkflow_version INTERFACE ${PROJECT_BINARY_DIR}/generated)
add_dependencies(ntkflow_version ntkflow_version_header)
