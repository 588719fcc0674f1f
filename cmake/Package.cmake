# Debian packages by CPack: `decal`, the command, `decal-video`, its subcommand for videos, and `libdecal-dev`. scripts/package.sh calls it; tests/package tries them.
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
if(NOT TARGET decal_command)
  return()
endif()
include(GNUInstallDirs)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME decal)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Decal authors <decal@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "remove the background of pictures on this machine")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)  # the command; archives stay as they are
set(CPACK_COMPONENTS_ALL command dev)
if(TARGET decal_video)
  list(APPEND CPACK_COMPONENTS_ALL video)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME decal)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMMAND_DESCRIPTION "The command decal cuts subjects out of photos with a neural network that
it brings along. It reads JPEG, PNG, WebP, TIFF, GIF, HEIC, AVIF, JPEG XL,
JPEG 2000, SVG and more, writes PNG, WebP and JPEG, and sends nothing
anywhere.")
set(CPACK_DEBIAN_COMMAND_PACKAGE_SUGGESTS "decal-video")

set(CPACK_DEBIAN_VIDEO_PACKAGE_NAME decal-video)
set(CPACK_DEBIAN_VIDEO_PACKAGE_SECTION video)
set(CPACK_DEBIAN_VIDEO_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_VIDEO_PACKAGE_DEPENDS "decal (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_VIDEO_DESCRIPTION "videos for the command decal: `decal video` removes their background.
It reads and writes them with FFmpeg's libraries, which the command
without this package does not need.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libdecal-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libhwy-dev")
set(CPACK_DEBIAN_DEV_DESCRIPTION "C++ library that removes the background of pictures (development files).
The static library, its headers and the CMake package decal, whose target
is decal::decal. The default model is part of it. C++23.")

# Each package has its own folder of documentation, with the licences of what is built in (Debian policy 12.5).
set(decal_copyright "${PROJECT_BINARY_DIR}/package/copyright")
file(READ "${PROJECT_SOURCE_DIR}/LICENSE" decal_licence)
file(READ "${PROJECT_SOURCE_DIR}/NOTICE" decal_notice)
file(CONFIGURE OUTPUT "${decal_copyright}" @ONLY CONTENT [=[
@decal_licence@

@decal_notice@
The text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.
]=])
install(FILES "${decal_copyright}" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/decal" COMPONENT command EXCLUDE_FROM_ALL)
install(FILES "${decal_copyright}" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libdecal-dev" COMPONENT dev EXCLUDE_FROM_ALL)
if(TARGET decal_video)
  install(FILES "${decal_copyright}" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/decal-video" COMPONENT video EXCLUDE_FROM_ALL)
endif()
# Or CPack would build everything before, tests included.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
include(CPack)
