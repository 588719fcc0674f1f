// Takes pictures of the demo page for people to look at: `node tests/browser/screens.mjs [FOLDER] [PHOTO...]`.
// SPDX-License-Identifier: MIT
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serve } from '../../scripts/serve.mjs';
import { startBrowser } from './support/chromium.mjs';
import { answerSlowly, isModel, kDemo, kPhoto, kScratch, needs } from './support/site.mjs';

const [folder = join(kDemo, '../screens'), ...photos] = process.argv.slice(2);
const kDevices = {
  desktop: { viewport: { width: 1280, height: 820 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

needs(`${kDemo}/index.html`, 'run `node demo/build.mjs`');
await mkdir(folder, { recursive: true });
const damaged = join(kScratch, 'not-a-picture.jpg');
await writeFile(damaged, 'not a picture');
const site = await serve({
  root: kDemo,
  intercept: async (request, response) => {
    if (!isModel(request)) return false;
    // Slow enough for a picture of the progress.
    await answerSlowly(response, join(kDemo, request.url), { pieces: 40, pauseMs: 25 });
    return true;
  },
});

for (const [device, options] of Object.entries(kDevices)) {
  for (const colorScheme of ['light', 'dark']) {
    const browser = await startBrowser({ ...options, colorScheme, serviceWorkers: 'block' });
    const page = await browser.context.newPage();
    const shoot = (name, how = {}) => page.screenshot({ path: join(folder, `${device}-${colorScheme}-${name}.png`), ...how });
    await page.goto(`${site.url}/`);
    await page.locator('#engine:not(:empty)').waitFor();
    await shoot('1-start');
    await page.locator('#files').setInputFiles([...(photos.length > 0 ? photos : [kPhoto, kPhoto, kPhoto]), damaged]);
    await page.locator('#busy-text', { hasText: 'Loading' }).waitFor();
    await page.waitForFunction(() => document.querySelector('#bar').value > 40);
    await shoot('2-loading');
    await page.locator('#frame[data-state="done"]').waitFor();
    await page.locator('.card[data-state="failed"]').waitFor();
    await page.locator('#cutout').evaluate((image) => image.decode());
    await shoot('3-done');
    await page.getByLabel('Blur').first().check();
    await page.locator('#how summary').click();
    await page.locator('#models summary').click();
    await page.locator('#model').selectOption('rmbg-1.4');
    await page.locator('#frame[aria-busy="false"]').waitFor();
    await page.locator('#split').fill('25');
    await shoot('4-details', { fullPage: true });
    await page.locator('.card').last().click();
    await page.evaluate(() => scrollTo(0, 0));
    await shoot('5-problem');
    await browser.close();
  }
}
await site.close();
console.log(`pictures in ${folder}`);
