// Reads the boxes of an AVIF file: size, colour, orientation and alpha of the picture that is shown first (HEIF, ISO/IEC
// 23008-12).
// SPDX-License-Identifier: MIT
import type { Bytes, Edit } from './bytes.js';
import { colourOfCicp } from './colour.js';
import { cutShort, damaged, plainFacts, type PictureFacts } from './facts.js';
import { applyProfile } from './icc.js';

interface Box {
  type: string;
  /** Of the whole box, and of its content. */
  from: number;
  body: number;
  to: number;
}

/** An item's property, and the place that associates it with the item. */
interface Property extends Box {
  association: Edit;
}

/** If alpha is a separate picture: the file without it, and the file with it in place of the colours. */
export interface SplitAlpha {
  colours: Edit[];
  alpha: Edit[];
  premultiplied: boolean;
}

/** Length up to which an auxiliary picture's type is read. */
const kMostKind = 64;
const kAlphaKind = /^urn:mpeg:(mpegB:cicp:systems:auxiliary:alpha|hevc:2015:auxid:1)\0/;
/** EXIF's orientation of quarter turns against the clock, without mirror, then with top and bottom, then with left and right exchanged. */
const kTurned = [1, 8, 3, 6], kTurnedAndMirrored = [[4, 5, 2, 7], [2, 7, 4, 5]];

/** Throws `corrupt-image` if the file is truncated. */
export function avifFacts(file: Bytes): PictureFacts & { split: SplitAlpha | null } {
  const facts = plainFacts();
  const top = readBoxes(file, 0, file.size);
  const meta = top.find(({ type }) => type === 'meta');
  if (!meta) throw damaged('it has no picture');
  const boxes = readBoxes(file, meta.body + 4, meta.to);
  const box = (type: string) => boxes.find((one) => one.type === type);

  // Treated as a still picture, because browsers differ in which frame of a sequence they show first, and in its colours.
  if (/^(avis|msf1)$/.test(file.text(8, 4))) {
    facts.notes.push('animated picture: its first frame or primary still used');
    const end = top[0]!.to;
    for (let at = 8; at + 4 <= end; at += 4) if (file.has(at, 'avis')) facts.edits.push(text(at, 'avif'));
  }

  const pitm = box('pitm'), iprp = box('iprp');
  if (!pitm || !iprp) throw damaged('it has no picture');
  const wide = file.u8(pitm.body) > 0;
  const main = wide ? file.u32(pitm.body + 4) : file.u16(pitm.body + 4);
  checkPlaces(file, box('iloc'));
  const parts = readBoxes(file, iprp.body, iprp.to);
  const properties = associations(file, parts);

  let turn = 0, mirror: number | null = null;
  for (const { type, body } of properties.get(main) ?? []) {
    if (type === 'ispe') {
      facts.width = file.u32(body + 4);
      facts.height = file.u32(body + 8);
    } else if (type === 'irot') {
      turn = file.u8(body) & 3;
    } else if (type === 'imir') {
      mirror = file.u8(body) & 1;
    }
  }
  readColour(file, facts, properties.get(main) ?? []);
  if (isGrid(file, box('iinf'), main)) facts.rare = 'AVIF made of tiles (a grid)';
  facts.orientation = mirror === null ? kTurned[turn]! : kTurnedAndMirrored[mirror]![turn]!;
  readCrop(file, facts, properties.get(main) ?? []);
  // Alpha has its own transformations, equal to the picture's. An association with property 0 means none (8.11.14).
  for (const property of [...properties.values()].flat()) {
    if (/^(irot|imir|clap)$/.test(property.type)) facts.edits.push({ ...property.association, bytes: new Uint8Array(property.association.to - property.association.from) });
  }
  return { ...facts, split: splitAlpha(file, box('iref'), pitm, wide, main, properties) };
}

function text(at: number, value: string): Edit {
  return { from: at, to: at + value.length, bytes: new TextEncoder().encode(value) };
}

