// The one owner of an engine, its GPU, the loaded model and the queue of calls. The page's worker, decal/inline and Node are its
// adapters: they start engines, read files, and decode and encode pictures.
// SPDX-License-Identifier: MIT
import { following } from '../shared/abort.js';
import type { DownloadProgress } from '../download/host.js';
import type { ReadModel } from '../download/source.js';
import type { Engine } from '../engine/engine.js';
import { DecalError, type DecalErrorCode } from '../shared/errors.js';
import { makeExecution } from './execution.js';
import { GpuHost, type GpuHostOptions } from '../gpu/host.js';
import type { ResolvedModel } from '../shared/models.js';
import type { OutputPlan } from '../shared/options.js';
import type { DeviceOption, Execution, ExecutionEvent, Matte } from '../shared/types.js';
import { loadModel } from './loading.js';
import type { DecodedPicture } from './picture.js';
import {
  applyMatte, cutOut, matteOf, segment, type CutOut, type Encode, type Loaded, type MatteOut, type MattePlan, type ParseColour, type PictureFacts,
} from './tasks.js';

/** What a JavaScript host provides. `Source`: its pictures before decoding. `File`: what callers get for a finished picture. */
export interface HostAdapter<Source, File> {
  /** Starts an engine, after the previous one has ended. The signal is aborted when no call waits for it any more. */
  startEngine(signal: AbortSignal): Promise<Engine>;
  read: ReadModel;
  gpu: GpuHostOptions;
  decode(source: Source, signal: AbortSignal): Promise<DecodedPicture>;
  encode: Encode<File>;
  parseColour: ParseColour;
}

/** Events that a host reports while it works. */
export interface HostEvents {
  onEngine?(engine: Engine): void;
  /** A model is being loaded. `onReady` follows, or its call fails. */
  onLoading?(): void;
  onDownload?(name: string, progress: DownloadProgress): void;
  /** Progress of building for the GPU, 0 to 1. */
  onBuilding?(share: number): void;
  onReady?(): void;
  /** `key`: the model's. */
  onExecution?(key: string, event: ExecutionEvent): void;
}

/** What a call that runs the network needs. */
export interface WithModel {
  model: ResolvedModel;
  device: DeviceOption;
}

/**
 * `idle` until the first call, and after an engine has stopped; `starting` while an engine does; `running` while a call uses
 * it; `ready` between two; `closing` from `close()` on, and `closed` once nothing is left.
 */
export type HostState = 'idle' | 'starting' | 'ready' | 'running' | 'closing' | 'closed';

export class EngineHost<Source, File> {
  readonly #adapter: HostAdapter<Source, File>;
  readonly #events: HostEvents;
  readonly #gpu: GpuHost;
  #queue: Promise<unknown>;
  /** Of the calls in progress. */
  readonly #calls = new Set<AbortController>();
  #starting: Promise<Engine> | null = null;
  /** Aborted when no call needs the start any more. */
  readonly #unwanted = new AbortController();
  #engine: Engine | null = null;
  #loaded: Loaded | null = null;
  #running = false;
  #closing: Promise<void> | null = null;
  #closed = false;

  /** `after`: wait for this before anything runs. It is the end of another host, so that there are never two engines. */
  constructor(adapter: HostAdapter<Source, File>, events: HostEvents = {}, after: Promise<unknown> = Promise.resolve()) {
    this.#adapter = adapter;
    this.#events = events;
    this.#gpu = new GpuHost(adapter.gpu);
    this.#queue = after;
  }

