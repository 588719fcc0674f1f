#!/bin/sh
# Makes a report on this machine's GPU, with no network: unpacks what lies beside this file, then runs the steps. --help lists options.
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
payload=$here/payload
fail() { echo "error: $1" >&2; exit 2; }
[ "$(uname -sm)" = "Linux x86_64" ] || fail "this bundle is for Linux on x86-64, not $(uname -sm)"

# By dpkg-deb, which every Debian and Ubuntu has; a bare one has no xz. Elsewhere by ar and tar.
unpack() {
  if command -v dpkg-deb >/dev/null; then dpkg-deb -x "$1" "$2"
  elif command -v ar >/dev/null && command -v xz >/dev/null; then ar p "$1" data.tar.xz | tar -xJ -C "$2"
  else fail "unpacking needs dpkg-deb, or ar and xz"; fi
}
if [ ! -d "$payload" ]; then
  [ -f "$here/payload.deb" ] || fail "$here/payload.deb: no such file"
  echo "unpacking (once)"
  rm -rf "$payload.part"
  mkdir "$payload.part"
  unpack "$here/payload.deb" "$payload.part"
  mv "$payload.part" "$payload"
fi

# Libraries of Debian 12 for what this system lacks; its own come first, as its driver is linked to them.
libraries=$payload/lib/own
lacks() { ! { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"; }
for pair in libvulkan.so.1:libvulkan1 libstdc++.so.6:libstdc++6 libgcc_s.so.1:libgcc-s1; do
  lacks "${pair%%:*}" || continue
  package=${pair##*:}
  folder=$payload/lib/$package
  if [ ! -d "$folder" ]; then
    for file in "$payload/debs/${package}"_*.deb; do [ -f "$file" ] || fail "this system lacks ${pair%%:*}, and so does the bundle"; done
    mkdir -p "$folder.part"
    unpack "$file" "$folder.part"
    mv "$folder.part" "$folder"
  fi
  echo "this system has no ${pair%%:*}: the bundle's is used"
  libraries=$libraries:$folder/usr/lib/x86_64-linux-gnu:$folder/lib/x86_64-linux-gnu
done
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
: "${XDG_RUNTIME_DIR:=/tmp}"
DECAL_GPU_CASES=$payload/bin/decal_gpu_cases
export LD_LIBRARY_PATH XDG_RUNTIME_DIR DECAL_GPU_CASES
exec "$payload/bin/node" "$payload/bench/gpu-report/report.mjs" "$@"
