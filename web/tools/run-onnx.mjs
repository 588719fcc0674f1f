// Runs an ONNX model on raw float32 tensors with the wasm engine: the twin of `decal run`, same line of JSON, with the
// time to start the engine.
import { coded, naming, peakBytes, positive, readArguments, runMain } from './command.mjs';
import { readNpy, writeNpy } from './npy.mjs';

const { values, positionals } = readArguments(
  'node web/tools/run-onnx.mjs model.onnx x.npy y.npy [--threads N] [--simd baseline|relaxed] [--warm-up N] ' +
    '[--repeat N]',
  3,
  { threads: { type: 'string' }, simd: { type: 'string' }, 'warm-up': { type: 'string' }, repeat: { type: 'string' } },
);

await runMain(async () => {
  const [modelPath, inputPath, outputPath] = positionals;
  const threads = positive(values, 'threads');
  const warmUp = values['warm-up'] === '0' ? 0 : positive(values, 'warm-up') ?? 0;
  const repeat = positive(values, 'repeat') ?? 1;
  const { RawSession, readModelFile, startEngine } = await import('../dist/node.js');
  const input = readNpy(inputPath);
  const start = performance.now();
  const engine = await startEngine({ threads, simd: values.simd });
  try {
    const loadStart = performance.now();
    const session = await naming(modelPath, () => RawSession.load(engine, readModelFile(modelPath)));
    const planStart = performance.now();
    const [height, width] = spatialExtents(input.shape, session.info().inputs[0]);
    await naming(modelPath, () => session.specialize(height, width));
    const planEnd = performance.now();
    const info = session.info();
    const wanted = info.inputs[0].shape;
    if (String(wanted) !== String(input.shape)) {
      throw coded(`${inputPath}: shape [${input.shape}] does not fit the model's [${wanted}]`, 'shape-mismatch');
    }
    const ran = session.run([input.data], warmUp + repeat);
    const runMs = ran.runMs.slice(warmUp);
    writeNpy(outputPath, info.outputs[0].shape, ran.outputs[0]);
    const sorted = runMs.toSorted((a, b) => a - b);
    const median = (sorted[(repeat - 1) >> 1] + sorted[repeat >> 1]) / 2;
    const round = (ms) => Math.round(ms * 1000) / 1000;
    console.log(JSON.stringify({
      start_ms: round(loadStart - start),
      load_ms: round(planStart - loadStart),
      plan_ms: round(planEnd - planStart),
      run_ms: { min: round(sorted[0]), median: round(median), all: runMs.map(round) },
      memory_bytes: {
        weights: info.memory.weights,
        arena: info.memory.arena,
        peak: peakBytes(),
        wasm_memory: engine.memory.buffer.byteLength,
      },
      threads: engine.threads,
      simd: engine.simd,
    }));
  } finally {
    engine.close();
  }
});

// Height and width of a picture tensor [1,C,H,W] or, where the model says so, [1,H,W,C]; others have a fixed size.
function spatialExtents(shape, { shape: declared }) {
  if (shape.length !== 4) return [0, 0];
  const channelsLast = [1, 3].includes(declared[3]) && ![1, 3].includes(declared[1]);
  return channelsLast ? [shape[1], shape[2]] : [shape[2], shape[3]];
}
