// A loaded model and where it runs: on the GPU while all checks pass, otherwise on WebAssembly within the same call.
// SPDX-License-Identifier: MIT
import { adapterName, decide, dtypeFor, type GateDecision, type GateFacts } from '../gpu/device-gate.js';
import type { EnginePicture } from '../engine/cutout.js';
import type { Engine } from '../engine/engine.js';
import type { PictureSize, Remover, RunOptions, RunReport } from '../engine/session.js';
import { DecalError, toDecalError, type DecalErrorCode } from '../shared/errors.js';
import { GpuExecutor } from '../gpu/executor.js';
import { unavailable, type GpuHost } from '../gpu/host.js';
import type { DeviceLimits } from '../border/border.js';
import type { EnginePlan, PlanDescription } from '../gpu/plan.js';
import type { Planner } from '../gpu/planner.js';
import type { DeviceOption, Downgrade, Execution, GpuFacts } from '../shared/types.js';

/**
 * How much slower than the estimate for WebAssembly a GPU may be before the model moves. The estimate takes the rate of
 * the self-test's layer for the whole model. Measured, whole models reach 0.7 (small layers, memory traffic) to 1.4 times
 * (Winograd) of it.
 */
const kSlower = 2;
/** The first run warms up; the best of those up to this one counts. */
const kJudgedRun = 3;

/** Failures that say nothing of the GPU: the caller gave up, or asked for something impossible. */
const kNotTheGpu: readonly DecalErrorCode[] = ['aborted', 'cancelled', 'invalid-argument', 'corrupt-image'];

/** What ran and why: all of an execution but its times and the call's own wishes. */
export type Route = Pick<
  Execution, 'provider' | 'dtype' | 'adapter' | 'reasons' | 'checked' | 'maxStorageBuffers' | 'gpu' | 'requested' | 'downgraded'
>;

export interface RoutedRun {
  route: Route;
  report: RunReport;
  /** Planning, compiling and uploading that this picture was the first to need. */
  buildMs: number;
}

export interface RoutingEvents {
  /** Share of what has to be built for the GPU, 0 to 1. */
  onBuilding?: (share: number) => void;
  /** The model has left the GPU. */
  onDowngrade?: (route: Route) => void;
}

/** Where the planner of a model comes from. */
export interface PlannerSource {
  /** One that has read the model already. */
  ready: Planner | null;
  /** Reads the model once more. */
  open: (signal: AbortSignal | undefined) => Promise<Planner>;
  /** Other pictures may need other plans: it stays, and the model in its memory. */
  keep: boolean;
}

interface OnGpu {
  executor: GpuExecutor;
  dtype: 'fp16' | 'fp32';
  facts: GpuFacts;
  /** Milliseconds of each run so far. */
  runMs: number[];
  /** Its speed was compared. */
  judged: boolean;
}

export class RoutedModel {
  readonly #engine: Engine;
  readonly #remover: Remover;
  readonly #host: GpuHost;
  readonly #events: RoutingEvents;
  #gpu: OnGpu | null = null;
  /** Why this model does not run on the GPU any more. */
  #refused: string | null = null;
  /** Why 'auto' does not take the GPU any more; who demands it gets it. */
  #tooSlow: string | null = null;
  /** float16 was too small for this model. */
  #overflowed = false;
  #facts: GateFacts | null = null;
  readonly #planners: PlannerSource;
  readonly #notes: readonly string[];
  #planner: Planner | null;

  /** `notes`: what else happened on the way to this model, told among the reasons of every route. */
  constructor(
    engine: Engine, remover: Remover, host: GpuHost, planners: PlannerSource, events: RoutingEvents = {},
    notes: readonly string[] = [],
  ) {
    this.#notes = notes;
    this.#engine = engine;
    this.#remover = remover;
    this.#host = host;
    this.#planners = planners;
    this.#planner = planners.ready;
    this.#events = events;
  }