  get state(): HostState {
    if (this.#closed) return 'closed';
    if (this.#closing) return 'closing';
    if (this.#starting) return 'starting';
    if (this.#running) return 'running';
    return this.#engine && !this.#engine.broken ? 'ready' : 'idle';
  }

  /** The engine has trapped. The next call starts another. */
  get broken(): boolean {
    return this.#engine?.broken ?? false;
  }

  // Calls run one after the other, because an engine is not reentrant while a model streams in. A call settles when all of its
  // work has ended, also after an abort. Callers that cannot wait race it with their signal.

  /** Loads and prepares the model. */
  load(withModel: WithModel, signal?: AbortSignal): Promise<void> {
    return this.#run(signal, async (inner) => void (await this.#load(withModel, inner)));
  }

  remove(source: Source, output: OutputPlan, withModel: WithModel, signal?: AbortSignal): Promise<CutOut<File>> {
    return this.#run(signal, (inner) =>
      this.#withModel(source, withModel, inner, (loaded, picture, times) =>
        cutOut(loaded, picture, times, withModel.device, output, this.#adapter, inner)));
  }

  segment(source: Source, plan: MattePlan, withModel: WithModel, signal?: AbortSignal): Promise<MatteOut> {
    return this.#run(signal, (inner) =>
      this.#withModel(source, withModel, inner, (loaded, picture, times) =>
        segment(loaded, picture, times, withModel.device, plan, inner)));
  }

  /** `matte`: values, or a picture that contains them. No model is loaded. */
  apply(source: Source, matte: { values: Matte } | { picture: Source }, output: OutputPlan, signal?: AbortSignal): Promise<File & PictureFacts> {
    return this.#run(signal, (inner) =>
      this.#withPicture(source, this.#startEngine(), inner, async (owner, picture) => {
        const values = 'values' in matte ? matte.values : matteOf(owner, await this.#adapter.decode(matte.picture, inner));
        return applyMatte(owner, picture, values, output, this.#adapter, inner);
      }));
  }

  /** One call that holds the model while `work` runs, for example for the frames of a stream. */
  stream(withModel: WithModel, work: (loaded: Loaded, signal: AbortSignal) => Promise<void>, signal?: AbortSignal): Promise<void> {
    return this.#run(signal, async (inner) => {
      const { loaded } = await this.#load(withModel, inner);
      inner.throwIfAborted();
      await work(loaded, inner).catch((error: unknown) => {
        throw naming(loaded.name, error);
      });
    });
  }

