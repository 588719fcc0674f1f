// Structs in the engine's memory, written and read by the layouts of border/types.json.
// SPDX-License-Identifier: MIT
import type { StructLayout } from '../border/border.js';
import type { Engine } from './engine.js';

/** A struct in memory of its own while `use` takes. `what`: for the error if there is no memory. */
export function withStruct<T extends object, R>(
  engine: Engine, { bytes, fields }: StructLayout<T>, value: T, what: string, use: (pointer: number) => R,
): R {
  const pointer = engine.alloc(bytes, what);
  try {
    const view = new DataView(engine.memory.buffer, pointer, bytes);
    for (const [name, type, at, , words] of fields) {
      [value[name]].flat().forEach((one, i) =>
        view[`set${type}`](at + i * (type === 'Float64' ? 8 : 4), words ? words.indexOf(one as string) : one as number, true));
    }
    return use(pointer);
  } finally {
    engine.free(pointer);
  }
}

/** The numbers that are at that address now. */
export function readStruct<T extends Record<keyof T, number>>(engine: Engine, { bytes, fields }: StructLayout<T>, pointer: number): T {
  const view = new DataView(engine.memory.buffer, pointer, bytes);
  return Object.fromEntries(fields.map(([name, type, at]) => [name, view[`get${type}`](at, true)])) as T;
}

/** A text in memory of its own while `use` takes. */
export function withText<R>(engine: Engine, text: string, use: (pointer: number) => R): R {
  const bytes = new TextEncoder().encode(`${text}\0`);
  const pointer = engine.alloc(bytes.length, 'a name');
  try {
    engine.bytes(pointer, bytes.length).set(bytes);
    return use(pointer);
  } finally {
    engine.free(pointer);
  }
}
