// The parts that need no engine: progress, options, models, hashes.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultModel, importSource } from './helpers.mjs';

const { Progress } = await importSource('page/progress.ts');
const { backgroundColour, planOutput } = await importSource('shared/options.ts');
const { models, resolveModel } = await importSource('shared/models.ts');

const arrived = (loadedBytes, totalBytes = 100) => ({ loadedBytes, totalBytes, bytesPerSecond: 7 });

test('progress: a listener gets the current state at once, then every step forward', () => {
  const progress = new Progress();
  const seen = [];
  const unsubscribe = progress.subscribe(({ phase, progress: percent, sessionId }) => seen.push([phase, percent, sessionId]));
  const session = progress.begin();
  for (const loaded of [0, 50, 40, 1000]) progress.downloading(session, 'm', arrived(loaded));
  progress.building(session);
  progress.downloading(session, 'm', arrived(100));
  progress.ready(session);
  progress.failed(session, 'too late');
  unsubscribe();
  progress.begin();
  assert.deepEqual(seen, [
    ['idle', 0, 0], ['idle', 0, 1], ['downloading', 0, 1], ['downloading', 49, 1], ['downloading', 98, 1],
    ['building', 99, 1], ['ready', 100, 1],
  ]);
});

test('progress: a failure ends its session, and the next one starts from idle', () => {
  const progress = new Progress();
  const first = progress.begin();
  progress.downloading(first, 'm', arrived(50));
  progress.failed(first, 'no network');
  progress.ready(first);
  assert.deepEqual(progress.state, {
    phase: 'error', progress: 49, errorMsg: 'no network', sessionId: first, loadedBytes: 50, totalBytes: 100, bytesPerSecond: 0, model: 'm',
  });
  const second = progress.begin();
  progress.ready(first);
  assert.deepEqual(progress.state, { phase: 'idle', progress: 0, sessionId: second });
  const late = [];
  progress.subscribe((state) => late.push(state.phase));
  assert.deepEqual(late, ['idle']);
});

test('progress: bytes are reported even if the total is unknown, and never decrease', () => {
  const progress = new Progress();
  const session = progress.begin();
  const seen = [];
  progress.subscribe(({ loadedBytes, totalBytes, bytesPerSecond, progress: percent }) =>
    seen.push([loadedBytes, totalBytes, bytesPerSecond, percent]));
  for (const loaded of [10, 20, 5, 30]) progress.downloading(session, 'm', arrived(loaded, null));
  assert.deepEqual(seen.slice(1), [[10, null, 7, 0], [20, null, 7, 0], [30, null, 7, 0]]);
});

test('progress: a listener that throws disturbs nobody, and its error is not swallowed', (t) => {
  const later = [];
  t.mock.method(globalThis, 'queueMicrotask', (work) => void later.push(work));
  const progress = new Progress();
  const seen = [];
  progress.subscribe(() => {
    throw new Error('mine');
  });
  progress.subscribe((state) => seen.push(state.phase));
  assert.deepEqual(seen, ['idle']);
  assert.throws(later[0], { message: 'mine' });
});

const noCss = () => null;

test('options: defaults', () => {
  assert.deepEqual(planOutput({}), {
    format: 'image/png', quality: 0.92, background: null, mask: false, previewSize: 450, failIfEmpty: false, frame: null,
    edges: {
      refine: 'fast', decontaminate: true, backgroundOnly: false, threshold: -1, removeIslands: 0, fillHoles: 0, smooth: 0, grow: 0, shadow: 0,
    },
  });
  assert.equal(planOutput({}, 'off').edges.refine, 'off');
  assert.equal(planOutput({ output: { refine: 'best' } }, 'off').edges.refine, 'best');
});

test('options: what makes no sense is refused', () => {
  const bad = [
    { output: { format: 'image/gif' } }, { output: { quality: 2 } }, { output: { quality: '1' } }, { output: { mask: 1 } },
    { output: { background: [1, 2] } }, { output: { background: [1, 2, 300] } }, { output: { background: 5 } },
    { previewSize: 0 }, { previewSize: 1.5 }, { failIfEmpty: 1 }, { output: { refine: 'slow' } }, { output: { decontaminate: 'no' } },
    { output: { threshold: -0.1 } }, { output: { grow: NaN } }, { output: { size: 5 } }, { output: { size: { width: 0 } } },
    { output: { size: { width: 5 }, scale: 2 } }, { output: { size: { width: 5, height: 5 }, aspectRatio: 1 } }, { output: { crop: 101 } },
  ];
  for (const options of bad) assert.throws(() => planOutput(options), { code: 'invalid-argument' }, JSON.stringify(options));
});

