// Runs a plan on a WebGPU device: makes pipelines, buffers and bind groups once, then submits once for each run.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import { untilAborted } from '../shared/abort.js';
import { firstLine, guarded, LossWatch } from './failure.js';
import type { PlanDescription, PlanPipeline, PlanRange, PlanSource } from './plan.js';

// Values of the specification's flags, because Node has no globals with these names.
const kCopySource = 0x04, kCopyDestination = 0x08, kUniform = 0x40, kStorage = 0x80, kMapRead = 0x01, kQueryResolve = 0x200;
const kMapModeRead = 1;
const kComputeStage = 4;

/**
 * The most bytes of weights in flight between the engine and the device. Browsers copy the data of `writeBuffer` into their own
 * memory until the device has taken it. Without a bound, that copy would be as large as the model.
 */
const kStagingBytes = 32 << 20;

/** Shared memory is copied to the device in pieces of this size. A multiple of 4, as offsets must be. */
const kCopyBytes = 1 << 20;

/** The most queries in a set, two for each timed pass. */
const kMaxQueries = 4096;

/** Pipelines of a device by their code. Plans of one model for two sizes share most of them. */
export type PipelineCache = Map<string, Promise<GPUComputePipeline>>;

export interface ExecutorOptions {
  /** Called while pipelines compile and weights are uploaded, with a share from 0 to 1 that never decreases. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal | undefined;
  pipelines?: PipelineCache;
  /** Outputs to read back, by index. Default: the first. */
  outputs?: readonly number[];
}

export interface RunResult {
  /** The outputs requested at creation, dense, in that order. */
  outputs: Float32Array<ArrayBuffer>[];
  /** Milliseconds on the device of every step, if requested and supported by the device. */
  stepMs: Float64Array | null;
}

export interface RunOptions {
  /** Time every step. Each then needs a pass of its own. */
  profile?: boolean;
  signal?: AbortSignal | undefined;
}

interface PreparedDispatch {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  groups: [number, number, number];
  step: number;
}

export class GpuExecutor {
  readonly description: PlanDescription;
  readonly #device: GPUDevice;
  readonly #watch: LossWatch;
  readonly #outputs: readonly number[];
  readonly #owned: GPUBuffer[] = [];
  #buffers: GPUBuffer[] = [];
  #readback!: GPUBuffer;
  #dispatches: PreparedDispatch[] = [];
  #copy: Uint8Array<ArrayBuffer> | null = null;
  #disposed = false;
  /** After an abort, the run still owns the read-back buffer until the device is done. */
  #previous: Promise<unknown> = Promise.resolve();

  private constructor(device: GPUDevice, description: PlanDescription, outputs: readonly number[]) {
    this.#device = device;
    this.description = description;
    this.#outputs = outputs;
    this.#watch = new LossWatch(device);
  }

