// What a colour profile is for, and the curve of a grey one: browsers ignore profiles that do not fit, and WebKit all grey ones.
// SPDX-License-Identifier: MIT
import { Bytes } from './bytes.js';
import { isSrgb, kSrgbPrimaries, type Colour, type Primaries } from './colour.js';

export type ColourModel = 'grey' | 'RGB' | 'CMYK';

const kSpaces: Record<string, string> = { 'GRAY': 'grey', 'RGB ': 'RGB', 'CMYK': 'CMYK', 'Lab ': 'Lab' };
const kNoDevice: Record<string, string> = { link: 'a device link', abst: 'an abstract profile', nmcl: 'a list of named colours' };

export interface ProfileUse {
  /** For people: how exact browsers are with it. */
  note: string | null;
  /** Why it cannot be used; the picture counts as if it had none. */
  ignored: string | null;
  /** To be applied here, instead of the profile by the browser. */
  colour: Colour | null;
}

/**
 * What becomes of a picture of that model with this profile. `trusted`: every browser uses the RGB profiles of RGB pictures of this
 * format, so that only others are applied here. WebKit (2.50) uses none in WebP and AVIF.
 */
export function applyProfile(profile: Uint8Array<ArrayBuffer>, model: ColourModel, trusted: boolean): ProfileUse {
  const bytes = new Bytes(profile);
  const ignored = (why: string): ProfileUse => ({ note: null, ignored: `colour profile ignored: ${why}`, colour: null });
  if (bytes.u32(0) > bytes.size || !bytes.has(36, 'acsp')) return ignored('it is damaged');
  const what = kNoDevice[bytes.text(12, 4)];
  if (what) return ignored(`it is ${what}`);
  const space = kSpaces[bytes.text(16, 4)] ?? 'another space';
  // Grey with an RGB profile is red = green = blue.
  if (space !== model && !(model === 'grey' && space === 'RGB')) return ignored(`it is for ${space}, the picture is ${model}`);
  if (space !== 'grey') {
    if (space !== 'RGB') return { note: null, ignored: null, colour: null };
    const alone = !trusted || model === 'grey';
    const colour = alone ? matrixColour(bytes) : null;
    // Browsers show sRGB as it is, with its profile or without.
    if (colour) return { note: null, ignored: null, colour: isSrgb(colour) ? null : colour };
    const unused = alone ? ', and WebKit does not use it here' : '';
    const tables = alone || findTag(bytes, 'A2B0') !== null;
    return { note: tables ? `colour profile of tables: browsers are up to 7 of 255 off it${unused}` : null, ignored: null, colour: null };
  }
  const tag = findTag(bytes, 'kTRC');
  const curve = tag && curveOf(tag);
  return curve ? { note: null, ignored: null, colour: { primaries: kSrgbPrimaries, light: curve, range: 'standard' } }
    : ignored('it has no table from the picture\'s values to colours');
}

/** Of a profile of three colours and one curve (ICC.1, 8.3.3); null for others. */
function matrixColour(profile: Bytes): Colour | null {
  const curves = ['rTRC', 'gTRC', 'bTRC'].map((name) => findTag(profile, name));
  const columns = ['rXYZ', 'gXYZ', 'bXYZ'].map((name) => findTag(profile, name));
  if (findTag(profile, 'A2B0') || curves.includes(null) || columns.includes(null)) return null;
  const same = (a: Bytes, b: Bytes) => a.size === b.size && a.all.every((byte, i) => byte === b.all[i]);
  const light = curveOf(curves[0]!);
  if (!light || !curves.every((curve) => same(curve!, curves[0]!))) return null;
  const colours = columns.map((tag) => [8, 12, 16].map((at) => tag!.i32(at) / 65536));
  const white = [0, 1, 2].map((k) => colours[0]![k]! + colours[1]![k]! + colours[2]![k]!);
  const xy = (xyz: number[]) => [xyz[0]!, xyz[1]!].map((value) => value / (xyz[0]! + xyz[1]! + xyz[2]!));
  return { primaries: [...colours, white].flatMap(xy) as unknown as Primaries, light, range: 'standard' };
}

function findTag(profile: Bytes, name: string): Bytes | null {
  for (let i = 0, count = Math.min(profile.u32(128), 100); i < count; ++i) {
    const entry = 132 + 12 * i, from = profile.u32(entry + 4);
    if (profile.has(entry, name)) return profile.part(from, from + profile.u32(entry + 8));
  }
  return null;
}

// kTRC gives the share of white's light (ICC.1, 8.3.4, 10.6 and 10.18).
function curveOf(tag: Bytes): ((value: number) => number) | null {
  if (tag.has(0, 'curv')) {
    const count = tag.u32(8);
    if (count === 0) return (value) => value;
    if (count === 1) return power(tag.u16(12) / 256);
    const points = Array.from({ length: Math.min(count, 65536) }, (_, i) => tag.u16(12 + 2 * i) / 65535);
    return tag.failed ? null : (value) => interpolate(points, value);
  }
  if (!tag.has(0, 'para')) return null;
  const [g, a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5, 6].map((i) => tag.i32(12 + 4 * i) / 65536) as [number, number, number, number, number, number, number];
  switch (tag.u16(8)) {
    case 0: return power(g);
    case 1: return (x) => (x >= -b / a ? (a * x + b) ** g : 0);
    case 2: return (x) => (x >= -b / a ? (a * x + b) ** g + c : c);
    case 3: return (x) => (x >= d ? (a * x + b) ** g : c * x);
    case 4: return (x) => (x >= d ? (a * x + b) ** g + e : c * x + f);
    default: return null;
  }
}

function power(gamma: number) {
  return (value: number) => value ** gamma;
}

function interpolate(points: number[], value: number): number {
  const place = value * (points.length - 1);
  const below = Math.min(Math.floor(place), points.length - 2);
  return points[below]! + (place - below) * (points[below + 1]! - points[below]!);
}
