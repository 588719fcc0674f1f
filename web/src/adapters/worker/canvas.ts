// Reads pixels from bitmaps: rotated, in tiles that fit every browser's canvas, and only if canvases return unaltered values.
// SPDX-License-Identifier: MIT
import { DecalError } from '../../shared/errors.js';
import { release } from './release.js';

/** Of a canvas's side. Chromium 156 gives zeros, without an error, for canvases of 65,536 pixels and more on a side. */
const kTile = 16384;
const kProbe = 32;

let fault: string | null | undefined;

/**
 * Why pixels cannot be read here, or null: some browsers change what scripts read from canvases, all of it (Firefox with
 * privacy.resistFingerprinting, Tor Browser) or a little. Tried once.
 */
export function canvasFault(): string | null {
  if (fault === undefined) {
    const known = new Uint8ClampedArray(4 * kProbe * kProbe).map((_, i) => (i % 4 === 3 ? 255 : (i * 2654435761) >>> 13));
    const context = openContext(kProbe, kProbe);
    context.putImageData(new ImageData(known, kProbe, kProbe), 0, 0);
    const { data } = context.getImageData(0, 0, kProbe, kProbe);
    fault = data.every((value, i) => value === known[i]) ? null
      : 'this browser changes the pixels that scripts read from canvases, against fingerprinting (privacy.resistFingerprinting in Firefox)';
  }
  return fault;
}

/** @throws {DecalError} `unsupported` where canvases lie */
export function checkCanvas(what: string): void {
  const why = canvasFault();
  if (why) throw new DecalError('unsupported', `${what}: ${why}`);
}

export function openContext(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new DecalError('out-of-memory', `no canvas of ${width} x ${height} pixels`);
  return context;
}

export interface Placement {
  /** The part of the drawable to be shown. */
  crop: { x: number; y: number; width: number; height: number };
  /** EXIF's 1..8. */
  orientation: number;
}

/** How wide and high a picture is shown. */
export function shownSize({ crop: { width, height }, orientation }: Placement): [number, number] {
  return orientation >= 5 ? [height, width] : [width, height];
}

/** Reads rows of a drawable as it is shown. Each strip is valid until the next. */
export class RowReader {
  readonly #drawable: ImageBitmap | VideoFrame;
  /** Of the drawable, in its own pixels. */
  readonly #size: [number, number];
  readonly #placement: Placement;
  #context: OffscreenCanvasRenderingContext2D | null = null;
  #strip: Uint8ClampedArray<ArrayBuffer> | null = null;

  constructor(drawable: ImageBitmap | VideoFrame, width: number, height: number, placement: Placement) {
    this.#drawable = drawable;
    this.#size = [width, height];
    this.#placement = placement;
  }

  rows(first: number, count: number): Uint8ClampedArray<ArrayBuffer> {
    const [width] = shownSize(this.#placement);
    // One small canvas for all strips; the last strip uses its top.
    this.#context ??= openContext(Math.min(width, kTile), Math.min(count, kTile));
    if (this.#strip) release(this.#strip.buffer);
    if (width <= kTile && count <= kTile) return (this.#strip = this.#tile(0, first, width, count));
    this.#strip = new Uint8ClampedArray(4 * width * count);
    for (let y = 0; y < count; y += kTile) {
      for (let x = 0; x < width; x += kTile) {
        const tileWidth = Math.min(kTile, width - x), tileHeight = Math.min(kTile, count - y);
        const tile = this.#tile(x, first + y, tileWidth, tileHeight);
        for (let row = 0; row < tileHeight; ++row) {
          this.#strip.set(tile.subarray(4 * tileWidth * row, 4 * tileWidth * (row + 1)), 4 * ((y + row) * width + x));
        }
        release(tile.buffer);
      }
    }
    return this.#strip;
  }

  #tile(x: number, y: number, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
    const context = this.#context!;
    const { crop, orientation } = this.#placement;
    context.resetTransform();
    context.clearRect(0, 0, width, height);
    context.translate(-x, -y);
    context.transform(...turn(orientation, crop.width, crop.height));
    // Whole quarters of a turn need no blending.
    context.imageSmoothingEnabled = orientation === 1;
    context.drawImage(this.#drawable, -crop.x, -crop.y, ...this.#size);
    return context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
  }

  close(): void {
    if (this.#strip) release(this.#strip.buffer);
    this.#strip = null;
    this.#drawable.close();
  }
}

/** From places of the stored picture to those of the shown one: a canvas's transformation. */
function turn(orientation: number, width: number, height: number): [number, number, number, number, number, number] {
  switch (orientation) {
    case 2: return [-1, 0, 0, 1, width, 0];
    case 3: return [-1, 0, 0, -1, width, height];
    case 4: return [1, 0, 0, -1, 0, height];
    case 5: return [0, 1, 1, 0, 0, 0];
    case 6: return [0, 1, -1, 0, height, 0];
    case 7: return [0, -1, -1, 0, height, width];
    case 8: return [0, -1, 1, 0, 0, width];
    default: return [1, 0, 0, 1, 0, 0];
  }
}
