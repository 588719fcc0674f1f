// Cut-outs to files: PNG by ourselves, WebP and JPEG by the browser.
// SPDX-License-Identifier: MIT
import { resizeForPreview, type EnginePicture } from '../../engine/cutout.js';
import type { Engine } from '../../engine/engine.js';
import { encodePng } from '../../engine/png.js';
import { DecalError, toDecalError } from '../../shared/errors.js';
import { parseHex, type OutputPlan } from '../../shared/options.js';
import { strips } from '../../host/strips.js';
import { checkCanvas } from './canvas.js';

/** The file and its small copy. */
export async function encodeBoth(
  owner: Engine, picture: EnginePicture, output: OutputPlan, signal: AbortSignal,
): Promise<{ blob: Blob; preview: Blob }> {
  const small = resizeForPreview(owner, picture, output.previewSize);
  let preview: Blob;
  try {
    preview = await encode(owner, small, { format: 'image/png', quality: 1 }, signal);
  } finally {
    owner.free(small.rgba);
  }
  return { blob: await encode(owner, picture, output, signal), preview };
}

async function encode(
  engine: Engine, picture: EnginePicture, { format, quality }: Pick<OutputPlan, 'format' | 'quality'>, signal: AbortSignal,
): Promise<Blob> {
  engine.throwIfCancelled();
  const { rgba, width, height } = picture;
  if (format === 'image/png') return new Blob(await encodePng(engine, rgba, width, height, signal), { type: format });
  // Copies: neither a Blob nor ImageData takes shared memory.
  const copies = function* () {
    for (const { first, count } of strips(width, height)) {
      yield { first, pixels: new Uint8ClampedArray(engine.bytes(rgba + 4 * width * first, 4 * width * count)) };
    }
  };
  // A Blob for each strip: its bytes leave this process before the next one's are copied.
  if (format === 'image/x-rgba8') return new Blob(Array.from(copies(), ({ pixels }) => new Blob([pixels])), { type: format });
  checkCanvas(`${format} cannot be written (image/png can)`);
  let blob: Blob;
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no canvas of that size');
    // Beyond their limits some browsers give a canvas that stays empty, without a word.
    context.fillRect(width - 1, height - 1, 1, 1);
    if (context.getImageData(width - 1, height - 1, 1, 1).data[3] !== 255) throw new Error('no canvas of that size');
    for (const { first, pixels } of copies()) context.putImageData(new ImageData(pixels, width), 0, first);
    blob = await canvas.convertToBlob({ type: format, quality });
  } catch (error) {
    throw toDecalError(error, 'limit-exceeded', `${width} x ${height} pixels as ${format} (image/png has no limit)`);
  }
  // Browsers that lack an encoder silently write PNG.
  if (blob.type !== format) throw new DecalError('unsupported', `this browser cannot write ${format}`);
  return blob;
}

/** Any CSS colour, as the browser understands it; null if it does not. */
export function parseCssColour(text: string): [number, number, number, number] | null {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
  // An invalid colour leaves the style as it was: set over two different ones, it shows.
  const styled = ['#000', '#fff'].map((before) => {
    context.fillStyle = before;
    context.fillStyle = text;
    return String(context.fillStyle);
  });
  if (styled[0] !== styled[1]) return null;
  // Most come back as numbers; what a canvas would give for others is not true everywhere.
  const [, red, green, blue, alpha] = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(styled[0]!) ?? [];
  if (alpha !== undefined) return [Number(red), Number(green), Number(blue), Math.round(255 * Number(alpha))];
  const hex = parseHex(styled[0]!);
  if (hex) return hex;
  checkCanvas('output.background');
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data] as [number, number, number, number];
}
