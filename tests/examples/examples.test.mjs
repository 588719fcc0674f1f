// The projects in examples/ as a reader would use them: installed with the package as `npm pack` makes it, built, and
// driven in Chromium, or run where they need no browser. A few of them each day: choice.mjs.
//
// All of it happens in build/examples. Installing needs the npm registry (or its cache); what was installed for the same lock
// file is used again.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { serve } from '../../scripts/serve.mjs';
import { noBrowser, openPage, startBrowser } from '../browser/support/chromium.mjs';
import { freePort } from '../browser/support/free_port.mjs';
import { kPackage, kPhoto, needs } from '../browser/support/site.mjs';
import { root } from '../support/models.mjs';
import { choose, projects } from './choice.mjs';

const kBuild = join(root, 'build/examples');
/** For one step, of which the longest takes half a minute on two cores. */
const kStepMs = 300_000;
/** They refuse Node 20, with which everything else here is made; the workspace brings a later one. */
const kLaterNode = ['angular', 'astro', 'nuxt'];

const chosen = choose();
/** Options of the test of a project. */
const of = (name) => ({ skip: !chosen.includes(name) && 'another day (DECAL_EXAMPLES=all builds all)' });
const all = { skip: chosen.length < projects.length && 'only with all examples (DECAL_EXAMPLES=all)' };

const run = promisify(execFile);
const quiet = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: '1' };
const times = [];

