// Loads and runs a model with onnxruntime-web's build that has WebAssembly alone, the smallest of its builds.
// SPDX-License-Identifier: MIT
import * as ort from '/ort/ort.wasm.min.mjs';

async function measure({ threads, warmUp, repeat, size, ownModel, navigation }) {
  const loadStart = performance.now();
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(ownModel ? '/decal/models/decal-default.onnx' : '/model.onnx', {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
  const ready = performance.now();
  const ms = [];
  if (warmUp + repeat > 0) {
    // Noise like a normalised picture.
    const input = Float32Array.from({ length: 3 * size * size }, () => 4 * Math.random() - 2);
    const shape = session.inputMetadata[0].shape[3] === 3 ? [1, size, size, 3] : [1, 3, size, size];
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input, shape) };
    for (let i = -warmUp; i < repeat; ++i) {
      const start = performance.now();
      await session.run(feeds);
      if (i >= 0) ms.push(performance.now() - start);
    }
  }
  if (ort.env.wasm.numThreads !== threads) return { failure: `ran on ${ort.env.wasm.numThreads} threads` };
  return { run_ms: ms, load_ms: ready - loadStart, ready_ms: performance.timeOrigin + ready - navigation };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await measure(data));
  } catch (error) {
    self.postMessage({ failure: String(error?.message ?? error).replaceAll('\n', ' ').slice(0, 160) });
  }
};
