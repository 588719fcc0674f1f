// The check of the graphics card under "How it ran": adapter, limits, pre-flight checks, self-test, and every kind of kernel against
// WebAssembly. A script of its own, loaded when asked for.
// SPDX-License-Identifier: MIT
import { findAdapter, openDevice, type AdapterFacts, type OpenDevice } from '../web/src/gpu/adapter.ts';
import { adapterName, decide, dtypeFor, type DeviceDecision } from '../web/src/gpu/device-checks.ts';
import { Engine } from '../web/src/engine/engine.ts';
import { GpuExecutor } from '../web/src/gpu/executor.ts';
import { Planner } from '../web/src/gpu/planner.ts';
import { runSelfTest } from '../web/src/gpu/self-test.ts';
import { RawSession } from '../web/src/engine/session.ts';
import { checkCases, type CheckCase } from './check_cases.ts';

/** Largest error, in units of 1 + |expected|, as the tests of all kernels allow it. */
const kTolerance = { fp32: 1e-4, fp16: 1e-2 };

export interface CheckOutcome {
  name: string;
  precision: 'fp32' | 'fp16';
  /** The largest error in units of 1 + |expected|; null where it did not run. */
  error: number | null;
  right: boolean;
  why?: string;
}

export interface GpuCheck {
  adapter: string;
  facts: AdapterFacts;
  decision: DeviceDecision;
  limits: OpenDevice['limits'];
  selfTest: { ms: number; maxError: number } | { error: string };
  outcomes: CheckOutcome[];
}

const fetchWasm = async (name: string) => {
  const response = await fetch(new URL(`decal/${name}`, document.baseURI));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};
const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Throws, in words, where there is no WebGPU to check. `tell` hears what happens. */
export async function checkGpu(tell: (text: string) => void): Promise<GpuCheck> {
  const { gpu } = navigator;
  if (!gpu) throw new Error('this browser has no WebGPU');
  tell('Looking for the graphics card');
  const found = await findAdapter(gpu);
  if (!('adapter' in found)) throw new Error(`WebGPU gives no adapter${found.error ? `: ${found.error}` : ''}`);
  const { adapter, facts } = found;
  const [open, planner, wasm] = await Promise.all([openDevice(gpu, adapter), fetchWasm('decal-planner.wasm'), fetchWasm('decal-simd128.wasm')]);
  const engine = await Engine.start({ wasm, simd: 'baseline', threads: 1, shared: false, startThread: () => () => {} });
  try {
    tell('Self-test');
    const selfTest = await runSelfTest(engine, async () => planner, open, dtypeFor(facts) === 'fp16')
      .then(({ ms, maxError }) => ({ ms, maxError }), (error: unknown) => ({ error: words(error) }));
    const decision = decide({ requested: 'auto', allowSoftwareAdapter: false, noGpu: null, adapter: facts, selfTest });
    const outcomes: CheckOutcome[] = [];
    const cases = checkCases();
    const precisions = facts.features.includes('shader-f16') ? (['fp32', 'fp16'] as const) : (['fp32'] as const);
    for (const [i, one] of cases.entries()) {
      tell(`Kernel ${i + 1} of ${cases.length}: ${one.name}`);
      const expected = await onProcessor(engine, one);
      for (const precision of precisions) outcomes.push(await compare(one, expected, precision, open, planner));
    }
    return { adapter: adapterName(facts), facts, decision, limits: open.limits, selfTest, outcomes };
  } finally {
    engine.close();
    open.device.destroy();
  }
}

async function onProcessor(engine: Engine, { model, inputs }: CheckCase): Promise<Float32Array> {
  const session = await RawSession.load(engine, [model]);
  try {
    session.specialize(0, 0);
    return session.run(inputs).outputs[0]!;
  } finally {
    session.free();
  }
}

async function compare(
  { name, model, inputs }: CheckCase, expected: Float32Array, precision: 'fp32' | 'fp16', { device, limits, pipelines }: OpenDevice,
  module: Uint8Array<ArrayBuffer>,
): Promise<CheckOutcome> {
  try {
    const planner = await Planner.load(async () => module, [model]);
    try {
      const executor = await GpuExecutor.create(device, planner.plan(0, 0, limits, precision === 'fp16'), { pipelines });
      try {
        const { outputs } = await executor.run(inputs.map(({ buffer }) => new Uint8Array(buffer)));
        const error = largestError(outputs[0]!, expected);
        return { name, precision, error, right: error <= kTolerance[precision] };
      } finally {
        executor.dispose();
      }
    } finally {
      planner.close();
    }
  } catch (error) {
    return { name, precision, error: null, right: false, why: words(error) };
  }
}

function largestError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < expected.length; ++i) {
    const error = Math.abs(actual[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
    // Written so that NaN counts.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst;
}
