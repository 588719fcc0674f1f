// The benchmark's page: every contender can be measured in a browser, and says why when it cannot.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, suite, test } from 'node:test';
import { webContenders } from '../../bench/cases.mjs';
import { measureInPage } from '../../bench/in_page.mjs';
import { defaultModel, missing, modelFile, smallDefaultModel } from '../support/models.mjs';
import { noBrowser, startBrowser } from './support/chromium.mjs';

// What is measured here is not the network.
const kModel = missing(smallDefaultModel) ? defaultModel : smallDefaultModel;

suite('benchmarks in a page', { skip: noBrowser }, () => {
  // One for all but the first measurement of each contender, which starts its own, as the benchmark does.
  let browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  for (const contender of webContenders) {
    test(`${contender}: a model, start-up and compiling`, async () => {
      const model = await measureInPage({ contender, threads: 2, 'warm-up': 1, repeat: 2, size: kModel.size }, modelFile(kModel));
      const names = ['load_ms', 'peak_bytes', 'ready_ms', 'run_ms'];
      assert.deepEqual(Object.keys(model).sort(), names, JSON.stringify(model));
      assert.equal(model.run_ms.length, 2);
      assert.ok(model.run_ms.every((ms) => ms > 0) && model.load_ms > 0 && model.ready_ms > model.load_ms);
      assert.ok(model.peak_bytes > 20e6);

      const start = await measureInPage({ contender, threads: 2, default: '' }, undefined, browser);
      assert.ok(start.load_ms > 0 && start.ready_ms > start.load_ms, JSON.stringify(start));
      assert.deepEqual(start.run_ms, []);
      assert.ok(start.after_bytes_ms > 0 && start.after_bytes_ms < start.load_ms, JSON.stringify(start));
      const compiled = await measureInPage({ contender, compile: '' }, undefined, browser);
      assert.ok(compiled.compile_ms > 0, JSON.stringify(compiled));
    });

    // Two contenders: one of ours is enough, as whole calls take the same way in both.
    if (contender !== 'simd128') {
      test(`${contender}: whole calls, and their files`, async () => {
        const whole = await measureInPage({ contender, threads: 2, repeat: 1, whole: 'image/png' }, undefined, browser);
        assert.ok(whole.run_ms[0] > 0 && whole.file_bytes > 50_000, JSON.stringify(whole));
        if (contender === 'ort-web') return;
        assert.ok(whole.whole_ms > whole.network_ms && whole.first_ms > 0 && whole.canvas_ms > 0 && whole.canvas_bytes > 50_000, JSON.stringify(whole));
      });
    }

    test(`${contender}: a file that is no model is a failure with a reason`, async () => {
      const noModel = fileURLToPath(import.meta.url);
      const { failure } = await measureInPage({ contender, threads: 1, 'warm-up': 0, repeat: 1, size: kModel.size }, noModel, browser);
      assert.match(failure, /\w/);
    });
  }
});
