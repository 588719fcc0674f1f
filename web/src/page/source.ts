// Turns the caller's source into something that can be posted to a worker, without modifying it.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError } from '../shared/errors.js';
import type { Picture, PictureSource } from '../adapters/worker/protocol.js';
import type { DecodePlan } from '../shared/options.js';
import type { ImageSource, Matte } from '../shared/types.js';

/** Bytes copied at a time between two turns of the event loop: about 4 ms. */
const kSliceBytes = 8 << 20;

/** The picture, and which parts of it are transferred instead of copied. */
export interface PortablePicture {
  picture: PictureSource;
  transfer: Transferable[];
}

/** Frees parts that were to be transferred and were not. After a transfer it does nothing. */
export function release(transfer: readonly Transferable[]): void {
  for (const item of transfer) if ('close' in item) item.close();
}

/** The base of relative URLs: the page's, or the script's in a worker. */
export function pageUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

const is = <T>(name: string, value: unknown): value is T => {
  // Looked up by name, because not every environment has every class.
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof type;
};

/** A matte as numbers instead of a picture. */
export function isMatte(value: Matte | ImageSource): value is Matte {
  return typeof value === 'object' && value !== null && 'data' in value && !is<ImageData>('ImageData', value);
}

export async function toPictures(
  sources: readonly ImageSource[], plan: DecodePlan,
): Promise<{ pictures: Picture[]; transfer: Transferable[] }> {
  const pictures: Picture[] = [];
  const transfer: Transferable[] = [];
  try {
    for (const source of sources) {
      const portable = await toPicture(source);
      pictures.push({ ...portable.picture, ...plan });
      transfer.push(...portable.transfer);
    }
    return { pictures, transfer };
  } catch (error) {
    release(transfer);
    throw error;
  }
}

async function toPicture(source: ImageSource): Promise<PortablePicture> {
  if (typeof source === 'string' || is<URL>('URL', source)) return fromUrl(String(source));
  if (is<Blob>('Blob', source)) return { picture: { kind: 'blob', blob: source }, transfer: [] };
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    if (source.byteLength === 0) throw gone('empty, or were transferred to another thread');
    return { picture: { kind: 'blob', blob: new Blob([source as BlobPart]) }, transfer: [] };
  }
  // The browser converts pixels that are half floats (`pixelFormat`).
  if (is<ImageData>('ImageData', source) && source.data instanceof Uint8ClampedArray) {
    const data = await copyPixels(source.data);
    if (data.length !== 4 * source.width * source.height) throw gone('gone: the ImageData was transferred to another thread');
    return { picture: { kind: 'pixels', data, width: source.width, height: source.height }, transfer: [data.buffer] };
  }
  if (is<VideoFrame>('VideoFrame', source)) return drawable(() => source.clone());
  if (is<HTMLImageElement>('HTMLImageElement', source)) return fromImage(source);
  if (
    is<ImageBitmap>('ImageBitmap', source) ||
    is<ImageData>('ImageData', source) ||
    is<HTMLCanvasElement>('HTMLCanvasElement', source) ||
    is<OffscreenCanvas>('OffscreenCanvas', source)
  ) {
    return drawable(() => createImageBitmap(source));
  }
  throw new DecalError(
    'invalid-argument',
    'source: a URL, Blob, ArrayBuffer, ImageData, ImageBitmap, image or canvas element, OffscreenCanvas or VideoFrame',
  );
}

/** A detached buffer looks like an empty one. It must not become a picture of whatever is in memory. */
function gone(what: string): DecalError {
  return new DecalError('corrupt-image', `source: its bytes are ${what}`);
}

function fromUrl(text: string): PortablePicture {
  if (text === '') throw new DecalError('invalid-argument', 'source: the URL is empty');
  try {
    return { picture: { kind: 'url', url: new URL(text, pageUrl()).href }, transfer: [] };
  } catch (error) {
    throw new DecalError('invalid-argument', `source: "${text.slice(0, 100)}" is not a URL`, { cause: error });
  }
}

// createImageBitmap of a large element would block the page. So its file is fetched again (from the cache) if that is allowed,
// and decoded in the worker.
async function fromImage(image: HTMLImageElement): Promise<PortablePicture> {
  const url = image.currentSrc || image.src;
  if (url === '') throw new DecalError('invalid-argument', 'source: the image element has no picture');
  try {
    const response = await fetch(url, { cache: 'force-cache' });
    if (response.ok) return { picture: { kind: 'blob', blob: await response.blob() }, transfer: [] };
  } catch {
    // The file cannot be fetched again (another origin, a revoked blob: URL). The element's own pixels may be readable.
  }
  return drawable(async () => {
    await image.decode();
    return createImageBitmap(image);
  });
}

// The caller keeps the pixels. Copied in slices, because copying a large picture at once would block the page.
async function copyPixels(pixels: ArrayLike<number> & { subarray(from: number, to: number): ArrayLike<number> }) {
  const copy = new Uint8ClampedArray(pixels.length);
  for (let at = 0; at < copy.length; at += kSliceBytes) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve));
    copy.set(pixels.subarray(at, at + kSliceBytes), at);
  }
  return copy;
}

async function drawable(make: () => ImageBitmap | VideoFrame | Promise<ImageBitmap>): Promise<PortablePicture> {
  try {
    const made = await make();
    return { picture: { kind: 'drawable', drawable: made }, transfer: [made] };
  } catch (error) {
    // Empty, closed, broken or of another origin.
    throw toDecalError(error, 'corrupt-image', 'source');
  }
}
