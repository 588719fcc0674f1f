// Runs an ONNX model with onnxruntime and prints the same line of JSON as `decal run`.
//   node bench/peer.mjs node|web model.onnx x.npy [--threads N] [--warm-up N] [--repeat N]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { peakBytes } from '../web/tools/command.mjs';
import { readNpy } from '../web/tools/npy.mjs';
import { median } from './statistics.mjs';

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
const { default: ort } = await import(flavour === 'node' ? 'onnxruntime-node' : 'onnxruntime-web');
if (flavour === 'web') ort.env.wasm.numThreads = threads;
const input = readNpy(x);
try {
  const loadStart = performance.now();
  const session = await ort.InferenceSession.create(flavour === 'node' ? model : readFileSync(model), {
    executionProviders: [flavour === 'node' ? 'cpu' : 'wasm'],
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  const loadMs = performance.now() - loadStart;
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.shape) };
  const ms = [];
  for (let i = -warmUp; i < Number(values.repeat); ++i) {
    const start = performance.now();
    await session.run(feeds);
    if (i >= 0) ms.push(performance.now() - start);
  }
  console.log(JSON.stringify({
    load_ms: loadMs,
    run_ms: { min: Math.min(...ms), median: median(ms), all: ms },
    memory_bytes: { peak: peakBytes() },
    threads: flavour === 'web' ? ort.env.wasm.numThreads : threads,
  }));
  process.exit(0); // its threads would keep the process alive
} catch (error) {
  // What onnxruntime-web throws for want of memory is a number or has no useful name.
  console.error(`error: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
  process.exit(1);
}
