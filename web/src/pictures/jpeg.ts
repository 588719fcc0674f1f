// The segments of a JPEG file, and whether its scans end.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import { joined, type Bytes, type Edit } from './bytes.js';
import { exifOrientation } from './exif.js';
import { cutShort, damaged, plainFacts, type PictureFacts } from './facts.js';
import { applyProfile } from './icc.js';
import { makeCodes, ScanWalker, type Codes, type Component, type Frame, type Scan } from './jpeg_scan.js';

const kExif = 'Exif\0\0', kIcc = 'ICC_PROFILE\0';
const kTables = 0xc4, kStartOfScan = 0xda, kRestarts = 0xdd, kEnd = 0xd9;
/** How long the scans are walked in one turn of the event loop, which aborts arrive in. */
const kTurnMs = 20;

interface ProfilePart extends Edit {
  number: number;
  count: number;
}

/** Throws `corrupt-image` for a file that is cut, `unsupported` for kinds of JPEG that no decoder reads. */
export function jpegFacts(file: Bytes): PictureFacts {
  const facts = plainFacts();
  const exif: Edit[] = [], profile: ProfilePart[] = [];
  const scans: Scan[] = [];
  const codes: (Codes | null)[] = [];
  let frame: Frame | null = null, huffman = true, restartInterval = 0;
  for (let at = 2; ; ) {
    if (at + 2 > file.size) throw cutShort();
    // Stray bytes between segments do no harm.
    const marker = file.all[at] === 0xff ? file.u8(at + 1) : 0xff;
    if (marker === 0xff) {
      ++at;
      continue;
    }
    if (marker === kEnd) break;
    if (marker <= 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    const size = file.u16(at + 2);
    const to = at + 2 + size;
    if (size < 2 || to > file.size) throw cutShort();
    if (isFrame(marker)) {
      checkFrame(marker, file.u8(at + 4));
      frame = readFrame(file, at, marker === 0xc2 || marker === 0xca);
      huffman = marker <= 0xc2;
    } else if (marker === kTables) {
      readCodes(file.all.subarray(at + 4, to), codes);
    } else if (marker === kRestarts) {
      restartInterval = file.u16(at + 4);
    } else if (marker === 0xe1 && file.has(at + 4, kExif)) {
      if (exif.length === 0) facts.orientation = exifOrientation(file.all.subarray(at + 4 + kExif.length, to));
      exif.push({ from: at, to });
    } else if (marker === 0xe2 && file.has(at + 4, kIcc) && size > 16) {
      profile.push({ from: at, to, number: file.u8(at + 16), count: file.u8(at + 17) });
    } else if (marker === kStartOfScan) {
      if (!frame) throw damaged('a scan comes before its frame');
      const end = endOfScan(file.all, to);
      scans.push({ ...readScan(file, at, frame, codes), from: to, to: end, restartInterval });
      at = end;
      continue;
    }
    at = to;
  }
  if (!frame || scans.length === 0) throw damaged('it has no scan');
  const { width, height, components } = frame;
  Object.assign(facts, { width, height, opaque: true });
  if (facts.orientation !== 1) facts.edits.push(...exif);
  readProfile(file, facts, profile, components.length);
  // The height may follow after the first scan, and arithmetic codes are not checked.
  if (!huffman) facts.rare = 'JPEG with arithmetic coding';
  if (huffman && height > 0) facts.verify = (signal) => walkScans(new ScanWalker(file, frame), scans, signal);
  return facts;
}

function readFrame(file: Bytes, at: number, progressive: boolean): Frame {
  const components: Component[] = [];
  for (let i = 0; i < file.u8(at + 9); ++i) {
    const sampling = file.u8(at + 11 + 3 * i);
    components.push({ id: file.u8(at + 10 + 3 * i), across: sampling >> 4, down: sampling & 15 });
  }
  const valid = components.every(({ across, down }) => across >= 1 && across <= 4 && down >= 1 && down <= 4);
  if (components.length === 0 || !valid) throw damaged('its frame makes no sense');
  return { height: file.u16(at + 5), width: file.u16(at + 7), components, progressive };
}

/** Huffman tables into their places: class and number. */
function readCodes(segment: Uint8Array, codes: (Codes | null)[]): void {
  for (let at = 0; at + 17 <= segment.length; ) {
    const counts = segment.subarray(at + 1, at + 17);
    const symbols = counts.reduce((sum, count) => sum + count, 0);
    codes[segment[at]!] = makeCodes(counts, segment.subarray(at + 17, at + 17 + symbols));
    at += 17 + symbols;
  }
}

function readScan(file: Bytes, at: number, frame: Frame, codes: (Codes | null)[]) {
  const count = file.u8(at + 4);
  const components = [];
  for (let i = 0; i < count; ++i) {
    const component = frame.components.find(({ id }) => id === file.u8(at + 5 + 2 * i));
    if (!component) throw damaged('a scan names an unknown component');
    const tables = file.u8(at + 6 + 2 * i);
    components.push({ component, dc: codes[tables >> 4] ?? null, ac: codes[0x10 | tables & 15] ?? null });
  }
  if (count === 0) throw damaged('a scan has no component');
  const selection = at + 5 + 2 * count;
  return { components, first: file.u8(selection), last: Math.min(63, file.u8(selection + 1)), refines: file.u8(selection + 2) >> 4 > 0 };
}

async function walkScans(walker: ScanWalker, scans: Scan[], signal: AbortSignal): Promise<void> {
  for (const scan of scans) {
    const walk = walker.walk(scan);
    for (let since = performance.now(); ; ) {
      const { done, value } = walk.next();
      if (done && !value) throw damaged('the data of a scan end too soon');
      if (done) break;
      if (performance.now() - since < kTurnMs) continue;
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      since = performance.now();
    }
  }
}

// SOF0..SOF15 without DHT, JPG and DAC.
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function checkFrame(marker: number, bits: number): void {
  const not = (what: string) => new DecalError('unsupported', `${what} is not read`);
  if (marker === 0xc3 || marker === 0xcb) throw not('lossless JPEG');
  if ((marker >= 0xc5 && marker <= 0xc7) || marker > 0xcb) throw not('hierarchical JPEG');
  if (bits !== 8) throw not(`JPEG with ${bits} bits`);
}

// A stuffed 0xff and the restart markers belong to the data.
function endOfScan(file: Uint8Array, from: number): number {
  for (let at = from; ; at += 2) {
    at = file.indexOf(0xff, at);
    if (at < 0 || at + 1 >= file.length) throw cutShort();
    const next = file[at + 1]!;
    if (next === 0xff) --at;  // fill
    else if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
}

// A profile is whole or none (ICC.1, annex B).
function readProfile(file: Bytes, facts: PictureFacts, parts: ProfilePart[], channels: number): void {
  if (channels === 4 && parts.length === 0) {
    facts.notes.push('CMYK without a usable colour profile: converted by the simple formula of CSS, as in browsers');
  }
  if (parts.length === 0) return;
  const whole = parts.every(({ count }) => count === parts.length) &&
    parts.every((_, i) => parts.some(({ number }) => number === i + 1));
  if (!whole) {
    facts.notes.push('colour profile ignored: parts of it are missing');
    facts.edits.push(...parts);
    return;
  }
  const profile = joined([...parts].sort((a, b) => a.number - b.number).map(({ from, to }) => file.all.subarray(from + 18, to)));
  // WebKit ignores a profile whose parts are out of order.
  const ordered = parts.every(({ number }, i) => number === i + 1);
  const { note, ignored, colour } = applyProfile(profile, channels === 1 ? 'grey' : channels === 4 ? 'CMYK' : 'RGB', ordered);
  if (ignored ?? note) facts.notes.push((ignored ?? note)!);
  facts.colour = colour;
  if (ignored || colour) facts.edits.push(...parts);
  else if (channels === 4) facts.inkProfile = parts;
}
