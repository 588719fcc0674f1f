// Every WebGPU operator against the CPU engine in a page: some of each family's cases on Chromium's software renderer.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { serve } from '../../scripts/serve.mjs';
import { everyNth, familyOf } from '../gpu/cases.mjs';
import { writeCases } from '../gpu/write-cases.mjs';
import { kCheckedGpu, noBrowser, openPage, startBrowser } from './support/chromium.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

// Seeds 0, 4, 8, ..; the test of the same cases in Node runs all of them.
const kStep = 4;

const kPage = `
import { roomiest, runCases } from './tests/gpu/cases.mjs';
import { GpuExecutor } from './web/src/gpu/executor.ts';

window.run = async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const [cases, bytes] = await Promise.all([
    fetch('/cases.json').then((response) => response.json()),
    fetch('/cases.bin').then(async (response) => new Uint8Array(await response.arrayBuffer())),
  ]);
  return { ...await runCases(cases, bytes, await adapter.requestDevice(roomiest(adapter)), GpuExecutor), ran: cases.length };
};
`;

/** A folder with the page, its script and the cases. */
async function makeSite(cases, bytes) {
  const folder = await mkdtemp(join(tmpdir(), 'decal-gpu-'));
  await build({
    stdin: { contents: kPage, resolveDir: root, loader: 'js' }, bundle: true, format: 'esm', target: 'es2022',
    outfile: join(folder, 'page.js'),
  });
  await writeFile(join(folder, 'index.html'), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>');
  await writeFile(join(folder, 'cases.json'), JSON.stringify(cases));
  await writeFile(join(folder, 'cases.bin'), bytes);
  return folder;
}

// Slow by design, as in tests/gpu; here it is the browser's own compiler.
test('every operator computes in a page what the CPU engine does', { skip: noBrowser, timeout: 600_000 }, async (t) => {
  const { cases: all, bytes } = writeCases();
  const cases = everyNth(all, kStep);
  assert.deepEqual(new Set(cases.map(familyOf)), new Set(all.map(familyOf)), 'families are missing');
  assert.ok(cases.every(({ tolerance }) => tolerance <= 1e-4));
  const folder = await makeSite(cases, bytes);
  const site = await serve({ root: folder });
  const browser = await startBrowser({ flags: kCheckedGpu });
  try {
    const page = await openPage(browser.context, `${site.url}/index.html`);
    await page.waitForFunction(() => 'run' in window);
    const { worst, wrong, pipelines, ran } = await page.evaluate(() => window.run());
    for (const [family, error] of Object.entries(worst)) t.diagnostic(`${family}: at most ${error.toExponential(1)}`);
    t.diagnostic(`${ran} cases, ${pipelines} pipelines`);
    assert.equal(ran, cases.length);
    assert.deepEqual(wrong, []);
    assert.deepEqual(page.errors, []);
  } finally {
    await browser.close();
    await site.close();
    await rm(folder, { recursive: true, force: true });
  }
  assert.deepEqual(browser.strangers, []);
});
