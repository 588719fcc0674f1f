// Checks the callers' options and fills in defaults.
// SPDX-License-Identifier: MIT
import { DecalError } from './errors.js';
import { checkField, checkOption } from './fields.js';
import type {
  DeviceOption, Matte, OutputFormat, OutputOptions, PictureOptions, Refine, RemoveBackgroundOptions, SegmentOptions, SimdLevel,
} from './types.js';

/** As in rembg-webgpu: large enough for lists of thumbnails on high-resolution screens. */
const kPreviewSize = 450;
/** The browsers' own default for JPEG. */
const kQuality = 0.92;

/** With more threads than this, each has too little work per layer, and phones would get hot. */
export const kDefaultThreads = 8;

/** Output options with defaults filled in. A background that is still text is a CSS colour. */
export interface OutputPlan {
  format: OutputFormat;
  quality: number;
  background: string | [number, number, number, number] | null;
  mask: boolean;
  previewSize: number;
  edges: EdgePlan;
  /** Null if the result shows the whole picture at its size. */
  frame: FramePlan | null;
  failIfEmpty: boolean;
}

/** What is done to the matte, with defaults filled in. A threshold below 0 means none. */
export type EdgePlan =
  Required<Pick<OutputOptions, 'refine' | 'decontaminate' | 'backgroundOnly' | 'threshold' | 'removeIslands' | 'fillHoles' | 'smooth' | 'grow' | 'shadow'>>;

/** Which part is shown, and how large. A crop below 0 means none; an aspect ratio or side of 0 follows from the rest. */
export interface FramePlan {
  crop: number;
  aspectRatio: number;
  width: number;
  height: number;
  scale: number;
}

/** How pictures are decoded, with defaults filled in. */
export interface DecodePlan {
  maxPixels: number;
  /** Length of an SVG's longer side in pixels; null for its own size. */
  svgSize: number | null;
}

/**
 * Medium-format cameras have 151 million pixels. A picture takes 12 bytes per pixel: decoded, in the engine, and its share of
 * drawing and encoding. 300 million took 3.5 GB in Chromium.
 */
const kMaxPixels = 160e6;

export function planDecoding({ maxPixels = kMaxPixels, svgSize }: PictureOptions): DecodePlan {
  checkField('maxPixels', maxPixels);
  checkOption('svgSize', svgSize);
  return { maxPixels, svgSize: svgSize ?? null };
}

/** Throws `limit-exceeded` for a picture of more than `most` pixels. The message lacks the picture's name. */
export function checkPixels(width: number, height: number, most: number): void {
  if (width * height <= most) return;
  throw new DecalError('limit-exceeded', `${width} x ${height} pixels are over the limit of ${most} (maxPixels)`);
}

export function checkDevice(device: unknown = 'auto'): DeviceOption {
  checkField('device', device);
  return device as DeviceOption;
}

export function checkSimd(simd: unknown): SimdLevel | undefined {
  checkOption('simd', simd);
  return simd as SimdLevel | undefined;
}

export function checkThreads(threads: unknown): number | undefined {
  checkOption('threads', threads);
  return threads as number | undefined;
}

/** The options of `init` that every host has. */
export function checkSettings(settings: Partial<Record<'device' | 'threads' | 'simd' | 'allowSoftwareAdapter' | 'fetch', unknown>>): void {
  for (const name of ['device', 'threads', 'simd', 'allowSoftwareAdapter', 'fetch'] as const) checkOption(name, settings[name]);
}

/** The URL of `path` in the folder `base`, with or without a trailing slash. `option`: the name of the option for errors. */
export function under(option: string, base: string | URL, path: string, pageUrl: string | undefined): string {
  try {
    const folder = new URL(base, pageUrl).href;
    return new URL(path, folder.endsWith('/') ? folder : `${folder}/`).href;
  } catch {
    throw new DecalError('invalid-argument', `${option}: "${String(base)}" is not an address`);
  }
}

/** A copy of the caller's matte, if its size and data agree. */
export function copyMatte({ width, height, data }: Matte): Matte {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  const known = data instanceof Uint8ClampedArray || data instanceof Uint8Array || data instanceof Float32Array;
  if (!whole || !known || data.length !== width * height) {
    const found = known ? `${data.length} values for ${width} x ${height} pixels` : 'bytes (0 to 255) or floats (0 to 1)';
    throw new DecalError('invalid-argument', `matte: ${found}`);
  }
  return { width, height, data: data.slice() };
}

