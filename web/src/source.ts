// Turns whatever the caller has into something a worker can take, without touching the caller's own object.
import { DecalError, toDecalError } from './errors.js';
import type { Picture } from './protocol.js';
import type { ImageSource } from './types.js';

/** The picture and what of it is to be transferred rather than copied. */
export interface PortablePicture {
  picture: Picture;
  transfer: Transferable[];
}

const is = <T>(name: string, value: unknown): value is T => {
  // Looked up by name: not every environment has every class.
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof type;
};

export async function toPicture(source: ImageSource): Promise<PortablePicture> {
  if (typeof source === 'string' || is<URL>('URL', source)) return fromUrl(String(source));
  if (is<Blob>('Blob', source)) return fromBlob(source);
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return { picture: { kind: 'blob', blob: new Blob([source as BlobPart]) }, transfer: [] };
  }
  if (is<ImageData>('ImageData', source)) {
    const { data, width, height } = source;
    // Copied on its way to the worker: the caller keeps the pixels.
    return { picture: { kind: 'pixels', data: data as Uint8ClampedArray<ArrayBuffer>, width, height }, transfer: [] };
  }
  if (is<VideoFrame>('VideoFrame', source)) return drawable(() => source.clone());
  if (is<HTMLImageElement>('HTMLImageElement', source)) return fromImage(source);
  if (
    is<ImageBitmap>('ImageBitmap', source) ||
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

function fromUrl(text: string): PortablePicture {
  if (text === '') throw new DecalError('invalid-argument', 'source: the URL is empty');
  try {
    return { picture: { kind: 'url', url: new URL(text, globalThis.document?.baseURI).href }, transfer: [] };
  } catch (error) {
    throw new DecalError('invalid-argument', `source: "${text.slice(0, 100)}" is not a URL`, { cause: error });
  }
}

async function fromBlob(blob: Blob): Promise<PortablePicture> {
  if (blob.type.startsWith('image/svg')) return drawable(() => rasterize(blob));
  return { picture: { kind: 'blob', blob }, transfer: [] };
}

// Decoding a large element with createImageBitmap would block the page, so its file is taken again (from the
// cache) where that is allowed, and decoded in the worker.
async function fromImage(image: HTMLImageElement): Promise<PortablePicture> {
  const url = image.currentSrc || image.src;
  if (url === '') throw new DecalError('invalid-argument', 'source: the image element has no picture');
  try {
    const response = await fetch(url, { cache: 'force-cache' });
    if (response.ok) return await fromBlob(await response.blob());
  } catch {
    // Not readable a second time (another origin, a revoked blob: address): the element's own pixels may be.
  }
  return drawable(async () => {
    await image.decode();
    return createImageBitmap(image);
  });
}

// Workers cannot decode SVG.
async function rasterize(blob: Blob): Promise<ImageBitmap> {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    return await createImageBitmap(image);
  } finally {
    URL.revokeObjectURL(image.src);
  }
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
