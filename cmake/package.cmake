# The service as a Debian package: cmake --build build/release --target castiel-sync, and then
# cpack --config build/release/CPackConfig.cmake. The library is installed by cmake/install.cmake.
if(NOT PROJECT_IS_TOP_LEVEL OR NOT TARGET castiel-sync)
  return()
endif()

# What an author of descriptions copies, and what an editor checks them by. The binary holds the ready ones.
install(FILES adapters/couchdb.yaml adapters/json-server.yaml adapters/template.yaml adapters/schema.json
  DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/castiel-sync/adapters COMPONENT service)

# Not in a whole installation, which may have any prefix.
set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/castiel-sync)
install(FILES packaging/castiel-sync.service DESTINATION lib/systemd/system COMPONENT service EXCLUDE_FROM_ALL)
install(DIRECTORY DESTINATION /etc/castiel-sync COMPONENT service EXCLUDE_FROM_ALL
  DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
install(FILES packaging/local.yaml DESTINATION /etc/castiel-sync COMPONENT service EXCLUDE_FROM_ALL
  PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES README.md CHANGELOG.md openapi.yaml DESTINATION ${documents} COMPONENT service EXCLUDE_FROM_ALL)
install(FILES LICENSE DESTINATION ${documents} RENAME copyright COMPONENT service EXCLUDE_FROM_ALL)
install(DIRECTORY docs DESTINATION ${documents} COMPONENT service EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL service)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
# Through DESTDIR, so that nothing is ever written to this machine's /etc.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_VENDOR Castiel)
set(CPACK_PACKAGE_CONTACT "castiel_sync maintainers <maintainers@castiel.invalid>")
set(CPACK_DEBIAN_SERVICE_PACKAGE_NAME castiel-sync)
set(CPACK_DEBIAN_SERVICE_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_SERVICE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVICE_PACKAGE_SHLIBDEPS ON)
# Schedules need the rules of time zones, and postinst needs useradd.
set(CPACK_DEBIAN_SERVICE_PACKAGE_DEPENDS "passwd, tzdata")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_SERVICE_DESCRIPTION
  "Keeps records of two systems equal, in both directions
Syncs a tenant's shards with the records of another system without losing
anybody's edit: three-way merge, conflicts that wait for a person, safety
rails, a journal of every field. With an HTTP API and a command line.")
set(packaging ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_SERVICE_PACKAGE_CONTROL_EXTRA ${packaging}/conffiles ${packaging}/postinst ${packaging}/prerm
  ${packaging}/postrm)
include(CPack)