/** Sizes have 32 or 64 bits; 0 means to the end. */
function readBoxes(file: Bytes, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    let size = file.u32(at);
    const long = size === 1;
    if (long) size = file.u32(at + 8) * 2 ** 32 + file.u32(at + 12);
    if (size === 0) size = to - at;
    if (size < (long ? 16 : 8)) throw damaged('a box has no size');
    if (at + size > to) throw cutShort();
    boxes.push({ type: file.text(at + 4, 4), from: at, body: at + (long ? 16 : 8), to: at + size });
    at += size;
  }
  return boxes;
}

/** The properties of each item, in the order in which they apply. */
function associations(file: Bytes, iprp: Box[]): Map<number, Property[]> {
  const found = new Map<number, Property[]>();
  const container = iprp.find(({ type }) => type === 'ipco');
  const all = container ? readBoxes(file, container.body, container.to) : [];
  for (const { body, to } of iprp.filter(({ type }) => type === 'ipma')) {
    const wideIds = file.u8(body) > 0, wideIndices = (file.u8(body + 3) & 1) !== 0;
    let at = body + 8;
    for (let count = file.u32(body + 4); count > 0 && at < to; --count) {
      const item = wideIds ? file.u32(at) : file.u16(at);
      at += wideIds ? 4 : 2;
      const own = found.get(item) ?? [];
      for (let left = file.u8(at++); left > 0 && at < to; --left, at += wideIndices ? 2 : 1) {
        const index = wideIndices ? file.u16(at) & 0x7fff : file.u8(at) & 0x7f;
        const property = all[index - 1];
        if (property) own.push({ ...property, association: { from: at, to: at + (wideIndices ? 2 : 1) } });
      }
      found.set(item, own);
    }
  }
  return found;
}

/** Checks that all data lie within the file. */
function checkPlaces(file: Bytes, iloc: Box | undefined): void {
  if (!iloc) throw damaged('it has no picture');
  const { body, to } = iloc;
  const version = file.u8(body);
  const [offsetBytes, lengthBytes] = [file.u8(body + 4) >> 4, file.u8(body + 4) & 15];
  const [baseBytes, indexBytes] = [file.u8(body + 5) >> 4, version > 0 ? file.u8(body + 5) & 15 : 0];
  let at = body + 6;
  const next = (bytes: number) => {
    let value = 0;
    for (let i = 0; i < bytes; ++i) value = value * 256 + file.u8(at++);
    return value;
  };
  for (let count = next(version < 2 ? 2 : 4); count > 0 && at < to; --count) {
    next(version < 2 ? 2 : 4);
    const inFile = (version > 0 ? next(2) & 15 : 0) === 0 && next(2) === 0;
    const base = next(baseBytes);
    for (let extents = next(2); extents > 0 && at < to; --extents) {
      next(indexBytes);
      const offset = next(offsetBytes);
      if (inFile && base + offset + next(lengthBytes) > file.size) throw cutShort();
      if (!inFile) next(lengthBytes);
    }
  }
}

function isGrid(file: Bytes, iinf: Box | undefined, main: number): boolean {
  if (!iinf) return false;
  const entries = readBoxes(file, iinf.body + (file.u8(iinf.body) > 0 ? 8 : 6), iinf.to);
  return entries.some(({ type, body }) => {
    const version = file.u8(body), wide = version > 2;
    const id = wide ? file.u32(body + 4) : file.u16(body + 4);
    return type === 'infe' && version >= 2 && id === main && file.has(body + (wide ? 10 : 8), 'grid');
  });
}

