// Runs an ONNX model on raw float32 tensors with the wasm engine or on WebGPU (npm webgpu): the twin of `decal run`, same
// line of JSON, with the time to start the engine.
// SPDX-License-Identifier: MIT
import { dirname, join } from 'node:path';
import { coded, naming, peakBytes, positive, readArguments, runMain } from './command.mjs';
import { readNpy, writeNpy } from './npy.mjs';

const { values, positionals } = readArguments(
  'node web/tools/run-onnx.mjs model.onnx x.npy y.npy [--threads N] [--simd baseline|relaxed] [--warm-up N] ' +
    '[--repeat N] [--device wasm|webgpu [--allow-software] [--half] [--profile]]',
  3,
  {
    threads: { type: 'string' }, simd: { type: 'string' }, 'warm-up': { type: 'string' }, repeat: { type: 'string' },
    device: { type: 'string' }, 'allow-software': { type: 'boolean' }, half: { type: 'boolean' }, profile: { type: 'boolean' },
  },
);

const round = (ms) => Math.round(ms * 1000) / 1000;

await runMain(async () => {
  const [modelPath, inputPath, outputPath] = positionals;
  const threads = positive(values, 'threads');
  const warmUp = values['warm-up'] === '0' ? 0 : positive(values, 'warm-up') ?? 0;
  const repeat = positive(values, 'repeat') ?? 1;
  const device = values.device ?? 'wasm';
  if (!['wasm', 'webgpu'].includes(device)) throw new Error(`--device ${device}: wasm or webgpu`);
  const { loadPlanner, RawSession, readModelFile, startEngine } = await import('../dist/node.js');
  const input = readNpy(inputPath);
  const start = performance.now();
  const engine = await startEngine({ threads, simd: values.simd });
  try {
    const loadStart = performance.now();
    const session = await naming(modelPath, () => {
      const chunks = readModelFile(modelPath);
      const others = { open: (path, use) => use(readModelFile(join(dirname(modelPath), path))) };
      return device === 'webgpu' ? loadPlanner(chunks, others) : RawSession.load(engine, chunks, others);
    });
    const planStart = performance.now();
    const [height, width] = spatialExtents(input.shape, session.info().inputs[0]);
    const prepare = device === 'webgpu' ? onGpu : onCpu;
    const model = await naming(modelPath, () => prepare(session, height, width));
    const planEnd = performance.now();
    try {
      if (String(model.inputShape) !== String(input.shape)) {
        throw coded(`${inputPath}: shape [${input.shape}] does not fit the model's [${model.inputShape}]`, 'shape-mismatch');
      }
      const { output, runMs: all } = await model.run(input.data, warmUp + repeat);
      const runMs = all.slice(warmUp);
      writeNpy(outputPath, model.outputShape, output);
      const sorted = runMs.toSorted((a, b) => a - b);
      const median = (sorted[(repeat - 1) >> 1] + sorted[repeat >> 1]) / 2;
      console.log(JSON.stringify({
        startMs: round(loadStart - start),
        loadMs: round(planStart - loadStart),
        planMs: round(planEnd - planStart),
        // Devices do lazily whatever a plan did not make them do; warming up hides it.
        ...(device === 'webgpu' ? { firstMs: round(all[0]) } : {}),
        runMs: { min: round(sorted[0]), median: round(median), all: runMs.map(round) },
        memoryBytes: { ...model.memory, peak: peakBytes(), wasmMemory: engine.memory.buffer.byteLength },
        threads: engine.threads,
        simd: engine.simd,
        ...model.facts,
      }));
    } finally {
      model.close();
    }
  } finally {
    engine.close();
  }
});

// Both answer with {inputShape, outputShape, memory, facts, run(data, count): {output, runMs}, close()}.
function onCpu(session, height, width) {
  session.specialize(height, width);
  const { inputs, outputs, memory: { weights, arena } } = session.info();
  return {
    inputShape: inputs[0].shape,
    outputShape: outputs[0].shape,
    memory: { weights, arena },
    facts: {},
    run(data, count) {
      const ran = session.run([data], count);
      return { output: ran.outputs[0], runMs: ran.runMs };
    },
    close() {},
  };
}

async function onGpu(planner, height, width) {
  const { RawGpuSession } = await import('../dist/node.js');
  const options = { allowSoftwareAdapter: values['allow-software'] ?? false, half: values.half ?? false };
  const onDevice = await RawGpuSession.create(planner, height, width, options);
  planner.close();
  const { memory, maxStorageBuffers, pipelines, dispatches, steps } = onDevice.plan;
  return {
    inputShape: onDevice.inputs()[0].shape,
    outputShape: onDevice.outputs()[0].shape,
    memory: { weights: memory.weights, arena: memory.activations },
    facts: {
      device: onDevice.adapter, dtype: options.half ? 'fp16' : 'fp32', maxStorageBuffers,
      pipelines: pipelines.length, dispatches: dispatches.length,
    },
    async run(data, count) {
      const { outputs, runMs, stepMs } = await onDevice.run([data], count, { profile: values.profile ?? false });
      if (values.profile) printProfile(steps, stepMs);
      return { output: outputs[0], runMs };
    },
    close: () => onDevice.close(),
  };
}

// The twenty slowest steps, on the error output, so that the line of JSON stays alone.
function printProfile(steps, stepMs) {
  if (!stepMs) return console.error('profile: the device has no timestamps');
  const slowest = [...stepMs.keys()].sort((a, b) => stepMs[b] - stepMs[a]).slice(0, 20);
  for (const i of slowest) {
    const { op, name, algorithm } = steps[i];
    console.error(`${stepMs[i].toFixed(3).padStart(10)} ms  ${op} ${algorithm}  ${name}`);
  }
}

// Height and width of a picture tensor [1,C,H,W] or, where the model says so, [1,H,W,C]; others have a fixed size.
function spatialExtents(shape, { shape: declared }) {
  if (shape.length !== 4) return [0, 0];
  const channelsLast = [1, 3].includes(declared[3]) && ![1, 3].includes(declared[1]);
  return channelsLast ? [shape[1], shape[2]] : [shape[2], shape[3]];
}
