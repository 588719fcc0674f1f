// Runs an ONNX model with onnxruntime and prints the same line of JSON as `decal run`.
//   node bench/peer.mjs node|web|webgpu model.onnx x.npy [--threads N] [--warm-up N] [--repeat N]
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { peakBytes } from '../web/tools/command.mjs';
import { readNpy } from '../web/tools/npy.mjs';
import { offerGpu } from './dawn.mjs';
import { median } from './statistics.mjs';

const flavours = {
  node: { module: 'onnxruntime-node', provider: 'cpu' },
  web: { module: 'onnxruntime-web', provider: 'wasm' },
  webgpu: { module: 'onnxruntime-web/webgpu', provider: 'webgpu' },
};

const { values, positionals: [flavour, model, x] } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    'warm-up': { type: 'string', default: '1' },
    repeat: { type: 'string', default: '5' },
  },
});
const threads = Number(values.threads);
const warmUp = Number(values['warm-up']);
const { module, provider } = flavours[flavour];
const { default: ort } = await import(module);
if (flavour !== 'node') ort.env.wasm.numThreads = threads;
const input = readNpy(x);
try {
  const loadStart = performance.now();
  if (flavour === 'webgpu') await prepareGpu();
  const session = await ort.InferenceSession.create(flavour === 'node' ? model : readFileSync(model), {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  const loadMs = performance.now() - loadStart;
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.shape) };
  const all = [];
  for (let i = -warmUp; i < Number(values.repeat); ++i) {
    const start = performance.now();
    await session.run(feeds);
    all.push(performance.now() - start);
  }
  const ms = all.slice(warmUp);
  console.log(JSON.stringify({
    loadMs,
    // Here shaders are compiled.
    ...(flavour === 'webgpu' ? { firstMs: all[0] } : {}),
    runMs: { min: Math.min(...ms), median: median(ms), all: ms },
    memoryBytes: { peak: peakBytes() },
    threads: flavour === 'node' ? threads : ort.env.wasm.numThreads,
  }));
  process.exit(0); // its threads would keep the process alive
} catch (error) {
  // When memory runs out, onnxruntime-web throws a number, or an error without a useful name.
  console.error(`error: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
  process.exit(1);
}

// Within the time of loading: decal, too, has to find the GPU and to read its module.
async function prepareGpu() {
  await offerGpu();
  const folder = new URL('.', import.meta.resolve(module));
  ort.env.webgpu.powerPreference = 'high-performance'; // as decal asks
  ort.env.wasm.wasmPaths = folder.href;
  // In Node, too, this build fetches, which knows no files.
  ort.env.wasm.wasmBinary = readFileSync(new URL('ort-wasm-simd-threaded.asyncify.wasm', folder));
}
