// Puts a frame together on a canvas: the frame, cut out along its matte, before its background.
// SPDX-License-Identifier: MIT
import { DecalError } from '../../shared/errors.js';
import type { ModelSpec } from '../../shared/types.js';
import type { FrameBackground } from './frame-messages.js';

type Context = OffscreenCanvasRenderingContext2D;
interface Size { width: number; height: number }

/** What a canvas can draw, and how large it is. */
export type Frame = VideoFrame | ImageBitmap;

export function sizeOf(frame: Frame): Size {
  return 'displayWidth' in frame ? { width: frame.displayWidth, height: frame.displayHeight } : { width: frame.width, height: frame.height };
}

export class Compositor {
  readonly #input: ModelSpec['input'];
  readonly #result = context({ width: 1, height: 1 });
  /** The copy for the model where the frame is, perhaps on a GPU, and where it can be read: so no more than the copy is read back. */
  readonly #shrunk = context({ width: 1, height: 1 });
  readonly #small = context({ width: 1, height: 1 }, true);
  /** In the matte's size: what is not the subject, in the colour that goes over it; black where that is something else. */
  readonly #cover = context({ width: 1, height: 1 });
  /** The frame as small as the last level of the blur. */
  readonly #plain = context({ width: 1, height: 1 });
  /** The blurred background on its way: halves, quarters and so on. */
  readonly #levels: Context[] = [];
  /** The blurred background where the subject is not. */
  readonly #blurred = context({ width: 1, height: 1 });
  /** The picture behind, at the frame's size; null until it is drawn. */
  #backdrop: Context | null = null;
  /** The last small copy that came back, the matte as its alpha. */
  #matte: ImageData | null = null;
  #coverIsOld = true;
  #background: FrameBackground;

  /** `input`: of the model, which says how large the copies are that it is shown. */
  constructor(input: ModelSpec['input'], background: FrameBackground) {
    this.#input = input;
    this.#background = background;
  }

  get background(): FrameBackground {
    return this.#background;
  }

