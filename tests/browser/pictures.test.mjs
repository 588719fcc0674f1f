// Pictures as cameras, printers and the web make them: colours, alpha, odd sizes, moving ones, and a very large one.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import sharp from 'sharp';
import { noBrowser, watchRenderers } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { startSession } from './support/session.mjs';
import { kPhoto } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

/** What a picture of 50 megapixels may take in the page's process beyond itself, decoded. */
const kBeyondBitmap = 400e6;
const kLarge = { width: 8660, height: 5774 };

suite('pictures', { skip: noBrowser }, () => {
  let session, page;
  /** Served at /picture. */
  let picture;
  before(async () => {
    session = await startSession({
      decal: kSmallPackage,
      async intercept({ url }, response) {
        if (url !== '/picture') return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(picture);
        return true;
      },
    });
    page = session.page;
  });
  after(() => session?.close());

  /** The picture with everything kept, so that only decoding and encoding are looked at; and what is said of it. */
  async function kept(bytes) {
    picture = bytes;
    const { base64, notes } = await page.evaluate(async () => {
      const all = { width: 1, height: 1, data: Uint8Array.of(255) };
      const { blob, notes, revoke } = await decal.applyMatte('/picture', all);
      revoke();
      return { base64: await probe.base64(blob), notes };
    });
    return { ...decodePng(Buffer.from(base64, 'base64')), notes };
  }

  /** And with its background removed: that the size and the notes are right. */
  async function removed(bytes) {
    picture = bytes;
    return page.evaluate(async () => {
      const { blob, width, height, notes, revoke } = await decal.removeBackground('/picture');
      revoke();
      // Whether a model sees a subject in a flat picture is not asked here.
      return { width, height, notes: notes.filter((note) => note !== 'no subject found'), type: blob.type };
    });
  }

  const near = (actual, expected, most) =>
    assert.ok(expected.every((value, i) => Math.abs(value - actual[i]) <= most), `${actual} instead of ${expected}`);
  const flat = (background, channels = 3) => sharp({ create: { width: 40, height: 30, channels, background } });

  test('CMYK JPEG', async () => {
    const bytes = await flat({ r: 40, g: 160, b: 90 }).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    assert.equal((await sharp(bytes).metadata()).channels, 4);
    const { rgba, at } = await kept(bytes);
    assert.equal(rgba.length, 4 * 40 * 30);
    // How inks look is the profile's and the browser's matter; that it is this green is ours.
    const [red, green, blue, alpha] = at(20, 15);
    assert.ok(green > red + 40 && green > blue + 30 && alpha === 255, `${at(20, 15)}`);
  });

  test('wide gamut: Display P3 becomes sRGB', async () => {
    // The numbers of a colour within sRGB, expressed in Display P3.
    const bytes = await flat({ r: 200, g: 80, b: 60 }).withIccProfile('p3').png().toBuffer();
    assert.ok((await sharp(bytes).metadata()).icc);
    near((await kept(bytes)).at(10, 10), [200, 80, 60, 255], 3);
  });

  test('alpha in the input stays, with its colours', async () => {
    const bytes = await flat({ r: 250, g: 120, b: 10, alpha: 0.5 }, 4).png().toBuffer();
    near((await kept(bytes)).at(5, 5), [250, 120, 10, 128], 2);
    const clear = await flat({ r: 250, g: 120, b: 10, alpha: 0 }, 4).png().toBuffer();
    assert.deepEqual((await kept(clear)).at(5, 5), [0, 0, 0, 0]);
  });

  for (const [width, height] of [[1, 1], [1, 700], [700, 1], [3, 2]]) {
    test(`${width} x ${height} pixels`, async () => {
      const bytes = await sharp({ create: { width, height, channels: 3, background: '#4080c0' } }).png().toBuffer();
      const { at, ...size } = await kept(bytes);
      assert.deepEqual([size.width, size.height], [width, height]);
      assert.deepEqual(at(width - 1, height - 1), [0x40, 0x80, 0xc0, 255]);
      assert.deepEqual(await removed(bytes), { width, height, notes: [], type: 'image/png' });
    });
  }

  for (const format of ['gif', 'webp']) {
    test(`a moving ${format}: its first frame, and said so`, async () => {
      const frames = await Promise.all(['#ff0000', '#0000ff'].map((colour) => flat(colour).png().toBuffer()));
      const moving = await sharp(frames, { join: { animated: true } })[format]({ delay: 100, loop: 0 }).toBuffer();
      assert.equal((await sharp(moving).metadata()).pages, 2);
      const { at, notes } = await kept(moving);
      near(at(20, 15), [255, 0, 0, 255], 6);
      assert.deepEqual(notes, [`animated ${format === 'gif' ? 'GIF' : 'WebP'}: first of 2 frames used`]);
      assert.deepEqual((await removed(moving)).notes, notes);
      const still = await flat('#ff0000')[format]().toBuffer();
      assert.deepEqual((await kept(still)).notes, []);
    });
  }

  test('50 megapixels within 400 MB beside the decoded picture', async (t) => {
    const { width, height } = kLarge;
    picture = await sharp(kPhoto).resize(width, height, { fit: 'fill' }).jpeg({ quality: 80 }).toBuffer();
    // A process of its own: the peak is of all it has done so far.
    const large = await startSession({
      intercept({ url }, response) {
        if (url !== '/picture') return false;
        response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(picture);
        return true;
      },
    });
    const memory = watchRenderers(large.browser);
    try {
      const before = memory.peakBytes();
      const seen = await large.page.evaluate(async () => {
        const { blob, width, height } = await decal.removeBackground('/picture');
        const head = new DataView(await blob.slice(0, 24).arrayBuffer());
        return { size: [width, height], inFile: [head.getUint32(16), head.getUint32(20)], type: blob.type, bytes: blob.size };
      });
      const beyond = memory.peakBytes() - before - 4 * width * height;
      t.diagnostic(`${(beyond / 1e6).toFixed(0)} MB beside the decoded picture, a PNG of ${(seen.bytes / 1e6).toFixed(0)} MB`);
      assert.deepEqual([seen.size, seen.inFile, seen.type], [[width, height], [width, height], 'image/png']);
      assert.ok(beyond < kBeyondBitmap, `${(beyond / 1e6).toFixed(0)} MB`);
    } finally {
      memory.close();
      await large.close();
    }
  });
});