  /**
   * Gets ready for pictures of that size on the device asked for. Without a size, which some models leave to the picture,
   * only the device is looked at.
   *
   * @throws {DecalError} `webgpu-unavailable` and the GPU's own failures when WebGPU was demanded
   */
  async prepare(requested: DeviceOption, size: PictureSize | null, signal?: AbortSignal): Promise<Route> {
    if (!size) {
      if (requested !== 'wasm') this.#facts = { ...(await this.#host.prepare(this.#engine)), requested };
      return this.#route(requested, null);
    }
    const trouble = await this.#attempt(requested, signal, () => this.#ready(requested, size, signal));
    if (!this.#gpu) this.#remover.prepare(size.width, size.height);
    return this.#route(requested, trouble);
  }

  /** What the engine itself holds, once prepared. */
  get memoryBytes(): number {
    return this.#remover.report().memoryBytes;
  }

  /**
   * One picture, in place. Whatever the GPU does under 'auto', the cut-out is whole: the picture stays as it was until
   * the model's output has been found good.
   */
  async run(requested: DeviceOption, picture: EnginePicture, options: RunOptions, signal?: AbortSignal): Promise<RoutedRun> {
    let report: RunReport | null = null;
    let buildMs = 0;
    const trouble = await this.#attempt(requested, signal, async () => {
      const start = performance.now();
      let gpu = await this.#ready(requested, picture, signal);
      buildMs = performance.now() - start;
      let outputs = gpu && (await this.#infer(gpu, picture, signal));
      if (gpu?.dtype === 'fp16' && outputs?.some((output) => output.some(Number.isNaN))) {
        // Values beyond float16's range: with float32 the device may yet do.
        this.#overflowed = true;
        this.#releaseGpu();
        gpu = await this.#ready(requested, picture, signal);
        outputs = gpu && (await this.#infer(gpu, picture, signal));
      }
      if (gpu && outputs) report = this.#finish(gpu, outputs, picture, options);
    });
    if (report) {
      const route = this.#route(requested, null);
      if (requested === 'auto') this.#judgeSpeed();
      return { route, report, buildMs };
    }
    this.#engine.throwIfCancelled();
    // Another size would leave the executor with buffers of the old one.
    if (this.#gpu && !this.#remover.fits(picture)) this.#releaseGpu();
    report = this.#remover.run(picture, options);
    return { route: this.#route(requested, trouble), report, buildMs };
  }

  free(): void {
    this.#releaseGpu();
    this.#closePlanner();
    this.#remover.free();
  }

  /** Tries the GPU; returns what went wrong, or throws it where WebGPU was demanded or where it is not the GPU's fault. */
  async #attempt(requested: DeviceOption, signal: AbortSignal | undefined, work: () => Promise<unknown>): Promise<string | null> {
    if (requested === 'wasm') return null;
    try {
      await work();
    } catch (error) {
      const failure = toDecalError(error, 'webgpu-failed');
      if (signal?.aborted || this.#engine.broken || kNotTheGpu.includes(failure.code)) throw error;
      const reason = this.#recordFailure(failure);
      if (requested === 'webgpu') throw failure;
      this.#events.onDowngrade?.(this.#route(requested, reason));
      return reason;
    }
    if (requested === 'webgpu' && !this.#gpu) {
      throw unavailable(this.#decide(requested));
    }
    return null;
  }

  /** The executor for pictures of that size; null where the gate refuses. */
  async #ready(requested: DeviceOption, size: PictureSize, signal: AbortSignal | undefined): Promise<OnGpu | null> {
    if (this.#gpu?.executor.lost) {
      // Nothing was running: open another device at once.
      this.#host.deviceLost();
      this.#releaseGpu();
    }
    if (this.#gpu && this.#remover.fits(size)) return this.#gpu;
    const device = await this.#host.prepare(this.#engine);
    this.#facts = { ...device, requested };
    signal?.throwIfAborted();
    const open = this.#host.device;
    if (!open || this.#decide(requested).provider === 'wasm') {
      this.#closePlanner();
      return null;
    }
    this.#releaseGpu();
    const dtype = this.#overflowed ? 'fp32' : dtypeFor(device.adapter ?? null);
    const start = performance.now();
    const plan = await this.#plan(size, open.limits, dtype, signal);
    if (!plan) return null;
    try {
      const { description } = plan;
      this.#facts.plan = { maxStorageBuffers: description.maxStorageBuffers, memoryBytes: description.memory.total, dtype };
      const decision = this.#decide(requested);
      if (decision.provider === 'wasm') {
        this.#refused = decision.reasons.join('; ');
        return null;
      }
      this.#remover.expect(size, description.outputs[0]!.shape);
      const executor = await GpuExecutor.create(open.device, plan, {
        signal,
        pipelines: open.pipelines,
        onProgress: (share) => this.#events.onBuilding?.(share),
      });
      this.#gpu = { executor, dtype, facts: gpuFacts(description, performance.now() - start), runMs: [], judged: false };
      return this.#gpu;
    } finally {
      plan.free();
      if (!this.#planners.keep) this.#closePlanner();
    }
  }

  /** Null where the model does not fit the device, for which the gate has the reason then. */
  async #plan(
    size: PictureSize, limits: DeviceLimits, dtype: 'fp16' | 'fp32', signal: AbortSignal | undefined,
  ): Promise<EnginePlan | null> {
    this.#planner ??= await this.#planners.open(signal);
    const { width, height } = this.#remover.inputSize(size);
    try {
      return this.#planner.plan(height, width, limits, dtype === 'fp16');
    } catch (error) {
      const failure = toDecalError(error, 'internal');
      this.#closePlanner();
      if (kNotTheGpu.includes(failure.code)) throw error;
      this.#facts!.plan = { error: failure.message };
      this.#refused = `the model cannot be planned for this device: ${failure.message}`;
      return null;
    }
  }

  /** Its memory goes with it; another reads the model again. */
  #closePlanner(): void {
    this.#planner?.close();
    this.#planner = null;
  }

  /** The model's output for each part of the picture. */
  async #infer({ executor, runMs }: OnGpu, picture: EnginePicture, signal: AbortSignal | undefined): Promise<Float32Array[]> {
    const all: Float32Array[] = [];
    for (let part = 0; part < this.#remover.parts(picture); ++part) {
      const input = this.#remover.prepareInput(picture, part, executor.description.inputs[0]!.range[2]);
      const start = performance.now();
      const { outputs } = await executor.run([input], { signal });
      runMs.push(performance.now() - start);
      this.#engine.throwIfCancelled();
      all.push(outputs[0]!);
    }
    return all;
  }

  #finish({ runMs }: OnGpu, outputs: Float32Array[], picture: EnginePicture, options: RunOptions): RunReport {
    // Asked here rather than left to the engine, whose error would not say that it was the GPU.
    if (outputs.some((output) => output.some(Number.isNaN))) throw new DecalError('webgpu-failed', 'the GPU returned NaN');
    const inferenceMs = runMs.slice(-outputs.length).reduce((sum, ms) => sum + ms);
    return { ...this.#remover.finish(outputs, picture, options), inferenceMs };
  }

  /** Puts the model off the GPU, for good unless the device was only lost. */
  #recordFailure(failure: DecalError): string {
    const lost = failure.code === 'device-lost';
    if (lost) this.#host.deviceLost();
    if (!lost || !this.#host.mayRetry) this.#refused = failure.message;
    this.#releaseGpu();
    if (this.#facts) this.#facts.earlier = failure.message;
    return failure.message;
  }

  // Compared once, on the third picture: the result is right, so only later pictures move.
  #judgeSpeed(): void {
    const rate = this.#host.wasmWorkPerMs;
    const gpu = this.#gpu;
    if (!gpu || gpu.judged || gpu.runMs.length < kJudgedRun || rate === null) return;
    gpu.judged = true;
    const best = Math.min(...gpu.runMs.slice(1));
    const estimate = gpu.executor.description.work / rate;
    if (best <= kSlower * estimate) return;
    const reason = `the GPU took ${Math.round(best)} ms for a picture, WebAssembly needs about ${Math.round(estimate)}`;
    this.#tooSlow = reason;
    this.#releaseGpu();
    this.#events.onDowngrade?.(this.#route('auto', reason));
  }

  #releaseGpu(): void {
    this.#gpu?.executor.dispose();
    this.#gpu = null;
  }

  #decide(requested: DeviceOption): GateDecision {
    const facts: GateFacts = { ...(this.#facts ?? { allowSoftwareAdapter: false, noGpu: null }), requested };
    const against = this.#refused ?? (requested === 'auto' ? this.#tooSlow : null);
    if (against !== null) facts.earlier = against;
    return decide(facts);
  }

  #route(requested: DeviceOption, trouble: string | null): Route {
    const decision = this.#decide(requested);
    const gpu = requested === 'wasm' ? null : this.#gpu;
    const { checked } = decision;
    const reasons = gpu || trouble === null ? [...decision.reasons] : [trouble];
    if (gpu && this.#overflowed) reasons.push('float32, because float16 returned NaN');
    // Nothing built and nothing against it: a session whose first picture will tell the size.
    const provider = gpu || (trouble === null && decision.provider === 'webgpu') ? 'webgpu' : 'wasm';
    const downgraded: Downgrade | null = provider === 'webgpu' || requested === 'wasm'
      ? null
      : { from: 'webgpu', to: 'wasm', reason: reasons.join('; ') };
    return {
      provider,
      dtype: gpu?.dtype ?? (provider === 'webgpu' ? decision.dtype : 'fp32'),
      adapter: checked.adapter,
      reasons: [...reasons, ...this.#notes],
      checked,
      maxStorageBuffers: gpu ? gpu.executor.description.maxStorageBuffers : null,
      gpu: gpu ? gpu.facts : null,
      requested,
      downgraded,
    };
  }
}

function gpuFacts({ memory, pipelines, dispatches }: PlanDescription, buildMs: number): GpuFacts {
  return {
    memoryBytes: memory.total,
    weightsBytes: memory.weights,
    activationsBytes: memory.activations,
    pipelines: pipelines.length,
    dispatches: dispatches.length,
    buildMs,
  };
}

/** One line for a log: what a session runs on, and why. */
export function describeRoute({ provider, dtype, adapter, reasons, checked }: Route): string {
  const where = provider === 'webgpu' && adapter
    ? `WebGPU on ${adapterName({ info: adapter, isFallback: false, limits: {} as never, features: checked.features ?? [] })} (${dtype})`
    : 'WebAssembly';
  return `${where}: ${reasons.join('; ')}`;
}
