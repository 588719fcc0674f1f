// Finds pictures whose file stops in its middle. Chromium refuses to decode them; Firefox and WebKit give what is there and
// leave the rest grey or empty, which nobody could tell from a photo that is so.
import { DecalError } from '../../shared/errors.js';

/** Throws `corrupt-image` if a JPEG, PNG or WebP file ends too soon. Says nothing of other formats. */
export async function checkNotTruncated(blob: Blob, name: string): Promise<void> {
  const bytes = async (from: number, to: number) => new DataView(await blob.slice(from, to).arrayBuffer());
  const head = await bytes(0, 12);
  if (head.byteLength < 12) return;
  const magic = head.getUint32(0);
  let whole = true;
  if (magic >>> 16 === 0xffd8) {
    // Nearly all end so. Behind the others' end there is something more: a second picture, a film.
    const tail = await bytes(blob.size - 2, blob.size);
    whole = tail.getUint16(0) === kEndOfImage || jpegEnds(new Uint8Array(await blob.arrayBuffer()));
  } else if (magic === 0x89504e47) {
    whole = await pngEnds(bytes, blob.size);
  } else if (magic === 0x52494646 && head.getUint32(8) === 0x57454250) {  // RIFF, its size, WEBP
    whole = head.getUint32(4, true) + 8 <= blob.size;
  }
  if (!whole) throw new DecalError('corrupt-image', `${name}: the file ends in the middle of the picture`);
}

const kEndOfImage = 0xffd9;
const kStartOfScan = 0xda;

// Segments tell their length; the data of a scan goes on to the next marker that is not part of it.
function jpegEnds(file: Uint8Array): boolean {
  for (let at = 2; at + 4 <= file.length + 2; ) {
    if (file[at] !== 0xff) return false;
    const marker = file[at + 1]!;
    if (marker === 0xff) {  // padding
      ++at;
      continue;
    }
    if (marker === (kEndOfImage & 0xff)) return true;
    at += 2 + (file[at + 2]! << 8 | file[at + 3]!);
    if (marker !== kStartOfScan) continue;
    // A stuffed 0xff and the restart markers belong to the data.
    for (;;) {
      at = file.indexOf(0xff, at);
      if (at < 0) return false;
      const next = file[at + 1]!;
      if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) break;
      at += 2;
    }
  }
  return false;
}

async function pngEnds(bytes: (from: number, to: number) => Promise<DataView>, size: number): Promise<boolean> {
  const tail = await bytes(size - 8, size);
  if (tail.byteLength === 8 && tail.getUint32(0) === kIend && tail.getUint32(4) === 0xae426082) return true;
  // Something follows the end, or there is none: chunk after chunk.
  for (let at = 8; at + 12 <= size; ) {
    const chunk = await bytes(at, at + 8);
    if (chunk.getUint32(4) === kIend) return true;
    at += 12 + chunk.getUint32(0);
  }
  return false;
}

const kIend = 0x49454e44;
