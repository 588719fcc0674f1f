#!/usr/bin/env bash
# Turns the plain comments of a header into Doxygen's: those before a declaration, those after one, and the sentence that opens the file.
# SPDX-License-Identifier: MIT
sed -E -e '/^\/\/ SPDX-/d' \
  -e '1s|^// (.*)|/// \\file\n/// \1|' \
  -e 's|^( *)//( .*)?$|\1///\2|' \
  -e 's|^(.*[;,{})]) *// (.*)$|\1  ///< \2|' \
  -e 's|(///.*)<([a-z]+)>|\1\\<\2\\>|g' "$1"
