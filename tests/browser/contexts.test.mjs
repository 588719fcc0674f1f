// Where else than in a page: workers of every kind, policies, and a browser extension.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, suite, test } from 'node:test';
import { noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { difference, removeFromPhoto, startSession } from './support/session.mjs';
import { kPages, kPhoto, kPolicy, kScratch } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('contexts', { skip: noBrowser }, () => {
  let session, page, reference;
  before(async () => {
    session = await startSession({ decal: kSmallPackage });
    page = session.page;
    reference = (await removeFromPhoto(page)).picture;
  });
  after(() => session?.close());

  const check = ({ value, error }, execution) => {
    assert.equal(error, undefined, JSON.stringify(error));
    assert.deepEqual([value.width, value.height], [512, 600]);
    for (const [name, expected] of Object.entries(execution)) assert.equal(value.execution[name], expected, name);
    assert.ok(difference(decodePng(Buffer.from(value.base64, 'base64')), reference).max <= 1);
  };

  /** Sends the photo's address to a worker of that kind, which uses that entry of the package. */
  const inWorker = (kind, entry) => page.evaluate(async ({ kind, entry }) => {
    const url = `/context.js?entry=${entry}`;
    const worker = kind === 'dedicated' ? new Worker(url, { type: 'module' }) : new SharedWorker(url, { type: 'module' });
    const port = worker.port ?? worker;
    const { value, error } = await new Promise((resolve, reject) => {
      port.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
      port.postMessage({ url: '/photo.jpg' });
    });
    if (kind === 'dedicated') worker.terminate();
    return error ? { error } : { value: { ...value, blob: undefined, base64: await probe.base64(value.blob) } };
  }, { kind, entry });

  test('a dedicated worker starts the engine’s worker, threads included', async () => {
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    check(await inWorker('dedicated', 'index'), { threads: Math.min(cores, 8) });
  });

  for (const kind of ['dedicated', 'shared']) {
    test(`a ${kind} worker with decal/inline`, async () => check(await inWorker(kind, 'inline'), { threads: 1 }));
  }

  test('a shared worker without it is told what to import', async () => {
    const { error } = await inWorker('shared', 'index');
    assert.deepEqual([error?.code, error?.typed], ['unsupported', true]);
    assert.match(error.message, /decal\/inline/);
  });

  test('a service worker with decal/inline, and without', async () => {
    const fresh = await session.open();
    const [inline, index] = await fresh.evaluate(async () => {
      await navigator.serviceWorker.register('/service.js', { type: 'module' });
      const { active } = await navigator.serviceWorker.ready;
      const ask = (entry) => new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => resolve(data);
        active.postMessage({ entry, url: '/photo.jpg' }, [port2]);
      });
      const inline = await ask('inline');
      if (inline.value) inline.value = { ...inline.value, blob: undefined, base64: await probe.base64(inline.value.blob) };
      return [inline, await ask('index')];
    });
    await fresh.close();
    check(inline, { threads: 1 });
    assert.equal(inline.value.blobUrl, '');
    assert.equal(index.error?.code, 'unsupported');
    assert.match(index.error.message, /decal\/inline/);
  });

  test('decal/inline in a page: aborted, disposed of and used again', async () => {
    const ends = await page.evaluate(async () => {
      const inline = await import('/decal/inline.js');
      const controller = new AbortController();
      const aborted = inline.removeBackground('/photo.jpg', { signal: controller.signal }).then(() => 'resolved', ({ name }) => name);
      setTimeout(() => controller.abort(), 20);
      const disposed = inline.removeBackground('/photo.jpg').then(() => 'resolved', ({ code }) => code);
      const ends = [await aborted];
      inline.dispose();
      ends.push(await disposed);
      const { width, height, execution } = await inline.removeBackground('/photo.jpg');
      inline.dispose();
      return [...ends, width, height, execution.threads];
    });
    assert.deepEqual(ends, ['AbortError', 'aborted', 512, 600, 1]);
  });

  test('an iPhone is not asked for more than 1 GB of shared memory', async () => {
    const kPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
    const grows = {};
    for (const [name, options] of [['phone', { userAgent: kPhone }], ['desktop', {}]]) {
      const browser = await startBrowser(options);
      const visitor = await openPage(browser.context, `${session.site.url}/module.html`);
      // Helper threads get the memory from the page, where it can be tried how far it grows.
      grows[name] = await visitor.evaluate(async () => {
        let memory;
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function (message, ...rest) {
          memory ??= message.memory;
          return postMessage.call(this, message, ...rest);
        };
        await decal.init({ device: 'wasm', threads: 2 });
        try {
          return memory.grow(16384) > 0;
        } catch (error) {
          return error.name;
        }
      });
      await browser.close();
    }
    assert.deepEqual(grows, { phone: 'RangeError', desktop: true });
  });

  test('a policy without WebAssembly is a typed error, with nothing else broken', async () => {
    const strict = await startSession({ headers: { 'Content-Security-Policy': kPolicy.replace(" 'wasm-unsafe-eval'", '') } });
    const { error } = await strict.page.evaluate(() => probe.outcome(decal.removeBackground('/photo.jpg'), decal.DecalError));
    await strict.close();
    assert.deepEqual([error?.code, error?.typed], ['unsupported', true], JSON.stringify(error));
  });
});

suite('a browser extension (Manifest V3)', { skip: noBrowser }, () => {
  const folder = join(kScratch, 'extension');
  let browser, background;
  before(async () => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await cp(fileURLToPath(new URL('extension', import.meta.url)), folder, { recursive: true });
    await cp(kSmallPackage, join(folder, 'decal'), { recursive: true });
    await cp(join(kPages, 'probe.js'), join(folder, 'probe.js'));
    await cp(kPhoto, join(folder, 'photo.jpg'));
    browser = await startBrowser({ flags: [`--load-extension=${folder}`, `--disable-extensions-except=${folder}`] });
    const { context } = browser;
    background = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  });
  after(() => browser?.close());

  test('works in its pages, isolated and with threads', async () => {
    const page = await openPage(browser.context, new URL('page.html', background.url()).href);
    await page.waitForFunction(() => 'decal' in window);
    const cores = await page.evaluate(() => (crossOriginIsolated ? navigator.hardwareConcurrency : 0));
    const { picture, execution } = await removeFromPhoto(page);
    assert.deepEqual([picture.width, picture.height, execution.threads], [512, 600, Math.min(cores, 8)]);
    assert.deepEqual(page.errors, []);
    await page.close();
  });

  test('works in its service worker', async () => {
    const seen = await background.evaluate(async () => {
      const { width, height, blob, execution } = await decal.removeBackground('/photo.jpg');
      return [width, height, blob.type, execution.threads];
    });
    assert.deepEqual(seen, [512, 600, 'image/png', 1]);
  });
});
