// Puts a frame together in the planes it comes in: on a processor a third of what canvases take, which turn every frame into RGB and back.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { fillPlanes, PlaneComposer, PlaneReducer, planesBytes, planesOf, toPlanes, type ByteMatte, type PlaneColours, type Planes } from '../../pictures/planes.js';
import type { ModelSpec } from '../../shared/types.js';
import { colourOf, covered, pixelOf, smallSize, type Frame } from './compositor.js';
import type { FrameBackground } from './frame-messages.js';

/** Shares of red and blue in luma, by H.273. */
const kMatrices: Record<string, { red: number; blue: number }> = {
  bt709: { red: 0.2126, blue: 0.0722 }, bt470bg: { red: 0.299, blue: 0.114 }, smpte170m: { red: 0.299, blue: 0.114 },
};

let assumed: PlaneColours | null = null;

/** What this browser takes frames for that do not say, as most cameras' do not: by a frame of one colour on a canvas. Tried once. */
function assumedColours(): PlaneColours {
  if (assumed) return assumed;
  const side = 16, numbers = [81, 90, 200];
  const buffer = new ArrayBuffer(planesBytes(side, side));
  const planes = planesOf(buffer, side, side);
  planes.forEach(({ bytes }, i) => bytes.fill(numbers[i]!));
  // Without a description of its colours it would get one.
  const colorSpace = { matrix: null, primaries: null, transfer: null, fullRange: null };
  const frame = new VideoFrame(buffer, { format: 'I420', codedWidth: side, codedHeight: side, timestamp: 0, colorSpace });
  const seen = pixelOf(frame);
  frame.close();
  let least = Infinity;
  for (const matrix of ['bt709', 'smpte170m']) {
    for (const full of [false, true]) {
      const colours = { ...kMatrices[matrix]!, full };
      const rgba = new Uint8ClampedArray(4);
      new PlaneReducer().reduce(planes, colours, 1, 1, rgba);
      const difference = seen.reduce((sum, value, i) => sum + Math.abs(value - rgba[i]!), 0);
      if (difference >= least) continue;
      least = difference;
      assumed = colours;
    }
  }
  return assumed!;
}

/** Null where a frame says what is not known here. */
function coloursOf({ matrix, fullRange }: VideoColorSpace): PlaneColours | null {
  if (matrix === null) return assumedColours();
  return kMatrices[matrix] ? { ...kMatrices[matrix], full: fullRange === true } : null;
}

/** A blur below it is finer than PlaneBlur's cells. */
const kLeastBlur = 2;

/** What TypeScript's libraries do not know yet of a frame. */
interface TurnedFrame extends VideoFrame { rotation?: number; flip?: boolean }

interface Behind {
  from: FrameBackground;
  key: string;
  colour: [number, number, number];
  picture: Planes | null;
}

export class PlanarCompositor {
  readonly #input: ModelSpec['input'];
  readonly #reducer = new PlaneReducer();
  readonly #composer = new PlaneComposer();
  #buffer = new ArrayBuffer(0);
  #planes: Planes = planesOf(this.#buffer, 0, 0);
  /** Chroma of NV12, in pairs. */
  #pairs = new Uint8Array(0);
  #colours: PlaneColours = { red: 0.2126, blue: 0.0722, full: false };
  #matte: ByteMatte | null = null;
  #prepared = false;
  /** The background in the frame's numbers, a picture at its size, and what it was made from. */
  #behind: Behind | null = null;

  constructor(input: ModelSpec['input']) {
    this.#input = input;
  }

