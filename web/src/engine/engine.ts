// The engine on its own thread: starts helper threads, owns memory, and turns failures into DecalError.
// SPDX-License-Identifier: MIT
import type { EngineError, Exports } from '../border/border.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { addGuest, decodeText, instantiate, type ThreadTask } from './instance.js';
import { compileGuest, compileModule } from './module.js';
import type { SimdLevel } from '../shared/types.js';

export type { ThreadTask } from './instance.js';

/**
 * How long helper threads may take to start before the engine continues with those that have. A worker starts in about 50 ms on a
 * desktop; a busy phone takes several times as long.
 */
const kThreadStartMs = 2000;

export interface EngineOptions {
  /** The .wasm file, or the response that brings it. */
  wasm: Uint8Array<ArrayBuffer> | Response;
  /** The same for the cut-out module. Without it the engine cannot compose results. */
  cutout?: Uint8Array<ArrayBuffer> | Response;
  simd: SimdLevel;
  /** The number of threads, including this one. More than one need shared memory. */
  threads: number;
  /** Memory shared with other threads and with callers that cancel. */
  shared: boolean;
  /**
   * Starts one helper thread and returns a function that ends it. Throws if the host cannot start one. Call `onFailed` if the
   * thread fails later, unless the host ends the engine in its own way then.
   */
  startThread: (task: ThreadTask, onFailed: (error: unknown) => void) => () => void;
  /** See compileModule. */
  maximumPages?: number;
}

export class Engine {
  readonly memory: WebAssembly.Memory;
  readonly exports: Exports;
  readonly simd: SimdLevel;
  threads = 1;
  /** The reason for this number of threads. */
  reason = '';
  /** The instance trapped: its state is unknown, and no further call may be made. */
  broken = false;
  readonly #endThreads: (() => void)[] = [];
  /** Of a helper thread. */
  #failure: DecalError | null = null;

  private constructor(memory: WebAssembly.Memory, exports: Exports, simd: SimdLevel) {
    this.memory = memory;
    this.exports = exports;
    this.simd = simd;
  }

  static async start(options: EngineOptions): Promise<Engine> {
    const { threads: wanted, shared } = options;
    const [{ module, memory }, guest] = await Promise.all([
      compileModule(options.wasm, shared, options.maximumPages), options.cutout ? compileGuest(options.cutout, shared) : null,
    ]);
    const own = instantiate(module, memory);
    const engine = new Engine(memory, guest ? addGuest(own, guest, memory) : own, options.simd);
    engine.call(() => engine.exports._initialize());
    if (wanted === 1) {
      engine.reason = 'one thread';
    } else if (!shared) {
      engine.reason = 'one thread: there is no shared memory here';
    } else {
      try {
        await engine.#startThreads(module, guest, wanted, options.startThread);
      } catch (error) {
        engine.close();
        throw error;
      }
    }
    return engine;
  }

  async #startThreads(
    module: WebAssembly.Module, guest: WebAssembly.Module | null, wanted: number, startThread: EngineOptions['startThread'],
  ) {
    const { exports, memory } = this;
    this.check(() => exports.decal_threads_init(wanted));
    let problem = 'they did not start in time';
    try {
      for (let index = 1; index < wanted; ++index) {
        const stackPointer = exports.decal_worker_stack(index) >>> 0;
        this.#endThreads.push(startThread({ module, guest, memory, index, stackPointer }, (error) => this.#threadFailed(error)));
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const started = this.#endThreads.length;
    const deadline = performance.now() + kThreadStartMs;
    while (exports.decal_workers_ready() < started && performance.now() < deadline && !this.#failure) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (this.#failure) throw this.#failure;
    this.threads = 1 + exports.decal_workers_ready();
    this.reason = this.threads === wanted
      ? `${wanted} threads on shared memory`
      : `${this.threads} of ${wanted} threads: ${problem}`;
  }

  /** A helper's share of the work is lost, so the engine can no longer compute. */
  #threadFailed(error: unknown): void {
    if (this.broken) return;
    this.#failure = toDecalError(error, 'worker-lost', 'a thread of the engine failed');
    this.broken = true;
  }

  /** Ends the helper threads. The memory is freed when nothing refers to the engine any more. */
  close(): void {
    if (!this.broken && this.threads > 1) this.exports.decal_threads_stop();
    for (const end of this.#endThreads) end();
    this.broken = true;
  }

  /**
   * Throws if another thread has set the cancel flag. Long work checks this and not only a signal, because its promises may
   * settle without a turn of the event loop in which an abort message could arrive.
   */
  throwIfCancelled(): void {
    const flag = new Int32Array(this.memory.buffer, this.exports.decal_cancel_flag() >>> 0, 1);
    if (Atomics.load(flag, 0) !== 0) throw new DecalError('cancelled', 'the call was cancelled');
  }

  /** Calls into the module. A trap makes the engine unusable and becomes an error with the reason that it left. */
  call<T>(work: () => T): T {
    if (this.broken) throw this.#failure ?? new DecalError('internal', 'the engine has stopped');
    try {
      return work();
    } catch (error) {
      if (error instanceof DecalError) throw error;
      this.broken = true;
      const known = this.#lastError();
      if (known) throw known;
      const message = error instanceof Error ? error.message : String(error);
      throw new DecalError('internal', `the engine stopped: ${message}`, { cause: error });
    }
  }

  /** Calls a function that returns 0 for success. */
  check(work: () => number): void {
    if (this.call(work) !== 0) this.#fail();
  }

  /** Calls a function that returns a handle or null. */
  handle(work: () => number): number {
    const handle = this.call(work) >>> 0;
    if (handle === 0) this.#fail();
    return handle;
  }

  /** Calls a function that returns JSON, or null for failure. */
  json<T>(work: () => number): T {
    return JSON.parse(this.#text(this.handle(work))) as T;
  }

  alloc(bytes: number, what: string): number {
    // Sizes over 4 GiB would wrap around when passed in.
    const pointer = bytes < 2 ** 32 ? this.call(() => this.exports.decal_alloc(bytes)) >>> 0 : 0;
    if (pointer === 0) throw new DecalError('out-of-memory', `no memory for ${bytes} bytes of ${what}`);
    return pointer;
  }

  free(pointer: number): void {
    if (!this.broken) this.call(() => this.exports.decal_free(pointer));
  }

  /** A view into memory. Valid until the next call, because memory may grow and move. */
  bytes(pointer: number, size: number): Uint8Array<ArrayBuffer> {
    // The type says not shared: callers copy before they pass it to functions that refuse shared memory.
    return new Uint8Array(this.memory.buffer as ArrayBuffer, pointer, size);
  }

  #fail(): never {
    throw this.#lastError() ?? new DecalError('internal', 'the engine failed and gave no reason');
  }

  #lastError(): DecalError | null {
    const text = this.#text(this.exports.decal_error() >>> 0);
    if (text === '') return null;
    const { code, message, where } = JSON.parse(text) as EngineError;
    return new DecalError(code, where ? `${where}: ${message}` : message);
  }

  #text(pointer: number): string {
    const memory = new Uint8Array(this.memory.buffer);
    return decodeText(this.memory, pointer, memory.indexOf(0, pointer) - pointer);
  }
}
