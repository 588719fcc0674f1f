// The files to download or copy: cut-outs in the chosen format and look, without a second run; many of them as a ZIP.
// SPDX-License-Identifier: MIT
import { Zip, ZipPassThrough } from 'fflate';
import type { Photo } from './photos.ts';
import type { Look } from './look.ts';
import { askPictureWorker } from './picture_client.ts';
import type { ImageType } from './picture_tasks.ts';

/** A done photo as it looks on the page. */
export async function exportPhoto(photo: Photo, look: Look, type: ImageType): Promise<Blob> {
  const { blob: cutout } = await photo.cutout(look.edges);
  const backdrop = (await photo.backdrop(look.background)) || (type === 'image/jpeg' ? '#ffffff' : '');
  if (type === 'image/png' && backdrop === '') return cutout;
  return askPictureWorker({ kind: 'compose', cutout, type, backdrop });
}

/** One after the other, so that no more than one picture lies uncompressed in memory. */
export async function exportAll(photos: readonly Photo[], look: Look, type: ImageType): Promise<Blob> {
  const parts: BlobPart[] = [];
  const names = new Set<string>();
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk as Uint8Array<ArrayBuffer>);
  });
  for (const photo of photos) {
    const bytes = new Uint8Array(await (await exportPhoto(photo, look, type)).arrayBuffer());
    // Stored: the pictures are compressed already.
    const entry = new ZipPassThrough(unusedName(photo.fileName(type), names));
    zip.add(entry);
    entry.push(bytes, true);
  }
  zip.end();
  return new Blob(parts, { type: 'application/zip' });
}

function unusedName(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let i = 2; names.has(name); i++) name = wanted.replace(/(\.decal\.\w+)$/, ` (${i})$1`);
  names.add(name);
  return name;
}

/** Hands a file to the visitor as a download. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  // The download has its own hold on the blob once it has begun; a minute is ample for that.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
