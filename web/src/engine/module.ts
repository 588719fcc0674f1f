// Compiles the WebAssembly module for the memory this host can offer.
import { DecalError, toDecalError } from '../errors.js';

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
 * @param maximumPages refuse to grow beyond; for tests of what happens when memory runs out
 */
export async function compileModule(
  bytes: Uint8Array<ArrayBuffer>,
  shared: boolean,
  maximumPages = kMaxPages,
): Promise<ModuleAndMemory> {
  const { flagsOffset, initialPages } = findMemoryImport(bytes);
  if (!shared) {
    bytes = bytes.slice();
    bytes[flagsOffset] = 0x01;  // has a maximum, not shared; was 0x03
  }
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(bytes);
  } catch (error) {
    throw toDecalError(error, 'unsupported', "this host cannot compile the engine's WebAssembly module");
  }
  return { module, memory: makeMemory(initialPages, Math.max(maximumPages, initialPages), shared), shared };
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

function findMemoryImport(bytes: Uint8Array): MemoryImport {
  const kImportSection = 2;
  const notOurs = () => new DecalError('internal', "the file is not the engine's WebAssembly module");
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