  set background(background: FrameBackground) {
    if (this.#background.kind === 'picture') this.#background.picture.close();
    this.#background = background;
    this.#backdrop = null;
    this.#coverIsOld = true;
  }

  get canvas(): OffscreenCanvas {
    return this.#result.canvas;
  }

  get hasMatte(): boolean {
    return this.#matte !== null;
  }

  /** The frame to put together. It is drawn once, since each time its colours are converted. */
  take(frame: Frame): void {
    resize(this.#result, sizeOf(frame));
    fill(this.#result, frame, 'copy');
  }

  /** A copy of the frame in about the size that the model sees; before `compose`. */
  smallCopy(): ImageData {
    const size = smallSize(this.canvas, this.#input);
    resize(this.#shrunk, size);
    resize(this.#small, size);
    fill(this.#shrunk, this.canvas, 'copy');
    fill(this.#small, this.#shrunk.canvas, 'copy');
    return this.#small.getImageData(0, 0, size.width, size.height);
  }

  /** Of the last small copy or an earlier one, as its alpha. */
  setMatte(copy: ImageData): void {
    this.#matte = copy;
    this.#coverIsOld = true;
  }

  /**
   * Once for each frame. There must be a matte. Each step over the whole frame counts, most of all where a processor draws: a colour goes
   * over the frame in one, and so does a blurred background. `destination-in` would need a layer of its own.
   */
  compose(): void {
    const result = this.#result;
    const background = this.#background;
    this.#drawCover(this.#matte!);
    switch (background.kind) {
      case 'transparent':
        fill(result, this.#cover.canvas, 'destination-out');
        return;
      case 'colour':
        fill(result, this.#cover.canvas, 'source-over');
        return;
      case 'picture':
        fill(result, this.#cover.canvas, 'destination-out');
        fill(result, this.#covered(background.picture), 'destination-over');
        return;
      case 'blur':
        fill(result, this.#blur(background.radius), 'source-over');
    }
  }

  #drawCover({ width, height, data }: ImageData): void {
    if (!this.#coverIsOld) return;
    this.#coverIsOld = false;
    const background = this.#background;
    const colour = background.kind === 'colour' ? opaque(background.colour) : 0;
    const cover = new ImageData(width, height);
    const pixels = new Uint32Array(cover.data.buffer);
    for (let i = 0; i < pixels.length; ++i) pixels[i] = ((255 - data[4 * i + 3]!) << 24) | colour;
    resize(this.#cover, cover);
    this.#cover.putImageData(cover, 0, 0);
  }

  #covered(picture: ImageBitmap): OffscreenCanvas {
    const { width, height } = this.canvas;
    if (this.#backdrop?.canvas.width !== width || this.#backdrop.canvas.height !== height) {
      this.#backdrop = context({ width, height });
      cover(this.#backdrop, picture);
    }
    return this.#backdrop.canvas;
  }

  // Halved n times and doubled n times with linear filtering, which is close to a Gaussian of 0.58 * 2^n pixels (Bjorge, "Bandwidth-efficient
  // rendering", SIGGRAPH 2015; cutout/backdrop.cc does the same). The subject is taken out first, so that it leaves no glow around itself.
  #blur(radius: number): OffscreenCanvas {
    const { width, height } = this.canvas;
    const count = Math.max(1, Math.min(7, Math.round(Math.log2(radius / 0.58))));
    while (this.#levels.length < count) this.#levels.push(context({ width: 1, height: 1 }));
    for (let i = 0; i < count; ++i) {
      const scale = 2 ** (i + 1);
      resize(this.#levels[i]!, { width: Math.max(1, Math.round(width / scale)), height: Math.max(1, Math.round(height / scale)) });
    }
    const matte = this.#cover.canvas;
    const [first] = this.#levels as [Context];
    const last = this.#levels[count - 1]!;
    // A quarter of the frame is fine enough to cut along the matte, and to enlarge from at once: a blur of more than two pixels looks the same
    // whether the last two doublings are one step or two.
    const edge = Math.min(1, count - 1);
    const cut = this.#levels[edge]!;
    fill(first, this.canvas, 'copy');
    if (edge > 0) fill(cut, first.canvas, 'copy');
    resize(this.#plain, last.canvas);
    fill(this.#plain, cut.canvas, 'copy');
    fill(cut, matte, 'destination-in');
    for (let i = edge + 1; i < count; ++i) fill(this.#levels[i]!, this.#levels[i - 1]!.canvas, 'copy');
    // What is left of the background near the subject is spread over its edge; deeper inside nothing of it is seen.
    for (let i = 0; i < 5; ++i) fill(last, last.canvas, 'destination-over');
    fill(last, this.#plain.canvas, 'destination-over');
    for (let i = count - 1; i > edge; --i) fill(this.#levels[i - 1]!, this.#levels[i]!.canvas, 'copy');
    // Large enough for both.
    resize(this.#blurred, {
      width: Math.min(width, Math.max(cut.canvas.width, matte.width)), height: Math.min(height, Math.max(cut.canvas.height, matte.height)),
    });
    fill(this.#blurred, cut.canvas, 'copy');
    fill(this.#blurred, matte, 'destination-in');
    return this.#blurred.canvas;
  }
}

/** A CSS colour, over black where it is not opaque: red, green and blue. */
export function colourOf(colour: string): [number, number, number] {
  const target = context({ width: 1, height: 1 }, true);
  for (const layer of ['black', colour]) {
    target.fillStyle = layer;
    target.fillRect(0, 0, 1, 1);
  }
  const [red = 0, green = 0, blue = 0] = target.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

/** What a canvas shows of a frame's first pixel: red, green and blue. */
export function pixelOf(frame: Frame): [number, number, number] {
  const target = context({ width: 1, height: 1 }, true);
  target.drawImage(frame, 0, 0);
  const [red = 0, green = 0, blue = 0] = target.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

/** As the lower three bytes of a pixel. */
function opaque(colour: string): number {
  const [red, green, blue] = colourOf(colour);
  return red | (green << 8) | (blue << 16);
}

/** The pixels of a frame of that size that the picture covers, over black. */
export function covered(picture: ImageBitmap, width: number, height: number): Uint8ClampedArray {
  const target = context({ width, height }, true);
  target.fillRect(0, 0, width, height);
  cover(target, picture);
  return target.getImageData(0, 0, width, height).data;
}

/** The size of the copy for the model. */
export function smallSize(frame: Size, { rule, width, height }: ModelSpec['input']): Size {
  return rule === 'stretch' ? { width, height } : shortSide(frame, height);
}

function context(size: Size, willReadFrequently = false): Context {
  const made = new OffscreenCanvas(size.width, size.height).getContext('2d', { willReadFrequently });
  if (!made) throw new DecalError('unsupported', 'this browser draws no canvas in a worker');
  return made;
}

function resize({ canvas }: Context, { width, height }: Size): void {
  // Setting it clears, even to the same.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function fill(target: Context, picture: CanvasImageSource, how: GlobalCompositeOperation): void {
  target.globalCompositeOperation = how;
  target.drawImage(picture, 0, 0, target.canvas.width, target.canvas.height);
}

/** As CSS's `object-fit: cover`. */
function cover(target: Context, picture: ImageBitmap): void {
  const { width, height } = target.canvas;
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  target.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
}

function shortSide({ width, height }: Size, side: number): Size {
  const scale = Math.min(1, side / Math.min(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
