// Step (d): a whole model on WebGPU in float32 and float16 against float32 on the CPU: onnxruntime-web's where it can run the model.
//   node bench/gpu-report/model_step.mjs MODEL
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { create } from 'webgpu';
import { describeGpu, loadPlanner, RawGpuSession, RawSession, readModelFile, startEngine } from '../../web/dist/node.js';
import { photoKind, pictureTensor } from './photo.mjs';
import { dawnOptions, kHalfAllowance, modelNamed, record, runnable, runStep } from './step.mjs';

async function onnxruntime(file, { data, shape }) {
  const { default: ort } = await import('onnxruntime-web/webgpu');
  const folder = new URL('.', import.meta.resolve('onnxruntime-web/webgpu'));
  ort.env.wasm.numThreads = 1; // more would fetch their module, and Node fetches no files
  ort.env.wasm.wasmPaths = folder.href;
  ort.env.wasm.wasmBinary = readFileSync(new URL('ort-wasm-simd-threaded.asyncify.wasm', folder));
  const session = await ort.InferenceSession.create(readFileSync(file), { executionProviders: ['wasm'], logSeverityLevel: 3 });
  const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', data, shape) });
  return Float32Array.from(outputs[session.outputNames[0]].data);
}

async function decalOnCpu(file, model, { data }) {
  const engine = await startEngine({ threads: Math.min(8, availableParallelism()) });
  try {
    const session = await RawSession.load(engine, readModelFile(file));
    session.specialize(model.size, model.size);
    return Float32Array.from(session.run([data]).outputs[0]);
  } finally {
    engine.close();
  }
}

function difference(actual, expected) {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values instead of ${expected.length}`);
  let max = 0, sum = 0;
  for (let i = 0; i < expected.length; ++i) {
    const error = Math.abs(actual[i] - expected[i]);
    // Written so that NaN counts.
    if (!(error <= max)) max = Number.isNaN(error) ? Infinity : error;
    sum += error;
  }
  return { max, mean: sum / expected.length };
}

function deviation(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

await runStep(async () => {
  const model = modelNamed(process.argv[2]);
  const id = `model-${model.name}`;
  const file = runnable(model);
  const input = pictureTensor(model);
  let reference = 'onnxruntime-web, WebAssembly, float32';
  let expected;
  try {
    expected = await onnxruntime(file, input);
  } catch (error) {
    const why = String(error?.message ?? error).split('\n')[0].slice(0, 160);
    reference = `Decal's WebAssembly engine, float32 (onnxruntime-web cannot: ${why})`;
    expected = await decalOnCpu(file, model, input);
  }
  const spread = deviation(expected);
  if (!(spread > 1e-4)) throw new Error(`the reference varies by ${spread} only: agreement with it would prove nothing`);
  record(id, { model: model.name, reference, spread, picture: photoKind });
  const gpu = create(dawnOptions());
  const { half } = await describeGpu(gpu);
  let wrong = 0;
  for (const precision of ['fp32', 'fp16']) {
    if (precision === 'fp16' && !half) {
      record(id, { model: model.name, precision, missing: 'the adapter has no shader-f16' });
      continue;
    }
    const planner = await loadPlanner(readModelFile(file));
    const session = await RawGpuSession.create(planner, model.size, model.size, { gpu, allowSoftwareAdapter: true, half: precision === 'fp16' });
    planner.close();
    const { outputs } = await session.run([input.data]);
    const { max, mean } = difference(outputs[0], expected);
    const tolerance = model.tolerance + (precision === 'fp16' ? kHalfAllowance : 0);
    const { memory, maxStorageBuffers } = session.plan;
    session.close();
    if (!(max <= tolerance)) ++wrong;
    record(id, { model: model.name, precision, max, mean, tolerance, within: max <= tolerance, memory, maxStorageBuffers });
  }
  if (wrong > 0) throw new Error(`${model.name}: outside the tolerance in ${wrong} of the precisions`);
});
