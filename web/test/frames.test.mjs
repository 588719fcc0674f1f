// Which picture files move, told from their bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { importSource } from './helpers.mjs';

const { isAnimated } = await importSource('adapters/worker/frames.ts');

const blob = (...parts) => new Blob(parts);
const flat = (background, size = 300) => sharp({ create: { width: size, height: size, channels: 3, background } });

/** And noise, so that the first frame is larger than what is read at once. */
const kLossless = { lossless: true };

async function frames(count) {
  const pictures = [];
  for (let i = 0; i < count; ++i) {
    pictures.push(await flat('#808080').composite([{
      input: { create: { width: 300, height: 300, channels: 3, noise: { type: 'gaussian', mean: 100 + i, sigma: 60 } } },
    }]).png().toBuffer());
  }
  return count > 1 ? sharp(pictures, { join: { animated: true } }) : sharp(pictures[0]);
}

for (const format of ['gif', 'webp']) {
  test(`${format}: one frame and three`, async () => {
    const still = await (await frames(1))[format](kLossless).toBuffer();
    const moving = await (await frames(3))[format](kLossless).toBuffer();
    assert.ok(still.length > 64 << 10);
    assert.equal(await isAnimated(blob(still)), false);
    assert.equal(await isAnimated(blob(moving)), true);
    for (const share of [0.001, 0.1, 0.5]) await isAnimated(blob(moving.subarray(0, moving.length * share)));
  });
}

test('png: the chunk that animates, before the first data', async () => {
  const still = await flat('#123456', 10).png().toBuffer();
  const control = Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.from('acTL'), Buffer.alloc(12)]);
  const afterHeader = 8 + 25;
  assert.equal(await isAnimated(blob(still)), false);
  assert.equal(await isAnimated(blob(still.subarray(0, afterHeader), control, still.subarray(afterHeader))), true);
  assert.equal(await isAnimated(blob(still.subarray(0, afterHeader))), false);
});

test('what is no picture, or says that it moves in no way we know, does not', async () => {
  for (const bytes of ['', 'GIF8', 'GIF89a', 'some text that is long enough', 'RIFF0000WEBPVP8 ']) {
    assert.equal(await isAnimated(blob(bytes)), false, bytes);
  }
  assert.equal(await isAnimated(blob('\0\0\0\x1cftypavis')), true);
  assert.equal(await isAnimated(blob('\0\0\0\x1cftypavif')), false);
});
