// The demo page in every browser engine: a photo goes in, and the cut-out that is shown and downloaded is the right one.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import sharp from 'sharp';
import { serve } from '../../scripts/serve.mjs';
import { removeBackgroundRaw } from '../../web/dist/node.js';
import { engines, until } from './engines/engines.mjs';
import { decodePng } from './support/png.mjs';
import { kDemo, kPhoto, kScratch, needs } from './support/site.mjs';

const kSize = { width: 320, height: 375 };
// A PNG: decoders of JPEG may round differently.
const photo = await sharp(await readFile(kPhoto)).resize({ ...kSize, fit: 'fill' }).png().toBuffer();
const { data } = await sharp(photo).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const reference = (await removeBackgroundRaw({ data, ...kSize })).data;

/** What a visitor does, for pages that have nothing but the demo in them. */
const visitor = {
  choose: (base64) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'grace.png', { type: 'image/png' }));
    const input = document.getElementById('files');
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  },
  state: () => document.getElementById('frame')?.dataset.state,
  shown: async () => {
    const image = document.getElementById('cutout');
    await image.decode();
    document.querySelector('#how summary').click();
    return {
      size: [image.naturalWidth, image.naturalHeight],
      facts: document.getElementById('facts').textContent,
      how: document.getElementById('how').textContent,
      alert: document.querySelector('[role="alert"]')?.textContent ?? '',
    };
  },
  /** The file's name and bytes. Drivers have no common way to a downloads folder, so the page's link is caught. */
  download: async () => {
    const { createObjectURL } = URL;
    const { click } = HTMLAnchorElement.prototype;
    let file;
    URL.createObjectURL = (blob) => createObjectURL.call(URL, (file = blob));
    const link = await new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = function () { resolve(this); };
      document.getElementById('download').click();
    });
    Object.assign(URL, { createObjectURL });
    Object.assign(HTMLAnchorElement.prototype, { click });
    const bytes = new Uint8Array(await file.arrayBuffer());
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { name: link.download, base64: btoa(text) };
  },
};

for (const engine of engines) {
  if (engine.missing) console.error(engine.missing);
  suite(`demo page in ${engine.name}`, { skip: engine.missing }, () => {
    let site, browser;
    before(async () => {
      needs(`${kDemo}/index.html`, 'run `node demo/build.mjs`');
      site = await serve({ root: kDemo });
      browser = await engine.start();
    });
    after(async () => {
      await browser?.close();
      await site?.close();
    });

    test('a photo is cut out, shown, explained and downloaded', async () => {
      await browser.open(`${site.url}/`);
      await until(() => browser.evaluate(() => Boolean(document.querySelector('#engine')?.textContent)), 20, 'the page did not load');
      await browser.evaluate(visitor.choose, photo.toString('base64'));
      await until(async () => ['done', 'failed'].includes(await browser.evaluate(visitor.state)), 20, 'the photo did not get done');
      const { size, facts, how, alert } = await browser.evaluate(visitor.shown);
      await writeFile(join(kScratch, `demo-${engine.name}.png`), await browser.screenshot());
      assert.deepEqual(size, [kSize.width, kSize.height], alert);
      assert.match(facts, /320 × 375\s.*on the processor/s);
      assert.match(how, /decal-default/);
      const { name, base64 } = await browser.evaluate(visitor.download);
      assert.equal(name, 'grace.decal.png');
      const { rgba, width } = decodePng(Buffer.from(base64, 'base64'));
      assert.equal(width, kSize.width);
      const wrong = reference.reduce((most, value, i) => Math.max(most, i % 4 === 3 ? Math.abs(value - rgba[i]) : 0), 0);
      assert.ok(wrong <= 2, `alpha differs by ${wrong}`);
    });
  });
}
