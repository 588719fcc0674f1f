// The demo page's camera: the picture as it comes before every background, stills for the other model, and plain words where there is none.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import { kAxe, problemsOf } from './support/accessibility.mjs';
import { noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { kDemo, kPhoto, kScratch, needs } from './support/site.mjs';

const kCamera = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** Flags for a camera that sees a person in a green room, where ffmpeg is there to make it; otherwise Chromium's own test picture. */
function personCamera() {
  const file = join(kScratch, 'person.mjpeg');
  try {
    if (!existsSync(file)) {
      execFileSync('ffmpeg', ['-loglevel', 'error', '-nostdin', '-loop', '1', '-i', kPhoto, '-vf', 'scale=-2:720,pad=1280:720:-1:0:0x208040', '-frames:v', '30', '-r', '30', '-c:v', 'mjpeg', '-q:v', '3', file]);
    }
    return [`--use-file-for-fake-video-capture=${file}`];
  } catch {
    console.error('NOT TESTED: a camera that sees a person: there is no ffmpeg program');
    return [];
  }
}

/** Before the page's own scripts: what the camera gave, to see that it ends. */
function watchCamera() {
  globalThis.cameras = [];
  const { mediaDevices } = navigator;
  const open = mediaDevices?.getUserMedia.bind(mediaDevices);
  if (open) mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    cameras.push(...stream.getTracks());
    return stream;
  };
}

