#!/usr/bin/env bash
# Builds the named parts, each only as far as it is out of date:
#   native    the decal command, build/bin/decal
#   tests     the native build with its C++ tests
#   sanitize  the same with AddressSanitizer and UndefinedBehaviorSanitizer, and the fuzz targets
#   gcc       the native part with Debian's g++
#   wasm      build/wasm/decal-{simd128,relaxed}.wasm
#   package   the npm package, web/dist
#   demo      the demo page, build/demo
#   docs      the documentation site, build/docs; with the C++ reference where Doxygen is installed
#   python    the Python package, installed for its tests
#   bench     the same as tests
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

# cmake_build <preset> <target> [<cache entry>...]: configures once, or again when an entry is given.
cmake_build() {
  local preset=$1 target=$2
  shift 2
  if (($# > 0)) || [[ ! -f build/$preset/build.ninja ]]; then
    cmake --preset "$preset" --log-level=WARNING "$@" >/dev/null
  fi
  cmake --build "build/$preset" --target "$target"
}

# A fresh native build does without the tests, whose libraries `make run` does not install.
build_native() {
  local entries=()
  [[ -f build/native/CMakeCache.txt ]] || entries=(-DDECAL_TESTS=OFF)
  cmake_build native decal_command "${entries[@]}"
}

build_package() {
  local stamp=build/stamps/package
  if [[ -f $stamp && -d web/dist ]] &&
     [[ -z $(find web border models/registry.json models/*.onnx build/wasm package.json tsconfig.json -newer "$stamp" \
               -not -path 'web/dist*' -type f -print -quit) ]]; then
    return
  fi
  npm run --silent build
  mkdir -p build/stamps && touch "$stamp"
}

for part in "$@"; do
  echo "build: $part"
  case $part in
    native) build_native ;;
    # The benchmarks, too: nothing else would notice that they no longer compile.
    tests | bench) cmake_build native all -DDECAL_TESTS=ON -DDECAL_BENCHMARKS=ON ;;
    sanitize) cmake_build sanitize all ;;
    gcc) cmake_build gcc all ;;
    wasm) cmake_build wasm32 all ;;
    package) build_package ;;
    demo) node demo/build.mjs ;;
    docs) npm ci --prefix docs/site --no-audit --no-fund --loglevel=error >/dev/null
          docs/site/node_modules/.bin/typedoc --options docs/site/typedoc.json --logLevel Warn
          ! command -v doxygen >/dev/null || doxygen docs/site/Doxyfile ;;
    python) scripts/python.sh tests ;;
    *) echo "build: unknown part $part" >&2; exit 2 ;;
  esac
done
