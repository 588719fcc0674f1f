// The demo page as a visitor uses it: choose, compare, download, by mouse and by keyboard, online and offline.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import { noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { truncated } from './support/jpeg.mjs';
import { decodePng } from './support/png.mjs';
import { answerSlowly, isModel, kDemo, kPhoto, kScratch, needs } from './support/site.mjs';


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
    assert.ok(told.some((text) => /Loading the model, [1-9]\d? %/.test(text)), `progress told: ${told}`);
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

    await page.getByLabel('None').check();
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

    const reached = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.name));
    }
    for (const id of ['card checker', 'discard', 'add', 'background', 'colour', 'format', 'download']) {
      assert.ok(reached.includes(id), `Tab does not reach ${id}: ${reached}`);
    }
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, summary, img:not([alt])')]
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

  test('has enough contrast (WCAG AA), light and dark', async () => {
    await open();
    const weak = [];
    const check = async (when) => {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        weak.push(...(await page.evaluate(weakText)).map((text) => `${when}, ${colorScheme}: ${text}`));
      }
    };
    await check('start');
    await choose(kPhoto);
    await done();
    await page.locator('#how summary').click();
    await check('result');
    assert.deepEqual(weak, []);
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

// Runs in the page: texts whose colour is too close to what is behind them. Disabled controls are exempt, as in WCAG.
function weakText() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data.trim()).join('');
    if (!text || !element.checkVisibility() || element.closest(':disabled, [aria-hidden="true"]')) continue;
    const style = getComputedStyle(element);
    const [high, low] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) weak.push(`"${text.slice(0, 30)}" has ${ratio.toFixed(2)}`);
  }
  return weak;
}
