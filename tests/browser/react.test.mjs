// The React component and hook: a visitor's way through it, and that nothing outlives it.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { build } from 'esbuild';
import { assetUrls, packageFrom } from './support/asset_urls.mjs';
import { noBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { startSession } from './support/session.mjs';
import { answerSlowly, isModel, kPages, kPhoto, kScratch } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('React', { skip: noBrowser }, () => {
  const bundled = join(kScratch, 'react');
  let slow = false;
  let session, page;
  before(async () => {
    await rm(bundled, { recursive: true, force: true });
    await build({
      entryPoints: [join(kPages, 'react_app.js')],
      outfile: join(bundled, 'app.js'),
      bundle: true,
      format: 'esm',
      target: 'es2022',
      define: { 'process.env.NODE_ENV': '"development"' },
      logLevel: 'warning',
      plugins: [packageFrom(kSmallPackage), assetUrls()],
    });
    session = await startSession({
      decal: kSmallPackage,
      mounts: { '/react': bundled },
      async intercept(request, response) {
        if (!slow || !isModel(request)) return false;
        await answerSlowly(response, `${kSmallPackage}/models/decal-default.onnx`, { pieces: 30, pauseMs: 40 });
        return true;
      },
    }, { path: '/react.html' });
  });
  after(() => session?.close());
  afterEach(async () => {
    slow = false;
    await page?.close();
  });
  const open = async (what) => {
    page = await session.open();
    await page.evaluate((what) => mount(what), what);
  };
  const isAlive = (url) => page.evaluate((url) => fetch(url).then(() => true, () => false), url);
  const choose = (file) => page.locator('.decal-drop input').setInputFiles(file);

  test('from a file to a download, with progress and what it runs on', async () => {
    slow = true;
    await open();
    await page.locator('.decal-badge', { hasText: 'WebAssembly' }).waitFor();
    await choose(kPhoto);
    await page.locator('.decal-state', { hasText: /Downloading the model: \d+ %/ }).waitFor();
    await page.screenshot({ path: join(kScratch, 'react-working.png') });
    await page.locator('.decal.mine[data-status="done"]').waitFor();
    const preview = await page.locator('.decal-preview').evaluate(async (image) => (await image.decode(), image.naturalHeight));
    assert.equal(preview, 450);
    assert.match(await page.locator('.decal-facts').textContent(), /^512 × 600 · \d+\.\d s$/);
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.decal-download').click()]);
    assert.equal(file.suggestedFilename(), 'grace_hopper-cutout.png');
    const { width, height } = decodePng(await readFile(await file.path()));
    assert.deepEqual([width, height], [512, 600]);
    await page.screenshot({ path: join(kScratch, 'react-done.png') });

    // The page has the same engine: no other worker starts, and the model is there.
    const shared = await page.evaluate(async () => {
      const { execution, revoke } = await decal.removeBackground(await (await fetch('/photo.jpg')).blob());
      revoke();
      return { workers: started.length, results: results.length, model: execution.model };
    });
    assert.deepEqual(shared, { workers: 1, results: 1, model: 'decal-default' });
    assert.deepEqual(page.errors, []);
  });

  test('addresses end with another picture and with the component', async () => {
    await open();
    await choose(kPhoto);
    await page.locator('.decal-result').waitFor();
    const first = await page.locator('.decal-preview').getAttribute('src');
    assert.ok(await isAlive(first));
    await page.locator('.decal-again').click();
    await page.locator('.decal-drop').waitFor();
    assert.ok(!(await isAlive(first)));
    await choose(kPhoto);
    await page.locator('.decal-result').waitFor();
    const second = await page.evaluate(() => [results.at(-1).blobUrl, results.at(-1).previewUrl]);
    for (const url of second) assert.ok(await isAlive(url));
    await page.evaluate(() => unmount());
    for (const url of second) assert.ok(!(await isAlive(url)));
  });

  test('a failure is told, a call can be cancelled, and the next picture works', async () => {
    slow = true;
    await open();
    const bad = join(kScratch, 'no-picture.jpg');
    await writeFile(bad, 'no picture');
    await choose(bad);
    assert.match(await page.locator('[role="alert"]').textContent(), /no-picture\.jpg: not a picture/);
    assert.deepEqual(await page.evaluate(() => errors), ['corrupt-image']);
    await choose(kPhoto);
    await page.locator('.decal-cancel').click();
    await page.locator('.decal[data-status="idle"]').waitFor();
    await choose(kPhoto);
    await page.locator('.decal[data-status="done"]').waitFor();
    assert.equal(await page.locator('[role="alert"]').count(), 0);
  });

  test('the hook: the last call wins, and the end of the component ends the work', async () => {
    await open('hook');
    await page.locator('#own').waitFor();
    const seen = await page.evaluate(async () => {
      // React runs effects after it has shown what they belong to.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const calls = [remover.remove('/photo.jpg'), remover.remove('/photo.jpg')];
      const [first, second] = await Promise.all(calls);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const shown = document.getElementById('own').textContent;
      const late = remover.remove('/photo.jpg');
      unmount();
      return { first, second: second.blob.type, shown, late: await late, afterwards: await remover.remove('/photo.jpg') };
    });
    assert.deepEqual(seen, { first: null, second: 'image/webp', shown: 'done image/webp', late: null, afterwards: null });
  });

  test('a camera: another background without a new start, errors, and an end with the component', async () => {
    await open('camera');
    const wait = (status) => page.locator('#camera', { hasText: status }).waitFor();
    await wait('idle');
    await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
      const context = canvas.getContext('2d');
      setInterval(() => context.fillRect(0, 0, 160, 120), 50);
      window.source = canvas.captureStream();
      changeCamera({ source, options: { background: { blur: 4 } } });
    });
    await wait('live');
    await page.waitForFunction(() => camera.stats().framesOut > 2);
    const first = await page.evaluate(() => {
      window.first = camera.stream;
      changeCamera({ source, options: { background: { blur: 4 } } });
      return [camera.stream.getVideoTracks().length, camera.stats().width];
    });
    assert.deepEqual(first, [1, 160]);
    await page.evaluate(() => changeCamera({ source, options: { background: 'no colour' } }));
    await page.waitForFunction(() => camera.error?.code === 'invalid-argument' && camera.status === 'live');
    await page.evaluate(() => changeCamera({ source, options: { background: 'red' } }));
    await page.waitForFunction(() => camera.error === null && camera.stream === first);
    // What starts anew ends what was.
    await page.evaluate(() => changeCamera({ source, options: { background: 'red', maxFps: 10 } }));
    await page.waitForFunction(() => camera.status === 'live' && camera.stream !== first && camera.stats().framesOut > 1);
    await page.waitForFunction(() => first.getVideoTracks()[0].readyState === 'ended');
    await page.evaluate(() => source.getTracks().forEach((track) => track.stop()));
    await wait('error');
    assert.match(await page.evaluate(() => camera.error.message), /the source's track has ended/);
    await page.evaluate(() => changeCamera({ source }));
    await page.waitForFunction(() => /the track has ended/.test(camera.error?.message));
    await page.evaluate(() => unmount());
    await page.waitForFunction(() => ended.length === started.length);
    assert.deepEqual(page.errors, []);
  });
});
