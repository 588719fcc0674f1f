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
import { roomiest } from '../../tests/gpu/cases.mjs';
import { withoutHalf } from '../../tests/gpu/half.mjs';
import { dawnOptions, importExecutor, kHalfAllowance, modelNamed, record, runnable, runStep } from './step.mjs';

/** What every device offers: plans for these limits run where float16 is unpacked by the shaders. */
const kGuaranteed = {
  workgroupsPerDimension: 65535, offsetAlignment: 256, bindingBytes: 128 << 20, bufferBytes: 256 << 20,
  workgroupInvocations: 256, workgroupBytes: 16384, leastSubgroup: 0, mostSubgroup: 0,
};

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

async function onGpu(planner, model, gpu, half, { data }) {
  const session = await RawGpuSession.create(planner, model.size, model.size, { gpu, allowSoftwareAdapter: true, half });
  try {
    const { outputs } = await session.run([data]);
    return { output: outputs[0], plan: session.plan };
  } finally {
    session.close();
  }
}

/** Storage as float16 on an adapter without it. */
async function unpackedByShaders(planner, model, gpu, { data }) {
  const GpuExecutor = await importExecutor();
  const plan = planner.plan(model.size, model.size, kGuaranteed, true);
  for (const pipeline of plan.description.pipelines) pipeline.code = withoutHalf(pipeline.code);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  // Tiles of float16 become twice as large.
  const device = await adapter.requestDevice(roomiest(adapter));
  const executor = await GpuExecutor.create(device, plan);
  try {
    const { outputs } = await executor.run([new Uint8Array(data.buffer)]);
    return { output: outputs[0], plan: plan.description };
  } finally {
    executor.dispose();
    device.destroy();
    plan.free();
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
  let single = null;
  for (const precision of ['fp32', 'fp16']) {
    const planner = await loadPlanner(readModelFile(file));
    const { output, plan } = precision === 'fp32' || half
      ? await onGpu(planner, model, gpu, precision === 'fp16', input) : await unpackedByShaders(planner, model, gpu, input);
    planner.close();
    const { max, mean } = difference(output, expected);
    const tolerance = model.tolerance + (precision === 'fp16' ? kHalfAllowance : 0);
    // Beside the reference: what storage as float16 alone costs.
    const ofHalf = precision === 'fp16' ? difference(output, single).max : 0;
    single ??= output;
    const within = max <= tolerance && ofHalf <= kHalfAllowance;
    if (!within) ++wrong;
    record(id, { model: model.name, precision, max, mean, tolerance, within, memory: plan.memory, maxStorageBuffers: plan.maxStorageBuffers,
      ...(precision === 'fp16' ? { ofHalf, float16: half ? 'by shader-f16' : 'unpacked by the shaders' } : {}) });
  }
  if (wrong > 0) throw new Error(`${model.name}: outside the tolerance in ${wrong} of the precisions`);
});
