#!/usr/bin/env bash
# Runs every fuzz target for so many seconds; new inputs stay in build/fuzz/corpus. What a target finds (crash, leak,
# time-out, too much memory) ends the script and lies in build/fuzz/found.
# SPDX-License-Identifier: MIT
set -euo pipefail
seconds=${1:?usage: fuzz.sh <seconds for each target> [<target>...]}
shift
cd "$(dirname "$0")/.."
targets=("$@")
((${#targets[@]})) || targets=(onnx plan memory)

seeds=build/fuzz/seeds
if [[ ! -d $seeds ]]; then
  mkdir -p "$seeds.part"
  build/sanitize/fuzz/write_seeds "$seeds.part"
  archive=${DECAL_SHARED:-../shared}/onnx-tests/node-v1.20.1.tar.gz
  if [[ -f $archive ]]; then
    # Beyond 16 kB a model is mostly weights, which teach a fuzzer nothing.
    tar xzf "$archive" -C "$seeds.part" --wildcards '*/model.onnx'
    find "$seeds.part/node" -name model.onnx -size -17k | while read -r model; do
      mv "$model" "$seeds.part/$(basename "$(dirname "$model")").onnx"
    done
    rm -r "$seeds.part/node"
  else
    echo "fuzz: no conformance cases to start from, only $(ls "$seeds.part" | wc -l) tiny models"
  fi
  mv "$seeds.part" "$seeds"
fi

for target in "${targets[@]}"; do
  mkdir -p "build/fuzz/corpus/$target" build/fuzz/found
  inputs=("build/fuzz/corpus/$target")
  [[ $target == memory ]] || inputs+=("$seeds")
  # A single allocation of over 600 MB or 2 GB in all is a finding; so are 10 s for one input.
  build/sanitize/fuzz/fuzz_"$target" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=600 -timeout=10 \
    -max_len=16384 -verbosity=0 -print_funcs=0 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" "${inputs[@]}"
done
