// Picture files that stop in their middle, and whole ones with something behind their end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { importSource, rejectsWith, samplePicture } from './helpers.mjs';

const { checkNotTruncated } = await importSource('adapters/worker/truncation.ts');

const { data, width, height } = samplePicture(90, 60);
const picture = () => sharp(data, { raw: { width, height, channels: 4 } });
const files = {
  'baseline JPEG': await picture().jpeg().toBuffer(),
  'progressive JPEG': await picture().jpeg({ progressive: true }).toBuffer(),
  PNG: await picture().png().toBuffer(),
  'WebP': await picture().webp().toBuffer(),
};

for (const [name, file] of Object.entries(files)) {
  test(`${name}: whole, also with something behind its end`, async () => {
    await checkNotTruncated(new Blob([file]), name);
    await checkNotTruncated(new Blob([file, Buffer.alloc(1000, 0x77)]), name);
    await checkNotTruncated(new Blob([file, file]), name);
  });

  test(`${name}: cut off anywhere`, async () => {
    // From 12 bytes on, which tell the format; below that no decoder makes anything of it.
    for (let length = 12; length < file.length; length += Math.max(1, Math.floor((file.length - length) / 40))) {
      const { message } = await rejectsWith('corrupt-image', () => checkNotTruncated(new Blob([file.subarray(0, length)]), 'photo'));
      assert.match(message, /^photo: .*middle/);
    }
  });
}

test('other files are left to the decoder', async () => {
  for (const bytes of ['', 'GIF89a and more of it', 'not a picture at all']) await checkNotTruncated(new Blob([bytes]), 'file');
});