/** An ICC profile has precedence over H.273's numbers. */
function readColour(file: Bytes, facts: PictureFacts, properties: Box[]): void {
  const colours = properties.filter(({ type }) => type === 'colr');
  const nclx = colours.find(({ body }) => file.has(body, 'nclx'));
  const icc = colours.find(({ body }) => /^(prof|rICC)$/.test(file.text(body, 4)));
  const matrix = nclx ? file.u16(nclx.body + 8) : 2, full = nclx ? (file.u8(nclx.body + 10) & 0x80) !== 0 : true;
  if (matrix === 8) facts.notes.push('YCgCo: Firefox gives wrong colours');
  if (icc) {
    const grey = properties.some(({ type, body }) => type === 'av1C' && (file.u8(body + 2) & 0x10) !== 0);
    const { note, ignored, colour } = applyProfile(file.part(icc.body + 4, icc.to).all, grey ? 'grey' : 'RGB', false);
    if (ignored ?? note) facts.notes.push((ignored ?? note)!);
    facts.colour = colour;
    // As an unknown box.
    if (ignored || colour) facts.edits.push(text(icc.from + 4, 'xxxx'));
    return;
  }
  if (!nclx) return;
  // All browsers use libyuv's arithmetic on x86, which has no room for the factor of blue, 2.11 or 2.14, and takes 2.
  const grey = properties.some(({ type, body }) => type === 'av1C' && (file.u8(body + 2) & 0x10) !== 0);
  if (!full && !grey && (matrix === 1 || matrix === 9)) {
    facts.notes.push('YCbCr of BT.709 or BT.2020 in limited range: browsers give full blue and yellow up to 12 of 255 off');
  }
  facts.colour = colourOfCicp(file.u16(nclx.body + 4), file.u16(nclx.body + 6), facts.notes);
  // BT.709's primaries and sRGB's transfer function. The matrix coefficients stay.
  if (facts.colour) facts.edits.push({ from: nclx.body + 4, to: nclx.body + 8, bytes: Uint8Array.of(0, 1, 0, 13) });
}

/** Clean aperture: width, height and the offset of its centre from the picture's, as fractions. */
function readCrop(file: Bytes, facts: PictureFacts, properties: Box[]): void {
  const clap = properties.find(({ type }) => type === 'clap');
  if (!clap) return;
  const [width, height, right, down] = [0, 8, 16, 24].map((at) => file.i32(clap.body + at) / file.u32(clap.body + at + 4)) as [
    number, number, number, number];
  const x = (facts.width - width) / 2 + right, y = (facts.height - height) / 2 + down;
  const whole = [x, y, width, height].every(Number.isInteger);
  if (!whole || x < 0 || y < 0 || width < 1 || height < 1 || x + width > facts.width || y + height > facts.height) {
    facts.notes.push('crop ignored: it is not of whole pixels, or not within the picture');
    return;
  }
  facts.crop = { x, y, width, height };
}

function splitAlpha(
  file: Bytes, iref: Box | undefined, pitm: Box, wide: boolean, main: number, properties: Map<number, Box[]>,
): SplitAlpha | null {
  if (!iref) return null;
  const wideIds = file.u8(iref.body) > 0;
  const id = (at: number) => (wideIds ? file.u32(at) : file.u16(at));
  const references = readBoxes(file, iref.body + 4, iref.to);
  const step = wideIds ? 4 : 2;
  const alpha = references.find(({ type, body, to }) => {
    if (type !== 'auxl') return false;
    const targets = Array.from({ length: file.u16(body + step) }, (_, i) => id(body + step + 2 + step * i));
    const kind = properties.get(id(body))?.find((property) => property.type === 'auxC');
    return targets.includes(main) && kind !== undefined && kAlphaKind.test(file.text(kind.body + 4, kMostKind)) && to > body;
  });
  if (!alpha) return null;
  const item = id(alpha.body);
  // As unknown references.
  const loose = references.filter(({ type }) => type === 'auxl' || type === 'prem').map(({ from }) => text(from + 4, 'xxxx'));
  const place = pitm.body + 4;
  const number = wide ? Uint8Array.of(item >>> 24, item >>> 16, item >>> 8, item) : Uint8Array.of(item >>> 8, item);
  return {
    colours: loose,
    alpha: [...loose, { from: place, to: place + number.length, bytes: number }],
    premultiplied: references.some(({ type, body }) => type === 'prem' && id(body) === main),
  };
}
