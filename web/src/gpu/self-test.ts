// The self-test: one convolution on the device, compared with the WebAssembly engine, which also tells how fast that is.
// SPDX-License-Identifier: MIT
import type { Engine } from '../engine/engine.js';
import { RawSession } from '../engine/session.js';
import type { SelfTestFacts } from './device-checks.js';
import type { OpenDevice } from './adapter.js';
import { GpuExecutor } from './executor.js';
import { Planner, type PlannerModule } from './planner.js';

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
  // Field numbers are those of onnx.proto.
  const ints = (name: string, values: number[]) =>
    field(5, message([text(1, name), ...values.map((value) => number(8, value)), number(20, 7)]));
  const attributes = [ints('pads', [1, 1, 1, 1]), ints('strides', [kStride, kStride])];
  const shape = (side: number) => [1, kChannels, side, side];
  const graph = message([
    field(1, message([text(1, 'x'), text(1, 'w'), text(2, 'c'), text(4, 'Conv'), ...attributes])),
    field(1, message([text(1, 'c'), text(2, 'y'), text(4, 'Relu')])),
    field(5, message([
      ...[kChannels, kChannels, 3, 3].map((extent) => number(1, extent)), number(2, 1), text(8, 'w'),
      field(9, new Uint8Array(weights.buffer)),
    ])),
    field(11, tensorInfo('x', shape(kSide))),
    field(12, tensorInfo('y', shape(kSide / kStride))),
  ]);
  return message([number(1, 8), field(7, graph), field(8, number(2, 17))]);
}

function tensorInfo(name: string, extents: number[]): Uint8Array {
  const shape = message(extents.map((extent) => field(1, number(1, extent))));
  return message([text(1, name), field(2, field(1, message([number(1, 1), field(2, shape)])))]);
}

function message(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function field(id: number, bytes: Uint8Array): Uint8Array {
  return message([Uint8Array.of(id << 3 | 2), varint(bytes.length), bytes]);
}

function text(id: number, value: string): Uint8Array {
  return field(id, new TextEncoder().encode(value));
}

function number(id: number, value: number): Uint8Array {
  // The key itself is a varint: fields from 16 on take two bytes.
  return message([varint(id << 3), varint(value)]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  return Uint8Array.from([...bytes, value]);
}

/** The same numbers from -1 to 1 in every session. */
function xorshift(): () => number {
  let x = 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x / 2 ** 31;
  };
}
