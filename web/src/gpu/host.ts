// The GPU of this worker or process: found once, tested once, and opened again after it was lost.
// SPDX-License-Identifier: MIT
import { decide, dtypeFor, type DeviceDecision, type CheckFacts } from './device-checks.js';
import type { Engine } from '../engine/engine.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { findAdapter, openDevice, type OpenDevice } from './adapter.js';
import type { PlannerModule } from './planner.js';
import { runSelfTest, type SelfTestResult } from './self-test.js';

/** A device that was lost this often in one session is not opened again. */
const kMaxLosses = 3;

export interface GpuHostOptions {
  /** The host's GPU object, or why there is none. */
  find: () => Promise<GPU | string>;
  allowSoftwareAdapter: boolean;
  planner: PlannerModule;
  /** Memory of the whole machine, if the host tells. Requested only if there is a GPU. */
  machineBytes?: () => number | undefined;
}

/** What can be checked before a model is known. */
export type DeviceFacts = Omit<CheckFacts, 'requested' | 'plan'>;

export class GpuHost {
  readonly #options: GpuHostOptions;
  #open: OpenDevice | null = null;
  #facts: DeviceFacts | null = null;
  #preparing: Promise<DeviceFacts> | null = null;
  #losses = 0;
  #closed = false;
  /** Results of the self-test by adapter and precision; they do not change. */
  readonly #selfTests = new Map<string, SelfTestResult | { error: string }>();

  constructor(options: GpuHostOptions) {
    this.#options = options;
  }

  /** The open device; null before `prepare`, or if a check failed. */
  get device(): OpenDevice | null {
    return this.#open;
  }

  /** The WebAssembly engine's work per millisecond, from the self-test; null before that. */
  wasmWorkPerMs: number | null = null;

  /** Whether a lost device may be opened again. */
  get mayRetry(): boolean {
    return this.#losses <= kMaxLosses;
  }

  /** Finds, opens and tests the device until a check fails. Faults of the GPU do not throw. */
  prepare(engine: Engine): Promise<DeviceFacts> {
    // A caller that gave up may have left a check in progress.
    this.#preparing ??= this.#prepare(engine).finally(() => void (this.#preparing = null));
    return this.#preparing;
  }

  async #prepare(engine: Engine): Promise<DeviceFacts> {
    if (this.#open?.watch.error) this.deviceLost();
    if (this.#facts) return this.#facts;
    let facts: DeviceFacts;
    try {
      facts = await this.#look(engine);
    } catch (error) {
      // The engine broke during the self-test. The next check opens a new device.
      this.#closeDevice();
      throw error;
    }
    const refused = decide({ ...facts, requested: 'auto' }).provider === 'wasm';
    if (this.#open?.watch.error) this.deviceLost();
    // After a loss the adapter may be missing for a moment: browsers restart their GPU process.
    else if (!refused || this.#losses === 0 || !this.mayRetry) this.#facts = facts;
    if (refused) this.#closeDevice();
    return facts;
  }

  /** Whether all checks so far have passed, so that it is worthwhile to plan a model. */
  async isUsable(engine: Engine): Promise<boolean> {
    return decide({ ...(await this.prepare(engine)), requested: 'auto' }).provider === 'webgpu';
  }

  /** @throws {DecalError} `webgpu-unavailable`, with the reason, if a check fails */
  async demand(engine: Engine): Promise<void> {
    const decision = decide({ ...(await this.prepare(engine)), requested: 'webgpu' });
    if (decision.provider === 'wasm') throw unavailable(decision);
  }

  /** Reports that a run or a creation met a lost device. The next `prepare` opens another. */
  deviceLost(): void {
    ++this.#losses;
    this.#closeDevice();
    this.#facts = null;
  }

  /** Final. Waits for a check in progress, because its device would otherwise stay open. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#preparing?.catch(() => {});
    this.#closeDevice();
    this.#facts = null;
  }

  async #look(engine: Engine): Promise<DeviceFacts> {
    const { find, allowSoftwareAdapter } = this.#options;
    const facts: DeviceFacts = { allowSoftwareAdapter, noGpu: null };
    const gpu = await find();
    if (typeof gpu === 'string') return { ...facts, noGpu: gpu };
    const machineBytes = this.#options.machineBytes?.();
    if (machineBytes !== undefined) facts.machineBytes = machineBytes;
    const found = await findAdapter(gpu);
    if (!('adapter' in found)) return { ...facts, adapter: null, adapterError: found.error };
    facts.adapter = found.facts;
    if (!this.mayRetry) return { ...facts, deviceError: `the GPU was lost ${this.#losses} times in this session` };
    if (this.#closed) return { ...facts, deviceError: 'the engine is ending' };
    if (decide({ ...facts, requested: 'auto' }).provider === 'wasm') return facts;
    try {
      this.#open = await openDevice(gpu, found.adapter);
    } catch (error) {
      return { ...facts, deviceError: toDecalError(error, 'webgpu-unavailable').message };
    }
    if (this.#closed) return { ...facts, deviceError: 'the engine is ending' };
    return { ...facts, selfTest: await this.#selfTest(engine, this.#open, found.facts) };
  }

  async #selfTest(engine: Engine, open: OpenDevice, adapter: NonNullable<CheckFacts['adapter']>) {
    const dtype = dtypeFor(adapter);
    const key = JSON.stringify([adapter.info, dtype]);
    let result = this.#selfTests.get(key);
    if (!result) {
      try {
        result = await runSelfTest(engine, this.#options.planner, open, dtype === 'fp16');
      } catch (error) {
        // A broken engine is not the GPU's fault.
        if (engine.broken) throw error;
        result = { error: toDecalError(error, 'webgpu-failed').message };
      }
      if (!open.watch.error) this.#selfTests.set(key, result);
    }
    if ('wasmWorkPerMs' in result) this.wasmWorkPerMs = result.wasmWorkPerMs;
    return result;
  }

  #closeDevice(): void {
    this.#open?.device.destroy();
    this.#open = null;
  }
}

/** The error of a call that demanded WebGPU. */
export function unavailable({ reasons }: DeviceDecision): DecalError {
  return new DecalError('webgpu-unavailable', `device "webgpu": ${reasons.join('; ')}`);
}
