# Writes HEADER from TEMPLATE with VERSION and the git revision of SOURCE_DIR; run at build time by NtkflowVersion.cmake.
# "-dirty" marks changes that are not committed; "unknown" stands for a source tree that is no git repository, also when
# it lies inside another project's.
set(REVISION "unknown")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse --show-toplevel OUTPUT_VARIABLE top RESULT_VARIABLE status
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(REAL_PATH "${SOURCE_DIR}" source_dir)
  if(status EQUAL 0 AND top STREQUAL source_dir)
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
                    OUTPUT_VARIABLE described RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(status EQUAL 0 AND described)
      set(REVISION "${described}")
    endif()
  endif()
endif()
configure_file(${TEMPLATE} ${HEADER} @ONLY)
