// Pictures to pixels: decoded by the browser, upright, read in strips.
import { DecalError, toDecalError } from '../../shared/errors.js';
import type { DecodedPicture } from '../../host/picture.js';
import { isAnimated } from './frames.js';
import { release } from './release.js';
import { checkNotTruncated } from './truncation.js';
import type { Picture } from './protocol.js';

export async function decode(picture: Picture, signal: AbortSignal): Promise<DecodedPicture> {
  switch (picture.kind) {
    case 'url':
      return fromBlob(await fetchPicture(picture.url, signal), shortName(picture.url));
    case 'blob':
      return fromBlob(picture.blob, picture.blob instanceof File ? picture.blob.name : 'source');
    case 'drawable': {
      const { drawable } = picture;
      return drawable instanceof ImageBitmap
        ? fromDrawable(drawable, drawable.width, drawable.height, [])
        : fromDrawable(drawable, drawable.displayWidth, drawable.displayHeight, []);
    }
    case 'pixels': {
      const { data, width, height } = picture;
      return {
        width,
        height,
        notes: [],
        rows: (first, count) => data.subarray(4 * width * first, 4 * width * (first + count)),
        close() {},
      };
    }
  }
}

async function fetchPicture(url: string, signal: AbortSignal): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
    if (response.ok) return await response.blob();
  } catch (error) {
    throw toDecalError(error, 'network', shortName(url));
  }
  throw new DecalError('network', `${shortName(url)}: the server answered ${response.status} ${response.statusText}`.trimEnd());
}

async function fromBlob(blob: Blob, name: string): Promise<DecodedPicture> {
  await checkNotTruncated(blob, name);
  let bitmap: ImageBitmap;
  let animated: boolean;
  try {
    [bitmap, animated] = await Promise.all([createImageBitmap(blob, { imageOrientation: 'from-image' }), isAnimated(blob)]);
  } catch (error) {
    throw new DecalError('corrupt-image', `${name}: not a picture this browser can decode`, { cause: error });
  }
  return fromDrawable(bitmap, bitmap.width, bitmap.height, animated ? ['the picture moves: this is its first frame'] : []);
}

function fromDrawable(
  drawable: ImageBitmap | VideoFrame, width: number, height: number, notes: string[],
): DecodedPicture {
  let canvas: OffscreenCanvas | null = null;
  let strip: Uint8ClampedArray<ArrayBuffer> | null = null;
  return {
    width,
    height,
    notes,
    rows(first, count) {
      // One small canvas for all strips; the last strip uses its top.
      canvas ??= new OffscreenCanvas(width, count);
      const context = canvas.getContext('2d', { willReadFrequently: true });
      if (!context) throw new DecalError('out-of-memory', `no canvas for ${width} pixels`);
      context.clearRect(0, 0, width, count);
      context.drawImage(drawable, 0, -first, width, height);
      if (strip) release(strip.buffer);
      strip = context.getImageData(0, 0, width, count).data as Uint8ClampedArray<ArrayBuffer>;
      return strip;
    },
    close() {
      if (strip) release(strip.buffer);
      strip = null;
      drawable.close();
    },
  };
}

// Enough of an address to recognise it in an error: data: URLs may have megabytes.
function shortName(url: string): string {
  return url.startsWith('data:') ? 'data: URL' : url.slice(0, 200);
}