suite('demo page with a camera', { skip: noBrowser }, () => {
  let site, browser, page, hasPerson;
  before(async () => {
    needs(`${kDemo}/index.html`, 'run `node demo/build.mjs`');
    site = await serve({ root: kDemo });
    const person = personCamera();
    hasPerson = person.length > 0;
    browser = await startBrowser({ flags: [...kCamera, ...person], viewport: { width: 1280, height: 820 }, serviceWorkers: 'block' });
    await browser.context.addInitScript(watchCamera);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    assert.deepEqual(browser?.strangers ?? [], [], 'requests to other hosts');
  });
  afterEach(() => page?.close());
  const open = async (context = browser.context) => {
    page = await openPage(context, `${site.url}/`);
    await page.locator('#tab-camera').click();
    return page;
  };
  const state = (wanted) => page.locator(`#camera-stage[data-state="${wanted}"]`).waitFor({ timeout: 40_000 });
  const turnOn = async () => {
    await page.locator('#camera-start').click();
    await state('live');
    await page.waitForFunction(() => document.getElementById('camera-video').videoWidth > 0, null, { timeout: 40_000 });
  };
  /** RGBA of places of the live picture, as shares of its sides. */
  const pixels = (places) => page.evaluate((places) => {
    const video = document.getElementById('camera-video');
    const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return places.map(([x, y]) => [...context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]);
  }, places);
  const near = ([r, g, b, a], expected, by = 8) => [r, g, b, a].every((value, i) => Math.abs(value - expected[i]) <= by);
  /** Waits until the room's corner is like that. */
  const corner = async (expected, by) => {
    let found;
    for (let turn = 0; turn < 100; ++turn) {
      [found] = await pixels([[0.03, 0.5]]);
      if (near(found, expected, by)) return;
      await page.waitForTimeout(100);
    }
    assert.fail(`the corner is ${found}, not ${expected}`);
  };

  test('a live picture before every background, and what it runs on', async () => {
    await open();
    assert.equal(await page.evaluate(() => cameras.length), 0, 'it is on before it is asked for');
    await turnOn();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'still');
    await page.getByText(/^1280 × 720, \d+ frames a second/).waitFor();
    assert.match(await page.locator('#camera-facts').textContent(), /Computed on the processor, \d+ threads?/);
    if (hasPerson) {
      // The room stays green, out of focus.
      await corner([32, 128, 64, 255], 20);  // BT.601 in the camera's file, and BT.709 to the browser
      await page.locator('#camera input[value="#ffffff"]').check();
      await corner([255, 255, 255, 255]);
      await page.locator('#camera-colour').fill('#3050c0');
      assert.equal(await page.locator('#camera-own').isChecked(), true);
      await corner([48, 80, 192, 255]);
      await page.locator('#camera-backdrop-file').setInputFiles(kPhoto);
      await page.waitForFunction(() => document.getElementById('camera-backdrop').checked);
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(kScratch, 'camera-desktop-picture.png') });
      await page.locator('#camera input[value=""]').check();
      await corner([0, 0, 0, 0]);
      const [[red, green, blue, alpha]] = await pixels([[0.5, 0.45]]);
      assert.ok(red > green + 20 && green > blue && alpha === 255, `a face: ${[red, green, blue, alpha]}`);
    }
    await page.screenshot({ path: join(kScratch, 'camera-desktop-transparent.png') });
    // What is no picture changes nothing.
    await page.locator('#camera-backdrop-file').setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
    await page.getByText('letter.txt cannot be read as a picture').waitFor();
    await page.locator('#camera-stop').click();
    await state('off');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'camera-start');
    assert.deepEqual(await page.evaluate(() => cameras.map(({ readyState }) => readyState)), ['ended']);
    assert.deepEqual(page.errors, []);
  });

  test('a still goes to the photos, whole and as the camera saw it, and the camera goes off', async () => {
    await open();
    await turnOn();
    await page.locator('#still').click();
    await page.locator('#frame[data-state="done"]').waitFor({ timeout: 60_000 });
    assert.equal(await page.locator('#tab-photos').getAttribute('aria-selected'), 'true');
    assert.match(await page.locator('#name').textContent(), /^still-\d{4}-\d\d-\d\d-\d{6}\.png$/);
    assert.match(await page.locator('#facts').textContent(), /1280 × 720\s.*decal-default/s);
    assert.deepEqual(await page.evaluate(() => cameras.map(({ readyState }) => readyState)), ['ended']);
    const size = await page.locator('#cutout').evaluate(async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight]));
    assert.deepEqual(size, [1280, 720]);
    // Another one: the camera comes back.
    await page.locator('#tab-camera').click();
    await state('off');
    await turnOn();
    assert.deepEqual(page.errors, []);
  });

  test('whoever leaves the tab is not seen any more, not even while it starts', async () => {
    await open();
    await page.locator('#camera-start').click();
    await page.locator('#tab-photos').click();
    await page.locator('#pick').waitFor();
    await page.waitForFunction(() => cameras.every(({ readyState }) => readyState === 'ended'));
    await page.locator('#tab-camera').click();
    await turnOn();
    await page.keyboard.press('Shift+Tab');
    await page.locator('#tab-camera').focus();
    await page.keyboard.press('ArrowLeft');
    await page.locator('#pick').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-photos');
    assert.ok(await page.evaluate(() => cameras.every(({ readyState }) => readyState === 'ended')));
  });

  test('a camera that goes away is said, and can be tried again', async () => {
    await open();
    await turnOn();
    // A track that its own page stops says nothing; one that is unplugged ends its stream.
    await page.evaluate(() => {
      for (const track of cameras) track.stop();
    });
    await state('problem');
    assert.equal(await page.locator('#camera-problem-title').textContent(), 'The camera has stopped');
    await page.locator('#camera-retry').click();
    await state('live');
  });

  for (const [what, { flags = [], prepare = () => {}, title, hint }] of Object.entries({
    'is denied': { flags: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'], title: 'The camera was not allowed', hint: /Allow it for this page/ },
    'is not there': {
      flags: ['--use-fake-device-for-media-stream=device-count=0', '--use-fake-ui-for-media-stream'], title: 'No camera was found', hint: /Plug one in/,
    },
    'is in use': {
      prepare: () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Could not start video source', 'NotReadableError'))),
      title: 'The camera does not start', hint: /Another program/,
    },
    'is hidden from insecure pages': {
      prepare: () => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }), title: 'The camera is not to be had here', hint: /https/,
    },
    'has no way into the page': {
      prepare: () => {
        delete globalThis.MediaStreamTrackGenerator;
        delete HTMLVideoElement.prototype.requestVideoFrameCallback;
      },
      title: 'This browser does not do live video', hint: /Photos work here/,
    },
  })) {
    test(`a camera that ${what}: what to do, in plain words`, async () => {
      const own = flags.length > 0 ? await startBrowser({ flags, serviceWorkers: 'block' }) : browser;
      try {
        await open(own.context);
        await page.evaluate(prepare);
        await page.locator('#camera-start').click();
        await state('problem');
        assert.equal(await page.locator('#camera-problem-title').textContent(), title);
        assert.match(await page.locator('#camera-problem-hint').textContent(), hint);
        assert.equal(await page.locator('#still').isDisabled(), true);
        await page.locator('#tab-photos').click();
        await page.locator('#pick').waitFor();
      } finally {
        if (own !== browser) {
          await own.close();
          page = null;
        }
      }
    });
  }

  test('fits a phone and breaks no rule of WCAG AA', async () => {
    await open();
    await page.evaluate(kAxe);
    const broken = await problemsOf(page, 'off');
    await page.screenshot({ path: join(kScratch, 'camera-desktop-off.png') });
    await turnOn();
    broken.push(...(await problemsOf(page, 'live')));
    assert.deepEqual(broken, []);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.screenshot({ path: join(kScratch, 'camera-desktop-live.png') });
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'it scrolls sideways');
    assert.ok(await page.locator('#still').evaluate((button) => button.getBoundingClientRect().bottom <= innerHeight), 'the still is out of reach');
    await page.screenshot({ path: join(kScratch, 'camera-phone-live.png') });
    await page.locator('#camera-stop').click();
    await page.screenshot({ path: join(kScratch, 'camera-phone-off.png') });
  });
});