  /** For work that needs an engine but no model. */
  use<T>(work: (engine: Engine) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#run(signal, async (inner) => {
      const engine = await this.#startEngine();
      inner.throwIfAborted();
      return work(engine);
    });
  }

  /**
   * Frees everything once nothing uses it any more: waits for calls, for a start, and for a check of the GPU in progress. With a
   * reason, calls are rejected with it as soon as possible; without one, they run to their end. New calls are refused.
   */
  close(reason?: DecalError): Promise<void> {
    if (reason) {
      this.#unwanted.abort(reason);
      for (const call of this.#calls) call.abort(reason);
    }
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#queue;
    await this.#starting?.catch(() => {});
    await this.#gpu.close();
    this.#endEngine();
    this.#closed = true;
  }

  #run<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new DecalError('aborted', 'dispose() was called'));
    const { controller, release } = following(signal);
    this.#calls.add(controller);
    const result = this.#queue.then(async () => {
      try {
        controller.signal.throwIfAborted();
        this.#running = true;
        return await work(controller.signal);
      } finally {
        this.#running = false;
        this.#calls.delete(controller);
        release();
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  async #withModel<T extends { execution: Execution }>(
    source: Source, withModel: WithModel, signal: AbortSignal,
    use: (loaded: Loaded, picture: DecodedPicture, times: { load: number; decode: number }) => Promise<T>,
  ): Promise<T> {
    const result = await this.#withPicture(source, this.#load(withModel, signal), signal, ({ loaded, ms }, picture, decodeMs) =>
      use(loaded, picture, { load: ms, decode: decodeMs }).catch((error: unknown) => {
        throw naming(loaded.name, error);
      }));
    this.#events.onExecution?.(withModel.model.key, { kind: 'run', ...result.execution });
    return result;
  }

  /** Decodes while something else gets ready. If either fails, waits for both to end. */
  async #withPicture<R, T>(
    source: Source, ready: Promise<R>, signal: AbortSignal,
    use: (ready: R, picture: DecodedPicture, decodeMs: number) => Promise<T>,
  ): Promise<T> {
    const start = performance.now();
    let decodeMs = 0;
    const decoding = this.#adapter.decode(source, signal).finally(() => void (decodeMs = performance.now() - start));
    const [readyResult, decodeResult] = await Promise.allSettled([ready, decoding]);
    const picture = decodeResult.status === 'fulfilled' ? decodeResult.value : null;
    try {
      if (readyResult.status === 'rejected') throw readyResult.reason;
      if (decodeResult.status === 'rejected') throw decodeResult.reason;
      signal.throwIfAborted();
      return await use(readyResult.value, picture!, decodeMs);
    } finally {
      picture?.close();
    }
  }

  /** Makes this the loaded model, ready for the requested device. `ms` is how long that took. */
  async #load({ model, device }: WithModel, signal: AbortSignal): Promise<{ loaded: Loaded; ms: number }> {
    const start = performance.now();
    const { spec: { name }, key } = model;
    if (this.#loaded?.key === key && !this.broken) return { loaded: this.#loaded, ms: 0 };
    this.#events.onLoading?.();
    // Two models at once would need twice the memory.
    this.#unload();
    const starting = this.#startEngine();
    starting.catch(() => {});  // reported where it is awaited
    // If WebGPU is demanded and missing, nothing need be downloaded.
    if (device === 'webgpu') await this.#gpu.demand(await starting);
    const loading = loadModel({
      engine: starting, host: this.#gpu, planner: this.#adapter.gpu.planner, read: this.#adapter.read, model, device, signal,
      onDownload: (progress) => this.#events.onDownload?.(name, progress),
      onArrived: () => this.#events.onBuilding?.(0),
      events: {
        onBuilding: (share) => this.#events.onBuilding?.(share),
        // There is one engine at a time, so a model that still works belongs to this one.
        onDowngrade: (other) =>
          this.#events.onExecution?.(key, { kind: 'downgrade', ...makeExecution(other, this.#engine!, name, {}) }),
      },
    });
    const { model: routed, route } = await loading.catch((error: unknown) => {
      throw naming(name, error);
    });
    const owner = await starting;
    const loaded: Loaded = { key, name, owner, model: routed };
    this.#loaded = loaded;
    const ms = performance.now() - start;
    const execution = makeExecution(route, owner, name, { memoryBytes: routed.memoryBytes }, { load: ms });
    this.#events.onExecution?.(key, { kind: 'session', ...execution });
    this.#events.onReady?.();
    return { loaded, ms };
  }

  /** The running engine, or the one that is starting. A caller that gave up waiting did not stop the start. */
  #startEngine(): Promise<Engine> {
    if (this.#engine && !this.#engine.broken) return Promise.resolve(this.#engine);
    this.#starting ??= this.#start().finally(() => void (this.#starting = null));
    return this.#starting;
  }

  async #start(): Promise<Engine> {
    this.#endEngine();
    const engine = await this.#adapter.startEngine(this.#unwanted.signal);
    this.#engine = engine;
    this.#events.onEngine?.(engine);
    return engine;
  }

  #unload(): void {
    this.#loaded?.model.free();
    this.#loaded = null;
  }

  #endEngine(): void {
    this.#unload();
    this.#engine?.close();
    this.#engine = null;
  }
}

/** Codes of errors of a model, while it is loaded and while it runs. */
const kModelFaults: readonly DecalErrorCode[] = ['shape-mismatch', 'unsupported-operator', 'corrupt-model', 'not-found', 'invalid-argument'];

/** Adds the model's name to an error of the model. */
function naming(name: string, error: unknown): unknown {
  if (!(error instanceof DecalError) || !kModelFaults.includes(error.code) || error.message.startsWith(`${name}: `)) return error;
  // Other errors concern the call's options.
  if (error.code === 'invalid-argument' && !/^(activation|inputs): |foregroundClass/.test(error.message)) return error;
  return new DecalError(error.code, `${name}: ${error.message}`, { cause: error });
}

/** The only host: created when needed. Its successor waits until it has ended. */
export class HostSlot<H extends { close(reason?: DecalError): Promise<void> }> {
  readonly #make: (after: Promise<void>) => H;
  #host: H | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(make: (after: Promise<void>) => H) {
    this.#make = make;
  }

  get(): H {
    return (this.#host ??= this.#make(this.#ended));
  }

  /** Ends the host, after its calls or, with a reason, by rejecting them. Resolves when everything is freed. */
  retire(reason?: DecalError): Promise<void> {
    if (this.#host) {
      this.#ended = Promise.all([this.#ended, this.#host.close(reason)]).then(() => {});
    }
    this.#host = null;
    return this.#ended;
  }
}
