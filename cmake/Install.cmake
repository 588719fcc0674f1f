# `cmake --install`: the library, its headers, the command, and a package that find_package(decal) understands.
# SPDX-License-Identifier: MIT
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(decal_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/decal")

install(TARGETS decal EXPORT decal-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/decal" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev FILES_MATCHING PATTERN "*.h")
install(FILES "${DECAL_BORDER_INCLUDE}/decal/border.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/decal" COMPONENT dev)
# The embedded model and Highway ask for their notices to go along.
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" "${PROJECT_SOURCE_DIR}/LICENSES/Apache-2.0.txt"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT notices)
install(EXPORT decal-targets NAMESPACE decal:: DESTINATION "${decal_package_dir}" COMPONENT dev)

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/decal-config.cmake.in" "${PROJECT_BINARY_DIR}/decal-config.cmake"
  INSTALL_DESTINATION "${decal_package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/decal-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/decal-config.cmake" "${PROJECT_BINARY_DIR}/decal-config-version.cmake"
  DESTINATION "${decal_package_dir}" COMPONENT dev)
