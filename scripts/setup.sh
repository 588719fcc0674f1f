#!/usr/bin/env bash
# Installs what is missing on Debian 12: packages with apt, the development tools of the npm package with npm, ISA-L's sources with pip.
#   scripts/setup.sh run [apt|npm|isal]    what `make run` and `make web` need; one of the three alone
#   scripts/setup.sh build [apt|npm|isal]  that, and what the tests need to be built
#   scripts/setup.sh test [apt|npm|isal]   that, and what the tests and benchmarks need to run
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
  python3 python3-pip-whl                                            # the sources of ISA-L for WebAssembly
  python-matplotlib-data                                             # the sample photo
)
build_packages=(
  libavformat-dev libavcodec-dev libswscale-dev                        # decal video
  libgtest-dev libclang-rt-22-dev libprotozero-dev                     # C++ tests, sanitizers, ONNX files for tests
  libbenchmark-dev                                                     # the benchmarks, which are built with the tests
)
test_packages=(
  ffmpeg                                                               # clips for the tests of decal video
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
  *) echo "usage: $0 run|build|test|docs|lint|python|arm64 [apt|npm|isal]" >&2; exit 2 ;;
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

# ISA-L in C, which deflates PNGs in the browser: PyPI's package of it contains the sources, and nothing of them is built by pip.
isal_version=1.9.1
isal_sha256=d210dca02a689ef2af709d2c62d2daac2e36b5d2fa06e6dc0d023c83fee77e91

install_isal() {
  [[ $(cat build/isal/.version 2>/dev/null) != "$isal_version" ]] || return 0
  echo "setup: fetching ISA-L's sources into build/isal"
  local pip work
  pip=$(compgen -G '/usr/share/python-wheels/pip-*.whl')
  mkdir -p build
  work=$(mktemp -d build/isal-XXXXXX)
  trap 'rm -rf "$work"' RETURN
  echo "isal==$isal_version --hash=sha256:$isal_sha256" >"$work/requirements.txt"
  PYTHONPATH=$pip /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary isal \
    --require-hashes -r "$work/requirements.txt" -d "$work"
  tar -xzf "$work/isal-$isal_version.tar.gz" -C "$work" --strip-components=4 "isal-$isal_version/src/isal/isa-l"
  rm -rf build/isal
  mkdir build/isal
  mv "$work"/{igzip,crc,include,LICENSE} build/isal/
  echo "$isal_version" >build/isal/.version
}

case "${2:-all}" in
  apt) install_packages ;;
  npm) install_npm_tools ;;
  isal) install_isal ;;
  all)
    install_packages
    install_npm_tools
    case $1 in run | build | test) install_isal ;; esac ;;
  *) echo "usage: $0 run|build|test|docs|lint|python|arm64 [apt|npm|isal]" >&2; exit 2 ;;
esac
