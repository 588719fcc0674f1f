// The page's side of the engine: one worker, one task at a time, and the handling of aborts and lost workers.
// SPDX-License-Identifier: MIT
import { kRemedy } from '../shared/assets.js';
import type { Fetch } from '../download/host.js';
import { serveDrawing } from '../adapters/worker/page-drawing.js';
import { serveFetch } from '../adapters/worker/page-fetch.js';
import { DecalError } from '../shared/errors.js';
import type { EngineWorker } from './spawn.js';
import { livenessName, watchLiveness } from '../shared/worker-liveness.js';
import type { Progress } from './progress.js';
import type {
  EngineConfig, EngineFacts, Failure, FromWorker, Outcome, Outcomes, Task, ThreadStart, ToWorker,
} from '../adapters/worker/protocol.js';
import { release } from './source.js';
import { drawSvg } from './svg.js';
import type { ExecutionEvent } from '../shared/types.js';

/**
 * How long a worker may take to react to an abort before it is terminated, so that its memory is free within 200 ms. Between two
 * stages a worker reacts within milliseconds; with shared memory also inside the network and the encoder. The start of an engine,
 * the browser's own decoding and encoding and, without shared memory, the network cannot be interrupted. In that last case
 * WebKit's worker keeps its memory until the network has run (EngineWorker.endsOnlyIdle).
 */
const kAbortGraceMs = { shared: 150, alone: 50 };

/** A task and what is transferred with it. */
export interface Prepared<T extends Task = Task> {
  task: T;
  transfer: Transferable[];
}

/** What workers are started with. */
interface Setup {
  config: EngineConfig;
  /** The page's own fetch, for models. */
  fetch: Fetch | null;
}

interface Waiting extends Prepared {
  id: number;
  setup: Setup;
  /** Prepares the task again for another worker, because transferred data is gone. Null if that has been done already. */
  again: (() => Promise<Prepared>) | null;
  signal: AbortSignal | undefined;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
  /** The caller already has its answer. */
  settled: boolean;
  onAbort(): void;
}

export class EngineClient {
  readonly #progress: Progress;
  readonly #spawn: () => EngineWorker;
  #setup: Setup;
  /** Of the current worker. */
  #workerSetup: Setup | null = null;
  readonly #onExecution: (event: ExecutionEvent) => void;
  #loaded: { key: string; event: ExecutionEvent } | null = null;
  #worker: EngineWorker | null = null;
  #helpers: EngineWorker[] = [];
  #unwatch = () => {};
  #cancel: Int32Array | null = null;
  #facts: EngineFacts | null = null;
  #queue: Waiting[] = [];
  #current: Waiting | null = null;
  #sessionId = 0;
  /** The worker is loading a model. */
  #loading = false;
  /** The worker has sent a message. */
  #heard = false;
  #nextId = 1;
  #closed = false;

  constructor(
    config: EngineConfig, spawn: () => EngineWorker, progress: Progress, onExecution: (event: ExecutionEvent) => void = () => {},
    fetch: Fetch | null = null,
  ) {
    this.#setup = { config, fetch };
    this.#onExecution = onExecution;
    this.#spawn = spawn;
    this.#progress = progress;
  }

  /** What the running engine reported about itself; null before it has started. */
  get facts(): EngineFacts | null {
    return this.#workerSetup === this.#setup ? this.#facts : null;
  }

  /** How the model of that key runs; null if it is not loaded. */
  executionOf(key: string): ExecutionEvent | null {
    return this.#workerSetup === this.#setup && this.#loaded?.key === key ? this.#loaded.event : null;
  }

  /** Applies to later calls. Earlier ones keep their settings; another worker follows when they are done. */
  configure(config: EngineConfig, fetch: Fetch | null): void {
    this.#setup = { config, fetch };
  }

