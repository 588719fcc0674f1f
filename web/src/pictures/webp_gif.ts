// The chunks of a WebP file and the blocks of a GIF.
// SPDX-License-Identifier: MIT
import type { Bytes, Edit } from './bytes.js';
import { exifOrientation } from './exif.js';
import { cutShort, plainFacts, type PictureFacts } from './facts.js';
import { applyProfile } from './icc.js';

/** A chunk under another name. */
function unnamed(at: number): Edit {
  return { from: at, to: at + 4, bytes: new TextEncoder().encode('XXXX') };
}

/** Throws `corrupt-image` for a file that is cut. */
export function webpFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const riff = file.u32(4) + 8;
  // The padding byte of the last chunk is often missing.
  if (riff > file.size + 1) throw cutShort();
  let frames = 0, pictures = 0, extended = false;
  for (let at = 12; at + 8 <= Math.min(riff, file.size); ) {
    const size = file.u32(at + 4);
    const body = file.part(at + 8, at + 8 + size);
    if (body.size < size) throw cutShort();
    switch (file.text(at, 4)) {
      case 'VP8X':
        extended = true;
        facts.width = 1 + (body.u32(4) & 0xffffff);
        facts.height = 1 + (body.u16(7) | body.u8(9) << 16);
        break;
      case 'ANMF':
        ++frames;
        break;
      case 'VP8 ':
        ++pictures;
        facts.opaque = !extended;
        facts.width ||= body.u16(6) & 0x3fff;
        facts.height ||= body.u16(8) & 0x3fff;
        break;
      case 'VP8L':
        ++pictures;
        facts.opaque = !extended && (body.u32(1) & 1 << 28) === 0;
        facts.width ||= 1 + (body.u32(1) & 0x3fff);
        facts.height ||= 1 + (body.u32(1) >>> 14 & 0x3fff);
        break;
      case 'ICCP': {
        const { note, ignored, colour } = applyProfile(body.all, 'RGB', false);
        if (ignored ?? note) facts.notes.push((ignored ?? note)!);
        facts.colour = colour;
        if (ignored || colour) facts.edits.push(unnamed(at));
        break;
      }
      case 'EXIF':
        // Some writers put JPEG's prefix before it.
        facts.orientation = exifOrientation(body.all.subarray(body.has(0, 'Exif\0\0') ? 6 : 0));
        // No decoder reads it under another name.
        if (facts.orientation !== 1) facts.edits.push(unnamed(at));
        break;
    }
    at += 8 + size + (size & 1);
  }
  if (frames + pictures === 0) throw cutShort();
  if (frames > 1) facts.notes.push(`animated WebP: first of ${frames} frames used`);
  return facts;
}

/** Throws `corrupt-image` if no frame is whole. */
export function gifFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const tableBytes = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  /** Behind the sub-blocks that begin there; 0 if they do not end. */
  const skipSubBlocks = (at: number) => {
    for (;;) {
      const size = file.u8(at);
      if (file.failed) return 0;
      at += 1 + size;
      if (size === 0) return at;
    }
  };
  facts.width = file.u16(6);
  facts.height = file.u16(8);
  let frames = 0, transparent = false;
  for (let at = 13 + tableBytes(file.u8(10)); at > 0; ) {
    const block = file.u8(at);
    if (block === 0x21) {
      // A graphic control extension with a transparent index.
      if (frames === 0 && file.u8(at + 1) === 0xf9) transparent = (file.u8(at + 3) & 1) !== 0;
      at = skipSubBlocks(at + 2);
    } else if (block === 0x2c) {
      const whole = file.u16(at + 1) + file.u16(at + 3) === 0 && file.u16(at + 5) >= facts.width && file.u16(at + 7) >= facts.height;
      if (frames === 0) facts.opaque = whole && !transparent;
      at = skipSubBlocks(at + 11 + tableBytes(file.u8(at + 9)));
      if (at > 0) ++frames;
    } else {
      break;  // the trailer, or rubbish behind a frame
    }
  }
  if (frames === 0) throw cutShort();
  if (frames > 1) facts.notes.push(`animated GIF: first of ${frames} frames used`);
  return facts;
}
