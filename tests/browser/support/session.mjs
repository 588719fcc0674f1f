// One browser, one site and one page with the package in it, for the test files about the package.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { startBrowser, openPage } from './chromium.mjs';
import { decodePng } from './png.mjs';
import { startSite } from './site.mjs';

/** `siteOptions` go to startSite, `flags` to Chromium. Close it in `after`; that also asserts that nothing tried to leave the machine. */
export async function startSession(siteOptions = {}, { path = '/module.html', flags = [] } = {}) {
  const site = await startSite(siteOptions);
  const browser = await startBrowser({ flags });
  const open = async (at = path) => {
    const page = await openPage(browser.context, site.url + at);
    await page.waitForFunction(() => 'decal' in window);
    return page;
  };
  return {
    site,
    browser,
    page: await open(),
    open,
    async close() {
      await browser.close();
      await site.close();
      assert.deepEqual(browser.strangers, [], 'requests to other hosts');
    },
  };
}

/** Removes the background of the test photo and decodes the PNG. `options` must be plain data. */
export async function removeFromPhoto(page, options = {}) {
  const result = await page.evaluate(async (options) => {
    const removed = await decal.removeBackground('/photo.jpg', options);
    const portable = await probe.portable(removed);
    removed.revoke();
    return portable;
  }, options);
  const bytes = Buffer.from(result.base64, 'base64');
  return { ...result, bytes, picture: result.type === 'image/png' ? decodePng(bytes) : null };
}

/** Largest and mean difference of two pictures of one size, over all four channels. */
export function difference(a, b) {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  let max = 0;
  let sum = 0;
  for (let i = 0; i < a.rgba.length; i++) {
    const d = Math.abs(a.rgba[i] - b.rgba[i]);
    if (d > max) max = d;
    sum += d;
  }
  return { max, mean: sum / a.rgba.length };
}
