// Nothing stays behind: after aborts at every stage, after workers that die, after hundreds of pictures.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { matteModel } from '../../web/test/helpers.mjs';
import { noBrowser } from './support/chromium.mjs';
import { difference, removeFromPhoto } from './support/session.mjs';
import { isModel } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';
import { startWatchedSession, watch } from './support/watched.mjs';

const kMemoryGrowth = 20e6;

/** Hundreds of pictures need no real network: leaks do not depend on the model. */
const kQuickModel = {
  name: 'matte', input: { rule: 'stretch', width: 96, height: 96, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1],
  activation: 'none', url: '/matte.onnx',
};
const kMatte = matteModel([0.3, 0.5, 0.2]);

for (const isolation of [true, false]) {
  suite(`${isolation ? 'with' : 'without'} isolation`, { skip: noBrowser }, () => {
    let session, page, reference;
    /** While set, requests for the model's weights wait for it. */
    let hold = null;
    before(async () => {
      session = await startWatchedSession({
        decal: kSmallPackage,
        isolation,
        async intercept(request, response) {
          if (request.url === '/matte.onnx') return Boolean(response.writeHead(200, { 'Content-Length': kMatte.length }).end(kMatte));
          if (isModel(request)) await hold;
          return false;
        },
      });
      page = session.page;
      await watch(page);
      reference = (await removeFromPhoto(page)).picture;
    });
    after(() => session?.close());

    const works = async (at = page) => {
      // Threads that start anew may share the sums out differently: not to the bit.
      assert.ok(difference((await removeFromPhoto(at)).picture, reference).max <= 1);
      assert.deepEqual((await at.evaluate(() => watched.memory())).blocks, [], 'blocks that are not freed');
    };

    for (const stage of ['decoding', 'inference', 'encoding']) {
      test(`aborted while ${stage}: rejected, freed, and the next call works`, async () => {
        const seen = await page.evaluate(async (stage) => {
          const abort = new AbortController();
          const reached = watched.stage(stage);
          const large = await probe.largePhoto(2400, 1600);
          const ended = probe.outcome(decal.removeBackground(large, { signal: abort.signal }), decal.DecalError);
          await reached;
          abort.abort();
          return (await ended).error?.name;
        }, stage);
        assert.equal(seen, 'AbortError');
        await works();
      });
    }

    test('aborted while queued and while being made ready: never started', async () => {
      const names = await page.evaluate(async () => {
        const abort = new AbortController();
        const { signal } = abort;
        const first = decal.removeBackground('/photo.jpg');
        const queued = probe.outcome(decal.removeBackground('/photo.jpg', { signal }), decal.DecalError);
        const bitmap = await createImageBitmap(await probe.photo());
        const preparing = probe.outcome(decal.removeBackground(bitmap, { signal }), decal.DecalError);
        abort.abort();
        const names = [await queued, await preparing].map(({ error }) => error?.name);
        (await first).revoke();
        return names;
      });
      assert.deepEqual(names, ['AbortError', 'AbortError']);
      await works();
    });

    test('aborted while downloading and while building: the next call loads the model', async () => {
      const fresh = await session.open();
      await watch(fresh);
      for (const stage of ['downloading', 'building']) {
        let release;
        hold = stage === 'downloading' ? new Promise((resolve) => (release = resolve)) : null;
        const name = await fresh.evaluate(async (stage) => {
          decal.dispose();
          const abort = new AbortController();
          const reached = stage === 'building'
            ? watched.stage(stage)
            : new Promise((resolve) => decal.subscribeToProgress(({ phase }) => phase === 'idle' && resolve()));
          // The settings go with dispose(); this call is aborted by the same.
          void probe.outcome(decal.init({ assetBaseUrl: '/watched' }), decal.DecalError);
          const removed = probe.outcome(decal.removeBackground('/photo.jpg', { signal: abort.signal }), decal.DecalError);
          await reached;
          abort.abort();
          return (await removed).error?.name;
        }, stage);
        release?.();
        hold = null;
        assert.equal(name, 'AbortError', stage);
        await works(fresh);
      }
      await fresh.close();
    });

    test('a worker that is killed or crashes is replaced, and the call goes on', async () => {
      for (const how of ['terminate', 'crash']) {
        const before = await page.evaluate(() => workers.length);
        await page.evaluate((how) => {
          watched.stage('inference').then(() => {
            const worker = workers.at(-1);
            if (how === 'terminate') worker.terminate();
            else worker.dispatchEvent(new ErrorEvent('error', { message: 'out of luck' }));
          });
        }, how);
        const { picture } = await removeFromPhoto(page);
        assert.ok(difference(picture, reference).max <= 1, how);
        assert.equal(await page.evaluate(() => workers.length), before + 1, how);
      }
      await works();
    });

    test('a call that loses its worker twice fails with a code, and the next one works', async () => {
      const { error } = await page.evaluate(async () => {
        const end = () => watched.stage('inference').then(() => workers.at(-1).terminate());
        end().then(end);
        return probe.outcome(decal.removeBackground('/photo.jpg'), decal.DecalError);
      });
      assert.ok(error.typed);
      assert.equal(error.code, 'worker-lost');
      await works();
    });

    // Slow by design: a leak of a few kB a picture shows after hundreds.
    test('200 pictures and 30 aborts leave nothing behind', async (t) => {
      const measure = () => memory(session.browser.context, page);
      await page.evaluate(async (model) => {
        window.small = await probe.largePhoto(160, 120);
        window.large = await probe.largePhoto(1200, 900);
        window.model = model;
        for (let i = 0; i < 20; i++) (await decal.removeBackground(small, { model })).revoke();
        (await decal.removeBackground(large, { model })).revoke();
      }, kQuickModel);
      const before = await measure();
      await page.evaluate(async () => {
        for (let i = 0; i < 200; i++) (await decal.removeBackground(small, { model })).revoke();
      });
      const pictures = await measure();
      await page.evaluate(async () => {
        for (let i = 0; i < 30; i++) {
          const signal = AbortSignal.timeout(2 + 4 * i);
          await decal.removeBackground(large, { model, signal }).then(({ revoke }) => revoke(), () => undefined);
        }
        (await decal.removeBackground(large, { model })).revoke();
      });
      const aborts = await measure();
      for (const part of ['page', 'engine']) {
        const sizes = [before, pictures, aborts].map((round) => `${(round[part] / 1e6).toFixed(1)} MB`);
        t.diagnostic(`${part}: ${sizes.join(' -> ')}`);
      }
      for (const round of [pictures, aborts]) {
        const grown = round.page + round.engine - before.page - before.engine;
        assert.ok(grown < kMemoryGrowth, `${(grown / 1e6).toFixed(1)} MB more`);
      }
      await works();
    });
  });
}

/**
 * Bytes after garbage collection: the page's own heap with its buffers, and the engine's memory. What the worker's heap
 * and the browser keep is watched by the processes' sizes, in lifecycle.test.mjs.
 */
async function memory(context, page) {
  const session = await context.newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return { page: usedSize + backingStorageSize, engine: (await page.evaluate(() => watched.memory())).bytes };
}
