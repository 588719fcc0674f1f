// The model that browsers could not run: BiRefNet-lite at 1024 x 1024, whole, within the memory of a page.
//
// Without the folder of shared models this is skipped and says so.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { missing, modelFile, models } from '../support/models.mjs';
import { noBrowser, watchRenderers } from './support/chromium.mjs';
import { startSession } from './support/session.mjs';

const kModel = models.find(({ name }) => name === 'birefnet_lite_1024');
const kPeakMegabytes = 1600;

suite('BiRefNet-lite at 1024', { skip: noBrowser || missing(kModel) }, () => {
  let session;
  before(async () => {
    session = await startSession({ mounts: { '/birefnet.onnx': modelFile(kModel) } });
    session.browser.context.setDefaultTimeout(180_000);
  });
  after(() => session?.close());

  // Slow by design: the largest model there is, at its own size. How long it may take is a bar of `make bench-browser`.
  test('runs in a page within its memory', async (t) => {
    const memory = watchRenderers(session.browser);
    t.after(() => memory.close());
    const seen = await session.page.evaluate(async () => {
      const model = {
        name: 'birefnet-lite', url: '/birefnet.onnx', input: { rule: 'stretch', width: 1024, height: 1024, multiple: 1 },
        mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], activation: 'none',
      };
      const start = performance.now();
      await decal.init({ model });
      const readyMs = performance.now() - start;
      const removed = await decal.removeBackground('/photo.jpg', { model });
      const { width, height, execution } = removed;
      removed.revoke();
      return { readyMs, width, height, execution };
    });
    const peak = memory.peakBytes() / 1e6;
    t.diagnostic(`ready after ${Math.round(seen.readyMs)} ms, ${Math.round(seen.execution.ms?.inference ?? 0)} ms inference, ` +
      `peak of the page's process ${Math.round(peak)} MB; ${JSON.stringify(seen.execution)}`);
    assert.deepEqual([seen.width, seen.height], [512, 600]);
    assert.equal(seen.execution.provider, 'wasm');
    assert.ok(peak > 500 && peak < kPeakMegabytes, `a peak of ${peak} MB`);
  });
});
