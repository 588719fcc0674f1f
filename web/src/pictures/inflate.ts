// zlib streams by the host's own decompressor, piece by piece.
// SPDX-License-Identifier: MIT
import { joined } from './bytes.js';

/** Small enough that an abort is seen within milliseconds. */
const kFedBytes = 256 << 10;

/** What the parts inflate to, in pieces. Throws if they are no whole zlib stream, also for bytes behind its end. */
export async function* inflate(parts: readonly Uint8Array<ArrayBuffer>[]): AsyncGenerator<Uint8Array, void> {
  let part = 0, at = 0;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      while (part < parts.length && at >= parts[part]!.length) {
        ++part;
        at = 0;
      }
      if (part === parts.length) return controller.close();
      controller.enqueue(parts[part]!.slice(at, at + kFedBytes));
      at += kFedBytes;
    },
  });
  const reader = source.pipeThrough(new DecompressionStream('deflate')).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** All of it, or null if it is damaged or has more than `most` bytes. */
export async function inflateWhole(part: Uint8Array<ArrayBuffer>, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of inflate([part])) {
      size += piece.length;
      if (size > most) return null;
      pieces.push(piece);
    }
  } catch {
    return null;
  }
  return joined(pieces);
}
