// Decodes pictures: our code checks them, the browser decodes, and our code turns and converts, so that all browsers agree.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError } from '../../shared/errors.js';
import { checkPixels } from '../../shared/options.js';
import type { DecodedPicture } from '../../host/picture.js';
import { edited, type Edit } from '../../pictures/bytes.js';
import { converter } from '../../pictures/colour.js';
import { damaged, plainFacts } from '../../pictures/facts.js';
import { inspect, type Inspected } from '../../pictures/inspect.js';
import { kSniffBytes, sniffKind } from '../../pictures/kind.js';
import { checkCanvas, openContext, RowReader, shownSize } from './canvas.js';
import type { DrawSvg } from './page-drawing.js';
import type { Picture } from './protocol.js';

type Rows = Uint8ClampedArray<ArrayBuffer>;

/** Formats that every browser reads, so a failure means damage. */
const kEverywhere = ['JPEG', 'PNG', 'GIF', 'WebP', 'BMP', 'ICO'];
const kTypes: Record<string, string> = { AVIF: 'image/avif', HEIC: 'image/heic', TIFF: 'image/tiff', 'JPEG XL': 'image/jxl', 'JPEG 2000': 'image/jp2' };
/** What every browser decodes. Firefox allows 65,535 pixels a side; the number of pixels depends on the memory. */
const kUsualSide = 32767, kUsualPixels = 50e6;
/** Side of the small copies that show whether a profile was applied. */
const kSmall = 16;

export async function decode(picture: Picture, draw: DrawSvg, signal: AbortSignal): Promise<DecodedPicture> {
  const { maxPixels } = picture;
  switch (picture.kind) {
    case 'url': {
      const { url } = picture;
      return named(shortName(url), async () => fromBlob(await fetchPicture(url, signal), picture, draw, signal));
    }
    case 'blob': {
      const { blob } = picture;
      return named(blob instanceof File ? blob.name : 'source', () => fromBlob(blob, picture, draw, signal));
    }
    case 'drawable': {
      const { drawable } = picture;
      const [width, height] = drawable instanceof ImageBitmap
        ? [drawable.width, drawable.height] : [drawable.displayWidth, drawable.displayHeight];
      return named('source', async () => {
        checkPixels(width, height, maxPixels);
        return fromDrawable(drawable, width, height, plainFacts());
      });
    }
    case 'pixels': {
      const { data, width, height } = picture;
      return named('source', async () => {
        checkPixels(width, height, maxPixels);
        return {
          width,
          height,
          notes: [],
          rows: (first, count) => data.subarray(4 * width * first, 4 * width * (first + count)),
          close() {},
        };
      });
    }
  }
}

/** Puts the picture's name before messages of errors, now and while it is read. */
async function named(name: string, work: () => Promise<DecodedPicture>): Promise<DecodedPicture> {
  const blame = (error: unknown) =>
    error instanceof DecalError ? new DecalError(error.code, `${name}: ${error.message}`, { cause: error.cause }) : error;
  try {
    const picture = await work();
    const rows = (first: number, count: number) => {
      try {
        return picture.rows(first, count);
      } catch (error) {
        throw blame(error);
      }
    };
    return { ...picture, rows };
  } catch (error) {
    throw blame(error);
  }
}

async function fetchPicture(url: string, signal: AbortSignal): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
    if (response.ok) return await response.blob();
  } catch (error) {
    throw toDecalError(error, 'network');
  }
  throw new DecalError('network', `the server answered ${response.status} ${response.statusText}`.trimEnd());
}

async function fromBlob(
  blob: Blob, { maxPixels, svgSize }: Picture, draw: DrawSvg, signal: AbortSignal,
): Promise<DecodedPicture> {
  checkCanvas('its pixels cannot be read');
  if (blob.size === 0) throw new DecalError('corrupt-image', 'the file is empty');
  const kind = sniffKind(await bytesOf(blob.slice(0, kSniffBytes)));
  if (!kind) throw new DecalError('corrupt-image', 'not a picture this browser can decode');
  if (!kind.read) throw notRead(kind.name);
  if (kind.name === 'SVG') {
    const drawn = await draw({ svg: blob, size: svgSize, maxPixels }, signal);
    return fromDrawable(drawn, drawn.width, drawn.height, plainFacts());
  }
  const file = await bytesOf(blob);
  const facts = await inspect(file, kind.name);
  signal.throwIfAborted();
  checkPixels(facts.width, facts.height, maxPixels);
  const version = (edits: Edit[]) => (edits.length > 0 ? new Blob([edited(file, edits)]) : blob);
  const { split } = facts;
  const versions = split ? [split.colours, split.alpha].map((edits) => version([...facts.edits, ...edits])) : [version(facts.edits)];
  if (facts.rows) return { width: facts.width, height: facts.height, notes: facts.notes, rows: facts.rows, close() {} };
  const [bitmap, alpha] = await decodeAll(versions, facts, kind.name, signal);
  if (facts.inkProfile) facts.notes.push(await inkNote(blob, version(facts.inkProfile)));
  try {
    checkPixels(bitmap!.width, bitmap!.height, maxPixels);
    return fromDrawable(bitmap!, bitmap!.width, bitmap!.height, facts, alpha);
  } catch (error) {
    bitmap!.close();
    alpha?.close();
    throw error;
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    // A file that was changed or removed since it was chosen, or one too large for the memory.
    throw toDecalError(error, 'io', 'the file cannot be read');
  }
}

