// Writes PNG: rows filtered by the engine, deflated by the host, framed here. Straight alpha survives exactly and no
// canvas limits the size.
import type { Engine } from './engine.js';

/** Filtered bytes that are in flight at once: enough for the compressor, little beside the picture. */
const kStripBytes = 1 << 20;

const kSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** The parts of a PNG file of the dense RGBA8 picture at `rgba` in the engine's memory. */
export async function encodePng(
  engine: Engine, rgba: number, width: number, height: number, signal?: AbortSignal,
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
  const compressor = new CompressionStream('deflate');
  const writing = writeRows(engine, rgba, width, height, compressor.writable, signal);
  const reading = (async () => {
    const reader = compressor.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parts.push(...chunk('IDAT', value as Uint8Array<ArrayBuffer>));
    }
  })();
  await Promise.all([writing, reading]);
  parts.push(...chunk('IEND', new Uint8Array(0)));
  return parts;
}

async function writeRows(
  engine: Engine, rgba: number, width: number, height: number, output: WritableStream, signal?: AbortSignal,
): Promise<void> {
  const rowBytes = 4 * width + 1;
  const stripRows = Math.max(1, Math.floor(kStripBytes / rowBytes));
  const writer = output.getWriter();
  let strip = 0;
  try {
    strip = engine.alloc(stripRows * rowBytes, 'rows of a PNG');
    for (let first = 0; first < height; first += stripRows) {
      signal?.throwIfAborted();
      engine.throwIfCancelled();
      const rows = Math.min(stripRows, height - first);
      engine.call(() => engine.exports.decal_png_filter(rgba, width, first, rows, strip));
      // A copy: the compressor keeps it, and takes no shared memory.
      await writer.write(engine.bytes(strip, rows * rowBytes).slice());
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    if (strip !== 0) engine.free(strip);
  }
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

const kCrcTable = Int32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; ++k) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(value: number, data: Uint8Array): number {
  const table = kCrcTable;
  for (let i = 0; i < data.length; ++i) value = table[(value ^ data[i]!) & 0xff]! ^ (value >>> 8);
  return value;
}
