// One instance of the module on one thread: its imports, exports and access to memory.
// SPDX-License-Identifier: MIT

import type { Exports } from '../border/border.js';

/** What a helper thread needs to call runThread. */
export interface ThreadTask {
  module: WebAssembly.Module;
  /** The cut-out module. */
  guest: WebAssembly.Module | null;
  memory: WebAssembly.Memory;
  index: number;
  stackPointer: number;
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const wasi: Record<string, (...args: never[]) => number> = wasiImports(memory);
  const imports: WebAssembly.Imports = { env: { memory }, wasi_snapshot_preview1: {} };
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    if (namespace !== 'wasi_snapshot_preview1') continue;
    // libc declares more of WASI than it calls. A call of a missing function is a bug of ours.
    imports[namespace]![name] = wasi[name] ?? (() => {
      throw new Error(`the engine called ${name}, which this host does not have`);
    });
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as Exports;
}

/**
 * Where the cut-out module's functions begin in the engine's table, and how many entries they have. wasm/CMakeLists.txt links
 * them there; a test checks that they fit.
 */
export const kGuestTable = { begin: 2048, room: 256 };
/**
 * How much of a stack is left for the engine while the cut-out module runs on the rest. It calls the engine only for memory and
 * threads.
 */
const kHostStackBytes = 32 << 10;

/**
 * Puts the cut-out module into an engine's memory, with its heap, table and threads. Every thread does the same, because tasks
 * are functions of the table. Afterwards its exports and the engine's are one object. Only the first thread initialises them.
 */
export function addGuest(engine: Exports, module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const table = engine.__indirect_function_table!;
  table.grow(kGuestTable.begin + kGuestTable.room - table.length);
  const { exports } = new WebAssembly.Instance(module, { env: { ...engine, memory, __indirect_function_table: table } as never });
  const guest = exports as unknown as Exports;
  guest.__stack_pointer.value = (engine.__stack_pointer.value as number) - kHostStackBytes;
  const initialize = () => {
    engine._initialize();
    guest._initialize();
  };
  return { ...guest, ...engine, _initialize: initialize };
}

/** Runs a helper thread for its whole life: it computes until the engine stops or the worker is terminated. */
export function runThread({ module, guest, memory, index, stackPointer }: ThreadTask): void {
  const engine = instantiate(module, memory);
  // Before any call: until now this instance uses the engine's own stack.
  engine.__stack_pointer.value = stackPointer;
  if (guest) addGuest(engine, guest, memory);
  try {
    engine.decal_worker_main(index);
  } catch (error) {
    // The engine's thread waits for this thread's share.
    engine.decal_worker_failed();
    throw error;
  }
}

/** The few WASI calls that libc makes: a clock, and the output of crash messages. */
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
      // Only seeds hash tables. Copied, because getRandomValues does not accept shared memory.
      new Uint8Array(memory.buffer, buffer >>> 0, size).set(crypto.getRandomValues(new Uint8Array(size)));
      return 0;
    },
    // "Bad file descriptor", "not found", "none": the module has no files, arguments or environment.
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

/** Reads UTF-8 text from memory. Copied, because decoders refuse shared memory. */
export function decodeText(memory: WebAssembly.Memory, pointer: number, size: number): string {
  return new TextDecoder().decode(new Uint8Array(memory.buffer, pointer, size).slice());
}
