// A frame in planes out of focus, the subject left out: means of 4 x 4 pixels, halved to a single pixel, which fill what the subject covers,
// and doubled again. cutout/backdrop.cc does the same in RGB from means of 2 x 2 on.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import type { ByteMatte, Plane, Planes } from './planes.js';
import { kOne } from './stretching.js';

/** Rows are filled by whole cells. */
export const kPadding = 4;

/** Luma in means of so many pixels a side, chroma in half as many. A blur of more than two pixels shows nothing finer. */
const kCell = 4;

/** Weights below this are of a subject that covers the cell; what is put there comes from farther away. */
const kLeastWeight = 1e-3;

/** Luma, chroma twice, each times the weight, and the weight: four floats a cell. */
interface Level {
  width: number;
  height: number;
  cells: Float32Array;
}

export class PlaneBlur {
  /** From cells of kCell pixels on, each half the last one's size. */
  #levels: Level[] = [];
  #size = [0, 0];
  /** The first level's planes, times kOne. */
  #planes: Int32Array[] = [];
  #stretched = new Int32Array(0);

  /** The first part, which needs no matte. */
  reduce(planes: Planes): void {
    const [luma] = planes;
    this.#resize(luma);
    planes.forEach((plane, i) => this.#reducePlane(plane, i === 0 ? kCell : kCell / 2, this.#levels[0]!, i));
  }

  /** After it, once. */
  begin(planes: Planes, matte: ByteMatte, radius: number): void {
    const levels = this.#levels;
    const [first] = levels as [Level];
    this.#weigh(matte, planes[0], first);
    for (let i = 1; i < levels.length; ++i) halve(levels[i - 1]!, levels[i]!);
    // As often as HalvingsFor of cutout/backdrop.cc, of which the first level is two.
    const halvings = Math.max(2, Math.min(7, Math.round(Math.log2(radius / 0.58))));
    const last = Math.min(halvings - 2, levels.length - 1);
    for (let i = levels.length - 1; i >= last; --i) fillHoles(levels[i]!, levels[i + 1]);
    for (let i = last - 1; i >= 0; --i) enlarge(levels[i + 1]!, levels[i]!);
    for (let c = 0; c < 3; ++c) {
      const out = this.#planes[c]!;
      for (let i = 0; i < out.length; ++i) out[i] = first.cells[4 * i + c]! * kOne + 0.5;
    }
  }

  /** And after that: the rows of plane `index`. Fills `row` from `begin` to `end`, and up to kPadding bytes around them. */
  rows(index: number): (row: Uint8Array, y: number, begin: number, end: number) => void {
    const from = this.#planes[index]!, stretched = this.#stretched;
    const { width, height } = this.#levels[0]!;
    const bits = index === 0 ? 2 : 1;
    return (row, y, begin, end) => {
      // Middles lie at a half, so that a row of a cell is an eighth or more away from its middle.
      const own = y >> bits, part = 2 * (y - (own << bits)) + 1 - (1 << bits), next = Math.max(0, Math.min(height - 1, own + Math.sign(part)));
      const near = own * width, far = next * width, share = Math.abs(part) * (kOne >> (bits + 1));
      const first = begin >> bits, last = (end - 1) >> bits;
      for (let x = Math.max(first - 1, 0); x <= Math.min(last + 1, width - 1); ++x) stretched[x + 1] = from[near + x]! * (kOne - share) + from[far + x]! * share + kHalf;
      if (first === 0) stretched[0] = stretched[1]!;
      if (last === width - 1) stretched[width + 1] = stretched[width]!;
      if (bits === 2) enlarge4(stretched, first, last, row);
      else enlarge2(stretched, first, last, row);
    };
  }

  #resize({ width, height }: Plane): void {
    if (this.#size[0] === width && this.#size[1] === height) return;
    this.#size = [width, height];
    let [w, h] = [Math.ceil(width / kCell), Math.ceil(height / kCell)];
    this.#levels = [];
    for (;;) {
      this.#levels.push({ width: w, height: h, cells: new Float32Array(4 * w * h) });
      if (w === 1 && h === 1) break;
      [w, h] = [(w + 1) >> 1, (h + 1) >> 1];
    }
    const [first] = this.#levels as [Level];
    this.#planes = [0, 1, 2].map(() => new Int32Array(first.width * first.height));
    this.#stretched = new Int32Array(first.width + 2);
  }

  /** Means of `side` x `side` pixels of a plane, as channel `c`. */
  #reducePlane({ bytes, width, height }: Plane, side: number, { width: columns, height: rows, cells }: Level, c: number): void {
    for (let y = 0; y < rows; ++y) {
      const bottom = Math.min(side * (y + 1), height), count = bottom - side * y;
      const to = 4 * y * columns + c;
      // Those that are whole, by fours and twos.
      const whole = Math.floor(width / side);
      for (let x = 0; x < columns; ++x) cells[to + 4 * x] = 0;
      for (let row = side * y; row < bottom; ++row) {
        let at = row * width;
        if (side === 4) for (let x = 0; x < whole; ++x, at += 4) cells[to + 4 * x]! += bytes[at]! + bytes[at + 1]! + bytes[at + 2]! + bytes[at + 3]!;
        else for (let x = 0; x < whole; ++x, at += 2) cells[to + 4 * x]! += bytes[at]! + bytes[at + 1]!;
        for (; at < (row + 1) * width; ++at) cells[to + 4 * whole]! += bytes[at]!;
      }
      for (let x = 0; x < columns; ++x) cells[to + 4 * x]! /= count * (Math.min(side * (x + 1), width) - side * x);
    }
  }

