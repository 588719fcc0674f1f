// The demo page's check of the graphics card, on Chromium's software renderer: what it finds, and what it says where a kernel is wrong.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import { kSoftwareGpu, noBrowser, openPage, startBrowser } from './support/chromium.mjs';
import { kDemo, kPhoto, needs } from './support/site.mjs';

// Every dispatch of a kernel whose label is `matrix product` is dropped: its results are what memory held.
const kBroken = () => {
  const create = GPUDevice.prototype.createComputePipelineAsync;
  const dropped = new WeakSet();
  GPUDevice.prototype.createComputePipelineAsync = async function (descriptor) {
    const pipeline = await create.call(this, descriptor);
    if (descriptor.label === 'matrix product') dropped.add(pipeline);
    return pipeline;
  };
  const set = GPUComputePassEncoder.prototype.setPipeline, dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
  let drop = false;
  GPUComputePassEncoder.prototype.setPipeline = function (pipeline) {
    drop = dropped.has(pipeline);
    set.call(this, pipeline);
  };
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...groups) {
    if (!drop) dispatch.apply(this, groups);
  };
};

suite('the check of the graphics card', { skip: noBrowser }, () => {
  let site, browser;
  before(async () => {
    needs(`${kDemo}/check.js`, 'run `node demo/build.mjs`');
    site = await serve({ root: kDemo });
    browser = await startBrowser({ flags: kSoftwareGpu, permissions: ['clipboard-read', 'clipboard-write'] });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    assert.deepEqual(browser?.strangers ?? [], [], 'requests to other hosts');
  });

  async function check(script) {
    const page = await openPage(browser.context, 'about:blank');
    if (script) await page.addInitScript(script);
    await page.goto(`${site.url}/`);
    await page.locator('#files').setInputFiles(kPhoto);
    await page.locator('#frame[data-state="done"]').waitFor();
    await page.locator('#how summary').click();
    await page.locator('#check').click();
    // Slow by design: every kind of shader, compiled for the processor.
    await page.locator('#check:enabled').waitFor({ timeout: 240_000 });
    const facts = await page.locator('#check-facts').evaluate((list) =>
      Object.fromEntries([...list.querySelectorAll('dt')].map((term) => [term.textContent, term.nextElementSibling.textContent])));
    return { page, facts, status: await page.locator('#check-status').textContent() };
  }

  test('adapter, limits, pre-flight checks, self-test and every kind of kernel; the report is for copying', { timeout: 300_000 }, async () => {
    const { page, facts, status } = await check(null);
    const [, count] = /^All (\d+) kernels compute what the processor does\.$/.exec(status) ?? assert.fail(`${status} ${JSON.stringify(facts)}`);
    assert.ok(Number(count) >= 25);
    assert.match(facts.Adapter, /swiftshader/i);
    assert.match(facts['Used for photos'], /^no: the adapter is SwiftShader, which computes on the CPU/);
    assert.match(facts['Self-test'], /^\d+\.\d ms, off by \d\.\de-\d/);
    assert.match(facts['Kernels, fp32'], new RegExp(`^${count} of ${count} right, at most \\d\\.\\de-\\d off`));
    assert.match(facts.Workgroups, /^\d+ invocations, \d+/);

    await page.locator('#check-copy').click();
    await page.locator('#check-status').filter({ hasText: 'in the clipboard' }).waitFor();
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    assert.equal(report.outcomes.length, Number(count));
    assert.ok(report.browser && report.limits.workgroupBytes >= 16384 && report.decision.checked.adapter);
    assert.deepEqual(page.errors, []);
    await page.close();
  });

  test('a kernel that computes something else is named', { timeout: 300_000 }, async () => {
    const { page, facts, status } = await check(kBroken);
    assert.match(status, /^[12] of \d+ kernels are wrong\.$/);
    assert.match(facts['Kernels, fp32'], /matrix product: off by/);
    await page.close();
  });
});
