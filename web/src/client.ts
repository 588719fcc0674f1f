// The page's side of the engine: one worker, one job at a time, and what happens when a caller gives up.
import { DecalError } from './errors.js';
import type { Progress } from './progress.js';
import type { EngineConfig, EngineFacts, FromWorker, Job, Removed, ToWorker } from './protocol.js';
import type { ExecutionEvent } from './types.js';

/**
 * How long a worker without shared memory may take to notice an abort. Between two stages it does so within
 * milliseconds; inside the network it cannot, and is ended instead.
 */
const kAbortGraceMs = 50;

interface Waiting {
  job: Job;
  transfer: Transferable[];
  signal: AbortSignal | undefined;
  resolve(removed: Removed | null): void;
  reject(error: unknown): void;
  /** The caller has its answer already. */
  settled: boolean;
  onAbort(): void;
}

export class EngineClient {
  readonly #progress: Progress;
  readonly #spawn: () => Worker;
  readonly #config: EngineConfig;
  readonly #onExecution: (event: ExecutionEvent) => void;
  #loaded: { key: string; event: ExecutionEvent } | null = null;
  #worker: Worker | null = null;
  #cancel: Int32Array | null = null;
  #facts: EngineFacts | null = null;
  #queue: Waiting[] = [];
  #current: Waiting | null = null;
  #sessionId = 0;
  #nextId = 1;
  #closed = false;

  constructor(
    config: EngineConfig, spawn: () => Worker, progress: Progress, onExecution: (event: ExecutionEvent) => void = () => {},
  ) {
    this.#config = config;
    this.#onExecution = onExecution;
    this.#spawn = spawn;
    this.#progress = progress;
  }

  /** What the running engine turned out to be; null before it has started. */
  get facts(): EngineFacts | null {
    return this.#facts;
  }

  /** How the model of that key runs; null where it is not the one that is loaded. */
  executionOf(key: string): ExecutionEvent | null {
    return this.#loaded?.key === key ? this.#loaded.event : null;
  }

  run(request: Omit<Job, 'id'>, transfer: Transferable[], signal?: AbortSignal): Promise<Removed | null> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        job: { ...request, id: this.#nextId++ },
        transfer,
        signal,
        resolve,
        reject,
        settled: false,
        onAbort: () => this.#abort(waiting),
      };
      if (this.#closed) return reject(disposed());
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', waiting.onAbort, { once: true });
      this.#queue.push(waiting);
      this.#next();
    });
  }

  /** Ends the worker; calls in progress and in the queue are rejected. */
  close(): void {
    this.#closed = true;
    this.#endWorker();
    const open = this.#current ? [this.#current, ...this.#queue] : this.#queue;
    this.#current = null;
    this.#queue = [];
    for (const waiting of open) this.#settle(waiting, () => waiting.reject(disposed()));
  }

  #next(): void {
    if (this.#current || this.#closed) return;
    const waiting = this.#queue.shift();
    if (!waiting) return;
    this.#current = waiting;
    try {
      this.#worker ??= this.#startWorker();
      this.#post({ type: 'job', job: waiting.job }, waiting.transfer);
    } catch (error) {
      // A source that cannot be cloned or transferred, or a worker the page's policy forbids.
      const message = error instanceof Error ? error.message : String(error);
      this.#finish(waiting, () => waiting.reject(new DecalError('unsupported', message, { cause: error })));
    }
  }

  #startWorker(): Worker {
    const worker = this.#spawn();
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      if (worker === this.#worker) this.#receive(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      // Without a message the script itself did not load.
      const error = event.message
        ? new DecalError('internal', `the engine's worker failed: ${event.message}`)
        : new DecalError('network', "the engine's worker could not be loaded: is worker.js beside index.js?");
      if (worker === this.#worker) this.#workerLost(error);
    };
    this.#worker = worker;
    this.#post({ type: 'start', config: this.#config });
    return worker;
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker!.postMessage(message, transfer);
  }

  #receive(message: FromWorker): void {
    const current = this.#current;
    switch (message.type) {
      case 'engine':
        this.#facts = message.facts;
        this.#cancel = message.cancel && new Int32Array(message.cancel.buffer, message.cancel.address, 1);
        break;
      case 'loading':
        this.#loaded = null;
        this.#sessionId = this.#progress.begin();
        break;
      case 'downloading':
        this.#progress.downloading(this.#sessionId, message.loaded, message.total);
        break;
      case 'building':
        this.#progress.building(this.#sessionId, message.share);
        break;
      case 'execution':
        // A call that asks for WebAssembly says nothing of what others would run on.
        if (!this.#loaded || message.event.requested !== 'wasm') this.#loaded = { key: message.key, event: message.event };
        this.#onExecution(message.event);
        break;
      case 'ready':
        this.#progress.ready(this.#sessionId);
        break;
      case 'done':
        if (current?.job.id === message.id) this.#finish(current, () => current.resolve(message.removed));
        break;
      case 'failed': {
        if (current?.job.id !== message.id) break;
        const { code, message: text, fatal } = message.failure;
        this.#progress.failed(this.#sessionId, text);
        if (fatal) this.#endWorker();
        this.#finish(current, () => current.reject(new DecalError(code, text)));
        break;
      }
    }
  }

  #finish(waiting: Waiting, settle: () => void): void {
    // An abort that came too late to stop this run must not stop the next one.
    if (this.#cancel) Atomics.store(this.#cancel, 0, 0);
    this.#current = null;
    this.#settle(waiting, settle);
    this.#next();
  }

  #settle(waiting: Waiting, settle: () => void): void {
    waiting.signal?.removeEventListener('abort', waiting.onAbort);
    for (const item of waiting.transfer) {
      // What a job that never started held; transferred objects are detached by now and ignore it.
      if ('close' in item) item.close();
    }
    if (waiting.settled) return;
    waiting.settled = true;
    settle();
  }

  #abort(waiting: Waiting): void {
    const queued = this.#queue.indexOf(waiting);
    if (queued >= 0) {
      this.#queue.splice(queued, 1);
      this.#settle(waiting, () => waiting.reject(waiting.signal!.reason));
      return;
    }
    if (this.#current !== waiting) return;
    waiting.settled = true;
    waiting.reject(waiting.signal!.reason);
    this.#post({ type: 'abort', id: waiting.job.id });
    if (this.#cancel) {
      Atomics.store(this.#cancel, 0, 1);
      return;
    }
    setTimeout(() => {
      if (this.#current === waiting) this.#workerLost(new DecalError('aborted', 'the call was aborted'));
    }, kAbortGraceMs);
  }

  #workerLost(error: DecalError): void {
    this.#progress.failed(this.#sessionId, error.message);
    this.#endWorker();
    const current = this.#current;
    if (current) this.#finish(current, () => current.reject(error));
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#cancel = null;
    this.#facts = null;
    this.#loaded = null;
  }
}

function disposed(): DecalError {
  return new DecalError('aborted', 'dispose() was called');
}
