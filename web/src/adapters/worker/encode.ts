// Encodes cut-outs: PNG with our own code, WebP and JPEG with the browser.
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
  // Copied, because neither Blob nor ImageData accepts shared memory.
  const copies = function* () {
    for (const { first, count } of strips(width, height)) {
      yield { first, pixels: new Uint8ClampedArray(engine.bytes(rgba + 4 * width * first, 4 * width * count)) };
    }
  };
  // One Blob per strip: its bytes leave this process before the next strip's are copied.
  if (format === 'image/x-rgba8') return new Blob(Array.from(copies(), ({ pixels }) => new Blob([pixels])), { type: format });
  checkCanvas(`${format} cannot be written (image/png can)`);
  let blob: Blob;
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no canvas of that size');
    // Beyond their limits some browsers return a canvas that stays empty, without an error.
    context.fillRect(width - 1, height - 1, 1, 1);
    if (context.getImageData(width - 1, height - 1, 1, 1).data[3] !== 255) throw new Error('no canvas of that size');
    for (const { first, pixels } of copies()) context.putImageData(new ImageData(pixels, width), 0, first);
    blob = await canvas.convertToBlob({ type: format, quality });
  } catch (error) {
    throw toDecalError(error, 'limit-exceeded', `${width} x ${height} pixels as ${format} (image/png has no limit)`);
  }
  // Browsers without an encoder for the type silently write PNG.
  if (blob.type !== format) throw new DecalError('unsupported', `this browser cannot write ${format}`);
  return blob;
}

/** Converts any CSS colour that the browser understands; null if it does not. */
export function parseCssColour(text: string): [number, number, number, number] | null {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
  // An invalid colour leaves the style unchanged. Setting it over two different ones shows that.
  const styled = ['#000', '#fff'].map((before) => {
    context.fillStyle = before;
    context.fillStyle = text;
    return String(context.fillStyle);
  });
  if (styled[0] !== styled[1]) return null;
  // Most colours come back as numbers. For others, a canvas does not give the right values in all browsers.
  const [, red, green, blue, alpha] = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(styled[0]!) ?? [];
  if (alpha !== undefined) return [Number(red), Number(green), Number(blue), Math.round(255 * Number(alpha))];
  const hex = parseHex(styled[0]!);
  if (hex) return hex;
  checkCanvas('output.background');
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data] as [number, number, number, number];
}
