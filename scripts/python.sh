#!/usr/bin/env bash
# Builds the Python package and makes the environments around it, all in build/python.
#   scripts/python.sh wheel   dist/decal-*.whl, from the library in build/native
#   scripts/python.sh sdist   dist/decal-*.tar.gz
#   scripts/python.sh tests   the wheel, in an environment with what the tests need and no more
#   scripts/python.sh ray     the wheel, in an environment with Ray, and moto's server in another, for tests/ray
#   scripts/python.sh edges   what bench/edges.py compares with, in an environment of its own
#   scripts/python.sh peers   the engines that bench/models.mjs compares with, in an environment of its own
#   scripts/python.sh rembg   the package that bench/python.py compares with, in an environment of its own
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
tools=build/python/tools
export PIP_DISABLE_PIP_VERSION_CHECK=1

# environment <folder> <requirements>: made anew when either the interpreter or the file has changed.
environment() {
  local folder=$1 requirements=$2 wanted
  wanted="$("$python" -VV) $(sha256sum <"$requirements")"
  [[ $(cat "$folder/.made-for" 2>/dev/null) == "$wanted" ]] && return
  echo "python: making $folder"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install -q -r "$requirements"
  echo "$wanted" >"$folder/.made-for"
}

# wheel: dist/ holds one for this interpreter afterwards. Nothing is done if no source is newer.
wheel() {
  environment "$tools" python/requirements.txt
  local stamp=build/python/wheel-for prefix=build/python/prefix
  local wanted
  wanted="$("$python" -VV) $(cat pyproject.toml python/requirements.txt CMakeLists.txt docs/python.md build/native/libdecal.a \
    $(find python png include LICENSES border -type f -not -name '*.pyc' | sort) | sha256sum)"
  [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]] && compgen -G 'dist/decal-*.whl' >/dev/null && return
  cmake --install build/native --prefix "$prefix" >/dev/null
  rm -rf build/python/plain dist/decal-*.whl
  CMAKE_PREFIX_PATH=$PWD/$prefix CC=clang-22 CXX=clang++-22 \
    "$tools/bin/python" -m pip wheel -q . --no-deps --no-build-isolation -w build/python/plain
  # libhwy and libisal go into the wheel; what is left are libraries that every Linux has.
  PATH=$PWD/$tools/bin:$PATH auditwheel repair build/python/plain/decal-*.whl -w dist 2>build/python/auditwheel.log ||
    { cat build/python/auditwheel.log >&2; exit 1; }
  echo "$wanted" >"$stamp"
}

case "${1:-}" in
  wheel) wheel ;;
  sdist)
    environment "$tools" python/requirements.txt
    rm -f dist/decal-*.tar.gz
    mkdir -p dist
    "$tools/bin/python" -c 'from scikit_build_core.build import build_sdist; print("dist/" + build_sdist("dist"))' ;;
  tests)
    wheel
    environment build/python/venv tests/python/requirements.txt
    build/python/venv/bin/python -m pip install -q --no-deps --no-index --force-reinstall dist/decal-*.whl ;;
  ray)
    wheel
    environment build/python/ray tests/ray/requirements.txt
    environment build/python/moto tests/ray/moto-requirements.txt
    build/python/ray/bin/python -m pip install -q --no-deps --no-index --force-reinstall dist/decal-*.whl ;;
  edges) environment build/python/edges bench/edges-requirements.txt ;;
  rembg) environment build/python/rembg bench/python-requirements.txt ;;
  peers)
    environment build/python/peers bench/peers-requirements.txt
    # Its program converts models for ncnn; PyTorch, which its package asks for, is for another use of it.
    build/python/peers/bin/python -m pip install -q --no-deps pnnx==20261020 ;;
  *) echo "usage: $0 wheel|sdist|tests|ray|edges|rembg|peers" >&2; exit 2 ;;
esac