test('options: the frame', () => {
  const frame = (output) => planOutput({ output }).frame;
  assert.deepEqual(frame({ crop: 0 }), { crop: 0, aspectRatio: 0, width: 0, height: 0, scale: 1 });
  assert.deepEqual(frame({ size: { height: 9 }, aspectRatio: 2 }), { crop: -1, aspectRatio: 2, width: 0, height: 9, scale: 1 });
  assert.equal(frame({ size: {} }), null);
});

test('options: backgrounds', () => {
  const colour = (output) => backgroundColour(planOutput({ output }), noCss);
  assert.equal(colour({}), null);
  assert.deepEqual(colour({ background: '#abc' }), [0xaa, 0xbb, 0xcc, 255]);
  assert.deepEqual(colour({ background: '#01020304' }), [1, 2, 3, 4]);
  assert.deepEqual(colour({ background: [9, 8, 7] }), [9, 8, 7, 255]);
  assert.throws(() => colour({ background: 'nonsense' }), { code: 'invalid-argument' });
  assert.deepEqual(colour({ format: 'image/jpeg' }), [255, 255, 255, 255]);
  assert.deepEqual(colour({ format: 'image/jpeg', background: [0, 0, 0, 51] }), [204, 204, 204, 255]);
  assert.equal(colour({ format: 'image/jpeg', mask: true }), null);
});

test('the browser entry can be imported without a browser', async () => {
  const { getCapabilities, subscribeToProgress } = await import('../dist/index.js');
  const states = [];
  subscribeToProgress((state) => states.push(state))();
  assert.deepEqual(states, [{ phase: 'idle', progress: 0, sessionId: 0 }]);
  assert.equal(typeof getCapabilities, 'function');
});

test('models: the registry resolves, files beside the package and addresses elsewhere', () => {
  const fileUrl = (file) => `https://cdn/${file}`;
  const places = { fileUrl };
  assert.equal(resolveModel(undefined, places).source.url, `https://cdn/${models[0].file}`);
  for (const model of models) {
    const resolved = resolveModel(model.name, places);
    assert.equal(resolved.source.url, model.file ? fileUrl(model.file) : model.url);
    const mirrored = resolveModel(model.name, { fileUrl, pageUrl: 'https://page/a/', mirror: '../mirror' });
    assert.equal(mirrored.source.url, `https://page/mirror/${model.file ?? `${model.name}.onnx`}`);
  }
  const mine = { ...models[0], url: 'weights/x.onnx' };
  const at = (pageUrl) => ({ fileUrl, pageUrl, mirror: 'https://mirror/' });
  assert.equal(resolveModel(mine, at('https://page/a/b')).source.url, 'https://page/a/weights/x.onnx');
  assert.notEqual(resolveModel(mine, at('https://page/')).key, resolveModel({ ...mine, activation: 'sigmoid' }, at('https://page/')).key);
  assert.throws(() => resolveModel({ ...mine, url: null }, places), { code: 'invalid-argument' });
  assert.throws(() => resolveModel('u2netp', { fileUrl, mirror: 'nowhere' }), { code: 'invalid-argument' });
});

test('models: numbers that no model can have are found before the download', () => {
  const spec = { ...models[0], url: 'https://models.test/x.onnx' };
  for (const std of [[1, 0, 1], [1, 1, -0.2], [1, NaN, 1]]) {
    assert.throws(() => resolveModel({ ...spec, std }, {}), { code: 'invalid-argument', message: /^model\.std/ });
  }
});

test('models: the default file is the one the registry describes', () => {
  const file = readFileSync(defaultModel);
  assert.equal(file.length, models[0].bytes);
  assert.equal(createHash('sha256').update(file).digest('hex'), models[0].sha256);
});

test('models: what the registry says of the default model is what was measured, of this very file', () => {
  const results = readFileSync(new URL('../../training/RESULTS.md', import.meta.url), 'utf8');
  assert.ok(results.includes(models[0].sha256), 'training/RESULTS.md is of another file: run training/evaluate.py');
  const [pictures, iou, mae] = results.match(/^\| all \|(.*)\|$/m)[1].split('|').map(Number);
  const { training } = models[0];
  assert.ok(pictures > 400);
  assert.deepEqual([training.iou, training.mae], [iou, mae]);
  assert.match(training.commit, /^[0-9a-f]{40}$/);
  assert.ok(training.samples > 10_000);
});
