#!/usr/bin/env bash
# Runs every benchmark program of the native build, the picture work in WebAssembly, then whole models against onnxruntime.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in build/native/bench/decal_*_bench; do
  echo "== ${program##*/}"
  "$program" --benchmark_min_time=0.2
done
echo "== pictures in WebAssembly"
node bench/pictures.mjs
echo "== whole models"
node bench/models.mjs --rounds 3
