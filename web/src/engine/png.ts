// Writes PNG: rows filtered and deflated by the cut-out module on every thread, framed here. Straight alpha survives exactly and
// no canvas limits the size.
// SPDX-License-Identifier: MIT
import { kPackedStrip, type PackedStrip } from '../border/border.js';
import type { Engine } from './engine.js';
import { readStruct } from './struct.js';

/** Strips of 1 MB between two turns of the event loop: enough that threads end together, a tenth of a second on one thread. */
const kStripsAtOnce = 16;

const kSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Dense RGBA8: at an address in the engine's memory, or outside of it. */
export type PngPixels = number | Uint8Array | Uint8ClampedArray;

/** The parts of a PNG file. Pixels outside of the engine's memory pass through it in strips. */
export async function encodePng(
  engine: Engine, rgba: PngPixels, width: number, height: number, signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);  // bits per channel
  header.setUint8(9, 6);  // RGB and alpha; the rest: deflate, five filters, not interlaced
  const parts = [
    Uint8Array.from(kSignature),
    ...chunk('IHDR', new Uint8Array(header.buffer)),
    ...chunk('sRGB', Uint8Array.of(0)),  // perceptual: what a photo is for
  ];
  // The stream's header (RFC 1950): deflate, a window of 32 KiB.
  parts.push(...chunk('IDAT', Uint8Array.of(0x78, 0x01)));
  let adler = 1;
  for await (const strip of packRows(engine, rgba, width, height, signal)) {
    parts.push(...chunk('IDAT', strip.data));
    adler = strip.adler;
  }
  const tail = new DataView(new ArrayBuffer(4));
  tail.setUint32(0, adler);
  parts.push(...chunk('IDAT', new Uint8Array(tail.buffer)), ...chunk('IEND', new Uint8Array(0)));
  return parts;
}

/** The zlib stream between its header and its checksum; `adler`: the checksum so far. */
async function* packRows(
  engine: Engine, rgba: PngPixels, width: number, height: number, signal?: AbortSignal,
): AsyncGenerator<{ data: Uint8Array<ArrayBuffer>; adler: number }, void> {
  const rowBytes = 4 * width;
  const stripRows = engine.call(() => engine.exports.decal_png_strip_rows(width));
  const mostRows = Math.min(height, kStripsAtOnce * stripRows);
  let adler = 1;
  let space = 0;
  let found = 0;
  let copy = 0;
  try {
    space = engine.alloc(engine.call(() => engine.exports.decal_png_space(width, mostRows)), 'strips of a PNG');
    found = engine.alloc(kStripsAtOnce * kPackedStrip.bytes, 'strips of a PNG');
    if (typeof rgba !== 'number') copy = engine.alloc((mostRows + 1) * rowBytes, 'rows of a picture');
    for (let first = 0; first < height; first += mostRows) {
      if (first > 0) await turn();
      signal?.throwIfAborted();
      engine.throwIfCancelled();
      const rows = Math.min(mostRows, height - first);
      // With the row above, which filters look at.
      const above = first === 0 ? 0 : 1;
      const begin = (first - above) * rowBytes;
      let pixels = copy;
      if (typeof rgba === 'number') pixels = rgba + begin;
      else engine.bytes(copy, (above + rows) * rowBytes).set(rgba.subarray(begin, (first + rows) * rowBytes));
      const last = Number(first + rows === height);
      engine.check(() => engine.exports.decal_png_pack(pixels, width, above, rows, last, adler, space, found));
      for (let i = 0; i * stripRows < rows; ++i) {
        const strip: PackedStrip = readStruct(engine, kPackedStrip, found + i * kPackedStrip.bytes);
        adler = strip.adler;
        // A copy: neither a Blob nor a caller takes shared memory, and the space is used again.
        yield { data: engine.bytes(strip.data, strip.bytes).slice(), adler };
      }
    }
  } finally {
    for (const pointer of [space, found, copy]) if (pointer !== 0) engine.free(pointer);
  }
}

/** Lets messages in, an abort among them; timers would wait for 4 ms. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Length and type, data, checksum. The data is not copied. */
function chunk(type: string, data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, data.length);
  for (let i = 0; i < 4; ++i) head.setUint8(4 + i, type.charCodeAt(i));
  const typeBytes = new Uint8Array(head.buffer, 4);
  const tail = new DataView(new ArrayBuffer(4));
  tail.setUint32(0, ~crc(crc(~0, typeBytes), data));
  return [new Uint8Array(head.buffer), data, new Uint8Array(tail.buffer)];
}

/** Table k tells what a byte does to the checksum when k bytes follow it. */
const kCrcTables = (() => {
  const tables = new Int32Array(8 * 256);
  for (let n = 0; n < 256; ++n) {
    let value = n;
    for (let k = 0; k < 8; ++k) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    tables[n] = value;
  }
  for (let n = 256; n < tables.length; ++n) tables[n] = tables[tables[n - 256]! & 0xff]! ^ (tables[n - 256]! >>> 8);
  return tables;
})();

/** Eight bytes at a time: 37 ms for 50 MB in V8 where byte after byte takes 118. */
function crc(value: number, data: Uint8Array): number {
  const t = kCrcTables;
  const { length } = data;
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    value ^= data[i]! | data[i + 1]! << 8 | data[i + 2]! << 16 | data[i + 3]! << 24;
    value = t[0x700 | value & 0xff]! ^ t[0x600 | value >>> 8 & 0xff]! ^ t[0x500 | value >>> 16 & 0xff]! ^
            t[0x400 | value >>> 24]! ^ t[0x300 | data[i + 4]!]! ^ t[0x200 | data[i + 5]!]! ^ t[0x100 | data[i + 6]!]! ^
            t[data[i + 7]!]!;
  }
  for (; i < length; ++i) value = t[(value ^ data[i]!) & 0xff]! ^ (value >>> 8);
  return value;
}
