#!/usr/bin/env bash
# Runs every benchmark program of the native build, then whole models against onnxruntime.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in build/native/bench/decal_*_bench; do
  echo "== ${program##*/}"
  "$program" --benchmark_min_time=0.2
done
echo "== whole models"
node bench/models.mjs --rounds 3
