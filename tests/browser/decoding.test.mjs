// Decoding where browsers differ or have limits: very wide and tall pictures, limits of pixels, SVG, and canvases that lie.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import sharp from 'sharp';
import { engines, until } from './engines/engines.mjs';
import { firefox } from './engines/firefox.mjs';
import { withOrientation } from './support/jpeg.mjs';
import { startSite } from './support/site.mjs';

/** What runs in the page: the whole picture is kept, and looked at in some places. */
const inPage = {
  keep: async ({ base64, url, pixels, options, places }) => {
    const source = base64 ? new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))])
      : pixels ? new ImageData(Uint8ClampedArray.from(pixels), 2, 1) : url;
    const all = { width: 1, height: 1, data: Uint8Array.of(255) };
    const { value, error } = await probe.outcome(
      decal.applyMatte(source, all, { output: { format: 'image/x-rgba8', ...options.output }, ...options.decoding }), decal.DecalError);
    if (error) return { error };
    const { blob, width, height, notes, revoke } = value;
    revoke();
    const data = new Uint8Array(await blob.arrayBuffer());
    return { size: [width, height], notes, places: places.map(([x, y]) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]) };
  },
};

const svg = (attributes, content = '<rect width="16" height="16" fill="#f00"/>') =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${content}</svg>`);

async function openPage(engine, options) {
  const site = await startSite({
    async intercept({ url }, response) {
      if (url !== '/drawing') return false;
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(svg('width="64" height="32"'));
      return true;
    },
  });
  const browser = await engine.start(options);
  await browser.open(`${site.url}/module.html`);
  await until(() => browser.evaluate(() => 'decal' in globalThis), 10, 'the page did not load');
  const keep = (source, places = [], decoding = {}, output = {}) => browser.evaluate(inPage.keep, {
    ...(Buffer.isBuffer(source) ? { base64: source.toString('base64') } : source), places, options: { decoding, output },
  });
  return { keep, close: async () => { await browser.close(); await site.close(); } };
}

for (const engine of engines) {
  suite(`decoding in ${engine.name}`, { skip: engine.missing }, () => {
    let page;
    before(async () => { page = await openPage(engine); });
    after(() => page?.close());

    /** Every pixel tells its place. */
    const ramp = (width, height) => sharp(Buffer.from(Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const x = Math.floor(i / 3) % width, y = Math.floor(i / 3 / width);
      return [x % 251, x >> 8, y % 253][i % 3];
    })), { raw: { width, height, channels: 3 } });
    const colourAt = ([x, y]) => [x % 251, x >> 8 & 255, y % 253, 255];

    for (const [width, height] of [[40_000, 3], [3, 40_000], [70_000, 2], [2, 70_000]]) {
      test(`${width} x ${height} pixels: every one, or a typed error`, async () => {
        const places = [[0, 0], [width - 1, height - 1], [Math.min(width, 16384) - 1, 0], [width >> 1, height >> 1]];
        const { size, error, places: seen } = await page.keep(await ramp(width, height).png().toBuffer(), places);
        if (error) {
          // 65,535 is the most that Firefox decodes.
          assert.equal(engine.name, 'Firefox');
          assert.ok(Math.max(width, height) > 65_535);
          assert.deepEqual([error.code, error.typed], ['limit-exceeded', true]);
          assert.match(error.message, /^source: 70000 x 2 pixels: this browser|^source: 2 x 70000 pixels: this browser/);
          return;
        }
        assert.deepEqual(size, [width, height]);
        assert.deepEqual(seen, places.map(colourAt));
      });
    }

    test('a wide photo turned by EXIF is a tall one', async () => {
      const jpeg = await sharp({ create: { width: 20_000, height: 8, channels: 3, background: '#f00' } })
        .composite([{ input: { create: { width: 10_000, height: 8, channels: 3, background: '#00f' } }, left: 10_000, top: 0 }])
        .jpeg({ chromaSubsampling: '4:4:4' }).toBuffer();
      const { size, places } = await page.keep(withOrientation(jpeg, 6), [[4, 100], [4, 19_900]]);
      assert.deepEqual(size, [8, 20_000]);
      assert.ok(places[0][0] > 250 && places[0][2] < 5 && places[1][0] < 5 && places[1][2] > 250, `${places}`);
    });

    test('a limit of pixels: by default, as an option, for every source, from the header', async () => {
      const small = await ramp(20, 10).png().toBuffer();
      const { error } = await page.keep(small, [], { maxPixels: 199 });
      assert.deepEqual([error.code, error.message], ['limit-exceeded', 'source: 20 x 10 pixels are over the limit of 199 (maxPixels)']);
      assert.equal((await page.keep(small, [], { maxPixels: 200 })).error, undefined);
      assert.equal((await page.keep({ pixels: [1, 2, 3, 255, 4, 5, 6, 255] }, [], { maxPixels: 1 })).error.code, 'limit-exceeded');
      assert.equal((await page.keep(svg('width="64" height="32"'), [], { maxPixels: 2047 })).error.code, 'limit-exceeded');
      // 400 million pixels of which nothing but the header is there to be decoded.
      const huge = Buffer.from(small);
      huge.writeUInt32BE(20_000, 16);
      huge.writeUInt32BE(20_000, 20);
      const { crc32 } = await import('node:zlib');
      huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
      assert.match((await page.keep(huge)).error.message, /^source: 20000 x 20000 pixels are over the limit of 160000000 \(maxPixels\)$/);
      for (const maxPixels of [0, 1.5, '9']) assert.equal((await page.keep(small, [], { maxPixels })).error.code, 'invalid-argument');
    });

    test('SVG: by address too, at its own size, at one asked for, or a typed error', async () => {
      const red = [255, 0, 0, 255], clear = [0, 0, 0, 0];
      for (const [source, size, decoding = {}] of [
        [{ url: '/drawing' }, [64, 32]],
        [svg('width="64" height="32"'), [64, 32]],
        [svg('viewBox="0 0 64 32"'), [64, 32]],
        [svg('viewBox="0 0 64 32" width="100%" height="100%"'), [64, 32]],
        [svg('viewBox="0 0 64 32" width="128"'), [128, 64]],
        [svg('width="0.5in" height="8mm"'), [48, 30]],
        [svg(''), [300, 150]],
        [svg('viewBox="0 0 64 32"'), [256, 128], { svgSize: 256 }],
        [svg('width="64" height="32"'), [256, 128], { svgSize: 256 }],
      ]) {
        const found = await page.keep(source, [[2, 2], [size[0] - 2, size[1] - 2]], decoding);
        assert.deepEqual([found.size, found.places], [size, [red, clear]], `${source.url ?? source}: ${JSON.stringify(found)}`);
      }
      for (const [source, code, message, decoding = {}] of [
        [svg('width="64" height="32"').subarray(0, 70), 'corrupt-image', /^source: damaged picture: not well-formed SVG$/],
        [svg('width="60000" height="60000"'), 'limit-exceeded', /^source: 60000 x 60000 pixels are over the limit/],
        [svg('width="64" height="32"'), 'limit-exceeded', /^source: 40000 x 20000 pixels/, { svgSize: 40000 }],
        [svg('width="64" height="32"'), 'invalid-argument', /^svgSize: whole pixels/, { svgSize: 0 }],
      ]) {
        const { error } = await page.keep(source, [], decoding);
        assert.deepEqual([error?.code, error?.typed], [code, true], JSON.stringify(error));
        assert.match(error.message, message);
      }
    });
  });
}

suite('canvases that lie: Firefox with privacy.resistFingerprinting', { skip: firefox.missing }, () => {
  let page;
  before(async () => { page = await openPage(firefox, { preferences: { 'privacy.resistFingerprinting': true } }); });
  after(() => page?.close());

  test('pictures are refused with the reason', async () => {
    const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#123456' } }).png().toBuffer();
    const { error } = await page.keep(png);
    assert.deepEqual([error?.code, error?.typed], ['unsupported', true], JSON.stringify(error));
    assert.match(error.message, /^source: its pixels cannot be read: this browser changes .*privacy\.resistFingerprinting/);
  });

  test('pixels that are there already are taken, and a background by name; WebP is refused', async () => {
    const pixels = { pixels: [10, 20, 30, 255, 0, 0, 0, 0] };
    const { places } = await page.keep(pixels, [[0, 0], [1, 0]], {}, { background: 'rebeccapurple' });
    assert.deepEqual(places, [[10, 20, 30, 255], [0x66, 0x33, 0x99, 255]]);
    const { error } = await page.keep(pixels, [], {}, { format: 'image/webp' });
    assert.deepEqual([error?.code, error?.typed], ['unsupported', true], JSON.stringify(error));
    assert.match(error.message, /^image\/webp cannot be written \(image\/png can\): this browser changes/);
  });
});
