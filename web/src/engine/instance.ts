// One instance of the module on one thread: imports, exports and access to its memory.

/**
 * The functions of wasm/decal_wasm.h: the planner has decal_gpu_plan_*, the engine all others. Pointers come back signed:
 * `>>> 0` makes them addresses.
 */
export interface Exports {
  _initialize(): void;
  __stack_pointer: WebAssembly.Global;
  decal_alloc(bytes: number): number;
  decal_free(memory: number): void;
  decal_error(): number;
  decal_threads_init(threads: number): number;
  decal_worker_stack(index: number): number;
  decal_worker_main(index: number): void;
  decal_worker_failed(): void;
  decal_threads_stop(): void;
  decal_workers_ready(): number;
  decal_cancel_flag(): number;
  decal_stream_new(): number;
  decal_stream_feed(stream: number, bytes: number, size: number): number;
  decal_stream_free(stream: number): void;
  decal_session_from_stream(stream: number): number;
  decal_session_free(session: number): void;
  decal_session_info(session: number): number;
  decal_session_specialize(session: number, height: number, width: number): number;
  decal_session_run(session: number, inputs: number, outputs: number): number;
  decal_gpu_plan_new(session: number, height: number, width: number, limits: number, half: number): number;
  decal_gpu_plan_free(plan: number): void;
  decal_gpu_plan_json(plan: number): number;
  decal_gpu_plan_uniforms(plan: number): number;
  decal_gpu_plan_fill(plan: number, index: number, out: number): void;
  decal_remover_new(session: number, meanStd: number, rule: number): number;
  decal_remover_free(remover: number): void;
  decal_remover_prepare(remover: number, width: number, height: number): number;
  decal_remover_run(
    remover: number, rgba: number, width: number, height: number, background: number, maskOnly: number,
  ): number;
  decal_remover_input_size(remover: number, width: number, height: number, size: number): void;
  decal_remover_expect(remover: number, width: number, height: number, shape: number, rank: number): number;
  decal_remover_fits(remover: number, width: number, height: number): number;
  decal_remover_input(remover: number, rgba: number, width: number, height: number): number;
  decal_remover_finish(
    remover: number, output: number, values: number, rgba: number, width: number, height: number, background: number,
    maskOnly: number,
  ): number;
  decal_remover_report(remover: number): number;
  decal_composite(
    matte: number, matteWidth: number, matteHeight: number, rgba: number, width: number, height: number,
    background: number, maskOnly: number,
  ): number;
  decal_resize(
    rgba: number, width: number, height: number, out: number, outWidth: number, outHeight: number,
  ): number;
  decal_png_filter(rgba: number, width: number, first: number, count: number, out: number): void;
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const wasi: Record<string, (...args: never[]) => number> = wasiImports(memory);
  const imports: WebAssembly.Imports = { env: { memory }, wasi_snapshot_preview1: {} };
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    if (namespace !== 'wasi_snapshot_preview1') continue;
    // libc mentions more of WASI than it calls; what is called here without being there is our mistake.
    imports[namespace]![name] = wasi[name] ?? (() => {
      throw new Error(`the engine called ${name}, which this host does not have`);
    });
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as Exports;
}

/** A helper thread's whole life: it computes until the engine stops or the worker is ended. */
export function runThread(module: WebAssembly.Module, memory: WebAssembly.Memory, index: number, stackPointer: number) {
  const exports = instantiate(module, memory);
  // Before any call: until now this instance's stack is the engine's own.
  exports.__stack_pointer.value = stackPointer;
  try {
    exports.decal_worker_main(index);
  } catch (error) {
    // The engine's thread is waiting for this one's share.
    exports.decal_worker_failed();
    throw error;
  }
}

/** The few calls of WASI that libc makes: a clock, and where messages of a crash go. */
function wasiImports(memory: WebAssembly.Memory) {
  const view = () => new DataView(memory.buffer);
  return {
    clock_time_get(_clock: number, _precision: bigint, result: number): number {
      const nanoseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
      view().setBigUint64(result >>> 0, nanoseconds, true);
      return 0;
    },
    fd_write(_fd: number, vectors: number, count: number, written: number): number {
      let text = '';
      let total = 0;
      for (let i = 0; i < count; ++i) {
        const pointer = view().getUint32((vectors >>> 0) + 8 * i, true);
        const size = view().getUint32((vectors >>> 0) + 8 * i + 4, true);
        text += decodeText(memory, pointer, size);
        total += size;
      }
      console.error(`decal: ${text.trimEnd()}`);
      view().setUint32(written >>> 0, total, true);
      return 0;
    },
    proc_exit(status: number): number {
      throw new Error(`the engine ended with status ${status}`);
    },
    random_get(buffer: number, size: number): number {
      // Only seeds hash tables. Copied: getRandomValues does not take shared memory.
      new Uint8Array(memory.buffer, buffer >>> 0, size).set(crypto.getRandomValues(new Uint8Array(size)));
      return 0;
    },
    // "Bad file descriptor", "not found", nothing there: the module has no files, arguments or environment.
    fd_close: (): number => 8,
    fd_seek: (): number => 8,
    fd_read: (): number => 8,
    fd_fdstat_get: (): number => 8,
    fd_prestat_get: (): number => 8,
    environ_sizes_get(count: number, size: number): number {
      view().setUint32(count >>> 0, 0, true);
      view().setUint32(size >>> 0, 0, true);
      return 0;
    },
    environ_get: (): number => 0,
  };
}

/** UTF-8 text out of memory. Copied: decoders refuse shared memory. */
export function decodeText(memory: WebAssembly.Memory, pointer: number, size: number): string {
  return new TextDecoder().decode(new Uint8Array(memory.buffer, pointer, size).slice());
}
