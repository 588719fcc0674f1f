// BMP: headers, and the pixels that browsers disagree about. And the directory of an icon.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Bytes } from './bytes.js';
import { cutShort, damaged, plainFacts, type PictureFacts } from './facts.js';

const kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6;
const kHeader = 14;

/** Throws `corrupt-image` for a file that is cut, `unsupported` for kinds that no decoder reads. */
export function bmpFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const size = file.u32(kHeader), core = size === 12;
  const height = core ? file.u16(kHeader + 6) : file.i32(kHeader + 8);
  facts.width = core ? file.u16(kHeader + 4) : file.i32(kHeader + 4);
  facts.height = Math.abs(height);
  const bits = file.u16(kHeader + (core ? 10 : 14));
  const compression = size >= 40 ? file.u32(kHeader + 16) : kRgb;
  if (facts.width <= 0 || facts.height === 0) throw damaged('its header makes no sense');
  if ((compression > kBitFields && compression !== kAlphaBitFields) || (size === 64 && compression >= kBitFields)) {
    throw new DecalError('unsupported', `BMP with compression ${compression} is not read`);
  }
  // Left out, it is right behind the header and what belongs to it.
  const behind = kHeader + size + (size === 40 ? { [kBitFields]: 12, [kAlphaBitFields]: 16 }[compression] ?? 0 : 0) + 4 * Math.min(file.u32(kHeader + 32), 256);
  const pixels = file.u32(10) || behind;
  const runs = compression === kRle8 || compression === kRle4;
  const rowBytes = Math.ceil(facts.width * bits / 32) * 4;
  // The padding of the last row may be missing.
  const needed = rowBytes * (facts.height - 1) + Math.ceil(facts.width * bits / 8);
  if (file.failed || (!runs && pixels + needed > file.size)) throw cutShort();
  if (!runs && (bits === 16 || bits === 32)) {
    const words = file.part(pixels, pixels + needed);
    facts.rows = wordRows(words, { width: facts.width, height: facts.height, topDown: height < 0, bytes: bits / 8, rowBytes }, masksOf(file, size, bits, compression));
  }
  return facts;
}

/** Of red, green, blue and alpha; inside the header or right behind it is the same place. */
function masksOf(file: Bytes, size: number, bits: number, compression: number): number[] {
  const given = compression === kBitFields || compression === kAlphaBitFields;
  const colours = given ? [0, 4, 8].map((at) => file.u32(kHeader + 40 + at)) : bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const alpha = compression === kAlphaBitFields || size >= 108 || (size >= 56 && given);
  return [...colours, alpha ? file.u32(kHeader + 52) : 0];
}

interface Words {
  width: number;
  height: number;
  topDown: boolean;
  bytes: number;
  rowBytes: number;
}

// Pixels of 16 and 32 bits are read here, because browsers differ: WebKit (2.50) takes a fourth byte without meaning for alpha and
// does not stretch 5 bits to 8; Chromium and Firefox take alpha that is nowhere above 0, a field left empty, for transparency.
function wordRows(words: Bytes, { width, height, topDown, bytes, rowBytes }: Words, masks: number[]): (first: number, count: number) => Uint8ClampedArray {
  const word = (at: number) => (bytes === 2 ? words.u16(at) : words.u32(at));
  const uses = (mask: number) => {
    for (let y = 0; mask !== 0 && y < height; ++y) {
      for (let x = 0; x < width; ++x) if ((word(y * rowBytes + bytes * x) & mask) !== 0) return true;
    }
    return false;
  };
  const opaque = !uses(masks[3]!);
  // Value = field * factor: what a field can hold at most becomes 255.
  const fields = masks.map((mask) => ({ mask, shift: 31 - Math.clz32(mask & -mask), factor: 255 / (mask >>> Math.max(0, 31 - Math.clz32(mask & -mask))) }));
  return (first, count) => {
    const rows = new Uint8ClampedArray(4 * width * count);
    for (let i = 0; i < width * count; ++i) {
      const y = first + Math.floor(i / width);
      const value = word((topDown ? y : height - 1 - y) * rowBytes + bytes * (i % width));
      for (let k = 0; k < 4; ++k) {
        const { mask, shift, factor } = fields[k]!;
        rows[4 * i + k] = mask === 0 ? 0 : ((value & mask) >>> shift) * factor;
      }
      if (opaque) rows[4 * i + 3] = 255;
    }
    return rows;
  };
}

/** Throws `corrupt-image` for a directory or pictures that are cut. */
export function icoFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const count = file.u16(4);
  for (let entry = 6; entry < 6 + 16 * count; entry += 16) {
    facts.width = Math.max(facts.width, file.u8(entry) || 256);
    facts.height = Math.max(facts.height, file.u8(entry + 1) || 256);
    if (file.u32(entry + 12) + file.u32(entry + 8) > file.size) throw cutShort();
  }
  if (file.failed) throw cutShort();
  if (count > 1) facts.notes.push(`icon: the largest of ${count} pictures used`);
  return facts;
}
