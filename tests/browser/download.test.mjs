// The model's way into a page and its place there: kept, resumed, shared between tabs, dropped, and used without a place.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, suite, test } from 'node:test';
import { noBrowser } from './support/chromium.mjs';
import { startSession } from './support/session.mjs';
import { isModel, kPackage } from './support/site.mjs';

const kModelFile = `${kPackage}/models/decal-default.onnx`;

// /without/<what>/ holds the package with a worker that lacks something.
const kLacking = {
  opfs: 'delete FileSystemFileHandle.prototype.createSyncAccessHandle;',
  stores: `delete FileSystemFileHandle.prototype.createSyncAccessHandle;
    Object.defineProperty(self, 'caches', { get() { throw new DOMException('no', 'SecurityError'); } });`,
};

suite('downloads', { skip: noBrowser }, () => {
  /** Which models the server was asked for, and which ranges of them. */
  let asked, slow;
  let session, model;
  before(async () => {
    model = await readFile(kModelFile);
    const mounts = Object.fromEntries(Object.keys(kLacking).map((what) => [`/without/${what}`, kPackage]));
    session = await startSession({ intercept, mounts });
  });
  after(() => session?.close());
  beforeEach(async () => {
    [asked, slow] = [[], false];
    await session.page.evaluate(() => decal.clearCache());
  });

  async function intercept(request, response) {
    const [, what, file] = /^\/without\/(\w+)\/(worker|lacking)\.js$/.exec(request.url) ?? [];
    if (file) {
      const body = file === 'worker' ? "import './lacking.js';\nimport '/decal/worker.js';\n" : kLacking[what];
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(body);
      return true;
    }
    if (!isModel(request)) return false;
    const { range = '' } = request.headers;
    asked.push(request.url + range);
    const from = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
    const body = model.subarray(from);
    const headers = { ETag: '"1"', 'Content-Length': body.length, 'Content-Type': 'application/octet-stream' };
    if (range) headers['Content-Range'] = `bytes ${from}-${model.length - 1}/${model.length}`;
    response.writeHead(range ? 206 : 200, headers);
    for (let at = 0; at < body.length && !response.destroyed; at += 200_000) {
      response.write(body.subarray(at, at + 200_000));
      if (slow) await new Promise((resolve) => setTimeout(resolve, 60));
    }
    response.end();
    return true;
  }

  /** A fresh page in which `init` with `options` was called; how it ended is the first of `window.ended`. */
  async function open(options = {}, wait = true) {
    const page = await session.open();
    const started = page.evaluate(async (options) => {
      window.told = [];
      window.reasons = [];
      decal.subscribeToProgress((state) => told.push(state));
      decal.onExecution((event) => (reasons = event.reasons));
      await decal.init(options);
      return { told, reasons };
    }, options);
    if (!wait) return { page, started };
    const ended = await started;
    await page.close();
    return ended;
  }

  const listed = () => session.page.evaluate(async () => (await decal.listModels())[0]);

  test('a model is downloaded once, and known to be there', async () => {
    assert.equal((await listed()).cached, false);
    const { told } = await open();
    const { name, licence, bytes, cached, url } = await listed();
    assert.deepEqual([name, licence, bytes, cached], ['decal-default', 'MIT AND Apache-2.0', model.length, true]);
    assert.match(url, /\/decal\/models\/decal-default\.onnx$/);
    const loading = told.filter(({ phase }) => phase === 'downloading');
    assert.ok(loading.every(({ model: name, totalBytes }) => name === 'decal-default' && totalBytes === model.length));
    assert.equal(loading.at(-1).loadedBytes, model.length);
    assert.ok(loading.at(-1).bytesPerSecond > 0);
    const again = await open();
    assert.deepEqual(again.told.at(-1).phase, 'ready');
    assert.equal(asked.length, 1);
  });

  test('clearing the cache makes the next page download again', async () => {
    await open();
    await session.page.evaluate(() => decal.clearCache());
    assert.equal((await listed()).cached, false);
    await open();
    assert.equal(asked.length, 2);
  });

  test('after a page was closed midway the next one fetches the rest', async () => {
    slow = true;
    const { page, started } = await open({}, false);
    started.catch(() => {});
    // On a busy machine what is kept lags a megabyte or more behind what has arrived.
    await page.waitForFunction(() => window.told?.at(-1)?.loadedBytes > 4_000_000);
    await page.close();
    slow = false;
    const { told } = await open();
    const [, from] = asked.at(-1).match(/bytes=(\d+)-$/) ?? assert.fail(`asked for ${asked}`);
    assert.ok(Number(from) > 500_000, `only ${from} bytes were kept`);
    assert.equal(asked.length, 2);
    assert.equal(told.at(-1).phase, 'ready');
    assert.equal((await listed()).cached, true);
  });

  test('an aborted call leaves what has arrived', async () => {
    slow = true;
    const page = await session.open();
    const name = await page.evaluate(async () => {
      const abort = new AbortController();
      decal.subscribeToProgress(({ loadedBytes }) => loadedBytes > 1_500_000 && abort.abort());
      return decal.removeBackground('/photo.jpg', { signal: abort.signal }).then(() => 'done', (error) => error.name);
    });
    assert.equal(name, 'AbortError');
    slow = false;
    await page.evaluate(() => decal.init());
    await page.close();
    assert.match(asked.at(-1), /bytes=[1-9]\d{5,}-$/);
  });

  test('two tabs share one download, and the second sees how far it is', async () => {
    slow = true;
    const pages = [await open({}, false), await open({}, false)];
    const [, second] = await Promise.all(pages.map(({ started }) => started));
    assert.equal(asked.length, 1);
    const seen = second.told.filter(({ phase, loadedBytes }) => phase === 'downloading' && loadedBytes > 0 && loadedBytes < model.length);
    assert.ok(seen.length > 0, 'no progress in the second tab');
    for (const { page } of pages) await page.close();
  });

  test('where the quota is too small the model runs unkept, and says so', async () => {
    const devtools = await session.browser.context.newCDPSession(session.page);
    const { origin } = new URL(session.site.url);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 });
    try {
      const { told, reasons } = await open();
      assert.equal(told.at(-1).phase, 'ready');
      assert.ok(reasons.some((reason) => /not kept on this device: there is no space left/.test(reason)), `${reasons}`);
      assert.equal((await listed()).cached, false);
    } finally {
      await devtools.send('Storage.overrideQuotaForOrigin', { origin });
      await devtools.detach();
    }
  });

  test('without files that workers can write the Cache API keeps the model', async () => {
    for (let i = 0; i < 2; ++i) await open({ assetBaseUrl: '/without/opfs/' });
    assert.equal(asked.length, 1);
    assert.equal((await listed()).cached, true);
  });

  test('without any store the model runs unkept, and says so', async () => {
    const { reasons } = await open({ assetBaseUrl: '/without/stores/' });
    assert.ok(reasons.some((reason) => /not kept on this device/.test(reason)), `${reasons}`);
    assert.equal((await listed()).cached, false);
  });

  test('a mirror, and a fetch of the page\'s own', async () => {
    const page = await session.open();
    const { urls, url, again } = await page.evaluate(async () => {
      const urls = [];
      const own = (address, init) => {
        urls.push(address);
        return fetch(address, { ...init, headers: { ...init.headers, 'X-Own': 'yes' } });
      };
      await decal.init({ modelBaseUrl: '/mirror', fetch: own });
      const [{ url }] = await decal.listModels();
      const nothing = async () => new Response(null, { status: 404 });
      const failed = await probe.outcome(decal.init({ fetch: nothing, model: 'u2netp' }), decal.DecalError);
      return { urls, url, again: failed.error };
    });
    assert.deepEqual(urls, [`${session.site.url}/mirror/decal-default.onnx`]);
    assert.equal(url, urls[0]);
    assert.deepEqual([again.code, again.typed], ['not-found', true]);
    assert.match(again.message, /mirror\/u2netp\.onnx: .*404/);
    await page.close();
  });
});
