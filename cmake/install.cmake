# An embedder that adds the sources to its own build decides itself what it installs.
option(CASTIEL_SYNC_INSTALL "Install the libraries, their headers and the CMake package" ${PROJECT_IS_TOP_LEVEL})
if(NOT CASTIEL_SYNC_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)

set(installed_targets castiel_sync)
foreach(optional_target castiel_sync_sqlite castiel_sync_http castiel_sync_testing)
  if(TARGET ${optional_target})
    list(APPEND installed_targets ${optional_target})
  endif()
endforeach()
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/castiel_sync)

install(TARGETS ${installed_targets} EXPORT castiel_sync_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/castiel_sync DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT castiel_sync_targets NAMESPACE castiel_sync:: DESTINATION ${package_folder})
configure_package_config_file(cmake/castiel_sync-config.cmake.in castiel_sync-config.cmake
  INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may change names.
write_basic_package_version_file(castiel_sync-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/castiel_sync-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/castiel_sync-config-version.cmake DESTINATION ${package_folder})

# What an author of an adapter reads and copies.
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
