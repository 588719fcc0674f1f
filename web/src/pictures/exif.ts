// The orientation out of an EXIF block.
// SPDX-License-Identifier: MIT
import { Bytes } from './bytes.js';

const kOrientation = 0x0112;

/** 1 to 8; 1 where the block is damaged or says nothing. It begins with its TIFF header. */
export function exifOrientation(block: Uint8Array<ArrayBuffer>): number {
  const order = String.fromCharCode(...block.subarray(0, 2));
  if (order !== 'II' && order !== 'MM') return 1;
  const bytes = new Bytes(block, order === 'II');
  const directory = bytes.u32(4);
  let found = 1;
  for (let i = 0, count = bytes.u16(directory); i < count && !bytes.failed; ++i) {
    const entry = directory + 2 + 12 * i;
    if (bytes.u16(entry) !== kOrientation) continue;
    const value = bytes.u16(entry + 8);
    if (value >= 1 && value <= 8) found = value;
  }
  return found;
}
