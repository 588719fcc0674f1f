// A loaded model and where it runs: on the GPU while all checks pass, otherwise on WebAssembly within the same call.
// SPDX-License-Identifier: MIT
import { adapterName, decide, dtypeFor, type DeviceDecision, type CheckFacts } from '../gpu/device-checks.js';
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
 * The model moves to WebAssembly if the GPU takes this many times the estimate for WebAssembly. The estimate applies the rate of
 * the self-test's layer to the whole model. Measured, whole models reach 0.7 (small layers, memory traffic) to 1.4 times
 * (Winograd) that rate.
 */
const kSlower = 2;
/** The first run warms up. The fastest run from the second up to this one counts. */
const kJudgedRun = 3;

/** Failures that do not concern the GPU: the caller gave up, or asked for something impossible. */
const kNotTheGpu: readonly DecalErrorCode[] = ['aborted', 'cancelled', 'invalid-argument', 'corrupt-image'];

/** What ran and why: an execution without its times and the call's own options. */
export type Route = Pick<
  Execution, 'provider' | 'dtype' | 'adapter' | 'reasons' | 'checked' | 'maxStorageBuffers' | 'gpu' | 'requested' | 'downgraded'
>;

export interface RoutedRun {
  route: Route;
  report: RunReport;
  /** Planning, compiling and uploading done for this picture. */
  buildMs: number;
}

export interface RoutingEvents {
  /** Progress of building for the GPU, 0 to 1. */
  onBuilding?: (share: number) => void;
  /** The model has moved from the GPU to WebAssembly. */
  onDowngrade?: (route: Route) => void;
}

/** Where the planner of a model comes from. */
export interface PlannerSource {
  /** A planner that has already read the model. */
  ready: Planner | null;
  /** Reads the model again. */
  open: (signal: AbortSignal | undefined) => Promise<Planner>;
  /** Keep the planner and the model in its memory, because other pictures may need other plans. */
  keep: boolean;
}

interface OnGpu {
  executor: GpuExecutor;
  dtype: 'fp16' | 'fp32';
  facts: GpuFacts;
  /** Milliseconds of each run so far. */
  runMs: number[];
  /** Its speed has been compared with the estimate. */
  judged: boolean;
}

export class RoutedModel {
  readonly #engine: Engine;
  readonly #remover: Remover;
  readonly #host: GpuHost;
  readonly #events: RoutingEvents;
  #gpu: OnGpu | null = null;
  /** Why this model no longer runs on the GPU. */
  #refused: string | null = null;
  /** Why 'auto' no longer uses the GPU. A call that demands WebGPU still gets it. */
  #tooSlow: string | null = null;
  /** This model's values exceeded float16's range. */
  #overflowed = false;
  #facts: CheckFacts | null = null;
  readonly #planners: PlannerSource;
  readonly #notes: readonly string[];
  #planner: Planner | null;

  /** `notes`: what happened while the model was loaded; added to the reasons of every route. */
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
   * Prepares for pictures of that size on the requested device. Without a size (some models take it from the picture), only the
   * device is checked.
   *
   * @throws {DecalError} `webgpu-unavailable` and the GPU's own failures if WebGPU was demanded
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

  /** The engine's memory once prepared. */
  get memoryBytes(): number {
    return this.#remover.report().memoryBytes;
  }

  /**
   * Cuts out one picture in place. Under 'auto' the cut-out is complete whatever the GPU does: the picture is not changed until
   * the model's output has been checked.
   */
  async run(requested: DeviceOption, picture: EnginePicture, options: RunOptions, signal?: AbortSignal): Promise<RoutedRun> {
    let report: RunReport | null = null;
    let buildMs = 0;
    const trouble = await this.#attempt(requested, signal, async () => {
      const start = performance.now();
      let gpu = await this.#ready(requested, picture, signal);
      buildMs = performance.now() - start;
      let inferenceMs = gpu && (await this.#segment(gpu, picture, options, signal));
      if (gpu?.dtype === 'fp16' && inferenceMs === null) {
        // Values exceeded float16's range. The device may succeed with float32.
        this.#overflowed = true;
        this.#releaseGpu();
        gpu = await this.#ready(requested, picture, signal);
        inferenceMs = gpu && (await this.#segment(gpu, picture, options, signal));
      }
      if (!gpu) return;
      if (inferenceMs === null) throw new DecalError('webgpu-failed', 'the GPU returned NaN');
      report = { ...this.#remover.compose(picture, options), inferenceMs };
    });
    if (report) {
      const route = this.#route(requested, null);
      if (requested === 'auto') this.#judgeSpeed();
      return { route, report, buildMs };
    }
    this.#engine.throwIfCancelled();
    // For another size the executor would keep the buffers of the old one.
    if (this.#gpu && !this.#remover.fits(picture)) this.#releaseGpu();
    report = this.#remover.run(picture, options);
    return { route: this.#route(requested, trouble), report, buildMs };
  }

  free(): void {
    this.#releaseGpu();
    this.#closePlanner();
    this.#remover.free();
  }

  /** Tries the GPU. Returns the error, or throws it if WebGPU was demanded or the error does not concern the GPU. */
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

  /** The executor for pictures of that size; null if the pre-flight checks fail. */
  async #ready(requested: DeviceOption, size: PictureSize, signal: AbortSignal | undefined): Promise<OnGpu | null> {
    if (this.#gpu?.executor.lost) {
      // Nothing was running, so open another device at once.
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

  /** Null if the model does not fit the device; the pre-flight checks then give the reason. */
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

  /** Frees its memory. Another planner would read the model again. */
  #closePlanner(): void {
    this.#planner?.close();
    this.#planner = null;
  }

  /** Makes the matte, part by part. The time that the GPU took, or null if it returned NaN (the engine's error would not name the GPU). */
  async #segment({ executor, runMs }: OnGpu, picture: EnginePicture, { refine }: RunOptions, signal: AbortSignal | undefined): Promise<number | null> {
    let inferenceMs = 0;
    const parts = this.#remover.parts(picture);
    for (let part = 0; part < parts || (part === parts && refine === 'best' && this.#remover.secondPassDue); ++part) {
      const input = this.#remover.prepareInput(picture, part, executor.description.inputs[0]!.range[2]);
      const start = performance.now();
      const { outputs } = await executor.run([input], { signal });
      runMs.push(performance.now() - start);
      inferenceMs += runMs.at(-1)!;
      this.#engine.throwIfCancelled();
      const output = outputs[0]!;
      if (output.some(Number.isNaN)) return null;
      this.#remover.finishPart(output, picture, part);
    }
    return inferenceMs;
  }

  /** Moves the model off the GPU, permanently unless only the device was lost. */
  #recordFailure(failure: DecalError): string {
    const lost = failure.code === 'device-lost';
    if (lost) this.#host.deviceLost();
    if (!lost || !this.#host.mayRetry) this.#refused = failure.message;
    this.#releaseGpu();
    if (this.#facts) this.#facts.earlier = failure.message;
    return failure.message;
  }

  // Compared once, on the third picture. The result is right, so only later pictures move.
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

  #decide(requested: DeviceOption): DeviceDecision {
    const facts: CheckFacts = { ...(this.#facts ?? { allowSoftwareAdapter: false, noGpu: null }), requested };
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
    // Nothing is built yet and all checks passed: the first picture of this session determines the size.
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
