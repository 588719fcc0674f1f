#!/usr/bin/env bash
# Installs what is missing on Debian 12: packages with apt, the development tools of the npm package with npm.
#   scripts/setup.sh run [apt|npm]    what `make run` and `make web` need; one of the two alone
#   scripts/setup.sh build [apt|npm]  that, and what the tests need to be built
#   scripts/setup.sh test [apt|npm]   that, and what the tests and benchmarks need to run
#   scripts/setup.sh docs [apt|npm]   what `make docs` needs
#   scripts/setup.sh lint [apt|npm]   what `make lint` needs, and nothing else
#   scripts/setup.sh python           what `make python` needs
#   scripts/setup.sh arm64 [apt|npm]  what `make arm64` needs
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages=(
  clang-22 lld-22 llvm-22 g++ cmake ninja-build pkg-config           # native build; g++ brings libstdc++
  libc++-22-dev-wasm32 libc++abi-22-dev-wasm32                       # WebAssembly build
  libclang-rt-22-dev-wasm32 wasi-libc
  libhwy-dev libcli11-dev libfmt-dev libvips-dev libisal-dev         # libraries
  nlohmann-json3-dev libcpp-httplib-dev                              # models' descriptions, journals of batches; the server
  python-matplotlib-data                                             # the sample photo
)
build_packages=(
  libavformat-dev libavcodec-dev libswscale-dev                        # decal video
  libgtest-dev libclang-rt-22-dev libprotozero-dev                     # C++ tests, sanitizers, ONNX files for tests
)
test_packages=(
  ffmpeg libbenchmark-dev                                              # clips for the tests of decal video; benchmarks
  chromium libvulkan1                                                  # browser tests; WebGPU on Chromium's software driver
  firefox-esr webkit2gtk-driver xvfb                                   # the tests that every browser engine has to pass
  libtiff-tools libavif-bin libheif-examples libjxl-tools libopenjp2-tools libjpeg-turbo-progs # the table of picture files
  python3-onnx python3-numpy                                           # parity tests: fills weightless models
  python3-torch python3-pil python3-scipy libopenblas0-pthread         # a short training
  python3-dev python3-venv                                             # the Python package and its tests
)

docs_packages=(doxygen)
lint_packages=(clang-format-22 clang-tidy-22 python3-venv)
arm64_packages=(clang-22 lld-22 llvm-22 cmake ninja-build qemu-user)

packages=("${run_packages[@]}")
case "${1:-}" in
  run) ;;
  build) packages+=("${build_packages[@]}") ;;
  test) packages+=("${build_packages[@]}" "${test_packages[@]}") ;;
  docs) packages+=("${docs_packages[@]}") ;;
  lint) packages=("${lint_packages[@]}") ;;
  arm64) packages=("${arm64_packages[@]}") ;;
  python) packages+=(python3-dev python3-venv) ;;
  *) echo "usage: $0 run|build|test|docs|lint|python|arm64 [apt|npm]" >&2; exit 2 ;;
esac
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

install_packages() {
  missing=()
  for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} > 0)); then
    as_root=()
    if ((EUID != 0)); then
      command -v sudo >/dev/null || { echo "setup: not root and no sudo; install: ${missing[*]}" >&2; exit 1; }
      as_root=(sudo)
    fi
    echo "setup: installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

install_npm_tools() {
  # Debian 12 has Node 18; ours is 20 or later. The Makefile puts this folder before all others on the path.
  node_version=20.20.2
  if (($(node -p 'process.versions.node.split(".")[0]') < 20)); then
    echo "setup: installing Node $node_version into build/tools"
    mkdir -p build/tools
    npm install --prefix build/tools --no-save --no-audit --no-fund --no-update-notifier --loglevel=error "node@$node_version" >/dev/null
    hash -r
  fi

  # node_modules follows package-lock.json and the Node it was made with, whose version decides on optional parts.
  stamp=node_modules/.installed-for
  wanted="$(node --version) $(sha256sum <package-lock.json)"
  if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
    echo "setup: installing the npm development tools"
    npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
    echo "$wanted" >"$stamp"
  fi
}

case "${2:-all}" in
  apt) install_packages ;;
  npm) install_npm_tools ;;
  all) install_packages; install_npm_tools ;;
  *) echo "usage: $0 run|build|test|docs|lint|python|arm64 [apt|npm]" >&2; exit 2 ;;
esac
