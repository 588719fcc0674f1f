// Loads and runs a model with LiteRT.js on the CPU (XNNPACK), in the page, as its README does.
// SPDX-License-Identifier: MIT
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export async function run({ threads, warmUp, repeat, size }) {
  const loadStart = performance.now();
  const runtime = await loadLiteRt('/npm/@litertjs/core/wasm/', { threads: threads > 1 });
  const model = await loadAndCompile('/model.tflite', { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const ready = performance.now();
  const used = threads > 1 ? runtime.liteRtWasm.getThreadCount() : 1;
  if (used < threads) return { failure: `ran on ${used} threads` };
  const noise = Float32Array.from({ length: 3 * size * size }, Math.random);
  const ms = [];
  for (let i = -warmUp; i < repeat; ++i) {
    const input = new Tensor(noise, [1, size, size, 3]);
    const start = performance.now();
    const [output] = await model.run(input);
    output.toTypedArray();
    if (i >= 0) ms.push(performance.now() - start);
    for (const tensor of [input, output]) tensor.delete();
  }
  return { run_ms: ms, load_ms: ready - loadStart, ready_ms: ready };
}
