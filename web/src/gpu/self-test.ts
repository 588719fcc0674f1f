// The self-test: one convolution on the device, compared with the WebAssembly engine, which also tells how fast that is.
// SPDX-License-Identifier: MIT
import type { Engine } from '../engine/engine.js';
import { RawSession } from '../engine/session.js';
import type { SelfTestFacts } from './device-checks.js';
import type { OpenDevice } from './adapter.js';
import { GpuExecutor } from './executor.js';
import { Planner, type PlannerModule } from './planner.js';
import { tinyModel, xorshift } from './tiny-onnx.js';

/** 3x3 over 64x64 with a stride, as every model here has: 9.4 million MACs, by the kernel that all matrix products share. */
const kSide = 64, kStride = 2, kChannels = 32, kTaps = 9;
/** The best of these counts: a first run warms up, and on the CPU another may be interrupted. */
const kRuns = { gpu: 2, wasm: 3 };

export interface SelfTestResult extends SelfTestFacts {
  /** Work (see PlanDescription) that the WebAssembly engine does in a millisecond on such a layer. */
  wasmWorkPerMs: number;
}

/** @throws {DecalError} what the device refuses */
export async function runSelfTest(
  engine: Engine, module: PlannerModule, { device, limits, pipelines }: OpenDevice, half: boolean,
): Promise<SelfTestResult> {
  const random = xorshift();
  const input = Float32Array.from({ length: kChannels * kSide * kSide }, random);
  const model = selfTestModel(random);
  const session = await RawSession.load(engine, [model]);
  try {
    const onGpu = await runOnGpu(await Planner.load(module, [model]), device, { limits, pipelines, half }, input);
    session.specialize(0, 0);
    const { outputs, runMs } = session.run([input], kRuns.wasm);
    const expected = outputs[0]!;
    let maxError = 0;
    for (let i = 0; i < expected.length; ++i) {
      const error = Math.abs(onGpu.output[i]! - expected[i]!);
      // Written so that NaN stays.
      if (!(error <= maxError)) maxError = error;
      if (Number.isNaN(maxError)) break;
    }
    return { ms: onGpu.ms, maxError, wasmWorkPerMs: onGpu.work / Math.max(0.01, Math.min(...runMs)) };
  } finally {
    session.free();
  }
}

async function runOnGpu(
  planner: Planner, device: GPUDevice, options: Pick<OpenDevice, 'limits' | 'pipelines'> & { half: boolean }, input: Float32Array,
) {
  let executor: GpuExecutor;
  let work: number;
  try {
    const plan = planner.plan(0, 0, options.limits, options.half);
    executor = await GpuExecutor.create(device, plan, { pipelines: options.pipelines });
    ({ work } = plan.description);
  } finally {
    planner.close();
  }
  try {
    let output = new Float32Array();
    let ms = Infinity;
    for (let i = 0; i < kRuns.gpu; ++i) {
      const start = performance.now();
      output = (await executor.run([new Uint8Array(input.buffer)])).outputs[0]!;
      ms = Math.min(ms, performance.now() - start);
    }
    return { output, ms, work };
  } finally {
    executor.dispose();
  }
}

/** The layer as an ONNX file: y = Relu(Conv(x, w)). */
export function selfTestModel(random: () => number): Uint8Array {
  const scale = 1 / Math.sqrt(kTaps * kChannels);
  const weights = Float32Array.from({ length: kChannels * kChannels * kTaps }, () => 2 * scale * random());
  const shape = (side: number) => [1, kChannels, side, side];
  return tinyModel({
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1], strides: [kStride, kStride] } },
      { op: 'Relu', inputs: ['c'], outputs: ['y'] },
    ],
    weights: [{ name: 'w', shape: [kChannels, kChannels, 3, 3], data: weights }],
    inputs: [{ name: 'x', shape: shape(kSide) }],
    outputs: [{ name: 'y', shape: shape(kSide / kStride) }],
  });
}
