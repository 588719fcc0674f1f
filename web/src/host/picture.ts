// Decoded pictures on their way into the engine's memory, a few MB at a time, wherever they were decoded.
// SPDX-License-Identifier: MIT
import { allocatePicture, type EnginePicture } from '../engine/cutout.js';
import type { Engine } from '../engine/engine.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { strips } from './strips.js';

/** A picture that is decoded but not yet in the engine's memory. */
export interface DecodedPicture {
  width: number;
  height: number;
  /** What the caller should know of how it was decoded, a sentence each. */
  notes: string[];
  /** Rows [first, first + count) as RGBA. */
  rows(first: number, count: number): Uint8ClampedArray | Uint8Array;
  close(): void;
}

/** The pixels from top to bottom, a few MB at a time. Each strip is valid until the next. */
export function* stripsOf(source: DecodedPicture): Generator<{ first: number; rows: Uint8ClampedArray | Uint8Array }, void> {
  const { width, height } = source;
  for (const { first, count } of strips(width, height)) {
    const rows = source.rows(first, count);
    // Fewer come from a buffer that was detached: whatever is in memory must not become a picture.
    if (rows.length !== 4 * width * count) throw new DecalError('corrupt-image', 'source: its pixels are gone');
    yield { first, rows };
  }
}

/** A copy in the engine's memory; the caller frees it. */
export function toEngine(engine: Engine, source: DecodedPicture): EnginePicture {
  const { width, height } = source;
  const picture = allocatePicture(engine, width, height);
  try {
    for (const { first, rows } of stripsOf(source)) {
      engine.throwIfCancelled();
      engine.bytes(picture.rgba + 4 * width * first, rows.length).set(rows);
    }
    return picture;
  } catch (error) {
    engine.free(picture.rgba);
    throw toDecalError(error, 'corrupt-image', 'source');
  }
}
