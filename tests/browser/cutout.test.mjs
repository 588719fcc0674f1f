// A photo becomes a cut-out: pixels, formats, previews, and what the result says about itself.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { noBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { removeFromPhoto, startSession } from './support/session.mjs';

// Of the 512 x 600 portrait: the face, and the sky beside it, which no model should keep.
const kFace = [256, 240];
const kBackground = [[490, 40], [505, 300]];

suite('cut-out', { skip: noBrowser }, () => {
  let session, page, cutout;
  before(async () => {
    session = await startSession();
    page = session.page;
    cutout = await removeFromPhoto(page);
  });
  after(() => session?.close());

  test('is a PNG of the photo’s size with the background transparent', () => {
    const { picture } = cutout;
    assert.equal(cutout.type, 'image/png');
    assert.deepEqual([cutout.width, cutout.height], [512, 600]);
    assert.deepEqual([picture.width, picture.height], [512, 600]);
    assert.ok(picture.at(...kFace)[3] > 230, `alpha ${picture.at(...kFace)[3]} in the face`);
    for (const point of kBackground) assert.ok(picture.at(...point)[3] < 40, `alpha ${picture.at(...point)[3]} at ${point}`);
    assert.ok(cutout.processingTimeSeconds > 0);
  });

  test('keeps no colour where it is transparent', () => {
    const { rgba } = cutout.picture;
    let transparent = 0;
    for (let i = 0; i < rgba.length; i += 4) {
      if (rgba[i + 3] !== 0) continue;
      transparent++;
      assert.ok(rgba[i] === 0 && rgba[i + 1] === 0 && rgba[i + 2] === 0, `colour left at pixel ${i / 4}`);
    }
    assert.ok(transparent > 0, 'no pixel is fully transparent');
  });

  test('has the photo’s own colours, whatever the alpha', async () => {
    const points = [];
    for (let y = 100; y < 360 && points.length < 50; y += 7) {
      for (let x = 180; x < 340; x += 11) if (cutout.picture.at(x, y)[3] > 0) points.push([x, y]);
    }
    assert.ok(points.length > 20, 'hardly anything left of the face');
    const original = await page.evaluate(async (points) => probe.pixelsAt(await probe.photo(), points), points);
    points.forEach((point, i) => {
      const [r, g, b] = cutout.picture.at(...point);
      const [r0, g0, b0] = original[i];
      assert.ok(Math.max(Math.abs(r - r0), Math.abs(g - g0), Math.abs(b - b0)) <= 2, `at ${point}: ${[r, g, b]} from ${[r0, g0, b0]}`);
    });
  });

  test('blobUrl and previewUrl are pictures until revoke()', async () => {
    const seen = await page.evaluate(async () => {
      const result = await decal.removeBackground('/photo.jpg');
      const small = await decal.removeBackground('/photo.jpg', { previewSize: 120 });
      const sizes = {
        blob: await probe.imageSize(result.blobUrl),
        preview: await probe.imageSize(result.previewUrl),
        small: await probe.imageSize(small.previewUrl),
      };
      result.revoke();
      small.revoke();
      const gone = [result.blobUrl, result.previewUrl].map((url) => fetch(url).then(() => false, () => true));
      return { ...sizes, gone: await Promise.all(gone) };
    });
    assert.deepEqual(seen.blob, [512, 600]);
    assert.equal(Math.max(...seen.preview), 450);
    assert.ok(Math.abs(seen.preview[0] - (450 * 512) / 600) <= 1, `preview ${seen.preview}`);
    assert.equal(Math.max(...seen.small), 120);
    assert.deepEqual(seen.gone, [true, true]);
  });

  test('says what ran', () => {
    const { execution } = cutout;
    assert.equal(execution.provider, 'wasm');
    assert.equal(execution.dtype, 'fp32');
    assert.equal(execution.model, 'decal-default');
    assert.ok(execution.threads >= 1);
    assert.ok(['relaxed', 'baseline'].includes(execution.simd));
    assert.ok(execution.memoryBytes > 1e6 && execution.memoryBytes < 400e6, `memory ${execution.memoryBytes}`);
    assert.deepEqual(Object.keys(execution.ms).sort(), ['decode', 'encode', 'inference', 'load', 'postprocess', 'preprocess']);
    for (const [stage, ms] of Object.entries(execution.ms)) assert.ok(ms >= 0, `${stage}: ${ms} ms`);
    assert.ok(execution.ms.inference > 0);
    assert.ok(execution.ms.load > 0, 'the first run loads the model');
  });

  test('says a downgrade, and fails rather than downgrade what was asked for by name', async () => {
    const { execution } = cutout;
    assert.equal(execution.requested, 'auto');
    assert.equal(execution.downgraded.from, 'webgpu');
    assert.equal(execution.downgraded.to, 'wasm');
    assert.match(execution.downgraded.reason, /WebGPU/);

    const asked = await removeFromPhoto(page, { device: 'wasm' });
    assert.equal(asked.execution.requested, 'wasm');
    assert.equal(asked.execution.downgraded, null);

    const { error } = await page.evaluate(() =>
      probe.outcome(decal.removeBackground('/photo.jpg', { device: 'webgpu' }), decal.DecalError));
    assert.equal(error.code, 'webgpu-unavailable');
    assert.ok(error.typed);
    assert.match(error.message, /WebGPU/i);
  });

  test('capabilities agree with what ran', async () => {
    const capabilities = await page.evaluate(() => decal.getCapabilities());
    assert.equal(capabilities.device, 'wasm');
    assert.equal(capabilities.dtype, 'fp32');
    assert.equal(capabilities.threads, cutout.execution.threads);
    assert.equal(capabilities.simd, cutout.execution.simd);
    assert.ok(capabilities.reason.length > 0);
  });

  test('the matte alone is the cut-out’s alpha', async () => {
    const { picture } = await removeFromPhoto(page, { output: { mask: true } });
    let worst = 0;
    for (let i = 0; i < picture.rgba.length; i += 4) {
      const [r, g, b, a] = picture.rgba.subarray(i, i + 4);
      assert.ok(r === g && g === b && a === 255, `not an opaque grey at pixel ${i / 4}`);
      worst = Math.max(worst, Math.abs(r - cutout.picture.rgba[i + 3]));
    }
    assert.ok(worst <= 1, `matte and alpha differ by ${worst}`);
  });

  test('a background is composed behind the subject', async () => {
    const { picture } = await removeFromPhoto(page, { output: { background: '#c81e3c' } });
    let worst = 0;
    for (let i = 0; i < picture.rgba.length; i += 4) {
      assert.equal(picture.rgba[i + 3], 255);
      const alpha = cutout.picture.rgba[i + 3] / 255;
      [200, 30, 60].forEach((back, c) => {
        const expected = alpha * cutout.picture.rgba[i + c] + (1 - alpha) * back;
        worst = Math.max(worst, Math.abs(expected - picture.rgba[i + c]));
      });
    }
    // Both pictures are rounded to 8 bits on their own.
    assert.ok(worst <= 2, `${worst} off`);
  });

  test('WebP keeps transparency, JPEG gets white', async () => {
    for (const format of ['image/webp', 'image/jpeg']) {
      const seen = await page.evaluate(async ({ format, points }) => {
        const { blob, width, height } = await decal.removeBackground('/photo.jpg', { output: { format, quality: 0.9 } });
        const head = [...new Uint8Array(await blob.slice(0, 12).arrayBuffer())];
        return { type: blob.type, width, height, head, pixels: await probe.pixelsAt(blob, points) };
      }, { format, points: [kFace, ...kBackground] });
      assert.equal(seen.type, format);
      assert.deepEqual([seen.width, seen.height], [512, 600]);
      const magic = String.fromCharCode(...seen.head);
      if (format === 'image/webp') {
        assert.ok(magic.startsWith('RIFF') && magic.endsWith('WEBP'), magic);
        assert.ok(seen.pixels[0][3] > 230 && seen.pixels[1][3] < 40 && seen.pixels[2][3] < 40, String(seen.pixels));
      } else {
        assert.deepEqual(seen.head.slice(0, 3), [0xff, 0xd8, 0xff]);
        for (const [r, g, b] of seen.pixels.slice(1)) assert.ok(Math.min(r, g, b) > 215, `${[r, g, b]} instead of white`);
      }
    }
  });

  test('two calls at once give the same as two in a row', async () => {
    const both = await page.evaluate(async () => {
      const results = await Promise.all([decal.removeBackground('/photo.jpg'), decal.removeBackground('/photo.jpg')]);
      return Promise.all(results.map(({ blob }) => probe.base64(blob)));
    });
    for (const one of both) assert.deepEqual(decodePng(Buffer.from(one, 'base64')).rgba, cutout.picture.rgba);
  });

  test('leaves no error in the console', () => {
    // But for the addresses that a test above has revoked and asks for.
    assert.deepEqual(page.errors.filter((error) => !error.includes('blob:')), []);
  });
});
