// Photos for benchmarks of whole calls, of any size.
// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import sharp from 'sharp';

const kPhoto = process.env.DECAL_TEST_PHOTO ?? '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

/** Of WebP, all contenders alike; what else they may choose is their default. */
export const kQuality = 90;

/** The sample photo at that size with a sensor's noise, because an enlarged picture alone is smoother than any photo. */
export async function makePhoto(folder, megapixels) {
  const width = Math.round(Math.sqrt(megapixels * 1e6 / 1.5)), height = Math.round(width * 1.5);
  const { data } = await sharp(kPhoto).resize(width, height, { fit: 'cover' }).raw().toBuffer({ resolveWithObject: true });
  let random = 1;
  for (let i = 0; i < data.length; ++i) {
    let noise = -6;
    for (let k = 0; k < 4; ++k) {
      random ^= random << 13;
      random ^= random >>> 17;
      random ^= random << 5;
      noise += random & 3;
    }
    data[i] = Math.max(0, Math.min(255, data[i] + noise));
  }
  const file = join(folder, `${megapixels}.jpg`);
  await sharp(data, { raw: { width, height, channels: 3 } }).jpeg({ quality: 92 }).toFile(file);
  return { file, width, height };
}
