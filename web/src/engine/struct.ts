// Structs in the engine's memory, written and read by the layouts of border/types.json.
import type { StructField, StructLayout } from '../border/border.js';
import type { Engine } from './engine.js';

const kElementBytes = { f32: 4, f64: 8, i32: 4, u32: 4 };
const kSetters = { f32: 'setFloat32', f64: 'setFloat64', i32: 'setInt32', u32: 'setUint32' } as const;
const kGetters = { f32: 'getFloat32', f64: 'getFloat64', i32: 'getInt32', u32: 'getUint32' } as const;

/** A struct in memory of its own while `use` takes. `what`: for the error where there is no memory. */
export function withStruct<T extends object, R>(
  engine: Engine, layout: StructLayout<T>, value: T, what: string, use: (pointer: number) => R,
): R {
  const pointer = engine.alloc(layout.bytes, what);
  try {
    const view = new DataView(engine.memory.buffer, pointer, layout.bytes);
    for (const field of layout.fields) {
      const values = [value[field.name]].flat() as (number | string)[];
      values.forEach((one, i) =>
        view[kSetters[field.type]](field.at + i * kElementBytes[field.type], field.words ? field.words.indexOf(one as string) : one as number, true));
    }
    return use(pointer);
  } finally {
    engine.free(pointer);
  }
}

/** What is at that address now. */
export function readStruct<T>(engine: Engine, layout: StructLayout<T>, pointer: number): T {
  const view = new DataView(engine.memory.buffer, pointer, layout.bytes);
  return Object.fromEntries(layout.fields.map((field) => [field.name, readField(view, field)])) as T;
}

function readField(view: DataView, { type, at, count, words }: StructField): unknown {
  const read = (index: number) => {
    const value = view[kGetters[type]](at + index * kElementBytes[type], true);
    return words ? words[value] : value;
  };
  return count ? Array.from({ length: count }, (_, index) => read(index)) : read(0);
}