async function timed(name, work) {
  const start = performance.now();
  const result = await work();
  times.push(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

const npm = (args, cwd) => run('npm', args, { cwd, env: quiet, timeout: kStepMs });
const folderOf = (name) => join(kBuild, name);
const installed = () => join(kBuild, 'node_modules/decal');

suite('examples', { skip: noBrowser }, () => {
  let browser;
  before(async () => {
    await install();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    assert.deepEqual(browser?.strangers, [], 'requests to other hosts');
  });

  /** Chooses the photo and expects its cut-out. */
  async function drive(page) {
    await page.locator('input[type=file]').setInputFiles(kPhoto);
    const image = page.locator('img[alt="cut-out"]');
    await image.waitFor();
    const seen = await image.evaluate(async (image) => {
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      const alpha = (x, y) => context.getImageData(x, y, 1, 1).data[3];
      return { size: [canvas.width, canvas.height], face: alpha(256, 240), sky: alpha(490, 40) };
    });
    checkCutout(seen);
  }

  /** `ready`: waits until the page listens, given the paths that it has asked for. */
  async function visit(url, ready = () => {}) {
    const page = await openPage(browser.context, 'about:blank');
    const paths = [];
    page.on('request', (request) => paths.push(new URL(request.url()).pathname));
    await page.goto(url);
    await ready(page, paths);
    const loads = [];
    page.on('load', () => loads.push(page.url()));
    try {
      await drive(page);
    } catch (error) {
      // The chosen photo went with the page that a development server replaced.
      if (loads.length === 0) throw error;
      await drive(page);
    }
    const isolated = await page.evaluate(() => crossOriginIsolated);
    await page.close();
    assert.ok(isolated, 'the page is not cross-origin isolated, and has no threads');
    assert.deepEqual(page.errors, []);
    const modules = paths.filter((path) => path.endsWith('.wasm'));
    // Some tools give files names of their own.
    assert.equal(modules.length, 2, `one engine and the cut-out module are enough, not ${modules}`);
  }

  /** Waits until a page written on a server listens, and until a development server has bundled what it then loads the page anew for. */
  async function settled(page) {
    await page.waitForLoadState('networkidle');
    await page.waitForFunction(() => globalThis.useNuxtApp?.().isHydrating !== true);
  }

  for (const [name, served] of [
    ['angular', 'dist'], ['astro', 'dist'], ['vite-react', 'dist'], ['vite-vue', 'dist'], ['webpack', 'public'],
  ]) {
    test(name, of(name), async (t) => {
      await timed(`${name}: build`, () => npm(['run', 'build'], folderOf(name)));
      await copiedOnce(t, join(folderOf(name), served));
      const site = await serve({ root: join(folderOf(name), served) });
      t.after(() => site.close());
      await visit(`${site.url}/`);
    });
  }

  test('vite-react on the development server', of('vite-react'), async (t) => {
    await visit(await start(t, 'vite', ['--port', '0', '--host', '127.0.0.1'], folderOf('vite-react')));
  });

  // Where a bundler works on requests, in ways that differ from its builds.
  for (const [name, ...command] of [['angular', 'ng', 'serve'], ['astro', 'astro', 'dev'], ['nuxt', 'nuxt', 'dev']]) {
    test(`${name} on the development server`, all, async (t) => {
      const [tool, ...args] = [...command, '--port', String(await freePort()), '--host', '127.0.0.1'];
      await visit(await start(t, tool, args, folderOf(name)), settled);
    });
  }

  test('nuxt', of('nuxt'), async (t) => {
    await timed('nuxt: build', () => npm(['run', 'build'], folderOf('nuxt')));
    await copiedOnce(t, join(folderOf('nuxt'), '.output/public'));
    const environment = { HOST: '127.0.0.1', PORT: String(await freePort()) };
    await visit(await start(t, 'npm', ['run', 'start'], folderOf('nuxt'), environment), async (page, paths) => {
      await settled(page);
      assert.deepEqual(paths.filter((path) => /\.(wasm|onnx)$/.test(path)), [], 'loaded before there is a picture');
    });
  });

  test('next', of('next'), async (t) => {
    await timed('next: build', () => npm(['run', 'build'], folderOf('next')));
    await copiedOnce(t, join(folderOf('next'), '.next/static'));
    await visit(await start(t, 'next', ['start', '--port', '0', '--hostname', '127.0.0.1'], folderOf('next')));
  });

  test('plain HTML', async (t) => {
    const site = await serve({ root: folderOf('plain-html'), mounts: { '/decal': join(installed(), 'web/dist') } });
    t.after(() => site.close());
    await visit(`${site.url}/`);
  });

  test('offline: works without its server after the first visit', async () => {
    const site = await serve({ root: folderOf('offline'), mounts: { '/decal': join(installed(), 'web/dist') } });
    const page = await openPage(browser.context, `${site.url}/`);
    await page.locator('#offline').waitFor();
    await site.close();
    await page.reload();
    await drive(page);
    assert.ok(await page.evaluate(() => crossOriginIsolated));
    assert.deepEqual(page.errors, []);
    await page.close();
  });
});

suite('examples without a browser', () => {
  before(install);
  after(() => console.log(`examples: ${times.join(', ')}`));

  for (const runtime of ['node', 'bun', 'deno']) {
    test(`node under ${runtime}`, of('node'), async (t) => {
      const output = join(kBuild, `${runtime}.png`);
      await rm(output, { force: true });
      const { stdout } = await timed(runtime, () => npm(['run', '--silent', runtime, '--', kPhoto, output], folderOf('node')));
      t.diagnostic(stdout.trim());
      assert.match(stdout, /512 x 600, [1-9]\d* threads/);
      const { data, info } = await sharp(output).raw().toBuffer({ resolveWithObject: true });
      const alpha = (x, y) => data[info.channels * (y * info.width + x) + 3];
      checkCutout({ size: [info.width, info.height], face: alpha(256, 240), sky: alpha(490, 40) });
    });
  }
});

/** Of kPhoto: its size, the alpha of its face and that of its sky. */
function checkCutout(seen) {
  assert.deepEqual(seen.size, [512, 600]);
  assert.ok(seen.face > 230 && seen.sky < 40, JSON.stringify(seen));
}

/** build/examples as a workspace of the chosen examples, with the packed package among its dependencies. Once. */
let installing = null;
function install() {
  installing ??= installOnce();
  return installing;
}

async function installOnce() {
  needs(`${kPackage}/index.js`, 'run `npm run build`');
  const hash = createHash('sha256').update(await readFile(join(root, 'examples/package-lock.json'))).digest('hex');
  const stamp = join(kBuild, 'node_modules/.installed.json');
  const before = existsSync(stamp) ? JSON.parse(await readFile(stamp, 'utf8')) : null;
  const fresh = before?.hash !== hash || !chosen.every((name) => before.names.includes(name));
  if (fresh) await rm(kBuild, { recursive: true, force: true });
  for (const name of await readdir(join(root, 'examples'))) {
    await cp(join(root, 'examples', name), join(kBuild, name), { recursive: true });
  }
  if (fresh) {
    const workspaces = chosen.flatMap((name) => ['--workspace', name]);
    if (chosen.some((name) => kLaterNode.includes(name))) workspaces.push('--include-workspace-root');
    await timed('install', () => npm(['ci', '--no-audit', '--no-fund', '--loglevel=error', ...workspaces], kBuild));
    if (chosen.some((name) => kLaterNode.includes(name))) await linkNode();
    // Its command is put in place by a script, and scripts of packages are not run here otherwise (.npmrc).
    if (chosen.includes('node')) await npm(['rebuild', 'bun', '--ignore-scripts=false', '--loglevel=error'], kBuild);
    await writeFile(stamp, JSON.stringify({ hash, names: chosen }));
  }
  // What `npm install decal` does with the file that `npm publish` would send: the package has no dependencies.
  const packed = JSON.parse((await npm(['pack', '--json', '--pack-destination', kBuild], root)).stdout);
  const [{ filename }] = Array.isArray(packed) ? packed : Object.values(packed);
  await rm(installed(), { recursive: true, force: true });
  await mkdir(installed(), { recursive: true });
  await run('tar', ['--extract', '--file', join(kBuild, filename), '--strip-components', '1', '--directory', installed()]);
  // Where a project finds it that is alone, as its angular.json says.
  for (const name of projects) {
    await mkdir(join(folderOf(name), 'node_modules'), { recursive: true });
    await rm(join(folderOf(name), 'node_modules/decal'), { recursive: true, force: true });
    await symlink(installed(), join(folderOf(name), 'node_modules/decal'));
  }
}

/** The command `node` of the workspace's own dependency, which Debian 12's npm (9.2) installs without linking it. */
async function linkNode() {
  const link = join(kBuild, 'node_modules/.bin/node');
  if (!existsSync(link)) await symlink(`../node-linux-${process.arch}/bin/node`, link);
}

/** Of the package's files, what a build has copied: each once, and no more than a visitor may need. */
async function copiedOnce(t, folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = { '.wasm': [], '.onnx': [] };
  for (const entry of entries) {
    const extension = /\.(wasm|onnx)$/.exec(entry.name)?.[0];
    if (extension) found[extension].push(await readFile(join(entry.parentPath ?? entry.path, entry.name)));
  }
  const bytes = (files) => files.reduce((sum, { length }) => sum + length, 0);
  t.diagnostic(`copied: ${found['.wasm'].length} WebAssembly modules, ${bytes(found['.wasm'])} bytes, ${found['.onnx'].length} models`);
  // The engine with and without relaxed SIMD, the cut-out module, and the planner for WebGPU.
  assert.equal(found['.wasm'].length, 4);
  // The default model and people-live, which is fetched where it is asked for.
  const shipped = ['decal-default.onnx', 'people-live.onnx'].map((name) => statSync(join(root, 'models', name)).size);
  assert.deepEqual(found['.onnx'].map(({ length }) => length).sort((a, b) => b - a), shipped);
}

/** Starts a server of the example's own for the test `t`; its address is in what it prints. */
async function start(t, command, args, cwd, environment = {}) {
  const bin = join(kBuild, 'node_modules/.bin');
  const env = { ...quiet, ...environment, PATH: `${bin}:${process.env.PATH}` };
  // A group of its own: a script's shell does not hand signals on.
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => process.kill(-child.pid));
  let printed = '';
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      // Colours stand between the parts of the address.
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(printed.replace(/\x1b\[[0-9;]*m/g, ''));
      if (match) resolve(`${match[0]}/`);
    });
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`${command} ended with status ${status}: ${printed}`)));
  });
}
