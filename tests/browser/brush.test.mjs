// The demo page's brush: strokes that keep and remove, up to the edges, and are taken back.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import { noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { kDemo, needs } from './support/site.mjs';

suite("the demo page's brush", { skip: noBrowser }, () => {
  let site, browser, page;
  before(async () => {
    needs(`${kDemo}/index.html`, 'run `node demo/build.mjs`');
    site = await serve({ root: kDemo });
    browser = await startBrowser({ acceptDownloads: true, viewport: { width: 1280, height: 820 } });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('the brush keeps and removes up to the edges, and strokes are taken back', async () => {
    // A red disc on grey with a blue square beside it: the network may find what it likes, the brush has the last word.
    page = await openPage(browser.context, `${site.url}/`);
    await page.locator('#pick').waitFor();
    const drawn = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(600, 400);
      const context = canvas.getContext('2d');
      context.fillStyle = '#b0b0a8';
      context.fillRect(0, 0, 600, 400);
      context.fillStyle = '#c02020';
      context.beginPath();
      context.arc(180, 200, 90, 0, 7);
      context.fill();
      context.fillStyle = '#2040c0';
      context.fillRect(400, 140, 120, 120);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    });
    await page.locator('#files').setInputFiles([{ name: 'shapes.png', mimeType: 'image/png', buffer: Buffer.from(drawn) }]);
    await page.locator('#frame[data-state="done"]').waitFor();
    const result = async () => {
      await page.locator('#frame[aria-busy="false"]').waitFor();
      const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#download').click()]);
      return decodePng(await readFile(await file.path()));
    };
    const found = await result();
    const stroke = async (...points) => {
      const box = await page.locator('#strokes').boundingBox();
      const at = ([x, y]) => [box.x + (x / 600) * box.width, box.y + (y / 400) * box.height];
      await page.mouse.move(...at(points[0]));
      await page.mouse.down();
      for (const point of points) await page.mouse.move(...at(point), { steps: 4 });
      await page.mouse.up();
    };
    const undo = page.locator('#undo');
    await page.getByLabel('Remove', { exact: true }).check();
    assert.equal(await undo.isDisabled(), true);
    await page.locator('#brush-size').fill('12');
    await stroke([430, 175], [490, 175]);
    const removed = await result();
    for (const x of [430, 460, 490]) assert.ok(removed.at(x, 170)[3] < 20, `removed at ${x}: ${removed.at(x, 170)}`);
    assert.deepEqual(removed.at(180, 390), found.at(180, 390), 'far from the stroke');

    // Along the square's upper edge, a third of the brush on grey: the square is kept, the grey is not.
    await page.getByLabel('Keep', { exact: true }).check();
    await stroke([430, 160], [490, 160]);
    const kept = await result();
    for (const x of [430, 460, 490]) {
      for (const y of [143, 150, 170]) assert.ok(kept.at(x, y)[3] > 230, `the square at ${x}, ${y}: ${kept.at(x, y)}`);
      for (const y of [128, 132, 136]) assert.ok(kept.at(x, y)[3] < 25, `grey at ${x}, ${y}: ${kept.at(x, y)}`);
    }

    await stroke([200, 30], [220, 30]);
    assert.ok((await result()).at(210, 30)[3] > 230, 'where colours say nothing, the brush alone does');
    await undo.click();
    assert.deepEqual((await result()).rgba, kept.rgba, 'the last stroke is taken back');
    await undo.click();
    await undo.click();
    await page.locator('#undo:disabled').waitFor();
    const back = await result();
    for (let i = 3; i < back.rgba.length; i += 4) assert.equal(back.rgba[i], found.rgba[i], 'alpha is as found');
    await page.getByLabel('No brush').check();
    assert.equal(await page.locator('#strokes').isVisible(), false);
    assert.equal(await page.locator('#split').isVisible(), true);
    assert.deepEqual(page.errors, []);
  });
});
