#!/usr/bin/env bash
# arm64 on any machine: cross-compiles the library and its C++ tests with clang, and runs them under qemu-user.
#   scripts/arm64.sh sysroot    downloads Debian's arm64 libraries into build/arm64-sysroot; changes nothing on the system
#   scripts/arm64.sh build [TARGET...]     that, and builds build/arm64, or some programs of it
#   scripts/arm64.sh test [ARGUMENT...]    that, and runs its tests; arguments are ctest's, such as -R decal_ops
#   scripts/arm64.sh kernels               builds and runs the tests of operators and their NEON kernels alone: what CI runs
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
sysroot=$PWD/build/arm64-sysroot
packages=(libc6-dev libstdc++-12-dev libhwy-dev libgtest-dev libprotozero-dev)

# A private apt with no installed packages and arm64 as its architecture: it resolves, downloads and verifies; dpkg-deb unpacks.
# (As a foreign architecture of the system, arm64 would force both architectures' libc to one version, and needs root.)
make_sysroot() {
  local stamp="$sysroot/.packages" state
  [[ $(cat "$stamp" 2>/dev/null) != "${packages[*]}" ]] || return 0
  echo "arm64: downloading ${packages[*]}"
  rm -rf "$sysroot"
  state="$sysroot/.apt"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  touch "$state/status"
  local apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State=$state" -o "Dir::State::status=$state/status"
    -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o Dir::Etc::sourceparts=/etc/apt/sources.list.d
    -o Debug::NoLocking=true -o APT::Sandbox::User=)
  "${apt[@]}" update
  "${apt[@]}" --download-only --no-install-recommends -y install "${packages[@]}"
  for package in "$state"/cache/archives/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
  # Debian's libraries name each other by absolute paths; inside the sysroot, links have to be relative.
  find "$sysroot/usr/lib" -lname '/*' -print0 | while IFS= read -r -d '' link; do
    ln -sfnr "$sysroot$(readlink "$link")" "$link"
  done
  rm -rf "$state"
  echo "${packages[*]}" >"$stamp"
}

build() {
  make_sysroot
  [[ -f build/arm64/build.ninja ]] || cmake --preset arm64 --log-level=WARNING >/dev/null
  cmake --build build/arm64 "${@/#/--target=}"
}

run_tests() {
  ctest --test-dir build/arm64 --output-on-failure --no-tests=error -j "$(nproc)" "$@"
}

need_emulator() {
  command -v qemu-aarch64 >/dev/null || { echo "arm64: qemu-aarch64 is missing: scripts/setup.sh arm64 installs it" >&2; exit 1; }
}

case "${1:-}" in
  sysroot) make_sysroot ;;
  build) build "${@:2}" ;;
  test) need_emulator; build; run_tests "${@:2}" ;;
  kernels) need_emulator; build decal_ops_test; run_tests -R decal_ops_test ;;
  *) echo "usage: $0 sysroot|build|test|kernels" >&2; exit 2 ;;
esac
