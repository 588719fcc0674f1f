// The chunks of a PNG file, in the order of precedence that PNG's third edition gives those of colour (section 4.3).
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Bytes, Edit } from './bytes.js';
import { crc32 } from './checksum.js';
import { colourOfCicp, kSrgbPrimaries, ofGamma, type Colour, type Primaries } from './colour.js';
import { exifOrientation } from './exif.js';
import { cutShort, damaged, plainFacts, type PictureFacts } from './facts.js';
import { applyProfile } from './icc.js';
import { inflate, inflateWhole } from './inflate.js';

interface Chunk extends Edit {
  name: string;
  body: Bytes;
}

/** Far above any profile; a bomb stops here. */
const kMaxProfileBytes = 64 << 20;
const kChannels: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const kCritical = ['IHDR', 'PLTE', 'IDAT', 'IEND'];
const kColourChunks = ['cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM'];

/** Throws `corrupt-image` for a file that is cut or whose chunks contradict their sums. */
export async function pngFacts(file: Bytes): Promise<PictureFacts> {
  const facts = plainFacts();
  const chunks = readChunks(file, facts.edits);
  const header = chunks[0]!.body;
  facts.width = header.u32(0);
  facts.height = header.u32(4);
  const bits = header.u8(8), kind = header.u8(9), interlaced = header.u8(12) === 1;
  const channels = kChannels[kind];
  if (header.size < 13 || channels === undefined) throw damaged('its header makes no sense');

  const cut = (...names: string[]) => facts.edits.push(...chunks.filter(({ name }) => names.includes(name)));
  const find = (name: string) => chunks.find((chunk) => chunk.name === name)?.body;
  facts.orientation = exifOrientation(find('eXIf')?.all ?? new Uint8Array(0));
  if (facts.orientation !== 1) cut('eXIf');
  facts.opaque = kind !== 4 && kind !== 6 && !find('tRNS');
  const animation = find('acTL');
  if (animation) cut('acTL', 'fcTL', 'fdAT');
  if (animation && animation.u32(0) > 1) facts.notes.push('animated PNG: its default picture used');
  await readColour(facts, find, cut, kind === 0 || kind === 4);
  if (facts.colour && bits === 16) facts.notes.push('16 bits a channel: colours converted after they became 8 bits');

  const data = chunks.filter(({ name }) => name === 'IDAT');
  const rows = rowsOf(facts.width, facts.height, bits * channels, interlaced);
  facts.verify = async (signal) => {
    for (const { from, to } of data) {
      if (!sumIsRight(file, from, to)) throw damaged('the checksum of its data is wrong');
    }
    await checkRows(data.map(({ body }) => body.all), rows, signal);
  };
  return facts;
}

function sumIsRight(file: Bytes, from: number, to: number): boolean {
  return crc32(file.all, from + 4, to - 4) === file.u32(to - 4);
}

/** The critical ones: header first, data, end. Damaged ancillary chunks are ignored. */
function readChunks(file: Bytes, edits: Edit[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; ; ) {
    const to = at + 12 + file.u32(at);
    if (file.failed || to > file.size) throw cutShort();
    const name = file.text(at + 4, 4);
    const critical = (file.u8(at + 4) & 0x20) === 0;
    if (critical && !kCritical.includes(name)) throw damaged(`an unknown critical chunk, ${name}`);
    // The sums of the data are looked at while the browser decodes.
    if (name !== 'IDAT' && !sumIsRight(file, at, to)) {
      if (critical) throw damaged(`the checksum of its ${name} chunk is wrong`);
      edits.push({ from: at, to });
    } else {
      chunks.push({ name, from: at, to, body: file.part(at + 8, to - 4) });
    }
    if (name === 'IEND') break;
    at = to;
  }
  if (chunks[0]?.name !== 'IHDR' || !chunks.some(({ name }) => name === 'IDAT')) throw damaged('it has no header or no data');
  return chunks;
}

type Find = (name: string) => Bytes | undefined;

async function readColour(facts: PictureFacts, find: Find, cut: (...names: string[]) => void, grey: boolean): Promise<void> {
  const cicp = find('cICP');
  if (cicp && cicp.size >= 4) {
    if (cicp.u8(2) === 0 && cicp.u8(3) === 1) {
      facts.colour = colourOfCicp(cicp.u8(0), cicp.u8(1), facts.notes);
      return cut(...kColourChunks);
    }
    facts.notes.push('cICP chunk ignored: PNG holds RGB in full range, and it says otherwise');
  }
  const iccp = find('iCCP');
  if (iccp) {
    // Name, zero, method.
    const profile = await inflateWhole(iccp.all.subarray(iccp.all.indexOf(0) + 2), kMaxProfileBytes);
    if (profile?.length) {
      const { note, ignored, colour } = applyProfile(profile, grey ? 'grey' : 'RGB', true);
      if (ignored ?? note) facts.notes.push((ignored ?? note)!);
      facts.colour = colour;
      const browserConverts = !ignored && !colour;
      return cut(...kColourChunks.filter((name) => !(browserConverts && name === 'iCCP')));
    }
    facts.notes.push('colour profile ignored: it is damaged');
  }
  if (!find('sRGB')) facts.colour = gammaColour(find('gAMA'), find('cHRM'));
  cut(...kColourChunks);
}

function gammaColour(gama: Bytes | undefined, chrm: Bytes | undefined): Colour | null {
  const gamma = (gama?.u32(0) ?? 0) / 1e5;
  if (gamma < 0.01 || gamma > 100) return null;
  if (!chrm || chrm.size < 32) return ofGamma(1 / gamma, kSrgbPrimaries);
  // White first, then red, green, blue.
  const places = [8, 12, 16, 20, 24, 28, 0, 4];
  const own = places.map((at) => chrm.u32(at) / 1e5) as unknown as Primaries;
  // Rounded to five digits, or less: what is sRGB's own to a thousandth stays exactly that.
  const srgb = own.every((value, i) => Math.abs(value - kSrgbPrimaries[i]!) < 1e-3);
  return ofGamma(1 / gamma, srgb ? kSrgbPrimaries : own);
}

/** How many rows of how many bytes, each behind its filter: one kind, or seven where the picture is interlaced (Adam7). */
function rowsOf(width: number, height: number, bits: number, interlaced: boolean): { count: number; bytes: number }[] {
  const passes = interlaced
    ? [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] : [[0, 0, 1, 1]];
  return passes.map(([x, y, right, down]) => {
    const columns = Math.ceil((width - x!) / right!), count = Math.ceil((height - y!) / down!);
    return columns > 0 && count > 0 ? { count, bytes: 1 + Math.ceil(columns * bits / 8) } : { count: 0, bytes: 1 };
  });
}

/** That the data inflates to all rows, and each has a filter there is. */
async function checkRows(data: Uint8Array<ArrayBuffer>[], rows: { count: number; bytes: number }[], signal: AbortSignal): Promise<void> {
  const ends: number[] = [];
  let total = 0;
  for (const { count, bytes } of rows) ends.push(total += count * bytes);
  let done = 0, next = 0, pass = 0;
  try {
    for await (const piece of inflate(data)) {
      signal.throwIfAborted();
      while (next < Math.min(done + piece.length, total)) {
        if (piece[next - done]! > 4) throw damaged('a row has an unknown filter');
        while (next >= ends[pass]!) ++pass;
        next += rows[pass]!.bytes;
      }
      done += piece.length;
      if (done >= total) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof DecalError ? error : damaged('its data cannot be inflated');
  }
  if (done < total) throw damaged(`its data end after ${done} of ${total} bytes`);
}
