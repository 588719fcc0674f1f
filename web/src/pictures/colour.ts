// Converts a picture's values to sRGB like the command (cli/pictures/colour.cc): ITU-T H.273, BT.2100, BT.2408.
// SPDX-License-Identifier: MIT

/** CIE x, y of red, green, blue and white. */
export type Primaries = readonly [number, number, number, number, number, number, number, number];

export const kSrgbPrimaries: Primaries = [0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290];

export interface Colour {
  primaries: Primaries;
  /** Light of a value 0..1; 1 is white, which only high dynamic range exceeds. */
  light(value: number): number;
  /** High dynamic range: brighter than white keeps its hue. Of `HLG`, `light` is that of the scene. */
  range: 'standard' | 'PQ' | 'HLG';
}

const kDiffuseWhiteNits = 203;  // BT.2408

// By their number in H.273.
const kPrimaries: Record<number, Primaries> = {
  4: [0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316],
  5: [0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290],
  6: [0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290],
  8: [0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316],
  9: [0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290],
  11: [0.680, 0.320, 0.265, 0.69, 0.150, 0.060, 0.314, 0.351],
  12: [0.680, 0.320, 0.265, 0.69, 0.150, 0.060, 0.3127, 0.3290],
  22: [0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290],
};
kPrimaries[7] = kPrimaries[6]!;
const kGammas: Record<number, number> = { 4: 2.2, 5: 2.8, 8: 1, 17: 2.6 };
/** The curves of cameras are taken for sRGB's, as viewers do. */
const kLikeSrgb = [0, 1, 2, 6, 7, 11, 12, 13, 14, 15];

/** By the numbers of H.273 that PNG's cICP and AVIF's nclx have; null for sRGB. Unknown numbers are reported in `notes`. */
export function colourOfCicp(primaries: number, transfer: number, notes: string[]): Colour | null {
  if (primaries > 2 && !kPrimaries[primaries]) notes.push(`colour primaries ${primaries} of H.273 are unknown: sRGB assumed`);
  const own = kPrimaries[primaries] ?? kSrgbPrimaries;
  if (transfer === 16) {
    notes.push('high dynamic range (PQ) tone-mapped: 203 nits map to white, brighter colours keep their hue');
    return { primaries: own, light: (value) => pqNits(value) / kDiffuseWhiteNits, range: 'PQ' };
  }
  if (transfer === 18) {
    notes.push('high dynamic range (HLG, for a display of 1,000 nits) tone-mapped: 203 nits map to white, brighter colours keep their hue');
    return { primaries: own, light: hlgScene, range: 'HLG' };
  }
  const gamma = kGammas[transfer];
  if (gamma !== undefined) return ofGamma(gamma, own);
  if (!kLikeSrgb.includes(transfer)) notes.push(`transfer function ${transfer} of H.273 is unknown: sRGB assumed`);
  return own === kSrgbPrimaries ? null : { primaries: own, light: srgbLight, range: 'standard' };
}

/** light = value ^ gamma. */
export function ofGamma(gamma: number, primaries: Primaries): Colour {
  return { primaries, light: (value) => value ** gamma, range: 'standard' };
}

/** A function that converts rows of RGBA bytes in place; null where the primaries span no colours. */
export function converter({ primaries, light, range }: Colour): ((rows: Uint8ClampedArray | Uint8Array) => void) | null {
  const matrix = toSrgb(primaries);
  if (!matrix) return null;
  const table = Float32Array.from({ length: 256 }, (_, i) => light(i / 255));
  const bytes = byteOfLight();
  const [m0, m1, m2, m3, m4, m5, m6, m7, m8] = matrix;
  return (rows) => {
    for (let i = 0; i < rows.length; i += 4) {
      let r = table[rows[i]!]!, g = table[rows[i + 1]!]!, b = table[rows[i + 2]!]!;
      if (range === 'HLG') {
        // BT.2100's OOTF for a display of 1,000 nits.
        const luminance = 0.2627 * r + 0.6780 * g + 0.0593 * b;
        const gain = luminance > 0 ? 1000 / kDiffuseWhiteNits * luminance ** 0.2 : 0;
        r *= gain;
        g *= gain;
        b *= gain;
      }
      const red = m0 * r + m1 * g + m2 * b, green = m3 * r + m4 * g + m5 * b, blue = m6 * r + m7 * g + m8 * b;
      const largest = range === 'standard' ? 1 : Math.max(1, red, green, blue);
      const scale = (kLightSteps - 1) / largest;
      rows[i] = bytes[clampStep(red * scale)]!;
      rows[i + 1] = bytes[clampStep(green * scale)]!;
      rows[i + 2] = bytes[clampStep(blue * scale)]!;
    }
  };
}

