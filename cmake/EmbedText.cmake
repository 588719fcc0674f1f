# Texts as C++ string literals; of shaders, comments and indentation stay behind.
#
# decal_embed_wgsl(<layer> <file.wgsl>...): for engine/x/y.wgsl, `#include "engine/x/y.wgsl.inc"` is a raw string.
# SPDX-License-Identifier: MIT
function(decal_embed_wgsl layer)
  set(root "${CMAKE_BINARY_DIR}/wgsl")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${file}")
    file(READ "${PROJECT_SOURCE_DIR}/${file}" text)
    string(REGEX REPLACE "//[^\n]*" "" text "${text}")
    string(REGEX REPLACE "\n[ \t\n]+" "\n" text "${text}")
    string(REGEX REPLACE "^[ \t\n]+" "" text "${text}")
    file(CONFIGURE OUTPUT "${root}/${file}.inc" CONTENT "R\"wgsl(@text@)wgsl\"" @ONLY)
  endforeach()
  target_include_directories(decal_${layer} PRIVATE "${root}")
endfunction()

# decal_embed_text(<target> <file>...): for cli/x/y.html, `#include "cli/x/y.html.inc"` is a raw string of all of it.
function(decal_embed_text target)
  set(root "${CMAKE_BINARY_DIR}/texts")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${file}")
    file(READ "${PROJECT_SOURCE_DIR}/${file}" text)
    file(CONFIGURE OUTPUT "${root}/${file}.inc" CONTENT "R\"text(@text@)text\"" @ONLY)
  endforeach()
  target_include_directories(${target} PRIVATE "${root}")
endfunction()