  /**
   * Makes everything a run needs. The plan's own memory may be freed afterwards.
   *
   * @throws {DecalError} `webgpu-failed` (the device refuses a shader, buffer or binding), `out-of-memory`, `device-lost`
   */
  static async create(device: GPUDevice, plan: PlanSource, options: ExecutorOptions = {}): Promise<GpuExecutor> {
    const { description } = plan;
    const executor = new GpuExecutor(device, description, options.outputs ?? [0]);
    try {
      await executor.#watch.orLost(executor.#build(plan, options));
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  /** Why no run can succeed any more; null while the device is usable. */
  get lost(): DecalError | null {
    return this.#watch.error;
  }

  /**
   * One inference. `inputs` are dense float32 in the order of the description, in memory that may not change until the previous
   * call has ended. One call at a time. The device cannot be stopped; an abort only ends the waiting.
   *
   * @throws {DecalError} `device-lost`, `out-of-memory`, `webgpu-failed`; the signal's reason
   */
  async run(inputs: readonly Uint8Array[], { profile = false, signal }: RunOptions = {}): Promise<RunResult> {
    signal?.throwIfAborted();
    await this.#watch.orLost(this.#previous);
    if (this.#disposed) throw new DecalError('internal', 'the executor was disposed');
    const work = this.#run(inputs, profile);
    this.#previous = work.catch(() => {});
    return untilAborted(this.#watch.orLost(work), signal);
  }

  /** Frees everything of this plan on the device. Pipelines belong to the cache, and the device to the caller. */
  dispose(): void {
    this.#disposed = true;
    for (const buffer of this.#owned) buffer.destroy();
    this.#owned.length = 0;
    this.#dispatches = [];
  }

  async #build(plan: PlanSource, { onProgress, signal, pipelines = new Map() }: ExecutorOptions): Promise<void> {
    const { description } = plan;
    const weightBytes = Math.max(1, description.memory.weights);
    // Compilers run during the upload, so the share is the mean of both.
    const shares = { compiled: 0, uploaded: 0 };
    const tell = () => onProgress?.((shares.compiled + shares.uploaded) / 2);
    const layouts = await this.#makeLayouts();
    const compiling = this.#compile(layouts, pipelines, (share) => {
      shares.compiled = share;
      tell();
    });
    // Awaited below. Until then a failure must not count as unhandled.
    compiling.catch(() => {});
    const uniforms = await this.#makeBuffers(plan);
    await this.#upload(plan, signal, (bytes) => {
      shares.uploaded = Math.min(1, bytes / weightBytes);
      tell();
    });
    const compiled = await compiling;
    signal?.throwIfAborted();
    this.#dispatches = await guarded(this.#device, 'bind groups', () =>
      description.dispatches.map(({ pipeline, step, groups, uniform: [offset, size], bindings }) => ({
        pipeline: compiled[pipeline]!,
        group: this.#device.createBindGroup({
          layout: layouts.get(signature(description.pipelines[pipeline]!))!,
          entries: [
            { binding: 0, resource: { buffer: uniforms, offset, size } },
            ...bindings.map(([buffer, offset, size], i) =>
              ({ binding: i + 1, resource: { buffer: this.#buffers[buffer]!, offset, size } })),
          ],
        }),
        groups,
        step,
      })));
  }

  /** Explicit layouts: derived ones would omit bindings that a shader does not use. */
  #makeLayouts(): Promise<Map<string, GPUBindGroupLayout>> {
    return guarded(this.#device, 'bind group layouts', () => {
      const layouts = new Map<string, GPUBindGroupLayout>();
      for (const pipeline of this.description.pipelines) {
        if (layouts.has(signature(pipeline))) continue;
        const storage = pipeline.writable.map((writable, i) =>
          storageEntry(i + 1, writable ? 'storage' : 'read-only-storage'));
        layouts.set(signature(pipeline), this.#device.createBindGroupLayout({
          entries: [storageEntry(0, 'uniform'), ...storage],
        }));
      }
      return layouts;
    });
  }

  async #compile(
    layouts: Map<string, GPUBindGroupLayout>, cache: PipelineCache, onShare: (share: number) => void,
  ): Promise<GPUComputePipeline[]> {
    const { pipelines } = this.description;
    let done = 0;
    return Promise.all(pipelines.map(async (pipeline) => {
      const key = `${signature(pipeline)}\n${pipeline.code}`;
      let compiling = cache.get(key);
      if (!compiling) {
        compiling = this.#compileOne(pipeline, layouts.get(signature(pipeline))!);
        cache.set(key, compiling);
      }
      const compiled = await compiling;
      onShare(++done / pipelines.length);
      return compiled;
    }));
  }

  async #compileOne({ label, code }: PlanPipeline, layout: GPUBindGroupLayout): Promise<GPUComputePipeline> {
    const device = this.#device;
    const module = await guarded(device, `shader ${label}`, () => device.createShaderModule({ label, code }));
    try {
      return await device.createComputePipelineAsync({
        label,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new DecalError('webgpu-failed', `pipeline ${label}: ${firstLine(message)}`, { cause: error });
    }
  }

  /** Returns the buffer of the uniforms. */
  #makeBuffers(plan: PlanSource): Promise<GPUBuffer> {
    const { buffers, uniformBytes, memory } = this.description;
    return guarded(this.#device, `${Math.ceil(memory.total / 1e6)} MB of buffers`, () => {
      this.#buffers = buffers.map(({ use, bytes }) =>
        this.#own({ label: use, size: bytes, usage: kStorage | kCopyDestination | (use === 'weights' ? 0 : kCopySource) }));
      const readbackBytes = this.#outputRanges().reduce((sum, [, , bytes]) => sum + bytes, 0);
      this.#readback = this.#own({ label: 'outputs', size: readbackBytes, usage: kMapRead | kCopyDestination });
      const uniforms = this.#own({ label: 'uniforms', size: roundUp(uniformBytes, 16), usage: kUniform | kCopyDestination });
      this.#write(uniforms, 0, plan.uniforms());
      return uniforms;
    });
  }

  /** Uploads weights one after the other, never with more in flight than the staging bound (or one weight, if that is larger). */
  async #upload(plan: PlanSource, signal: AbortSignal | undefined, onBytes: (bytes: number) => void): Promise<void> {
    const { uploads } = this.description;
    let sent = 0;
    for (let next = 0; next < uploads.length;) {
      signal?.throwIfAborted();
      await guarded(this.#device, 'weights', () => {
        for (let inFlight = 0; next < uploads.length && inFlight < kStagingBytes; ++next) {
          const [buffer, offset, bytes] = uploads[next]!;
          this.#write(this.#buffers[buffer]!, offset, plan.fill(next));
          inFlight += bytes;
          sent += bytes;
        }
      });
      await this.#device.queue.onSubmittedWorkDone();
      onBytes(sent);
    }
  }

  async #run(inputs: readonly Uint8Array[], profile: boolean): Promise<RunResult> {
    const device = this.#device;
    const { inputs: infos, steps } = this.description;
    infos.forEach(({ name, range: [, , bytes] }, i) => {
      if (inputs[i]?.length !== bytes) {
        throw new DecalError('shape-mismatch', `${name}: ${inputs[i]?.length ?? 0} bytes instead of ${bytes}`);
      }
    });
    const timer = profile ? Timer.make(device, steps.length) : null;
    try {
      const submitted = guarded(device, 'run', () => {
        infos.forEach(({ range: [buffer, offset] }, i) => this.#write(this.#buffers[buffer]!, offset, inputs[i]!));
        const encoder = device.createCommandEncoder();
        this.#encode(encoder, timer);
        let at = 0;
        for (const [buffer, offset, bytes] of this.#outputRanges()) {
          encoder.copyBufferToBuffer(this.#buffers[buffer]!, offset, this.#readback, at, bytes);
          at += bytes;
        }
        timer?.resolve(encoder);
        device.queue.submit([encoder.finish()]);
      });
      // The errors in the scopes say more than the failed map.
      const mapped = this.#readback.mapAsync(kMapModeRead);
      mapped.catch(() => {});
      await submitted;
      await mapped;
      const whole = this.#readback.getMappedRange();
      let at = 0;
      const outputs = this.#outputRanges().map(([, , bytes]) => {
        const values = new Float32Array(whole.slice(at, at + bytes));
        at += bytes;
        return values;
      });
      this.#readback.unmap();
      return { outputs, stepMs: timer ? await timer.read() : null };
    } catch (error) {
      if (error instanceof DecalError || this.lost) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new DecalError('webgpu-failed', `run: ${firstLine(message)}`, { cause: error });
    } finally {
      timer?.destroy();
    }
  }

  #encode(encoder: GPUCommandEncoder, timer: Timer | null): void {
    let pass: GPUComputePassEncoder | null = null;
    let timed = -1;
    for (const { pipeline, group, groups, step } of this.#dispatches) {
      if (!pass || (timer && timer.slot(step) !== timed)) {
        pass?.end();
        timed = timer?.slot(step) ?? -1;
        pass = encoder.beginComputePass(timer ? { timestampWrites: timer.writes(timed) } : {});
      }
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...groups);
    }
    pass?.end();
  }

  #outputRanges(): PlanRange[] {
    return this.#outputs.map((index) => this.description.outputs[index]!.range);
  }

  #own(descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = this.#device.createBuffer(descriptor);
    this.#owned.push(buffer);
    return buffer;
  }

  #write(buffer: GPUBuffer, offset: number, bytes: Uint8Array): void {
    const { queue } = this.#device;
    if (bytes.buffer instanceof ArrayBuffer) {
      if (bytes.length > 0) queue.writeBuffer(buffer, offset, bytes.buffer, bytes.byteOffset, bytes.length);
      return;
    }
    // The specification allows shared memory here, but not every host does.
    const copy = (this.#copy ??= new Uint8Array(kCopyBytes));
    for (let at = 0; at < bytes.length; at += kCopyBytes) {
      const piece = bytes.subarray(at, at + kCopyBytes);
      copy.set(piece);
      queue.writeBuffer(buffer, offset + at, copy, 0, piece.length);
    }
  }
}

