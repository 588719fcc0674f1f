// Pictures in the engine's memory: room for them, what is put behind them, the small copy.
// SPDX-License-Identifier: MIT
import { previewExtent } from '../shared/preview.js';
import type { Engine } from './engine.js';
import type { CompositeOptions } from './session.js';

/** Dense RGBA8 in the engine's memory; whoever made it frees it. */
export interface EnginePicture {
  rgba: number;
  width: number;
  height: number;
}

/** Memory for a picture of that size. */
export function allocatePicture(engine: Engine, width: number, height: number): EnginePicture {
  return { rgba: engine.alloc(4 * width * height, `a picture of ${width} x ${height} pixels`), width, height };
}

/** A copy whose long side is at most `longSide`. */
export function resizeForPreview(engine: Engine, picture: EnginePicture, longSide: number): EnginePicture {
  const [width, height] = previewExtent(picture.width, picture.height, longSide);
  const preview = allocatePicture(engine, width, height);
  try {
    engine.check(() =>
      engine.exports.decal_resize(picture.rgba, picture.width, picture.height, preview.rgba, width, height));
    return preview;
  } catch (error) {
    engine.free(preview.rgba);
    throw error;
  }
}

/** Calls an export that composes in place and returns 0 for success, with the background where it looks for it. */
export function withBackground(
  engine: Engine, { background, mask }: CompositeOptions, compose: (background: number, mask: number) => number,
): void {
  let pointer = 0;
  if (background) {
    pointer = engine.alloc(4, 'the background');
    engine.bytes(pointer, 4).set(background);
  }
  try {
    engine.check(() => compose(pointer, mask ? 1 : 0));
  } finally {
    if (pointer !== 0) engine.free(pointer);
  }
}
