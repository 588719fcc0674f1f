// The GPU of this worker or process: found once, tried once, opened again after it was lost.
// SPDX-License-Identifier: MIT
import { decide, dtypeFor, type GateDecision, type GateFacts } from './device-gate.js';
import type { Engine } from '../engine/engine.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { findAdapter, openDevice, type OpenDevice } from './adapter.js';
import type { PlannerModule } from './planner.js';
import { runSelfTest, type SelfTestResult } from './self-test.js';

/** A device that was lost this often in one session is left alone: whatever is wrong does not pass. */
const kMaxLosses = 3;

export interface GpuHostOptions {
  /** The host's GPU object, or why there is none. */
  find: () => Promise<GPU | string>;
  allowSoftwareAdapter: boolean;
  planner: PlannerModule;
  /** Memory of the whole machine, where the host tells. Asked for if there is a GPU. */
  machineBytes?: () => number | undefined;
}

/** What the gate can know before there is a model. */
export type DeviceFacts = Omit<GateFacts, 'requested' | 'plan'>;

export class GpuHost {
  readonly #options: GpuHostOptions;
  #open: OpenDevice | null = null;
  #facts: DeviceFacts | null = null;
  #preparing: Promise<DeviceFacts> | null = null;
  #losses = 0;
  #closed = false;
  /** By adapter and precision: what a device gave once it will give again. */
  readonly #selfTests = new Map<string, SelfTestResult | { error: string }>();

  constructor(options: GpuHostOptions) {
    this.#options = options;
  }

  /** The open device; null before `prepare`, or where the facts speak against it. */
  get device(): OpenDevice | null {
    return this.#open;
  }

  /** Work a millisecond of the WebAssembly engine, from the self-test; null before one. */
  wasmWorkPerMs: number | null = null;

  /** Whether a lost device may be opened again. */
  get mayRetry(): boolean {
    return this.#losses <= kMaxLosses;
  }

  /** Finds, opens and tests the device, until a check fails. Never throws for faults of the GPU. */
  prepare(engine: Engine): Promise<DeviceFacts> {
    // A caller that gave up may have left one in progress.
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
      // The engine broke during the self-test: the next look opens a device of its own.
      this.#closeDevice();
      throw error;
    }
    const refused = decide({ ...facts, requested: 'auto' }).provider === 'wasm';
    if (this.#open?.watch.error) this.deviceLost();
    // After a loss, what is missing now may be back for the next call: browsers start their GPU process anew.
    else if (!refused || this.#losses === 0 || !this.mayRetry) this.#facts = facts;
    if (refused) this.#closeDevice();
    return facts;
  }

  /** Whether all checks have passed so far, so that planning a model is worthwhile. */
  async isUsable(engine: Engine): Promise<boolean> {
    return decide({ ...(await this.prepare(engine)), requested: 'auto' }).provider === 'webgpu';
  }

  /** @throws {DecalError} `webgpu-unavailable`, with the reason, if a check fails */
  async demand(engine: Engine): Promise<void> {
    const decision = decide({ ...(await this.prepare(engine)), requested: 'webgpu' });
    if (decision.provider === 'wasm') throw unavailable(decision);
  }

  /** To be told when a run or a creation met a lost device: the next `prepare` opens another. */
  deviceLost(): void {
    ++this.#losses;
    this.#closeDevice();
    this.#facts = null;
  }

  /** Final. Waits for a check in progress, whose device would otherwise stay open. */
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
      this.#open = await openDevice(found.adapter);
    } catch (error) {
      return { ...facts, deviceError: toDecalError(error, 'webgpu-unavailable').message };
    }
    if (this.#closed) return { ...facts, deviceError: 'the engine is ending' };
    return { ...facts, selfTest: await this.#selfTest(engine, this.#open, found.facts) };
  }

  async #selfTest(engine: Engine, open: OpenDevice, adapter: NonNullable<GateFacts['adapter']>) {
    const dtype = dtypeFor(adapter);
    const key = JSON.stringify([adapter.info, dtype]);
    let result = this.#selfTests.get(key);
    if (!result) {
      try {
        result = await runSelfTest(engine, this.#options.planner, open, dtype === 'fp16');
      } catch (error) {
        // A broken engine is no fault of the GPU.
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
export function unavailable({ reasons }: GateDecision): DecalError {
  return new DecalError('webgpu-unavailable', `device "webgpu": ${reasons.join('; ')}`);
}