/** Times steps with timestamp queries. Each needs a pass of its own, because queries are at the borders of passes. */
class Timer {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readable: GPUBuffer;
  readonly #steps: number;
  readonly #slots: number;

  static make(device: GPUDevice, steps: number): Timer | null {
    return device.features.has('timestamp-query') && steps > 0 ? new Timer(device, steps) : null;
  }

  private constructor(device: GPUDevice, steps: number) {
    this.#steps = steps;
    // Steps beyond the capacity of one set are counted with the last one.
    this.#slots = Math.min(steps, kMaxQueries / 2);
    const size = 16 * this.#slots;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * this.#slots });
    this.#resolved = device.createBuffer({ size, usage: kQueryResolve | kCopySource });
    this.#readable = device.createBuffer({ size, usage: kMapRead | kCopyDestination });
  }

  slot(step: number): number {
    return Math.min(step, this.#slots - 1);
  }

  writes(slot: number): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: 2 * slot, endOfPassWriteIndex: 2 * slot + 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#slots, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, 16 * this.#slots);
  }

  async read(): Promise<Float64Array> {
    await this.#readable.mapAsync(kMapModeRead);
    const times = new BigUint64Array(this.#readable.getMappedRange());
    const ms = new Float64Array(this.#steps);
    // Steps without dispatches leave zeros, and a clock that was reset in between must not give negative times.
    for (let i = 0; i < this.#slots; ++i) ms[i] = Math.max(0, Number(times[2 * i + 1]! - times[2 * i]!) / 1e6);
    this.#readable.unmap();
    return ms;
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readable.destroy();
  }
}

function signature({ writable }: PlanPipeline): string {
  return writable.map((isWritable) => (isWritable ? 'w' : 'r')).join('');
}

function storageEntry(binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry {
  return { binding, visibility: kComputeStage, buffer: { type } };
}

function roundUp(value: number, granule: number): number {
  return Math.max(granule, Math.ceil(value / granule) * granule);
}
