// Frames in planes of luma and chroma (4:2:0), as cameras give them: a small copy in RGB, and backgrounds behind a matte, in place.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { kPadding, PlaneBlur } from './plane-blur.js';
import { kOne, stretching, type Stretching } from './stretching.js';

export interface Plane {
  bytes: Uint8Array;
  width: number;
  height: number;
}

/** Y', Cb, Cr; chroma has half the size of luma, rounded up. */
export type Planes = readonly [Plane, Plane, Plane];

/** How R'G'B' becomes Y'CbCr: the shares of red and blue in luma (H.273), and whether black is 0 or 16. */
export interface PlaneColours {
  red: number;
  blue: number;
  full: boolean;
}

/** A matte of bytes, of any size: 255 is the subject. */
export interface ByteMatte {
  values: Uint8Array;
  width: number;
  height: number;
}

export function halfOf(size: number): number {
  return (size + 1) >> 1;
}

/** Views of one buffer: luma, then both planes of chroma, each dense. */
export function planesOf(buffer: ArrayBuffer, width: number, height: number): Planes {
  const [w, h] = [halfOf(width), halfOf(height)];
  return [
    { bytes: new Uint8Array(buffer, 0, width * height), width, height },
    { bytes: new Uint8Array(buffer, width * height, w * h), width: w, height: h },
    { bytes: new Uint8Array(buffer, width * height + w * h, w * h), width: w, height: h },
  ];
}

export function planesBytes(width: number, height: number): number {
  return width * height + 2 * halfOf(width) * halfOf(height);
}

/** The small copy: each of its pixels is the mean of the frame's pixels there. Keeps its memory from frame to frame. */
export class PlaneReducer {
  readonly #means = [0, 1, 2].map(() => new Float32Array(0));
  /** Where each small pixel begins in luma and in chroma, and where the last one ends; and whose they are. */
  #starts: [Int32Array, Int32Array] = [new Int32Array(0), new Int32Array(0)];
  #key = '';

