// Mattes outside of the network: taken out of the engine as bytes, and put over a picture by the engine.
// SPDX-License-Identifier: MIT
import { composite, type CompositeOptions, type EnginePicture, type PixelBox } from './cutout.js';
import type { Engine } from './engine.js';
import { kPlainEdges } from '../shared/options.js';
import type { Matte } from '../shared/types.js';

/** Floats of a matte that are in the engine at once: little beside a picture, enough rows for every thread. */
const kStripFloats = 1 << 20;

/** What a matte is to be made from: the picture's own alpha would otherwise become part of it. */
export function makeOpaque(engine: Engine, { rgba, width, height }: EnginePicture): void {
  const pixels = new Uint32Array(engine.memory.buffer, rgba, width * height);
  for (let i = 0; i < pixels.length; ++i) pixels[i]! |= 0xff000000;
}

/** The bytes of a picture that has been turned into its matte, an opaque grey one. */
export function readMatte(engine: Engine, { rgba, width, height }: EnginePicture): Uint8ClampedArray<ArrayBuffer> {
  const grey = engine.bytes(rgba, 4 * width * height);
  const matte = new Uint8ClampedArray(width * height);
  for (let i = 0; i < matte.length; ++i) matte[i] = grey[4 * i]!;
  return matte;
}

/** What of RGBA pixels counts as a matte: their grey level, which red has too, times their alpha. */
export function matteOfPixels(rgba: ArrayLike<number>, matte: Uint8ClampedArray, at: number): void {
  for (let i = 0; 4 * i < rgba.length; ++i) matte[at + i] = (rgba[4 * i]! * rgba[4 * i + 3]!) / 255;
}

/**
 * Composes a matte of any size over a picture, in place, as the network's own would be. What the result shows.
 *
 * @throws {DecalError} `out-of-memory`; `cancelled`, with the picture half done
 */
export function composeMatte(engine: Engine, picture: EnginePicture, matte: Matte, options: CompositeOptions): PixelBox {
  // A matte of the picture's size, as it comes, needs no neighbours: strip by strip, its floats take next to nothing.
  const sameSize = matte.width === picture.width && matte.height === picture.height;
  const inStrips = sameSize && isPlain(options);
  const stripRows = inStrips ? Math.max(1, Math.floor(kStripFloats / matte.width)) : matte.height;
  const strip = engine.alloc(4 * stripRows * matte.width, 'the matte');
  let visible: PixelBox = { x: 0, y: 0, width: 0, height: 0 };
  try {
    for (let first = 0; first < matte.height; first += stripRows) {
      engine.throwIfCancelled();
      const rows = Math.min(stripRows, matte.height - first);
      copyFloats(engine, matte.data.subarray(first * matte.width, (first + rows) * matte.width), strip);
      const part = inStrips ? { ...picture, rgba: picture.rgba + 4 * picture.width * first, height: rows } : picture;
      const shown = composite(engine, { values: strip, width: matte.width, height: rows }, part, options);
      visible = union(visible, { ...shown, y: shown.y + (inStrips ? first : 0) });
    }
  } finally {
    engine.free(strip);
  }
  return visible;
}

function isPlain({ mask, ...options }: CompositeOptions): boolean {
  const { refine, decontaminate, threshold, backgroundOnly, removeIslands, fillHoles, smooth, grow, shadow } = { ...kPlainEdges, ...options };
  return refine === 'off' && (mask || !decontaminate) && threshold < 0 && !backgroundOnly &&
    ![removeIslands, fillHoles, smooth, grow, shadow].some(Boolean);
}

function union(a: PixelBox, b: PixelBox): PixelBox {
  if (a.width === 0) return b;
  if (b.width === 0) return a;
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

function copyFloats(engine: Engine, values: Matte['data'], pointer: number): void {
  const floats = new Float32Array(engine.memory.buffer, pointer, values.length);
  if (values instanceof Float32Array) return floats.set(values);
  for (let i = 0; i < values.length; ++i) floats[i] = values[i]! / 255;
}
