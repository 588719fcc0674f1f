// The package in the hands of tools: what they look for in it, what they leave behind, and what an error says then.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { build } from 'esbuild';
import { dispose, init, removeBackgroundRaw } from '../dist/node.js';
import { distPath, importSource, root, samplePicture } from './helpers.mjs';

const { besideSource, kAssets, models } = await importSource('shared/assets.ts', 'shared/models.ts');
const folder = mkdtempSync(join(tmpdir(), 'decal-bundles-'));
after(async () => {
  await dispose();
  rmSync(folder, { recursive: true });
});

const command = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).bin.decal;
const decal = (...args) => spawnSync(process.execPath, [join(root, command), ...args], { encoding: 'utf8' });

test('decal copy-assets copies what is loaded at run time, and the package works from there', async () => {
  const place = join(folder, 'public/decal');
  const { status, stderr } = decal('copy-assets', place);
  assert.equal(status, 0, stderr);
  for (const name of kAssets) assert.ok(readFileSync(join(place, name)).equals(readFileSync(distPath(name))), name);
  // A folder of this machine, without a slash at its end.
  await init({ assetBaseUrl: new URL(`file://${place}`), threads: 2 });
  assert.equal((await removeBackgroundRaw(samplePicture(8, 8))).execution.threads, 2);
});

// Turbopack puts it among a server's assets, and marks everything there as CommonJS.
for (const type of ['commonjs', 'module']) {
  test(`a thread starts from a folder whose scripts are of the type ${type}`, async () => {
    const place = join(folder, type);
    assert.equal(decal('copy-assets', place).status, 0);
    writeFileSync(join(place, 'package.json'), JSON.stringify({ type }));
    await init({ assetBaseUrl: new URL(`file://${place}`), threads: 2 });
    assert.equal((await removeBackgroundRaw(samplePicture(8, 8))).execution.threads, 2);
  });
}

test('decal says how it is used, and what it could not do', () => {
  for (const args of [[], ['copy-assets'], ['copy', 'x'], ['copy-assets', 'x', 'y']]) {
    const { status, stderr } = decal(...args);
    assert.deepEqual([status, /usage: npx decal copy-assets <folder>/.test(stderr)], [2, true]);
  }
  const { status, stderr } = decal('copy-assets', '/dev/null/nowhere');
  assert.equal(status, 1);
  assert.match(stderr, /^decal: .*\/dev\/null\/nowhere/);
});

for (const [format, entry, platform] of [['iife', 'index', 'browser'], ['cjs', 'index', 'browser'], ['cjs', 'node', 'node']]) {
  test(`${entry}.js in a bundle of the format ${format} says what is wrong with it`, async () => {
    const outfile = join(folder, `${entry}.cjs`);
    await build({
      entryPoints: [distPath(`${entry}.js`)], outfile, bundle: true, format, platform, globalName: 'bundled', logLevel: 'silent',
    });
    if (format === 'iife') runInThisContext(readFileSync(outfile, 'utf8'));
    const bundled = format === 'iife' ? globalThis.bundled : createRequire(import.meta.url)(outfile);
    await assert.rejects(bundled.preload(), (error) => error instanceof bundled.DecalError && error.code === 'unsupported' &&
      /IIFE, CommonJS.*make an ES module of it, or .*npx decal copy-assets <folder>.*assetBaseUrl.*docs\/hosting\.md/.test(error.message));
  });
}

test('every asset is named by an expression that tools look for', () => {
  const named = (file) => [...readFileSync(distPath(file), 'utf8').matchAll(/new URL\(\s*([^,()]+),\s*import\.meta\.url\s*\)/g)]
    .map(([, name]) => name.trim());
  const inPage = kAssets.filter((name) => name !== 'node-thread.js');
  const inNode = kAssets.filter((name) => name !== 'worker.js');
  assert.deepEqual([...new Set(named('index.js'))].sort(), inPage.map((name) => `"./${name}"`).sort());
  assert.deepEqual([...new Set(named('node.js'))].sort(), inNode.map((name) => `"./${name}"`).sort());
  // All models of the package are among them.
  assert.deepEqual(models.flatMap(({ file }) => file ?? []), ['decal-default.onnx', 'people-live.onnx']);
});

test('the worker is a module to whoever guesses by its exports, and the package has an entry for tools without `exports`', () => {
  assert.match(readFileSync(distPath('worker.js'), 'utf8'), /^export \{\};$/m);
  const { main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.ok(existsSync(join(root, main)));
  execFileSync(process.execPath, ['--input-type=module', '--check'], { input: readFileSync(distPath('worker.js')) });
  // A script of either kind, which has to look like neither.
  assert.doesNotMatch(readFileSync(distPath('node-thread.js'), 'utf8'), /\bexports[.[]|\brequire\(|^(import|export)\b/m);
});

test('where Vite bundles the package for its development server, its files are where they were', () => {
  const served = 'http://localhost:5173/node_modules/decal/web/dist/';
  for (const [from, to] of [
    ['http://localhost:5173/node_modules/.vite/deps/worker.js', `${served}worker.js`],
    ['http://localhost:5173/node_modules/.vite/deps/models/decal-default.onnx', `${served}models/decal-default.onnx`],
    ['http://localhost:5173/node_modules/.vite/deps_temp_1a/worker.js', `${served}worker.js`],
    [`${served}worker.js`, `${served}worker.js`],
    ['https://site.test/assets/worker-1a2b.js', 'https://site.test/assets/worker-1a2b.js'],
  ]) assert.equal(besideSource(from), to);
});