  /** Takes the frame's planes; false where it has none that this can do anything with. */
  async take(frame: Frame, background: FrameBackground): Promise<boolean> {
    if (!('format' in frame) || !this.#fits(frame) || (background.kind === 'blur' && background.radius < kLeastBlur)) return false;
    const { displayWidth: width, displayHeight: height, colorSpace } = frame;
    this.#prepared = false;
    // Room for alpha too.
    if (this.#buffer.byteLength !== planesBytes(width, height) + width * height) {
      this.#buffer = new ArrayBuffer(planesBytes(width, height) + width * height);
    }
    if (this.#planes[0].width !== width || this.#planes[0].height !== height) this.#planes = planesOf(this.#buffer, width, height);
    this.#colours = coloursOf(colorSpace)!;
    const luma = { offset: 0, stride: width };
    const [, cb, cr] = this.#planes;
    if (frame.format === 'I420') {
      await frame.copyTo(this.#buffer, {
        layout: [luma, { offset: cb.bytes.byteOffset, stride: cb.width }, { offset: cr.bytes.byteOffset, stride: cr.width }],
      });
      return true;
    }
    // Into the room of both planes and of alpha, and from there apart.
    const pairs = new Uint8Array(this.#buffer, width * height, 2 * cb.bytes.length);
    await frame.copyTo(this.#buffer, { layout: [luma, { offset: pairs.byteOffset, stride: 2 * cb.width }] });
    if (this.#pairs.length !== pairs.length) this.#pairs = new Uint8Array(pairs.length);
    this.#pairs.set(pairs);
    for (let i = 0; i < cb.bytes.length; ++i) {
      cb.bytes[i] = this.#pairs[2 * i]!;
      cr.bytes[i] = this.#pairs[2 * i + 1]!;
    }
    return true;
  }

  /** A copy of the frame in about the size that the model sees; in `spare` where that has its size. */
  smallCopy(spare: Uint8ClampedArray<ArrayBuffer> | null): ImageData {
    const { width, height } = smallSize(this.#planes[0], this.#input);
    const rgba = spare?.length === 4 * width * height ? spare : new Uint8ClampedArray(4 * width * height);
    this.#reducer.reduce(this.#planes, this.#colours, width, height, rgba);
    return new ImageData(rgba, width, height);
  }

  /** A copy that came back, the matte as its alpha. */
  setMatte({ data, width, height }: ImageData): void {
    if (this.#matte?.values.length !== width * height) this.#matte = { values: new Uint8Array(width * height), width, height };
    Object.assign(this.#matte, { width, height });
    const { values } = this.#matte;
    for (let i = 0; i < values.length; ++i) values[i] = data[4 * i + 3]!;
  }

  /** What can be done of `compose` before there is a matte. */
  prepare(background: FrameBackground): void {
    if (background.kind !== 'blur') return;
    this.#composer.prepareBlur(this.#planes);
    this.#prepared = true;
  }

  /** The frame before its background, once after each `take`. There must be a matte. */
  compose(frame: VideoFrame, background: FrameBackground): VideoFrame {
    const planes = this.#planes, matte = this.#matte!;
    const { width, height } = planes[0];
    switch (background.kind) {
      case 'transparent': {
        const bytes = new Uint8Array(this.#buffer, planesBytes(width, height));
        this.#composer.alpha({ bytes, width, height }, matte);
        break;
      }
      case 'colour':
        this.#composer.overColour(planes, matte, this.#madeOf(background).colour);
        break;
      case 'picture':
        this.#composer.overPicture(planes, matte, this.#madeOf(background).picture!);
        break;
      case 'blur':
        this.#composer.overBlur(planes, matte, background.radius, this.#prepared);
    }
    const { timestamp, duration, colorSpace } = frame;
    return new VideoFrame(this.#buffer, {
      format: background.kind === 'transparent' ? 'I420A' : 'I420', codedWidth: width, codedHeight: height, timestamp,
      ...(duration ? { duration } : {}), colorSpace: colorSpace.toJSON(),
    });
  }

  #fits(frame: TurnedFrame): boolean {
    const { format, visibleRect, displayWidth: width, displayHeight: height, colorSpace, rotation, flip } = frame;
    const small = smallSize({ width, height }, this.#input);
    return (format === 'I420' || format === 'NV12') && !rotation && !flip && width % 2 === 0 && height % 2 === 0 &&
      visibleRect?.width === width && visibleRect.height === height && width >= small.width && height >= small.height &&
      coloursOf(colorSpace) !== null;
  }

  /** Made once for each background, and again for frames of another size or other colours. */
  #madeOf(background: FrameBackground): Behind {
    const { width, height } = this.#planes[0];
    const key = JSON.stringify([width, height, this.#colours]);
    if (this.#behind?.from === background && this.#behind.key === key) return this.#behind;
    const made: Behind = { from: background, key, colour: [0, 128, 128], picture: null };
    if (background.kind === 'colour') made.colour = toPlanes(colourOf(background.colour), this.#colours);
    if (background.kind === 'picture') {
      made.picture = planesOf(new ArrayBuffer(planesBytes(width, height)), width, height);
      fillPlanes(covered(background.picture, width, height), this.#colours, made.picture);
    }
    return (this.#behind = made);
  }
}
