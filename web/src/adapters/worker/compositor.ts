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
  /** The frame as small as the last level of the blur. */
  readonly #plain = context({ width: 1, height: 1 });
  readonly #matte = context({ width: 1, height: 1 });
  /** The blurred background on its way: halves, quarters and so on. */
  readonly #levels: Context[] = [];
  /** The picture behind, at the frame's size; null until it is drawn. */
  #backdrop: Context | null = null;
  #hasMatte = false;
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
  }

  get canvas(): OffscreenCanvas {
    return this.#result.canvas;
  }

  get hasMatte(): boolean {
    return this.#hasMatte;
  }

  /** The frame to put together. It is drawn once, since each time its colours are converted. */
  take(frame: Frame): void {
    resize(this.#result, sizeOf(frame));
    fill(this.#result, frame, 'copy');
  }

  /** A copy of the frame in about the size that the model sees; before `compose`. */
  smallCopy(): ImageData {
    const { rule, width, height } = this.#input;
    const size = rule === 'stretch' ? { width, height } : shortSide(this.canvas, height);
    resize(this.#shrunk, size);
    resize(this.#small, size);
    fill(this.#shrunk, this.canvas, 'copy');
    fill(this.#small, this.#shrunk.canvas, 'copy');
    return this.#small.getImageData(0, 0, size.width, size.height);
  }

  /** Of the last small copy or an earlier one, as its alpha. */
  setMatte(copy: ImageData): void {
    resize(this.#matte, copy);
    this.#matte.putImageData(copy, 0, 0);
    this.#hasMatte = true;
  }

  /** Once for each frame. There must be a matte. */
  compose(): void {
    const result = this.#result;
    const size = { width: this.canvas.width, height: this.canvas.height };
    const blurred = this.#background.kind === 'blur' ? this.#blurred(size, this.#background.radius) : null;
    fill(result, this.#matte.canvas, 'destination-in');
    const background = this.#background;
    switch (background.kind) {
      case 'transparent':
        return;
      case 'colour':
        result.globalCompositeOperation = 'destination-over';
        result.fillStyle = background.colour;
        result.fillRect(0, 0, size.width, size.height);
        return;
      case 'picture':
        fill(result, this.#covered(background.picture, size), 'destination-over');
        return;
      case 'blur':
        fill(result, blurred!, 'destination-over');
    }
  }

  #covered(picture: ImageBitmap, size: Size): OffscreenCanvas {
    if (this.#backdrop?.canvas.width !== size.width || this.#backdrop.canvas.height !== size.height) {
      this.#backdrop = context(size);
      cover(this.#backdrop, picture);
    }
    return this.#backdrop.canvas;
  }

  // Halved n times and doubled n times with linear filtering, which is close to a Gaussian of 0.7 * 2^n pixels (Bjorge, "Bandwidth-efficient
  // rendering", SIGGRAPH 2015). The subject is taken out first, so that it leaves no glow around itself.
  #blurred(size: Size, radius: number): OffscreenCanvas {
    const count = Math.max(1, Math.min(7, Math.round(Math.log2(radius / 0.7))));
    while (this.#levels.length < count) this.#levels.push(context({ width: 1, height: 1 }));
    for (let i = 0; i < count; ++i) {
      const scale = 2 ** (i + 1);
      resize(this.#levels[i]!, { width: Math.max(1, Math.round(size.width / scale)), height: Math.max(1, Math.round(size.height / scale)) });
    }
    const [first] = this.#levels as [Context];
    const last = this.#levels[count - 1]!;
    resize(this.#plain, last.canvas);
    fill(first, this.canvas, 'copy');
    fill(this.#plain, first.canvas, 'copy');
    fill(first, this.#matte.canvas, 'destination-out');
    for (let i = 1; i < count; ++i) fill(this.#levels[i]!, this.#levels[i - 1]!.canvas, 'copy');
    // What is left of the background near the subject is spread over its edge; deeper inside nothing of it is seen.
    for (let i = 0; i < 5; ++i) fill(last, last.canvas, 'destination-over');
    fill(last, this.#plain.canvas, 'destination-over');
    for (let i = count - 1; i > 0; --i) fill(this.#levels[i - 1]!, this.#levels[i]!.canvas, 'copy');
    return first.canvas;
  }
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