/** Whether a conversion would change less than a level. */
export function isSrgb({ primaries, light, range }: Colour): boolean {
  const identity = toSrgb(primaries)?.every((value, i) => Math.abs(value - (i % 4 === 0 ? 1 : 0)) < 0.004) ?? false;
  const curve = (i: number) => Math.abs(255 * srgbValue(Math.max(0, light(i / 255))) - i) < 0.7;
  return range === 'standard' && identity && Array.from({ length: 256 }, (_, i) => i).every(curve);
}

// A step is at most 0.05 of a byte's, where sRGB is steepest.
const kLightSteps = 65536;

function clampStep(value: number): number {
  return value <= 0 ? 0 : value >= kLightSteps - 1 ? kLightSteps - 1 : (value + 0.5) | 0;
}

function byteOfLight(): Uint8Array {
  return Uint8Array.from({ length: kLightSteps }, (_, i) => Math.round(255 * srgbValue(i / (kLightSteps - 1))));
}

function srgbLight(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function srgbValue(light: number): number {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

// SMPTE ST 2084.
function pqNits(value: number): number {
  const power = value ** (32 / 2523);
  return 10000 * (Math.max(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305);
}

// BT.2100, table 5.
function hlgScene(value: number): number {
  return value <= 0.5 ? value * value / 3 : (Math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12;
}

type Vector = [number, number, number];
type Matrix = [number, number, number, number, number, number, number, number, number];

const kBradford: Matrix = [0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296];

/** Linear RGB of these primaries to linear sRGB, another white adapted (Bradford). */
function toSrgb(primaries: Primaries): Matrix | null {
  const from = toXyz(primaries), srgb = toXyz(kSrgbPrimaries);
  const back = srgb && inverse(srgb);
  if (!from || !back) return null;
  const a = apply(kBradford, xyz(primaries[6], primaries[7])), b = apply(kBradford, xyz(kSrgbPrimaries[6], kSrgbPrimaries[7]));
  const scale: Matrix = [b[0] / a[0], 0, 0, 0, b[1] / a[1], 0, 0, 0, b[2] / a[2]];
  const adapt = times(inverse(kBradford)!, times(scale, kBradford));
  return times(back, times(adapt, from));
}

// Columns: the XYZ of full red, green and blue, which add up to white (SMPTE RP 177).
function toXyz(p: Primaries): Matrix | null {
  if (!(Math.min(p[1], p[3], p[5], p[7]) > 1e-6)) return null;
  const [red, green, blue] = [xyz(p[0], p[1]), xyz(p[2], p[3]), xyz(p[4], p[5])];
  const columns = [0, 1, 2].flatMap((k) => [red[k]!, green[k]!, blue[k]!]) as Matrix;
  const back = inverse(columns);
  if (!back) return null;
  const scale = apply(back, xyz(p[6], p[7]));
  return columns.map((value, i) => value * scale[i % 3]!) as Matrix;
}

function xyz(x: number, y: number): Vector {
  return [x / y, 1, (1 - x - y) / y];
}

function apply(m: Matrix, [x, y, z]: Vector): Vector {
  return [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
}

function times(a: Matrix, b: Matrix): Matrix {
  return a.map((_, i) => [0, 1, 2].reduce((sum, k) => sum + a[i - i % 3 + k]! * b[3 * k + i % 3]!, 0)) as Matrix;
}

function inverse(m: Matrix): Matrix | null {
  const minor = (a: number, b: number, c: number, d: number) => m[a]! * m[d]! - m[b]! * m[c]!;
  const determinant = m[0] * minor(4, 5, 7, 8) - m[1] * minor(3, 5, 6, 8) + m[2] * minor(3, 4, 6, 7);
  if (!(Math.abs(determinant) > 1e-9)) return null;
  return [
    minor(4, 5, 7, 8), -minor(1, 2, 7, 8), minor(1, 2, 4, 5), -minor(3, 5, 6, 8), minor(0, 2, 6, 8), -minor(0, 2, 3, 5),
    minor(3, 4, 6, 7), -minor(0, 1, 6, 7), minor(0, 1, 3, 4),
  ].map((value) => value / determinant) as Matrix;
}
