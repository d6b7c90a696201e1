include(CMakePackageConfigHelpers)

set(installed_targets castiel_sync)
foreach(optional_target castiel_sync_sqlite castiel_sync_testing)
  if(TARGET ${optional_target})
    list(APPEND installed_targets ${optional_target})
  endif()
endforeach()
install(TARGETS ${installed_targets} EXPORT castiel_sync_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/castiel_sync DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT castiel_sync_targets NAMESPACE castiel_sync::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/castiel_sync)
configure_package_config_file(cmake/castiel_sync-config.cmake.in castiel_sync-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/castiel_sync)
write_basic_package_version_file(castiel_sync-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/castiel_sync-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/castiel_sync-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/castiel_sync)
