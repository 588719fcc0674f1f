// Walks the codes of a JPEG's scans, without computing coefficients, to find out whether every block of the picture is there.
// SPDX-License-Identifier: MIT
import type { Bytes } from './bytes.js';

/** Sampling factors of a component, and the place of its blocks. */
export interface Component {
  id: number;
  across: number;
  down: number;
}

export interface Frame {
  width: number;
  height: number;
  components: Component[];
  progressive: boolean;
}

/** A Huffman table, indexed by the next 16 bits: `length << 8 | symbol`, or 0 if no code begins with them. */
export type Codes = Uint16Array;

const kLook = 16;
const kSixteenZeros = 0xf0;

/** Makes codes from DHT's counts and symbols (ITU-T T.81, annex C). Null if they do not fit 16 bits. */
export function makeCodes(counts: Uint8Array, symbols: Uint8Array): Codes | null {
  const codes = new Uint16Array(1 << kLook);
  let code = 0, symbol = 0;
  for (let length = 1; length <= kLook; ++length) {
    for (let left = counts[length - 1]!; left > 0; --left) {
      const from = code << (kLook - length), to = (code + 1) << (kLook - length);
      if (to > codes.length) return null;
      codes.fill(length << 8 | symbols[symbol++]!, from, to);
      ++code;
    }
    code <<= 1;
  }
  return codes;
}

export interface Scan {
  /** Position of the entropy-coded data. */
  from: number;
  to: number;
  components: { component: Component; dc: Codes | null; ac: Codes | null }[];
  /** Spectral selection and successive approximation; 0..63 and 0 for sequential scans. */
  first: number;
  last: number;
  refines: boolean;
  restartInterval: number;
}

/** The bits of a scan, without stuffing. After the end of the data it returns zeros, as decoders do, and sets `over`. */
class Bits {
  readonly #file: Uint8Array;
  readonly #end: number;
  #at: number;
  #bits = 0;
  #count = 0;
  #missing = 0;

  constructor(file: Uint8Array, from: number, end: number) {
    this.#file = file;
    this.#at = from;
    this.#end = end;
  }

  /** The next 16 bits. */
  look(): number {
    while (this.#count < kLook) {
      const at = this.#at;
      let byte = 0;
      if (at >= this.#end || (this.#file[at] === 0xff && this.#file[at + 1] !== 0)) {
        this.#missing += 8;
      } else {
        byte = this.#file[at]!;
        this.#at += byte === 0xff ? 2 : 1;
      }
      this.#bits = (this.#bits << 8 | byte) & 0xffffff;
      this.#count += 8;
    }
    return this.#bits >>> (this.#count - kLook) & 0xffff;
  }

  skip(count: number): void {
    while (count > this.#count) {
      count -= this.#count;
      this.#count = 0;
      this.look();
    }
    this.#count -= count;
  }

  bit(): number {
    const value = this.look() >>> (kLook - 1);
    --this.#count;
    return value;
  }

  /** More bits were read than there are. */
  get over(): boolean {
    return this.#missing > this.#count;
  }

  /** Skips to after the next restart marker, number `turn`. False if it is missing. */
  restart(turn: number): boolean {
    this.#count = this.#missing = 0;
    for (; this.#at < this.#end; ++this.#at) {
      const next = this.#file[this.#at + 1]!;
      if (this.#file[this.#at] !== 0xff || next < 0xd0 || next > 0xd7) continue;
      this.#at += 2;
      return next === 0xd0 + turn % 8;
    }
    return false;
  }
}

/** Walks the scans of one picture. Progressive scans need to know which coefficients are there already. */
export class ScanWalker {
  readonly #file: Uint8Array;
  readonly #frame: Frame;
  readonly #maxAcross: number;
  readonly #maxDown: number;
  /** By component: 64 bits for each block, as two words. */
  readonly #nonzero = new Map<Component, Uint32Array>();
  #run = 0;

  constructor(file: Bytes, frame: Frame) {
    this.#file = file.all;
    this.#frame = frame;
    this.#maxAcross = Math.max(...frame.components.map(({ across }) => across));
    this.#maxDown = Math.max(...frame.components.map(({ down }) => down));
  }