  /** By the most that the matte says of any of a cell's pixels, and squared: those of an edge show the subject too. */
  #weigh({ values, width, height }: ByteMatte, luma: Plane, { width: columns, height: rows, cells }: Level): void {
    const lefts = Int32Array.from({ length: columns }, (_, x) => Math.floor((kCell * x * width) / luma.width));
    const rights = Int32Array.from({ length: columns }, (_, x) => Math.min(width, Math.ceil((kCell * (x + 1) * width) / luma.width)) - 1);
    for (let y = 0, to = 0; y < rows; ++y) {
      const top = Math.floor((kCell * y * height) / luma.height) * width;
      const bottom = (Math.min(height, Math.ceil((kCell * (y + 1) * height) / luma.height)) - 1) * width;
      for (let x = 0; x < columns; ++x, to += 4) {
        const left = lefts[x]!, right = rights[x]!;
        let most = 0;
        for (let row = top; row <= bottom; row += width) {
          for (let i = row + left; i <= row + right; ++i) {
            const value = values[i]!;
            if (value > most) most = value;
          }
        }
        if (most === 0) {
          cells[to + 3] = 1;
          continue;
        }
        const rest = 1 - most * (1 / 255), weight = most === 255 ? 0 : rest * rest;
        cells[to]! *= weight;
        cells[to + 1]! *= weight;
        cells[to + 2]! *= weight;
        cells[to + 3] = weight;
      }
    }
  }
}

/** What a row of the planes is divided by: its own scale, the weights of both directions, which are eighths or quarters from left to right. */
const kHalf = 1 << 11;

/** Cells `first` to `last`, each with its neighbours one before and after it, as four pixels each. */
function enlarge4(cells: Int32Array, first: number, last: number, row: Uint8Array): void {
  for (let x = first, left = cells[first]!, own = cells[first + 1]!; x <= last; ++x) {
    const right = cells[x + 2]!;
    row[4 * x] = (3 * left + 5 * own) >> 15;
    row[4 * x + 1] = (left + 7 * own) >> 15;
    row[4 * x + 2] = (7 * own + right) >> 15;
    row[4 * x + 3] = (5 * own + 3 * right) >> 15;
    left = own;
    own = right;
  }
}

function enlarge2(cells: Int32Array, first: number, last: number, row: Uint8Array): void {
  for (let x = first, left = cells[first]!, own = cells[first + 1]!; x <= last; ++x) {
    const right = cells[x + 2]!;
    row[2 * x] = (left + 3 * own) >> 14;
    row[2 * x + 1] = (3 * own + right) >> 14;
    left = own;
    own = right;
  }
}

/** Means of 2 x 2. */
function halve(from: Level, to: Level): void {
  for (let y = 0, at = 0; y < to.height; ++y) {
    const top = 8 * y * from.width, bottom = 4 * Math.min(2 * y + 1, from.height - 1) * from.width;
    for (let x = 0; x < to.width; ++x, at += 4) {
      const left = 8 * x, right = 4 * Math.min(2 * x + 1, from.width - 1);
      for (let c = 0; c < 4; ++c) {
        to.cells[at + c] = (from.cells[top + left + c]! + from.cells[top + right + c]! + from.cells[bottom + left + c]! + from.cells[bottom + right + c]!) / 4;
      }
    }
  }
}

/** Of a finer row or column, the coarse one that it lies in, and the one that it is next to. */
const nextTo = (fine: number, count: number) => Math.max(0, Math.min(count - 1, (fine >> 1) + (fine % 2 === 0 ? -1 : 1)));

/** Makes a level whole: its own colours, and where the subject covers it those of the next level. */
function fillHoles(own: Level, coarse: Level | undefined): void {
  const { width, height, cells } = own;
  if (!coarse) {
    // All there is; grey where that is nothing.
    const scale = cells[3]! > 0 ? 1 / cells[3]! : 0;
    for (let c = 0; c < 3; ++c) cells[c] = scale > 0 ? cells[c]! * scale : 128;
    cells[3] = 1;
    return;
  }
  for (let y = 0, at = 0; y < height; ++y) {
    const near = 4 * (y >> 1) * coarse.width, far = 4 * nextTo(y, coarse.height) * coarse.width;
    for (let x = 0; x < width; ++x, at += 4) {
      const weight = cells[at + 3]!;
      cells[at + 3] = 1;
      if (weight > 0.999) continue;
      const left = 4 * (x >> 1), right = 4 * nextTo(x, coarse.width);
      // What there is of the cell counts for more than its share, so that the background next to the subject stays its own.
      const missing = weight > kLeastWeight ? (1 - weight) ** 4 : 1;
      const scale = weight > kLeastWeight ? (1 - missing) / weight : 0;
      for (let c = 0; c < 3; ++c) cells[at + c] = cells[at + c]! * scale + doubled(coarse.cells, near + left, near + right, far + left, far + right, c) * missing;
    }
  }
}

function enlarge(from: Level, to: Level): void {
  const { width, height, cells } = to;
  for (let y = 0, at = 0; y < height; ++y) {
    const near = 4 * (y >> 1) * from.width, far = 4 * nextTo(y, from.height) * from.width;
    for (let x = 0; x < width; ++x, at += 4) {
      const left = 4 * (x >> 1), right = 4 * nextTo(x, from.width);
      for (let c = 0; c < 3; ++c) cells[at + c] = doubled(from.cells, near + left, near + right, far + left, far + right, c);
    }
  }
}

/** A quarter of a coarse cell away from its own, three quarters from the next. */
function doubled(cells: Float32Array, own: number, beside: number, below: number, across: number, c: number): number {
  return (9 * cells[own + c]! + 3 * (cells[beside + c]! + cells[below + c]!) + cells[across + c]!) / 16;
}
