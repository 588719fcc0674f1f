// The table's files in Node, where the package takes pixels: decoded by sharp, as docs/guide.md recommends.
// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import sharp from 'sharp';
import { patchesOf } from './support.mjs';

export const kNodeVersion = `sharp ${sharp.versions.sharp}`;

/** Reports by file. */
export async function runNode(entries, folder) {
  const reports = new Map();
  for (const { file, right = [] } of entries) {
    try {
      const decoded = await sharp(join(folder, file)).rotate().ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      reports.set(file, { ...patchesOf(decoded, right.length), notes: [] });
    } catch (error) {
      reports.set(file, { error: { message: error.message.split('\n')[0] } });
    }
  }
  return reports;
}
