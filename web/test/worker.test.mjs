// The engine's side of a page, in Node with the real engine and a network that the test slows down.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { distPath, importSource, matteModel, samplePicture } from './helpers.mjs';

// What a worker has and Node has not.
globalThis.self ??= globalThis;
self.location ??= { origin: 'http://decal.test' };
globalThis.navigator ??= {};
const { attach, resolveModel } = await importSource('adapters/worker/worker.ts', 'shared/models.ts');

const kOrigin = 'http://decal.test';
const kConfig = {
  wasm: { baseline: `${kOrigin}/decal-simd128.wasm`, relaxed: `${kOrigin}/decal-relaxed.wasm` },
  cutout: `${kOrigin}/decal-cutout.wasm`, planner: `${kOrigin}/decal-planner.wasm`, simd: 'baseline', threads: 1, noThreadsReason: null, maximumPages: null, allowSoftwareAdapter: false,
  ownFetch: false,
};
const kModel = resolveModel({
  name: 'matte', input: { rule: 'stretch', width: 16, height: 16, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none',
  url: `${kOrigin}/matte.onnx`,
}, { pageUrl: kOrigin });
const kOutput = { format: 'image/x-rgba8', quality: 1, background: null, mask: false, previewSize: 8 };

const { fetch, WebAssembly: { compile } } = globalThis;
afterEach(() => Object.assign(globalThis, { fetch }) && Object.assign(WebAssembly, { compile }));

/** A network on which the n-th file of an ending takes the n-th of its times, in milliseconds; the last for all that follow. */
function slowNetwork(delays) {
  const asked = {};
  globalThis.fetch = async (url, { signal } = {}) => {
    const kind = /\w+$/.exec(String(url))[0];
    const times = delays[kind] ?? [0];
    asked[kind] = (asked[kind] ?? 0) + 1;
    await sleep(times[Math.min(asked[kind], times.length) - 1], undefined, { signal });
    const body = kind === 'wasm' ? readFileSync(distPath(String(url).split('/').at(-1))) : matteModel([0.1, 0.1, 0.1]);
    return new Response(body, { headers: { 'Content-Type': 'application/octet-stream' } });
  };
  return asked;
}

/** A client of the worker: `answer(id)` comes with what the worker says of that job. */
function connect() {
  const answers = new Map();
  const said = [];
  const { receive, end } = attach((message) => {
    said.push(message.type);
    answers.get(message.id)?.(message);
  });
  receive({ type: 'start', config: kConfig, life: null });
  let id = 0;
  return {
    said,
    end,
    job(task) {
      const mine = ++id;
      const answer = new Promise((resolve) => answers.set(mine, resolve));
      receive({ type: 'job', job: { id: mine, task: { device: 'wasm', model: kModel, ...task } } });
      return { answer, abort: () => receive({ type: 'abort', id: mine }) };
    },
  };
}

/** Opaque noise, which the model above makes nearly transparent. */
function photo() {
  const { data, width, height } = samplePicture(24, 20);
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { kind: 'pixels', data: new Uint8ClampedArray(data), width, height, maxPixels: 1e6, svgSize: null };
}

const remove = (worker, picture = photo()) => worker.job({ kind: 'remove', picture, output: kOutput });

async function pixelsOf(message) {
  assert.equal(message.type, 'done', JSON.stringify(message.failure));
  return new Uint8Array(await message.outcome.blob.arrayBuffer());
}

test('a call given up while the engine starts leaves its engine to the next call, whose picture is cut out', async () => {
  const asked = slowNetwork({ wasm: [300, 30], onnx: [1000, 600] });
  const worker = connect();
  const first = remove(worker);
  await sleep(50);
  first.abort();
  assert.equal((await first.answer).failure.code, 'aborted');
  const pixels = await pixelsOf(await remove(worker).answer);
  assert.ok(pixels.some((value, i) => i % 4 === 3 && value < 255), 'the uncut picture came as a success');
  assert.equal(asked.wasm, 2, 'a second engine was started: the first has two modules');
  assert.equal(worker.said.filter((type) => type === 'engine').length, 1);
  await worker.end();
});

test('the worker says that it has ended when a start under way is over, and starts nothing after', async () => {
  let compiling = 0;
  let compiled = 0;
  WebAssembly.compile = async (bytes) => {
    ++compiling;
    await sleep(200);
    const module = await compile(bytes);
    --compiling;
    ++compiled;
    return module;
  };
  slowNetwork({ onnx: [1000] });
  const worker = connect();
  const loading = worker.job({ kind: 'load' });
  while (compiling === 0) await sleep(5);
  await worker.end();
  assert.equal((await loading.answer).failure.code, 'aborted');
  assert.equal(compiling, 0, 'it still compiles');
  const before = compiled;
  await sleep(100);
  assert.equal(compiled, before);
});

test('a worker that ends while its engine is downloaded neither waits for it nor starts it', async () => {
  slowNetwork({ wasm: [5000] });
  const worker = connect();
  const loading = worker.job({ kind: 'load' });
  await sleep(20);
  const start = performance.now();
  await worker.end();
  assert.ok(performance.now() - start < 2000);
  assert.equal((await loading.answer).type, 'failed');
  assert.ok(!worker.said.includes('engine'));
});

for (const [what, answer, message] of [
  ['is missing', () => new Response('', { status: 404, statusText: 'Not Found' }), /simd128\.wasm: the server answered 404 Not Found; copy/],
  ['is a page', () => {
    const response = new Response('<!doctype html><title>Not here</title>');
    return Object.defineProperty(response, 'url', { value: kConfig.wasm.baseline });
  }, /simd128\.wasm: not the engine's WebAssembly module; copy/],
]) {
  test(`an engine's file that ${what}: the error names its address and what to do`, async () => {
    globalThis.fetch = async (url) => (String(url).endsWith('.wasm') ? answer() : new Response(matteModel([0.1, 0.1, 0.1])));
    const worker = connect();
    const { failure } = await worker.job({ kind: 'load' }).answer;
    assert.equal(failure.code, 'network');
    assert.match(failure.message, message);
    assert.match(failure.message, /npx decal copy-assets <folder>.*assetBaseUrl.*docs\/hosting\.md/);
    await worker.end();
  });
}

test('a call after an end is refused', async () => {
  slowNetwork({});
  const worker = connect();
  await worker.end();
  assert.equal((await remove(worker).answer).failure.code, 'aborted');
});
