# Installs the program, headers and libraries, and exports the package `ntkflow` for find_package.
include(CMakePackageConfigHelpers)

get_property(ntkflow_modules GLOBAL PROPERTY NTKFLOW_MODULES)
install(TARGETS ntkflow_flags ${ntkflow_modules} EXPORT ntkflow-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ntkflow_app RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(NTKFLOW_WITH_PLOT)
  set(plot_folder ${CMAKE_INSTALL_DATADIR}/ntkflow/plot)
  install(PROGRAMS ${PROJECT_SOURCE_DIR}/src/plot/ntkflow-plot DESTINATION ${plot_folder})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/plot/ntkflow_plot DESTINATION ${plot_folder}
          FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)
  # Relative, so that the installation can be moved.
  file(RELATIVE_PATH plot_link ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR}/ntkflow/plot/ntkflow-plot)
  file(CREATE_LINK ${plot_link} ${PROJECT_BINARY_DIR}/src/plot/ntkflow-plot SYMBOLIC)
  install(FILES ${PROJECT_BINARY_DIR}/src/plot/ntkflow-plot DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ntkflow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT ntkflow-targets NAMESPACE ntkflow:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ntkflow)

configure_package_config_file(${PROJECT_SOURCE_DIR}/src/cmake/ntkflow-config.cmake.in
                              ${PROJECT_BINARY_DIR}/ntkflow-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ntkflow)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ntkflow-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ntkflow-config.cmake ${PROJECT_BINARY_DIR}/ntkflow-config-version.cmake
              ${PROJECT_SOURCE_DIR}/src/cmake/FindxxHash.cmake ${PROJECT_SOURCE_DIR}/src/cmake/FindRandom123.cmake
              ${PROJECT_SOURCE_DIR}/src/cmake/FindScaLAPACK.cmake ${PROJECT_SOURCE_DIR}/src/cmake/NtkflowMpiMatch.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ntkflow)