  /** Into opaque RGBA, no larger than the frame. */
  reduce(planes: Planes, colours: PlaneColours, width: number, height: number, rgba: Uint8ClampedArray): void {
    const key = `${planes[0].width} ${width} ${height}`;
    if (this.#key !== key) {
      this.#key = key;
      const starts = (from: number) => Int32Array.from({ length: width + 1 }, (_, x) => Math.floor((x * from) / width));
      this.#starts = [starts(planes[0].width), starts(planes[1].width)];
      for (let i = 0; i < 3; ++i) this.#means[i] = new Float32Array(width * height);
    }
    planes.forEach((plane, i) => meansOf(plane, this.#starts[i === 0 ? 0 : 1], height, this.#means[i]!));
    const { red, blue, full } = colours;
    const [luma, cb, cr] = this.#means as [Float32Array, Float32Array, Float32Array];
    const [black, gain, chroma] = full ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
    const toRed = 2 * (1 - red) * chroma, toBlue = 2 * (1 - blue) * chroma, green = 1 - red - blue;
    const greenOfBlue = (toBlue * blue) / green, greenOfRed = (toRed * red) / green;
    for (let i = 0, to = 0; i < luma.length; ++i, to += 4) {
      const y = (luma[i]! - black) * gain, u = cb[i]! - 128, v = cr[i]! - 128;
      rgba[to] = y + toRed * v;
      rgba[to + 1] = y - greenOfBlue * u - greenOfRed * v;
      rgba[to + 2] = y + toBlue * u;
      rgba[to + 3] = 255;
    }
  }
}

/** Means of a plane's pixels between `starts`, and as evenly from top to bottom. A place without a pixel of its own has the next one. */
function meansOf({ bytes, width: from, height: rows }: Plane, starts: Int32Array, height: number, out: Float32Array): void {
  const width = starts.length - 1;
  for (let y = 0; y < height; ++y) {
    const top = Math.floor((y * rows) / height), bottom = Math.max(top + 1, Math.floor(((y + 1) * rows) / height));
    const to = y * width;
    out.fill(0, to, to + width);
    for (let row = top; row < bottom; ++row) {
      const at = row * from;
      for (let x = 0; x < width; ++x) {
        const end = at + starts[x + 1]!;
        let i = at + starts[x]!, sum = bytes[i]!;
        while (++i < end) sum += bytes[i]!;
        out[to + x]! += sum;
      }
    }
    for (let x = 0; x < width; ++x) out[to + x]! /= (bottom - top) * Math.max(1, starts[x + 1]! - starts[x]!);
  }
}

/** A colour, 0..255 each, in the planes' numbers. */
export function toPlanes([r, g, b]: readonly [number, number, number], { red, blue, full }: PlaneColours): [number, number, number] {
  const luma = red * r + (1 - red - blue) * g + blue * b;
  const [black, gain, chroma] = full ? [0, 1, 1] : [16, 219 / 255, 224 / 255];
  const within = (value: number) => Math.max(0, Math.min(255, Math.round(value)));
  return [
    within(black + gain * luma),
    within(128 + (chroma * (b - luma)) / (2 * (1 - blue))),
    within(128 + (chroma * (r - luma)) / (2 * (1 - red))),
  ];
}

/** A whole picture, RGBA of the planes' size, whose alpha plays no part. */
export function fillPlanes(rgba: ArrayLike<number>, colours: PlaneColours, planes: Planes): void {
  const [luma, cb, cr] = planes;
  const { width, height } = luma;
  for (let i = 0; i < width * height; ++i) {
    luma.bytes[i] = toPlanes([rgba[4 * i]!, rgba[4 * i + 1]!, rgba[4 * i + 2]!], colours)[0];
  }
  for (let y = 0; y < cb.height; ++y) {
    for (let x = 0; x < cb.width; ++x) {
      const mean: [number, number, number] = [0, 0, 0];
      for (const row of [2 * y, Math.min(2 * y + 1, height - 1)]) {
        for (const column of [2 * x, Math.min(2 * x + 1, width - 1)]) {
          for (let c = 0; c < 3; ++c) mean[c]! += rgba[4 * (row * width + column) + c]! / 4;
        }
      }
      [, cb.bytes[y * cb.width + x], cr.bytes[y * cb.width + x]] = toPlanes(mean, colours);
    }
  }
}

/** What lies behind the subject in one plane: fills `row` from `begin` to `end` with row `y`. */
type FillRow = (row: Uint8Array, y: number, begin: number, end: number) => void;

/** What a row of cells of a matte is from one place on: the subject alone, the background alone, or both. */
const kSubject = 1, kBackground = 0, kMixed = 2;

/** Puts backgrounds behind the subject of a frame, in place. Keeps its memory from frame to frame. */
export class PlaneComposer {
  readonly #blur = new PlaneBlur();
  readonly #stretchings: Stretching[] = [];
  #row = new Uint8Array(0);
  #matte = new Int32Array(0);
  /** Of a row of cells: where each run of one kind begins, and its kind. */
  #runs = new Int32Array(0);
  #kinds = new Uint8Array(0);

  /** `colour`: a number for each plane. */
  overColour(planes: Planes, matte: ByteMatte, colour: readonly [number, number, number]): void {
    planes.forEach((plane, i) => {
      const value = colour[i]!;
      this.#compose(plane, i, matte, (row, _, begin, end) => void row.fill(value, begin, end));
    });
  }

  /** `picture`: planes of the same size. */
  overPicture(planes: Planes, matte: ByteMatte, picture: Planes): void {
    planes.forEach((plane, i) => {
      const { bytes, width } = picture[i]!;
      this.#compose(plane, i, matte, (row, y, begin, end) => row.set(bytes.subarray(y * width + begin, y * width + end), begin));
    });
  }

  /** The part of `overBlur` that needs no matte. */
  prepareBlur(planes: Planes): void {
    this.#blur.reduce(planes);
  }

  /** The frame itself out of focus, by about `radius` pixels, two at least: the subject leaves no glow. `prepared`: by `prepareBlur`. */
  overBlur(planes: Planes, matte: ByteMatte, radius: number, prepared = false): void {
    if (!prepared) this.#blur.reduce(planes);
    this.#blur.begin(planes, matte, radius);
    planes.forEach((plane, i) => this.#compose(plane, i, matte, this.#blur.rows(i)));
  }

  /** The matte stretched to a plane's size: the alpha of a frame that has one. */
  alpha(plane: Plane, matte: ByteMatte): void {
    plane.bytes.fill(255);
    this.#compose(plane, 0, matte, (row, _, begin, end) => void row.fill(0, begin, end));
  }

  // Where the matte is 255 nothing is done, where it is 0 the background is copied, and in between they are mixed.
  #compose({ bytes, width, height }: Plane, index: number, matte: ByteMatte, fill: FillRow): void {
    const columns = this.#stretching(2 * index, matte.width, width), rows = this.#stretching(2 * index + 1, matte.height, height);
    // Backgrounds are filled in by whole cells.
    if (this.#row.length < width + kPadding) this.#row = new Uint8Array(width + kPadding);
    if (this.#matte.length <= matte.width) {
      this.#matte = new Int32Array(matte.width + 1);
      this.#runs = new Int32Array(matte.width + 1);
      this.#kinds = new Uint8Array(matte.width);
    }
    const row = this.#row, runs = this.#runs, kinds = this.#kinds, { starts } = columns;
    for (let y = 0, count = 0, last = -1; y < height; ++y) {
      if (rows.first[y] !== last) {
        last = rows.first[y]!;
        count = this.#findRuns(matte, last);
      }
      for (let run = 0; run < count; ++run) {
        const begin = starts[runs[run]!]!, end = starts[runs[run + 1]!]!;
        if (kinds[run] === kSubject || begin >= end) continue;
        fill(row, y, begin, end);
        if (kinds[run] === kBackground) bytes.set(row.subarray(begin, end), y * width + begin);
        else this.#mix(bytes, y * width, begin, end, columns, matte, rows, y);
      }
    }
  }

  /** Of the cells between two rows of the matte: neighbours of one kind together. How many runs there are. */
  #findRuns({ values, width, height }: ByteMatte, first: number): number {
    const runs = this.#runs, kinds = this.#kinds;
    const top = first * width, bottom = Math.min(first + 1, height - 1) * width;
    let count = 0;
    for (let x = 0; x < width; ++x) {
      const next = Math.min(x + 1, width - 1);
      const all = values[top + x]! & values[top + next]! & values[bottom + x]! & values[bottom + next]!;
      const any = values[top + x]! | values[top + next]! | values[bottom + x]! | values[bottom + next]!;
      const kind = all === 255 ? kSubject : any === 0 ? kBackground : kMixed;
      if (count > 0 && kinds[count - 1] === kind) continue;
      runs[count] = x;
      kinds[count++] = kind;
    }
    runs[count] = width;
    return count;
  }

  /** From `begin` to `end` of a plane's row, which begins at `at`: with what is behind it in #row. */
  #mix(bytes: Uint8Array, at: number, begin: number, end: number, columns: Stretching, matte: ByteMatte, rows: Stretching, y: number): void {
    const stretched = this.#matte, row = this.#row, { first, weight } = columns, { values, width, height } = matte;
    const near = rows.first[y]! * width, far = Math.min(rows.first[y]! + 1, height - 1) * width, share = rows.weight[y]!;
    const most = Math.min(first[end - 1]! + 1, width - 1);
    for (let x = first[begin]!; x <= most; ++x) stretched[x] = values[near + x]! * (kOne - share) + values[far + x]! * share;
    stretched[width] = stretched[width - 1]!;
    for (let x = begin; x < end; ++x) {
      const cell = first[x]!, behind = row[x]!;
      const all = stretched[cell]! * (kOne - weight[x]!) + stretched[cell + 1]! * weight[x]!;
      bytes[at + x] = behind + (bytes[at + x]! - behind) * all * kToShare + 0.5;
    }
  }

  #stretching(which: number, from: number, to: number): Stretching {
    const kept = this.#stretchings[which];
    if (kept?.from === from && kept.to === to) return kept;
    return (this.#stretchings[which] = stretching(from, to));
  }
}

/** From a byte with the weights of both directions to 0..1. */
const kToShare = 1 / (255 * kOne * kOne);
