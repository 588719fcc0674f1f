#!/usr/bin/env bash
# Runs every benchmark program of the native build.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in build/native/bench/decal_*_bench; do
  echo "== ${program##*/}"
  "$program" --benchmark_min_time=0.2
done