function notRead(kind: string): DecalError {
  return new DecalError('unsupported', `not a format that this browser reads (${kind})`);
}

/** The browser decodes while the file is checked. The check's error is the better reason. */
async function decodeAll(versions: Blob[], facts: Inspected, kind: string, signal: AbortSignal): Promise<ImageBitmap[]> {
  const decoding = versions.map((version) => createImageBitmap(version, { imageOrientation: 'from-image' }));
  const [checked, ...decoded] = await Promise.allSettled([facts.verify?.(signal), ...decoding]);
  const failure = decoded.find((result) => result.status === 'rejected');
  if (checked.status === 'fulfilled' && !failure) return decoded.map((result) => (result as PromiseFulfilledResult<ImageBitmap>).value);
  for (const result of decoded) if (result.status === 'fulfilled') result.value.close();
  if (checked.status === 'rejected') throw checked.reason;
  throw await undecodable(facts, kind, failure!.reason);
}

async function undecodable({ width, height, rare, verify }: Inspected, kind: string, cause: unknown): Promise<DecalError> {
  if (Math.max(width, height) > kUsualSide || (verify && width * height > kUsualPixels)) {
    return new DecalError('limit-exceeded', `${width} x ${height} pixels: this browser decodes no picture of that size`, { cause });
  }
  if (rare) return new DecalError('unsupported', `${rare}: this browser cannot decode it`, { cause });
  const type = kTypes[kind];
  const known = kEverywhere.includes(kind) ||
    (type !== undefined && typeof ImageDecoder === 'function' && await ImageDecoder.isTypeSupported(type));
  return known ? new DecalError('corrupt-image', 'damaged picture: this browser cannot decode it', { cause }) : notRead(kind);
}

/** Whether a CMYK profile changes anything in a small copy. */
async function inkNote(blob: Blob, without: Blob): Promise<string> {
  const small = async (version: Blob) => {
    const bitmap = await createImageBitmap(version, { resizeWidth: kSmall, resizeHeight: kSmall });
    const context = openContext(kSmall, kSmall);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, kSmall, kSmall).data;
  };
  const [used, unused] = [await small(blob), await small(without)];
  return used.some((value, i) => value !== unused[i])
    ? 'CMYK converted by the browser: with black ink, other colours than the profile means'
    : 'CMYK: this browser ignores the colour profile and uses a simple formula';
}

function fromDrawable(
  drawable: ImageBitmap | VideoFrame, width: number, height: number, facts: Inspected, alpha?: ImageBitmap,
): DecodedPicture {
  checkCanvas('its pixels cannot be read');
  const placement = { crop: facts.crop ?? { x: 0, y: 0, width, height }, orientation: facts.orientation };
  const convert = facts.colour && converter(facts.colour);
  if (facts.colour && !convert) facts.notes.push("the picture's primaries are degenerate: sRGB assumed");
  const colours = new RowReader(drawable, width, height, placement);
  const alphas = alpha && new RowReader(alpha, width, height, placement);
  const [shownWidth, shownHeight] = shownSize(placement);
  return {
    width: shownWidth,
    height: shownHeight,
    notes: facts.notes,
    rows(first, count) {
      const rows = colours.rows(first, count);
      if (facts.opaque) checkOpaque(rows, shownWidth);
      if (alphas) putAlpha(rows, alphas.rows(first, count), facts.split!.premultiplied);
      convert?.(rows);
      return rows;
    },
    close() {
      colours.close();
      alphas?.close();
    },
  };
}

/** WebKit (2.50) resolves with a transparent bitmap if a decoder fails. Checks both ends of each row. */
function checkOpaque(rows: Rows, width: number): void {
  for (let at = 3; at < rows.length; at += 4 * width) {
    if (rows[at] !== 255 || rows[at + 4 * (width - 1)] !== 255) throw damaged('this browser has decoded only a part of it');
  }
}

/** Alpha that was decoded as a grey picture. */
function putAlpha(rows: Rows, grey: Rows, premultiplied: boolean): void {
  for (let i = 0; i < rows.length; i += 4) {
    const alpha = grey[i]!;
    rows[i + 3] = alpha;
    if (!premultiplied || alpha === 0) continue;
    for (let k = i; k < i + 3; ++k) rows[k] = 255 * rows[k]! / alpha;
  }
}

// Enough of a URL to recognise it in an error: data: URLs may have megabytes.
function shortName(url: string): string {
  return url.startsWith('data:') ? 'data: URL' : url.slice(0, 200);
}