  /** Whether all blocks of the scan are there. Yields after each row of blocks. */
  *walk(scan: Scan): Generator<void, boolean> {
    const bits = new Bits(this.#file, scan.from, scan.to);
    const { width, height } = this.#frame;
    const single = scan.components.length === 1;
    const mcuWidth = 8 * this.#maxAcross, mcuHeight = 8 * this.#maxDown;
    const across = Math.ceil(width / mcuWidth), down = Math.ceil(height / mcuHeight);
    // A scan of one component has only its own blocks, without those that merely complete MCUs.
    const only = scan.components[0]!.component;
    const columns = single ? Math.ceil(Math.ceil(width * only.across / this.#maxAcross) / 8) : across;
    const rows = single ? Math.ceil(Math.ceil(height * only.down / this.#maxDown) / 8) : down;
    this.#run = 0;
    for (let mcu = 0; mcu < columns * rows; ++mcu) {
      if (scan.restartInterval > 0 && mcu > 0 && mcu % scan.restartInterval === 0) {
        if (bits.over || !bits.restart(mcu / scan.restartInterval - 1)) return false;
        this.#run = 0;
      }
      const x = mcu % columns, y = (mcu - x) / columns;
      if (single) {
        this.#block(bits, scan, 0, x, y, across * only.across);
      } else {
        for (let i = 0; i < scan.components.length; ++i) {
          const { component } = scan.components[i]!;
          for (let v = 0; v < component.down; ++v) {
            for (let h = 0; h < component.across; ++h) {
              this.#block(bits, scan, i, x * component.across + h, y * component.down + v, across * component.across);
            }
          }
        }
      }
      if (bits.over) return false;
      if (x === columns - 1) yield;
    }
    return true;
  }

  #block(bits: Bits, scan: Scan, index: number, x: number, y: number, stride: number): void {
    const { component, dc, ac } = scan.components[index]!;
    if (!this.#frame.progressive) {
      this.#symbol(bits, dc, 15);
      for (let k = 1; k < 64; ) {
        const symbol = this.#symbol(bits, ac, 15);
        if ((symbol & 15) === 0 && symbol !== kSixteenZeros) break;
        k += (symbol >> 4) + 1;
      }
      return;
    }
    if (scan.first === 0) {
      if (scan.refines) bits.skip(1);
      else this.#symbol(bits, dc, 15);
      return;
    }
    let map = this.#nonzero.get(component);
    if (!map) {
      const rows = Math.ceil(this.#frame.height / (8 * this.#maxDown)) * component.down;
      this.#nonzero.set(component, map = new Uint32Array(2 * stride * rows));
    }
    const at = 2 * (y * stride + x);
    if (scan.refines) this.#refine(bits, scan, ac, map, at);
    else this.#firstPass(bits, scan, ac, map, at);
  }

  /**
   * Reads the next symbol and skips the bits of its value, whose number is the symbol's low half. An invalid code counts as one
   * bit.
   */
  #symbol(bits: Bits, codes: Codes | null, most: number): number {
    const entry = codes?.[bits.look()] ?? 0;
    const symbol = entry & 255;
    bits.skip((entry >> 8 || 1) + (symbol & most));
    return symbol;
  }

  #firstPass(bits: Bits, { first, last }: Scan, ac: Codes | null, map: Uint32Array, at: number): void {
    if (this.#run > 0) {
      --this.#run;
      return;
    }
    for (let k = first; k <= last; ++k) {
      const symbol = this.#symbol(bits, ac, 15);
      const zeros = symbol >> 4;
      if ((symbol & 15) !== 0) {
        k += zeros;
        if (k < 64) map[at + (k >> 5)]! |= 1 << (k & 31);
      } else if (zeros === 15) {
        k += 15;
      } else {
        this.#run = this.#runLength(bits, zeros) - 1;
        return;
      }
    }
  }

  #runLength(bits: Bits, zeros: number): number {
    const more = zeros > 0 ? bits.look() >>> (kLook - zeros) : 0;
    bits.skip(zeros);
    return (1 << zeros) + more;
  }

  // G.1.2.3: each coefficient that is there already has a bit of its own among the codes.
  #refine(bits: Bits, { first, last }: Scan, ac: Codes | null, map: Uint32Array, at: number): void {
    const there = (k: number) => (map[at + (k >> 5)]! >>> (k & 31) & 1) !== 0;
    let k = first;
    while (this.#run === 0 && k <= last) {
      const symbol = this.#symbol(bits, ac, 0);
      let zeros = symbol >> 4;
      const found = (symbol & 15) !== 0;
      if (found) {
        bits.skip(1);
      } else if (zeros < 15) {
        this.#run = this.#runLength(bits, zeros);
        break;
      }
      for (; k <= last; ++k) {
        if (there(k)) bits.skip(1);
        else if (zeros-- === 0) break;
      }
      if (found && k < 64) map[at + (k >> 5)]! |= 1 << (k & 31);
      ++k;
    }
    if (this.#run === 0) return;
    for (; k <= last; ++k) if (there(k)) bits.skip(1);
    --this.#run;
  }
}
