#!/usr/bin/env bash
# `make run`: from a fresh machine to a photo without its background in minutes. Installs and builds what that takes and no more, and
# shows the native picture as soon as it is there, then the one of the WebAssembly engine in Node.
# SPDX-License-Identifier: MIT
set -euo pipefail
photo=$(realpath -m "${1:?usage: scripts/run.sh PHOTO}")
cd "$(dirname "$0")/.."
mkdir -p build/run
log=build/run/log

# stage <what it is, and how long it may take> <command>...: a line with its time; its output where it fails.
stage() {
  local begin=$SECONDS
  printf '%-62s' "$1"
  shift
  if ! "$@" >"$log" 2>&1; then
    printf 'failed after %d s\n' $((SECONDS - begin))
    cat "$log"
    exit 1
  fi
  printf '%4d s\n' $((SECONDS - begin))
}

# cut_out <picture> <command>...: where the picture lies, and what the engine says of it.
cut_out() {
  local picture=$1 report
  shift
  report=$("$@")
  node -e '
    const { width, height, execution: { simd, threads, ms } } = JSON.parse(process.argv[1]);
    const total = Object.values(ms).reduce((sum, stage) => sum + stage, 0);
    console.log(`  ${process.argv[2]}: ${width} x ${height}, ${simd}, ${threads} threads: ` +
      `${Math.round(ms.inference)} ms in the network, ${Math.round(total)} ms in all`)' "$report" "$PWD/$picture"
}

native() {
  [[ -f build/quick/build.ninja ]] || cmake --preset quick --log-level=WARNING
  cmake --build build/quick --target decal_command
}

# The module that Node loads: relaxed SIMD is in every Node that we support.
wasm() {
  [[ -f build/wasm32/build.ninja ]] || cmake --preset wasm32 --log-level=WARNING
  cmake --build build/wasm32 --target decal_relaxed_module_for_run decal_cutout_module_for_run
  node web/build.mjs --run build/run/package
}

# npm's packages and ISA-L's sources arrive while the compiler works.
stage "packages of Debian (a minute where all are missing)" scripts/setup.sh run apt
[[ -f $photo ]] || { echo "run: no picture $photo" >&2; exit 1; }
{ scripts/setup.sh run npm && scripts/setup.sh run isal; } >build/run/setup.log 2>&1 &
setup=$!
trap 'kill "$setup" 2>/dev/null || true' EXIT
stage "the decal command (a minute on two cores, the first time)" native
cut_out build/run/native.png build/quick/cli/decal "$photo" -o build/run/native.png --json
wait "$setup" || { cat build/run/setup.log; exit 1; }
stage "the engine as WebAssembly (as long again)" wasm
cut_out build/run/wasm.png \
  node web/tools/remove-background.mjs "$photo" build/run/wasm.png --package build/run/package
echo "All in $SECONDS s. For every instruction set and every browser: make install, make web. For your photo: make run IMAGE=photo.jpg"
