// The demo page as a visitor uses it: choose, compare, download, by mouse and by keyboard, online and offline.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { unzipSync } from 'fflate';
import { serve } from '../../scripts/serve.mjs';
import { kAxe, problemsOf } from './support/accessibility.mjs';
import { noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { truncated } from './support/jpeg.mjs';
import { decodePng } from './support/png.mjs';
import { answerSlowly, isModel, kDemo, kPhoto, kScratch, needs } from './support/site.mjs';

const { models } = JSON.parse(await readFile(new URL('../../models/registry.json', import.meta.url), 'utf8'));
const kModelSize = (models[0].bytes / 1e6).toFixed(1);

suite('demo page', { skip: noBrowser }, () => {
  /** While set, the model's download takes its time. */
  let slow = false;
  let site, browser, page;
  before(async () => {
    needs(`${kDemo}/index.html`, 'run `node demo/build.mjs`');
    site = await serve({
      root: kDemo,
      intercept: async (request, response) => {
        if (!slow || !isModel(request)) return false;
        await answerSlowly(response, join(kDemo, request.url.split('?')[0]), { pieces: 30, pauseMs: 60 });
        return true;
      },
    });
    browser = await startBrowser({ acceptDownloads: true, viewport: { width: 1280, height: 820 } });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    assert.deepEqual(browser?.strangers ?? [], [], 'requests to other hosts');
  });
  const open = async () => {
    page = await openPage(browser.context, `${site.url}/`);
    await page.locator('#pick').waitFor();
    return page;
  };
  afterEach(async () => {
    slow = false;
    await page?.close();
    page = null;
  });
  const choose = async (...files) => {
    await page.locator('#files').setInputFiles(files);
    await page.locator('.card').nth(files.length - 1).waitFor();
  };
  const done = () => page.locator('#frame[data-state="done"]').waitFor();
  const download = async () => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#download').click()]);
    return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
  };

  test('a first photo: progress, cut-out, what ran, download', async () => {
    slow = true;
    await open();
    await page.evaluate(() => {
      window.told = [];
      new MutationObserver(() => told.push(document.getElementById('busy-text').textContent))
        .observe(document.getElementById('busy-text'), { childList: true });
    });
    await choose(kPhoto);
    assert.equal(await page.locator('#download').isDisabled(), true);
    await done();
    const told = await page.evaluate(() => told);
    assert.ok(told.some((text) => new RegExp(`Loading the model, \\d\\.\\d\\sof\\s${kModelSize}\\sMB`).test(text)), `progress told: ${told}`);
    assert.match(told.at(-1), /Removing the background/);

    assert.deepEqual(await page.locator('#cutout').evaluate(async (image) => {
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    }), [512, 600]);
    assert.match(await page.locator('#facts').textContent(), /512 × 600\s.*on the processor, \d+ threads?/s);
    await page.locator('#how summary').click();
    const how = await page.locator('#how').innerText();
    assert.match(how, /WebAssembly/);
    assert.match(how, /WebGPU/, 'no word on why it is not WebGPU');
    assert.match(how, /decal-default/);

    const { name, bytes } = await download();
    assert.equal(name, 'grace_hopper.decal.png');
    const picture = decodePng(bytes);
    assert.deepEqual([picture.width, picture.height], [512, 600]);
    assert.ok(picture.at(256, 240)[3] > 230 && picture.at(490, 40)[3] < 40);
    assert.deepEqual(page.errors, []);
  });

  test('where there is no WebGPU, the check of the graphics card says so', async () => {
    await open();
    await choose(kPhoto);
    await done();
    await page.locator('#how summary').click();
    await page.locator('#check').click();
    await page.locator('#check-status').filter({ hasText: /^Not checked: (this browser has no WebGPU|WebGPU gives no adapter)/ }).waitFor();
    assert.equal(await page.locator('#check-copy').isVisible(), false);
    assert.equal(await page.locator('#check').isDisabled(), false);
    assert.deepEqual(page.errors, []);
  });

  test('background and format change the download without another run', async () => {
    await open();
    await choose(kPhoto);
    await done();
    const transparent = decodePng((await download()).bytes);
    const source = await page.locator('#cutout').getAttribute('src');

    await page.locator('#colour').fill('#2040c0');
    assert.equal(await page.locator('#own').isChecked(), true);
    assert.equal(await page.locator('.cutout').evaluate((layer) => getComputedStyle(layer).backgroundColor), 'rgb(32, 64, 192)');
    const blue = decodePng((await download()).bytes);
    for (let i = 0; i < blue.rgba.length; i += 4) {
      assert.equal(blue.rgba[i + 3], 255);
      if (transparent.rgba[i + 3] === 0) assert.deepEqual([...blue.rgba.subarray(i, i + 3)], [32, 64, 192]);
    }

    await page.locator('#backgrounds').getByLabel('None').check();
    await page.getByLabel('JPEG').check();
    assert.match(await page.locator('#format-note').textContent(), /white/);
    const jpeg = await download();
    assert.equal(jpeg.name, 'grace_hopper.decal.jpg');
    assert.deepEqual([...jpeg.bytes.subarray(0, 3)], [0xff, 0xd8, 0xff]);
    await page.getByLabel('WebP').check();
    const webp = await download();
    assert.equal(webp.name, 'grace_hopper.decal.webp');
    assert.equal(webp.bytes.toString('latin1', 8, 12), 'WEBP');
    assert.equal(await page.locator('#cutout').getAttribute('src'), source, 'it ran again');
  });

  test('copying puts a PNG with the chosen look onto the clipboard, and a refusal is said', async () => {
    await open();
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: site.url });
    await choose(kPhoto);
    await done();
    await page.locator('#colour').fill('#2040c0');
    await page.locator('#copy').click();
    await page.getByText('Copied', { exact: true }).waitFor();
    const [types, corner, size] = await page.evaluate(async () => {
      const [item] = await navigator.clipboard.read();
      const bitmap = await createImageBitmap(await item.getType('image/png'));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return [item.types, [...context.getImageData(500, 20, 1, 1).data], [bitmap.width, bitmap.height]];
    });
    assert.deepEqual([types, corner, size], [['image/png'], [32, 64, 192, 255], [512, 600]]);

    await page.evaluate(() => {
      navigator.clipboard.write = () => Promise.reject(new DOMException('Write permission denied.', 'NotAllowedError'));
    });
    await page.locator('#copy').click();
    await page.getByText('Not copied: Write permission denied.').waitFor();
    await browser.context.clearPermissions();
  });

  test('works by keyboard alone, with names for everything', async () => {
    await open();
    await choose(kPhoto);
    await done();
    // From the photos on, Tab reaches the slider first.
    await page.keyboard.press('Tab');
    const split = page.locator('#split');
    assert.equal(await split.evaluate((input) => document.activeElement === input), true);
    await page.keyboard.press('Home');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
    assert.equal(await split.inputValue(), '3');
    assert.match(await split.getAttribute('aria-valuetext'), /3 % original, 97 % cut-out/);
    const clip = await page.locator('.original').evaluate((layer) => getComputedStyle(layer).clipPath);
    assert.match(clip, /97%/);

    await page.locator('#models').evaluate((details) => (details.open = true));
    const reached = [];
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.name));
    }
    for (const id of ['card checker', 'discard', 'add', 'background', 'colour', 'edges', 'format', 'download', 'model']) {
      assert.ok(reached.includes(id), `Tab does not reach ${id}: ${reached}`);
    }
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, select, summary, img:not([alt])')]
        .filter((control) => control.checkVisibility() && control.tagName !== 'IMG')
        .filter((control) => !(control.ariaLabel || control.textContent.trim() || control.labels?.length))
        .map((control) => control.outerHTML));
    assert.deepEqual(nameless, []);
    assert.match(await page.locator('#status').textContent(), /background removed/);
  });

  test('several photos, a damaged one among them', async () => {
    await open();
    const damaged = join(kScratch, 'damaged.jpg');
    await writeFile(damaged, truncated(await readFile(kPhoto)));
    await choose(damaged, kPhoto);
    await page.locator('.card[data-state="failed"]').waitFor();
    await page.locator('.card[data-state="done"]').waitFor();
    assert.match(await page.locator('#problem').innerText(), /cannot be read as a picture[\s\S]*corrupt-image/);
    assert.equal(await page.locator('#download').isDisabled(), true);
    await page.locator('.card').nth(1).click();
    await done();
    // Putting a photo away shows another one; without any, the page is as at the beginning.
    await page.locator('.discard').nth(1).focus();
    await page.keyboard.press('Enter');
    await page.locator('#problem').waitFor();
    await page.locator('.discard').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('#pick').waitFor();
  });

  test('cancel stops, try again goes on', async () => {
    slow = true;
    const context = await startBrowser({ serviceWorkers: 'block' });
    try {
      page = await openPage(context.context, `${site.url}/`);
      await choose(kPhoto);
      await page.locator('#cancel').click();
      await page.getByRole('heading', { name: 'Cancelled' }).waitFor({ timeout: 1000 });
      slow = false;
      await page.locator('#retry').click();
      await done();
    } finally {
      await context.close();
      page = null;
    }
  });

  test('a pasted picture and a dropped one', async () => {
    await open();
    const base64 = (await readFile(kPhoto)).toString('base64');
    for (const [i, type] of ['paste', 'drop'].entries()) {
      await page.evaluate(({ type, base64 }) => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], `${type}.jpg`, { type: 'image/jpeg' }));
        const event = type === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
          : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      }, { type, base64 });
      await page.locator('.card[data-state="done"]').nth(i).waitFor();
    }
    assert.equal(await page.locator('#name').textContent(), 'drop.jpg');
  });

  test('fits a phone, before and after', async () => {
    await open();
    await page.setViewportSize({ width: 360, height: 740 });
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok((await overflow()) <= 0, 'the start scrolls sideways');
    await choose(kPhoto);
    await done();
    await page.locator('#how summary').click();
    assert.ok((await overflow()) <= 0, 'the result scrolls sideways');
    assert.ok(await page.locator('#download').evaluate((button) => button.getBoundingClientRect().bottom <= innerHeight));
  });

  test('breaks no rule of WCAG AA: phone and desktop, light and dark', async () => {
    await open();
    await page.evaluate(kAxe);
    const broken = [];
    const check = async (when) => broken.push(...(await problemsOf(page, when)));
    await check('start');
    const damaged = join(kScratch, 'not-a-picture.jpg');
    await writeFile(damaged, 'not a picture');
    await choose(kPhoto, damaged);
    await done();
    await page.locator('.card[data-state="failed"]').waitFor();
    await page.locator('#how summary').click();
    await page.locator('#models summary').click();
    await page.locator('#model').selectOption('rmbg-1.4');
    await check('result');
    await page.locator('.card').last().click();
    await check('problem');
    assert.deepEqual(broken, []);
  });

  test('a batch: each with its state, stopped, taken up again, all as one ZIP', async () => {
    await open();
    await choose(kPhoto, kPhoto, kPhoto);
    await page.locator('#stop').click();
    await page.locator('#stop').waitFor({ state: 'hidden' });
    const states = () => page.locator('.card').evaluateAll((cards) => cards.map((card) => card.dataset.state));
    const stopped = await states();
    assert.equal(stopped.at(-1), 'cancelled');
    assert.ok(stopped.every((state) => state === 'cancelled' || state === 'done'), stopped.join());
    assert.match(await page.locator('#queue-words').textContent(), /of 3 done, [1-3] stopped/);
    for (const [i, state] of stopped.slice(0, 2).entries()) {
      await page.locator('.card').nth(i).click();
      if (state === 'cancelled') await page.locator('#retry').click();
      await done();
    }
    assert.equal(await page.locator('#queue-words').textContent(), '2 of 3 done, 1 stopped');
    assert.match(await page.locator('.card').first().getAttribute('aria-label'), /grace_hopper\.jpg, [\d.]+ m?s/);
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#download-all').click()]);
    const entries = unzipSync(await readFile(await file.path()));
    assert.deepEqual(Object.keys(entries), ['grace_hopper.decal.png', 'grace_hopper (2).decal.png']);
    for (const bytes of Object.values(entries)) {
      const picture = decodePng(Buffer.from(bytes));
      assert.deepEqual([picture.width, picture.height], [512, 600]);
      assert.ok(picture.at(256, 240)[3] > 230 && picture.at(490, 40)[3] < 40);
    }
    assert.deepEqual(page.errors, []);
  });

  test('tighter and wider edges, a picture behind, the own background blurred', async () => {
    await open();
    await choose(kPhoto);
    await done();
    /** Waits until the page shows what was chosen, and downloads it. */
    const result = async () => {
      await page.locator('#frame[aria-busy="false"]').waitFor();
      return decodePng((await download()).bytes);
    };
    /** How many pixels the subject has. */
    const area = ({ rgba }) => rgba.reduce((sum, value, i) => sum + (i % 4 === 3 ? value / 255 : 0), 0);
    const edges = async (amount) => {
      await page.locator('#edges').fill(String(amount));
      return area(await result());
    };
    const found = await edges(0);
    const [wider, tighter] = [await edges(8), await edges(-8)];
    // Four pixels along an outline of some hundreds.
    assert.ok(wider > found + 1000 && tighter < found - 1000, `pixels: ${wider}, ${found}, ${tighter}`);
    assert.equal(await page.locator('#edges').getAttribute('aria-valuetext'), '8 tighter');
    assert.equal(await edges(0), found);

    // A wide picture behind an upright one fills the frame with its middle; red at the left would be squeezed in.
    const behind = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(300, 100);
      const context = canvas.getContext('2d');
      for (const [i, colour] of ['#ff0000', '#00ff00', '#0000ff'].entries()) {
        context.fillStyle = colour;
        context.fillRect(100 * i, 0, 100, 100);
      }
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    });
    const file = { name: 'behind.png', mimeType: 'image/png', buffer: Buffer.from(behind) };
    await page.locator('#backdrop-file').setInputFiles(file);
    await page.locator('#backdrop:checked').waitFor({ state: 'attached' });
    const over = await result();
    for (const [x, y] of [[490, 40], [10, 10]]) {
      const [red, green, , alpha] = over.at(x, y);
      assert.ok(red < 60 && green > 200 && alpha === 255, `behind at ${x}, ${y}: ${over.at(x, y)}`);
    }

    await page.getByLabel('Blur').first().check();
    const blurred = await result();
    assert.ok(blurred.rgba.every((value, i) => i % 4 !== 3 || value === 255), 'a blurred background with holes');
    const step = (picture) => {
      let sum = 0;
      for (let x = 400; x < 500; x++) sum += Math.abs(picture.at(x, 60)[0] - picture.at(x + 1, 60)[0]);
      return sum;
    };
    const original = await page.locator('#original').evaluate(async (image) => {
      const canvas = new OffscreenCanvas(512, 600);
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      return [...context.getImageData(400, 60, 101, 1).data].filter((_, i) => i % 4 === 0);
    });
    const detail = original.slice(1).reduce((sum, value, i) => sum + Math.abs(value - original[i]), 0);
    assert.ok(step(blurred) < 0.5 * detail, `detail behind: ${step(blurred)} of ${detail}`);
    assert.deepEqual(page.errors, []);
  });

  test('another model is fetched only when asked for, and what is kept can be removed', async () => {
    const own = await startBrowser({ serviceWorkers: 'block' });
    try {
      await own.context.route('https://huggingface.co/**', (route) =>
        route.fulfill({ status: 404, headers: { 'Access-Control-Allow-Origin': '*' }, body: 'gone' }));
      page = await openPage(own.context, `${site.url}/`);
      await choose(kPhoto);
      await done();
      await page.locator('#models summary').click();
      assert.match(await page.locator('#model-facts').textContent(), new RegExp(`MIT AND Apache-2.0 · ${kModelSize}\\sMB · comes with this page`));
      assert.match(await page.locator('#model option').first().textContent(), /decal-default .*in use/);
      assert.equal(await page.locator('#model-use').isVisible(), false);
      await page.locator('#model').selectOption('rmbg-1.4');
      assert.match(await page.locator('#model-warning').textContent(), /Not for commercial use/);
      await page.locator('#model').selectOption('u2netp');
      assert.equal(await page.locator('#model-warning').isVisible(), false);
      assert.match(await page.locator('#model-facts').textContent(), /Apache-2\.0 · 4\.6\sMB · downloaded from huggingface\.co/);
      assert.deepEqual(own.strangers, [], 'fetched before it was asked for');
      await page.getByRole('button', { name: 'Download 4.6 MB and use' }).click();
      await page.getByRole('heading', { name: 'The model could not be loaded' }).waitFor();
      assert.ok(own.strangers.length > 0 && own.strangers.every((url) => url.includes('/U-2-Netp/')), own.strangers.join());

      // Back to the own one, which works at once.
      await page.locator('#model').selectOption('decal-default');
      await page.getByRole('button', { name: 'Use this model' }).click();
      await done();
      assert.match(await page.locator('#facts').textContent(), /decal-default/);
      await page.locator('#model-clear').click();
      await page.locator('#model-clear').waitFor({ state: 'hidden' });
      assert.match(await page.locator('#notice').textContent(), /were removed/);
    } finally {
      await own.close();
      page = null;
    }
  });

  test('after the first visit it works without a connection', async () => {
    await open();
    await page.locator('#offline').waitFor();
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await site.close();
    await browser.context.setOffline(true);
    try {
      await page.reload();
      await page.locator('#pick').waitFor();
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      await choose(kPhoto);
      await done();
      const picture = decodePng((await download()).bytes);
      assert.ok(picture.at(256, 240)[3] > 230 && picture.at(490, 40)[3] < 40);
    } finally {
      await browser.context.setOffline(false);
    }
  });
});
