#!/usr/bin/env bash
# Runs the named benchmarks; those of whole models end with docs/performance.md.
#   kernels   each kernel on shapes of real models: every benchmark program of the native build
#   pictures  the picture work in WebAssembly
#   whole     whole calls of the command, its encoders beside sharp's and Pillow's
#   whole_browser  the same calls in Chromium, beside the browser's own encoder and a page around onnxruntime-web
#   models    whole models against onnxruntime, OpenVINO and ncnn, natively and as WebAssembly in Node
#   browser   the WebAssembly ones in Chromium, LiteRT.js beside them, and start-up
#   gpu       WebGPU against onnxruntime-web's, in Node
#   video     decal video and decal/video in Chromium against their bars
#   scaling   the server, batches, Ray and Python, each beside what it is measured by; JSON in build/bench
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

for part in "$@"; do
  case $part in
    kernels)
      for program in build/native/bench/decal_*_bench; do
        echo "== ${program##*/}"
        "$program" --benchmark_min_time=0.2
      done ;;
    pictures)
      echo "== pictures in WebAssembly"
      node bench/pictures.mjs ;;
    whole | whole_browser | models | browser | gpu | video)
      echo "== $part"
      [[ $part != browser ]] || npm install --silent --no-save --prefix build/bench/peers @litertjs/core@2.5.3 @mediapipe/selfie_segmentation@0.1.1675465747
      node "bench/$part.mjs"
      node bench/report.mjs ;;
    scaling)
      mkdir -p build/bench
      missed=
      node bench/serve.mjs | tee build/bench/serve.json || missed+=" serve"
      node bench/workers.mjs | tee build/bench/workers.json || missed+=" workers"
      /usr/bin/python3 bench/python.py --rounds 5 --output build/bench/python.json || missed+=" python"
      [[ -z $missed ]] || { echo "bench: under their bars:$missed" >&2; exit 1; } ;;
    *) echo "bench: unknown part $part" >&2; exit 2 ;;
  esac
done
