// A raw session on WebGPU, for engine work in Node: the counterpart of RawSession. Of the pre-flight checks it makes only the one for software renderers.
// SPDX-License-Identifier: MIT
import { adapterName, softwareRenderer } from '../../gpu/device-checks.js';
import type { TensorInfo } from '../../engine/session.js';
import { DecalError } from '../../shared/errors.js';
import { findAdapter, openDevice } from '../../gpu/adapter.js';
import { importGpu } from './dawn.js';
import { GpuExecutor } from '../../gpu/executor.js';
import { partOf, type PlanDescription } from '../../gpu/plan.js';
import type { Planner } from '../../gpu/planner.js';

export interface RawGpuOptions {
  /** A GPU object; npm webgpu's by default. */
  gpu?: object;
  allowSoftwareAdapter?: boolean;
  /** float16 storage, which needs the feature shader-f16. */
  half?: boolean;
  /** For measuring: lists in the plan's steps what they could be made of. */
  choices?: boolean;
  /** For measuring: n makes every step that has at least n candidates of the nth. */
  variant?: number;
  /** For measuring: these steps alone, of whatever their inputs' memory holds. */
  steps?: readonly number[];
}

/** What WebGPU runs on here. */
export interface RawGpuDescription {
  /** What people call the adapter. */
  adapter: string;
  /** Why it counts as software, or null. */
  software: string | null;
  /** Whether it has shader-f16. */
  half: boolean;
}

export interface RawGpuRun {
  /** All outputs, dense, in the model's order. */
  outputs: Float32Array<ArrayBuffer>[];
  runMs: number[];
  /** Milliseconds on the device of every step, from one more run; null where the device has no timestamps. */
  stepMs: Float64Array | null;
}

async function demandAdapter(given: object | undefined) {
  const gpu = (given as GPU | undefined) ?? (await importGpu());
  if (typeof gpu === 'string') throw new DecalError('webgpu-unavailable', gpu);
  const found = await findAdapter(gpu);
  if (!('adapter' in found)) throw new DecalError('webgpu-unavailable', found.error ?? 'WebGPU gives no adapter');
  const { adapter, facts } = found;
  const description: RawGpuDescription = {
    adapter: adapterName(facts), software: softwareRenderer(facts), half: facts.features.includes('shader-f16'),
  };
  return { gpu, adapter, description };
}

/** The adapter that sessions would run on, without opening a device. Errors: `webgpu-unavailable`. */
export async function describeGpu(gpu?: object): Promise<RawGpuDescription> {
  return (await demandAdapter(gpu)).description;
}

/** Owns a device of its own. The planner it was made with may be closed. */
export class RawGpuSession {
  /** What people call the adapter. */
  readonly adapter: string;
  readonly plan: PlanDescription;
  readonly #device: GPUDevice;
  readonly #executor: GpuExecutor;

  private constructor(adapter: string, device: GPUDevice, executor: GpuExecutor) {
    this.adapter = adapter;
    this.#device = device;
    this.#executor = executor;
    this.plan = executor.description;
  }

  /** Errors: `webgpu-unavailable`, those of planning and of the device. */
  static async create(planner: Planner, height: number, width: number, options: RawGpuOptions = {}): Promise<RawGpuSession> {
    const { gpu, adapter, description: { adapter: name, software, half: offersHalf } } = await demandAdapter(options.gpu);
    if (software && !options.allowSoftwareAdapter) throw new DecalError('webgpu-unavailable', software);
    const half = options.half ?? false;
    if (half && !offersHalf) throw new DecalError('webgpu-unavailable', `${name} has no shader-f16`);
    const { device, limits, pipelines } = await openDevice(gpu, adapter);
    try {
      const { choices = false, variant = 0, steps } = options;
      const plan = planner.plan(height, width, limits, half, { choices, variant });
      try {
        const outputs = plan.description.outputs.map((_, i) => i);
        const executor = await GpuExecutor.create(device, steps ? partOf(plan, steps) : plan, { pipelines, outputs });
        return new RawGpuSession(name, device, executor);
      } finally {
        plan.free();
      }
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  inputs(): TensorInfo[] {
    return this.plan.inputs.map(({ name, shape }) => ({ name, shape, dtype: 'f32' }));
  }

  outputs(): TensorInfo[] {
    return this.plan.outputs.map(({ name, shape }) => ({ name, shape, dtype: 'f32' }));
  }

  /** All inputs to all outputs, `repeat` times; `profile` runs once more and times every step. */
  async run(inputs: readonly Float32Array[], repeat = 1, { profile = false } = {}): Promise<RawGpuRun> {
    const bytes = inputs.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
    const runMs: number[] = [];
    let outputs: RawGpuRun['outputs'] = [];
    for (let i = 0; i < repeat; ++i) {
      const start = performance.now();
      ({ outputs } = await this.#executor.run(bytes));
      runMs.push(performance.now() - start);
    }
    const stepMs = profile ? (await this.#executor.run(bytes, { profile })).stepMs : null;
    return { outputs, runMs, stepMs };
  }

  close(): void {
    this.#executor.dispose();
    this.#device.destroy();
  }
}
