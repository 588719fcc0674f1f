// The header of a JPEG XL picture, as far as its transfer function: browsers tone-map high dynamic range in their own ways.
// SPDX-License-Identifier: MIT
import type { Bytes } from './bytes.js';
import { plainFacts, type PictureFacts } from './facts.js';

const kPq = 16, kHlg = 18;

export function jxlFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const transfer = transferOf(new Bits(file, codeStream(file) + 2));
  if (transfer === kPq || transfer === kHlg) {
    facts.notes.push(`high dynamic range (${transfer === kPq ? 'PQ' : 'HLG'}) tone-mapped by the browser, in its own way`);
  }
  return facts;
}

/** Where it begins: at once, or in a box. */
function codeStream(file: Bytes): number {
  if (file.has(0, '\xff\x0a')) return 0;
  for (let at = 0; at + 8 <= file.size; ) {
    const size = file.u32(at), head = size === 1 ? 16 : 8;
    if (file.has(at + 4, 'jxlc')) return at + head;
    if (file.has(at + 4, 'jxlp')) return at + head + 4;
    if (size === 0) break;
    at += size === 1 ? file.u32(at + 8) * 2 ** 32 + file.u32(at + 12) : Math.max(size, head);
  }
  return file.size;
}

/** ISO/IEC 18181-1: the lowest bit first. */
class Bits {
  readonly #file: Bytes;
  #at: number;

  constructor(file: Bytes, at: number) {
    this.#file = file;
    this.#at = 8 * at;
  }

  get ended(): boolean {
    return this.#at > 8 * this.#file.size;
  }

  u(count: number): number {
    let value = 0;
    for (let i = 0; i < count; ++i, ++this.#at) value += (this.#file.u8(this.#at >>> 3) >>> (this.#at & 7) & 1) * 2 ** i;
    return value;
  }

  flag(): boolean {
    return this.u(1) === 1;
  }

  /** U32: one of four numbers, each from `from` on, of so many bits. */
  number(...ways: [from: number, bits: number][]): number {
    const [from, bits] = ways[this.u(2)]!;
    return from + this.u(bits);
  }

  word(): number {
    return this.number([0, 0], [1, 0], [2, 4], [18, 6]);
  }
}

/** By its number in H.273; null for what is no more than sRGB, has a profile, or cannot be read here. */
function transferOf(bits: Bits): number | null {
  readSize(bits);
  if (bits.flag()) return null;  // all by default
  if (bits.flag()) readExtraFields(bits);
  readDepth(bits);
  bits.flag();  // whether 16 bits suffice
  for (let left = bits.number([0, 0], [1, 0], [2, 4], [1, 12]); left > 0; --left) {
    if (!readExtraChannel(bits) || bits.ended) return null;
  }
  bits.flag();  // XYB
  if (bits.flag() || bits.flag()) return null;  // sRGB; a profile
  const grey = bits.word() === 1;
  const custom = (points: number) => {
    for (let i = 0; i < 2 * points; ++i) bits.number([0, 19], [524288, 19], [1048576, 20], [2097152, 21]);
  };
  if (bits.word() === 2) custom(1);  // white
  if (!grey && bits.word() === 2) custom(3);
  if (bits.flag()) return null;  // a power
  const transfer = bits.word();
  return bits.ended ? null : transfer;
}

function readSize(bits: Bits): void {
  const eighths = bits.flag();
  const side = () => (eighths ? bits.u(5) : bits.number([1, 9], [1, 13], [1, 18], [1, 30]));
  side();
  if (bits.u(3) === 0) side();
}

function readExtraFields(bits: Bits): void {
  bits.u(3);  // orientation
  if (bits.flag()) readSize(bits);
  if (bits.flag()) {
    const eighths = bits.flag();
    const side = () => (eighths ? bits.number([16, 0], [32, 0], [1, 5], [33, 9]) : bits.number([1, 6], [65, 8], [321, 10], [1345, 12]));
    side();
    if (bits.u(3) === 0) side();
  }
  if (bits.flag()) {
    bits.number([100, 0], [1000, 0], [1, 10], [1, 30]);
    bits.number([1, 0], [1001, 0], [1, 8], [1, 10]);
    bits.number([0, 0], [0, 3], [0, 16], [0, 32]);
    bits.flag();
  }
}

function readDepth(bits: Bits): void {
  if (bits.flag()) {
    bits.number([32, 0], [16, 0], [24, 0], [1, 6]);
    bits.u(4);
  } else {
    bits.number([8, 0], [10, 0], [12, 0], [1, 6]);
  }
}

/** False for a kind whose length is not known here. */
function readExtraChannel(bits: Bits): boolean {
  if (bits.flag()) return true;  // alpha, as usual
  const kind = bits.word();
  readDepth(bits);
  bits.number([0, 0], [3, 0], [4, 0], [1, 3]);
  bits.u(8 * bits.number([0, 0], [0, 4], [16, 5], [48, 10]));  // a name
  if (kind === 0) bits.flag();
  return kind !== 2 && kind !== 5;  // spot colours, colour filters
}
