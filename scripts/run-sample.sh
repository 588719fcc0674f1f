#!/usr/bin/env bash
# Removes the background of one photo twice, with the native command and with the WebAssembly engine in Node.
set -euo pipefail
image=$(realpath "${1:?usage: scripts/run-sample.sh PHOTO}")
cd "$(dirname "$0")/.."
mkdir -p build/run

native=$(build/bin/decal "$image" -o build/run/native.png --json)
wasm=$(node web/tools/remove-background.mjs "$image" build/run/wasm.png)
echo
echo "photo:  $image"
echo "native: $native"
echo "wasm:   $wasm"
echo "cut-outs: $PWD/build/run/native.png and $PWD/build/run/wasm.png"
