// Compiles the WebAssembly module for the memory this host can offer.
// SPDX-License-Identifier: MIT
import { kRemedy } from '../shared/assets.js';
import { DecalError, toDecalError } from '../shared/errors.js';

/** Address space of wasm32, in pages of 64 KiB: what the modules declare as their maximum. */
const kMaxPages = 65536;

/** The import of the memory inside the module's bytes. */
interface MemoryImport {
  /** Where the byte lies that tells shared from ordinary memory. */
  flagsOffset: number;
  initialPages: number;
}

/** A compiled module and a memory that fits it. */
export interface ModuleAndMemory {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  shared: boolean;
}

/**
 * The modules are linked for shared memory. Where there is none the same code runs on ordinary memory (atomic
 * instructions are valid there too): one byte of the import section is changed before compiling.
 *
 * @param source the .wasm file, or the answer that brings it
 * @param maximumPages refuse to grow beyond; for tests of what happens when memory runs out
 */
export async function compileModule(
  source: Uint8Array<ArrayBuffer> | Response,
  shared: boolean,
  maximumPages = kMaxPages,
): Promise<ModuleAndMemory> {
  const { module, initialPages } = await compile(source, shared);
  return { module, memory: makeMemory(initialPages, Math.max(maximumPages, initialPages), shared), shared };
}

/** A module that is to run in another one's memory, of that kind. */
export async function compileGuest(source: Uint8Array<ArrayBuffer> | Response, shared: boolean): Promise<WebAssembly.Module> {
  return (await compile(source, shared)).module;
}

async function compile(
  source: Uint8Array<ArrayBuffer> | Response, shared: boolean,
): Promise<{ module: WebAssembly.Module; initialPages: number }> {
  const streamed = source instanceof Uint8Array || !shared ? null : compileStreaming(source);
  let bytes = source instanceof Uint8Array ? source : await readBytes(source);
  const { flagsOffset, initialPages } = findMemoryImport(bytes, source instanceof Uint8Array ? '' : source.url);
  if (!shared) {
    bytes = bytes.slice();
    bytes[flagsOffset] = 0x01;  // has a maximum, not shared; was 0x03
  }
  let module: WebAssembly.Module;
  try {
    module = (await streamed) ?? (await WebAssembly.compile(bytes));
  } catch (error) {
    throw toDecalError(error, 'unsupported', "this host cannot compile the engine's WebAssembly module");
  }
  return { module, initialPages };
}

// Compiles while the file arrives, and lets browsers keep what they have compiled for the next visit. Null where the
// host cannot, or will not because the server calls the file something else than application/wasm.
function compileStreaming(response: Response): Promise<WebAssembly.Module | null> {
  if (!WebAssembly.compileStreaming) return Promise.resolve(null);
  return WebAssembly.compileStreaming(response.clone()).catch(() => null);
}

async function readBytes(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw toDecalError(error, 'network', response.url);
  }
}

// Some hosts reserve the address space of a shared memory at once and refuse 4 GiB of it: 32-bit ones and iOS.
function makeMemory(initial: number, maximum: number, shared: boolean): WebAssembly.Memory {
  for (; ; maximum = Math.max(initial, maximum >> 1)) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared });
    } catch (error) {
      if (maximum === initial) throw toDecalError(error, 'out-of-memory', 'no WebAssembly memory');
    }
  }
}

/** `url`: where they came from; many servers answer a page of their own for files that they have not. */
function findMemoryImport(bytes: Uint8Array, url: string): MemoryImport {
  const kImportSection = 2;
  const notOurs = () => url
    ? new DecalError('network', `${url}: not the engine's WebAssembly module; ${kRemedy}`)
    : new DecalError('internal', "the file is not the engine's WebAssembly module");
  let at = 8;  // after magic number and version
  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw notOurs();
    return value;
  };
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const part = byte();
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) return value;
    }
    throw notOurs();
  };
  const skip = (count: number) => void (at += count);

  if (String(bytes.subarray(0, 4)) !== '0,97,115,109') throw notOurs();
  for (;;) {
    const section = byte();
    const size = leb();
    if (section === kImportSection) break;
    skip(size);
  }
  for (let count = leb(); count > 0; --count) {
    skip(leb());  // module name
    skip(leb());  // field name
    const kind = byte();
    if (kind === 0) {  // function: type index
      leb();
    } else if (kind === 1) {  // table: its type, flags, least and perhaps most
      skip(1);
      const flags = byte();
      leb();
      if (flags & 1) leb();
    } else if (kind === 2) {
      const flagsOffset = at;
      if (byte() !== 0x03) throw notOurs();
      return { flagsOffset, initialPages: leb() };
    } else {
      throw notOurs();
    }
  }
  throw notOurs();
}
