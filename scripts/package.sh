#!/usr/bin/env bash
# Makes the Debian packages in dist/: decal_*.deb, the command; decal-video_*.deb, where FFmpeg's libraries are; and libdecal-dev_*.deb.
#   scripts/package.sh [build folder]    by default build/native, which scripts/build.sh native has built
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/native}
[[ -f $build/CPackConfig.cmake ]] || cmake -S . -B "$build" --log-level=WARNING >/dev/null
command -v dpkg-shlibdeps >/dev/null || { echo "package: needs dpkg-shlibdeps, of the package dpkg-dev" >&2; exit 1; }
staging=$build/package
rm -rf "$staging/cpack"
mkdir -p dist
rm -f dist/decal_*.deb dist/decal-video_*.deb dist/libdecal-dev_*.deb
cmake --build "$build" --target decal_command decal
cpack --config "$build/CPackConfig.cmake" -B "$staging/cpack" >"$staging/cpack.log" ||
  { cat "$staging/cpack.log" >&2; exit 1; }
cp "$staging"/cpack/*.deb dist/
ls -1 dist/*decal*.deb