/** `refine`: the default. */
export function planOutput(options: RemoveBackgroundOptions, refine: Refine = 'fast'): OutputPlan {
  const output: OutputOptions = options.output ?? {};
  const format = output.format ?? 'image/png';
  checkField('output.format', format);
  const quality = output.quality ?? kQuality;
  checkField('output.quality', quality);
  const previewSize = options.previewSize ?? kPreviewSize;
  checkField('previewSize', previewSize);
  const mask = output.mask ?? false;
  checkField('output.mask', mask);
  const failIfEmpty = options.failIfEmpty ?? false;
  checkField('failIfEmpty', failIfEmpty);
  const background = checkBackground(output.background);
  return { format, quality, background, mask, previewSize, edges: planEdges(output, refine), frame: planFrame(output), failIfEmpty };
}

/** Options of a segmentation. */
export function planMatte({ refine = 'fast', failIfEmpty = false }: Pick<SegmentOptions, 'refine' | 'failIfEmpty'>) {
  checkField('refine', refine);
  checkField('failIfEmpty', failIfEmpty);
  return { refine, failIfEmpty };
}

/** Options of a matte that is returned as it is. */
export const kPlainEdges: EdgePlan = {
  refine: 'off', decontaminate: false, backgroundOnly: false, threshold: -1, removeIslands: 0, fillHoles: 0, smooth: 0, grow: 0, shadow: 0,
};

function planEdges(output: OutputOptions, refine: Refine): EdgePlan {
  const plan = { ...kPlainEdges, refine, decontaminate: true };
  for (const name of Object.keys(plan) as (keyof EdgePlan)[]) {
    const value = output[name];
    if (value === undefined) continue;
    checkField(`output.${name}`, value);
    Object.assign(plan, { [name]: value });
  }
  return plan;
}

function planFrame({ crop, aspectRatio, size, scale }: OutputOptions): FramePlan | null {
  checkOption('output.crop', crop);
  checkOption('output.aspectRatio', aspectRatio);
  checkOption('output.scale', scale);
  if (size !== undefined && (typeof size !== 'object' || size === null)) {
    throw new DecalError('invalid-argument', 'output.size: an object with a width, a height or both');
  }
  const { width, height } = size ?? {};
  checkOption('output.size.width', width);
  checkOption('output.size.height', height);
  if (scale !== undefined && (width ?? height) !== undefined) {
    throw new DecalError('invalid-argument', 'output.size and output.scale exclude each other');
  }
  if (aspectRatio !== undefined && width !== undefined && height !== undefined) {
    throw new DecalError('invalid-argument', 'output.aspectRatio and an output.size with both sides exclude each other');
  }
  if ([crop, aspectRatio, width, height, scale].every((value) => value === undefined)) return null;
  return { crop: crop ?? -1, aspectRatio: aspectRatio ?? 0, width: width ?? 0, height: height ?? 0, scale: scale ?? 1 };
}

function checkBackground(background: OutputOptions['background']): OutputPlan['background'] {
  if (background === undefined) return null;
  if (typeof background === 'string') return parseHex(background) ?? background;
  const valid = Array.isArray(background) && (background.length === 3 || background.length === 4) &&
    background.every((value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255);
  if (!valid) throw new DecalError('invalid-argument', 'output.background: a CSS colour, or 3 or 4 numbers from 0 to 255');
  const [red, green, blue, alpha = 255] = background;
  return [red, green, blue, alpha];
}

/** #rgb, #rgba, #rrggbb or #rrggbbaa; null for any other text. */
export function parseHex(text: string): [number, number, number, number] | null {
  if (!/^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(text)) return null;
  const digits = text.length <= 5 ? [...text.slice(1)].map((digit) => digit + digit) : text.slice(1).match(/../g)!;
  const [red, green, blue, alpha = 255] = digits.map((pair) => parseInt(pair, 16)) as [number, number, number, number?];
  return [red, green, blue, alpha];
}

/** The output's background as RGBA, or null for none. `parseColour` reads CSS colours that are not hexadecimal. */
export function backgroundColour(
  plan: OutputPlan,
  parseColour: (text: string) => [number, number, number, number] | null,
): [number, number, number, number] | null {
  if (plan.mask) return null;
  let colour = plan.background;
  if (typeof colour === 'string') {
    const parsed = parseColour(colour);
    if (!parsed) throw new DecalError('invalid-argument', `output.background: "${colour}" is not a colour`);
    colour = parsed;
  }
  // JPEG has no alpha, so transparent parts need a colour. White is what a page or a printer shows.
  return plan.format === 'image/jpeg' ? overWhite(colour ?? [0, 0, 0, 0]) : colour;
}

function overWhite([red, green, blue, alpha]: [number, number, number, number]): [number, number, number, number] {
  const mix = (value: number) => Math.round((value * alpha + 255 * (255 - alpha)) / 255);
  return [mix(red), mix(green), mix(blue), 255];
}