  /**
   * Runs a task after all earlier ones. If the worker is lost meanwhile, `again` prepares the task once more for the next one.
   */
  run<T extends Task>(
    { task, transfer }: Prepared<T>, signal?: AbortSignal, again?: () => Promise<Prepared<T>>,
  ): Promise<Outcomes[T['kind']]> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        id: this.#nextId++,
        setup: this.#setup,
        task,
        transfer,
        again: again ?? null,
        signal,
        resolve: resolve as (outcome: Outcome) => void,
        reject,
        settled: false,
        onAbort: () => this.#abort(waiting),
      };
      if (this.#closed || signal?.aborted) {
        return this.#settle(waiting, () => reject(this.#closed ? disposed() : signal!.reason));
      }
      signal?.addEventListener('abort', waiting.onAbort, { once: true });
      this.#queue.push(waiting);
      this.#next();
    });
  }

  /** Terminates the worker and rejects all calls in progress and in the queue. */
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
    this.#start(waiting);
  }

  #start(waiting: Waiting): void {
    const { id, task, transfer } = waiting;
    try {
      if (this.#worker && this.#workerSetup !== waiting.setup) this.#endWorker();
      this.#worker ??= this.#startWorker(waiting.setup);
      this.#post({ type: 'job', job: { id, task } }, transfer);
    } catch (error) {
      // The source cannot be cloned or transferred, or the page's policy forbids the worker.
      const message = error instanceof Error ? error.message : String(error);
      this.#finish(waiting, () => waiting.reject(new DecalError('unsupported', message, { cause: error })));
    }
  }

  #startWorker(setup: Setup): EngineWorker {
    const worker = this.#spawn();
    const life = livenessName();
    const lost = (error: DecalError) => {
      if (worker === this.#worker) this.#workerLost(error);
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (worker !== this.#worker) return;
      this.#heard = true;
      if (data.type === 'helper') return this.#startHelper(data.start, lost);
      if (data.type !== 'alive') return this.#receive(data);
      this.#unwatch = watchLiveness(life!, () => lost(new DecalError('worker-lost', "the engine's worker was ended from outside")));
    };
    worker.onmessageerror = () => lost(new DecalError('worker-lost', "what the engine's worker sent cannot be read"));
    worker.onerror = (event) => {
      event.preventDefault();
      // An error without a message means that the script itself did not load.
      lost(event.message
        ? new DecalError('worker-lost', `the engine's worker failed: ${event.message}`)
        : new DecalError('network', `${worker.address}: the engine's worker could not be loaded; ${kRemedy}`));
    };
    this.#worker = worker;
    this.#workerSetup = setup;
    this.#post({ type: 'start', config: setup.config, life });
    return worker;
  }

  // The page starts helper threads although the engine's worker could: in Firefox a worker that starts another one sometimes
  // waits for it forever. If one does not start, the engine goes on without it.
  #startHelper(start: ThreadStart, lost: (error: DecalError) => void): void {
    const helper = this.#spawn();
    this.#helpers.push(helper);
    helper.onerror = (event) => {
      event.preventDefault();
      if (event.message) lost(new DecalError('worker-lost', `a thread of the engine failed: ${event.message}`));
    };
    helper.postMessage(start satisfies ToWorker);
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker!.postMessage(message, transfer);
  }

  #receive(message: Exclude<FromWorker, { type: 'alive' | 'helper' }>): void {
    const current = this.#current;
    switch (message.type) {
      case 'engine':
        this.#facts = message.facts;
        this.#cancel = message.cancel && new Int32Array(message.cancel.buffer, message.cancel.address, 1);
        break;
      case 'loading':
        this.#loaded = null;
        this.#loading = true;
        this.#sessionId = this.#progress.begin();
        break;
      case 'downloading':
        this.#progress.downloading(this.#sessionId, message.name, message);
        break;
      case 'fetch':
        void serveFetch(this.#workerSetup!.fetch!, message.request, message.port);
        break;
      case 'draw':
        void serveDrawing(drawSvg, message.request, message.port);
        break;
      case 'building':
        this.#progress.building(this.#sessionId, message.share);
        break;
      case 'execution':
        // A call that asks for WebAssembly does not tell what other calls would run on.
        if (!this.#loaded || message.event.requested !== 'wasm') this.#loaded = { key: message.key, event: message.event };
        this.#onExecution(message.event);
        break;
      case 'ready':
        this.#loading = false;
        this.#progress.ready(this.#sessionId);
        break;
      case 'done':
        if (current?.id === message.id) this.#finish(current, () => current.resolve(message.outcome));
        break;
      case 'failed':
        if (current?.id === message.id) this.#failed(current, message.failure);
        break;
    }
  }

  #failed(waiting: Waiting, { code, message, fatal }: Failure): void {
    const error = new DecalError(code, message);
    if (fatal) return this.#workerLost(error);
    this.#loadingFailed(message);
    this.#finish(waiting, () => waiting.reject(error));
  }

  /**
   * Reports the failure to progress listeners if loading the model failed. Errors of pictures and mattes are not reported there.
   */
  #loadingFailed(message: string): void {
    if (this.#loading) this.#progress.failed(this.#sessionId, message);
    this.#loading = false;
  }

  #finish(waiting: Waiting, settle: () => void): void {
    // An abort that came too late for this run must not stop the next one.
    if (this.#cancel) Atomics.store(this.#cancel, 0, 0);
    this.#current = null;
    this.#settle(waiting, settle);
    this.#next();
  }

  #settle(waiting: Waiting, settle: () => void): void {
    waiting.signal?.removeEventListener('abort', waiting.onAbort);
    // Frees what a task held that never started.
    release(waiting.transfer);
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
    if (!this.#worker) {
      // Between two workers: it is being prepared for the second one.
      return this.#finish(waiting, () => waiting.reject(waiting.signal!.reason));
    }
    waiting.settled = true;
    waiting.reject(waiting.signal!.reason);
    this.#post({ type: 'abort', id: waiting.id });
    if (this.#cancel) Atomics.store(this.#cancel, 0, 1);
    this.#endUnlessAnswered(waiting, this.#cancel ? kAbortGraceMs.shared : kAbortGraceMs.alone);
  }

  // A worker whose engine is still starting reacts soon, since no step takes long. A worker that may not be terminated while it
  // works is waited for: a second one beside it would need the memory twice.
  #endUnlessAnswered(waiting: Waiting, graceMs: number): void {
    if (this.#worker?.endsOnlyIdle) return;
    setTimeout(() => {
      if (this.#current !== waiting) return;
      if (this.#facts) this.#workerLost(new DecalError('aborted', 'the call was aborted'));
      else this.#endUnlessAnswered(waiting, graceMs);
    }, graceMs);
  }

  /** Gives the current task to another worker, unless its caller is gone or it has lost a worker already. */
  #workerLost(error: DecalError): void {
    const current = this.#current;
    // A worker that never started has not reported that it loads the model.
    if (!this.#heard && current && current.task.kind !== 'apply') {
      this.#loading = true;
      this.#sessionId = this.#progress.begin();
    }
    const loading = this.#loading;
    this.#endWorker();
    if (current && !current.settled && current.again && error.code !== 'network') {
      this.#retry(current, current.again);
      return;
    }
    if (loading) this.#progress.failed(this.#sessionId, error.message);
    if (current) this.#finish(current, () => current.reject(error));
  }

  #retry(waiting: Waiting, again: () => Promise<Prepared>): void {
    waiting.again = null;
    // It stays the current task meanwhile, so that no other overtakes it.
    again().then((prepared) => {
      if (this.#current !== waiting) return release(prepared.transfer);
      Object.assign(waiting, prepared);
      this.#start(waiting);
    }, (error: unknown) => {
      if (this.#current === waiting) this.#finish(waiting, () => waiting.reject(error));
    });
  }

  #endWorker(): void {
    this.#unwatch();
    this.#unwatch = () => {};
    if (this.#worker?.endsOnlyIdle) {
      // As soon as the engine's thread checks the flag.
      if (this.#cancel) Atomics.store(this.#cancel, 0, 1);
      endWhenIdle(this.#worker, this.#helpers);
    } else {
      for (const worker of [this.#worker, ...this.#helpers]) worker?.terminate();
    }
    this.#worker = null;
    this.#workerSetup = null;
    this.#loading = this.#heard = false;
    this.#helpers = [];
    this.#cancel = null;
    this.#facts = null;
    this.#loaded = null;
  }
}

/** Asks the worker to stop itself and its helpers, then terminates them. A worker that fails meanwhile has nothing left to do. */
function endWhenIdle(worker: EngineWorker, helpers: EngineWorker[]): void {
  const end = () => {
    for (const each of [worker, ...helpers]) each.terminate();
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === 'ended') end();
  };
  worker.onmessageerror = end;
  worker.onerror = (event) => {
    event.preventDefault();
    end();
  };
  worker.postMessage({ type: 'end' } satisfies ToWorker);
}

function disposed(): DecalError {
  return new DecalError('aborted', 'dispose() was called');
}
