// How pages are hosted: without cross-origin isolation, through a bundler, with assets elsewhere.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { build } from 'esbuild';
import { assetUrls, packageFrom } from './support/asset_urls.mjs';
import { noBrowser } from './support/chromium.mjs';
import { difference, removeFromPhoto, startSession } from './support/session.mjs';
import { kPackage, kPages, kScratch } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('hosting', { skip: noBrowser }, () => {
  const bundled = join(kScratch, 'bundled');
  let isolated, plain, reference;
  before(async () => {
    await rm(bundled, { recursive: true, force: true });
    await mkdir(bundled, { recursive: true });
    await build({
      entryPoints: [join(kPages, 'bundled_app.js')],
      outfile: join(bundled, 'app.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      logLevel: 'warning',
      plugins: [packageFrom(kSmallPackage), assetUrls()],
    });
    await cp(kSmallPackage, join(kScratch, 'elsewhere'), { recursive: true });
    const mounts = { '/whole': kPackage, '/bundled': bundled, '/elsewhere': join(kScratch, 'elsewhere') };
    isolated = await startSession({ decal: kSmallPackage, mounts });
    plain = await startSession({ decal: kSmallPackage, mounts, isolation: false });
    reference = (await removeFromPhoto(isolated.page)).picture;
  });
  after(async () => {
    await isolated?.close();
    await plain?.close();
  });

  test('with isolation: one thread per core', async () => {
    const { page } = isolated;
    const cores = await page.evaluate(() => (crossOriginIsolated ? navigator.hardwareConcurrency : 0));
    const { execution } = await removeFromPhoto(page);
    assert.equal(execution.threads, Math.min(cores, 8));
  });

  test('without isolation: one thread, said why, the same cut-out', async () => {
    const { page } = plain;
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    const capabilities = await page.evaluate(() => decal.getCapabilities());
    assert.equal(capabilities.threads, 1);
    assert.match(capabilities.reason, /isolat/i);
    const { execution, picture } = await removeFromPhoto(page);
    assert.equal(execution.threads, 1);
    assert.ok(difference(picture, reference).max <= 1);
  });

  test('without isolation: abort rejects at once, and the next call works', async () => {
    const { page } = plain;
    const ends = await page.evaluate(async (shares) =>
      probe.aborts(decal, await probe.largePhoto(2000, 1500), shares), [0.02, 0.2, 0.5]);
    for (const { name, tasks } of ends) assert.deepEqual([name, tasks], ['AbortError', 0]);
    assert.ok(difference((await removeFromPhoto(page)).picture, reference).max <= 1);
  });

  test('both WebAssembly builds give the same cut-out', async () => {
    const [baseline, relaxed] = await Promise.all(['baseline', 'relaxed'].map(async (simd) => {
      const page = await isolated.open('/whole.html');
      const supported = await page.evaluate((simd) => decal.init({ simd }).then(() => true, (error) => error.message), simd);
      assert.equal(supported, true);
      const { execution, picture } = await removeFromPhoto(page);
      await page.close();
      assert.equal(execution.simd, simd);
      return picture;
    }));
    assert.ok(difference(baseline, relaxed).max <= 1);
  });

  for (const [name, session] of [['with', () => isolated], ['without', () => plain]]) {
    test(`through a bundler, ${name} isolation`, async () => {
      const page = await session().open('/bundled.html');
      const { picture } = await removeFromPhoto(page);
      assert.ok(difference(picture, reference).max <= 1);
      const loaded = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname));
      assert.ok(loaded.every((path) => !path.startsWith('/decal/')), `not from the bundle: ${loaded}`);
      assert.deepEqual(page.errors, []);
      await page.close();
    });
  }

  test('assetBaseUrl moves the assets', async () => {
    const page = await isolated.open();
    const requests = [];
    page.on('request', (request) => requests.push(new URL(request.url()).pathname));
    await page.evaluate(() => decal.init({ assetBaseUrl: '/elsewhere' }));
    const { picture } = await removeFromPhoto(page);
    assert.ok(difference(picture, reference).max <= 1);
    assert.ok(requests.some((path) => /^\/elsewhere\/.*worker/.test(path)), `asked for ${requests}`);
    assert.ok(requests.every((path) => !/^\/decal\/.*\.(wasm|onnx)$/.test(path)), `asked for ${requests}`);
    await page.close();
  });

  test('a module sent as something else than application/wasm compiles all the same', async () => {
    const session = await startSession({
      decal: kSmallPackage,
      async intercept({ url }, response) {
        if (!url.endsWith('.wasm')) return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.end(await readFile(join(kSmallPackage, url.split('/').at(-1))));
        return true;
      },
    });
    const { picture, execution } = await removeFromPhoto(session.page);
    assert.ok(execution.threads >= 1 && difference(picture, reference).max <= 1);
    await session.close();
  });

  test('assets that are not there are named in the error', async () => {
    const page = await isolated.open();
    const { error } = await page.evaluate(async () => {
      return probe.outcome(decal.init({ assetBaseUrl: '/nowhere/' }), decal.DecalError);
    });
    assert.ok(error.typed);
    assert.equal(error.code, 'network');
    assert.match(error.message, /worker/);
    await page.close();
  });
});
