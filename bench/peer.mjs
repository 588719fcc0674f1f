// Runs an ONNX model with onnxruntime and prints the same line of JSON as `decal run`.
//   node bench/peer.mjs node|web model.onnx x.npy --threads N --repeat N
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readNpy } from '../web/tools/npy.mjs';

const { values, positionals: [flavour, model, x] } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string', default: '1' }, repeat: { type: 'string', default: '5' } },
});
const threads = Number(values.threads);
const { default: ort } = await import(flavour === 'node' ? 'onnxruntime-node' : 'onnxruntime-web');
if (flavour === 'web') ort.env.wasm.numThreads = threads;
const input = readNpy(x);
const loadStart = performance.now();
const session = await ort.InferenceSession.create(flavour === 'node' ? model : readFileSync(model), {
  executionProviders: [flavour === 'node' ? 'cpu' : 'wasm'],
  intraOpNumThreads: threads,
  logSeverityLevel: 3,
});
const loadMs = performance.now() - loadStart;
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.shape) };
await session.run(feeds); // warm-up
const ms = [];
for (let i = 0; i < Number(values.repeat); ++i) {
  const start = performance.now();
  await session.run(feeds);
  ms.push(performance.now() - start);
}
ms.sort((a, b) => a - b);
console.log(JSON.stringify({
  load_ms: loadMs,
  run_ms: { min: ms[0], median: ms[ms.length >> 1] },
  memory_bytes: { peak: process.resourceUsage().maxRSS * 1024 },
  threads,
}));
process.exit(0); // its threads would keep the process alive
