// The Node entry: pictures in, cut-outs out, PNG files, errors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import {
  applyMatteRaw, clearCache, dispose, encodePng, init, listModels, models, onExecution, preload, removeBackgroundBatchRaw,
  removeBackgroundRaw, segmentRaw, startEngine,
} from '../dist/node.js';
import { defaultModel, importSource, matteModel, rejectsWith, samplePicture } from './helpers.mjs';
import { startFaultServer } from './support/fault-server.mjs';

after(dispose);

for (const [width, height] of [[1, 1], [1, 300], [300, 1], [127, 65], [700, 500]]) {
  test(`PNG of ${width} x ${height} decodes to the same pixels`, async () => {
    const picture = samplePicture(width, height);
    const png = await encodePng(picture);
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [width, height, 4]);
    assert.deepEqual(new Uint8Array(data), picture.data);
  });
}

test('writing a PNG stops where the cancel flag is raised', async () => {
  const { encodePng: encodeParts } = await importSource('engine/png.ts');
  const engine = await startEngine({ threads: 1 });
  const [width, height] = [1000, 5000];
  const rgba = engine.alloc(4 * width * height, 'a picture');
  const packed = [];
  const { decal_png_pack: pack } = engine.exports;
  const watched = Object.create(engine, {
    exports: {
      value: {
        ...engine.exports,
        decal_png_pack(...rows) {
          packed.push(rows[3]);
          Atomics.store(new Int32Array(engine.memory.buffer, engine.exports.decal_cancel_flag() >>> 0, 1), 0, 1);
          return pack(...rows);
        },
      },
    },
  });
  await assert.rejects(encodeParts(watched, rgba, width, height), { code: 'cancelled' });
  assert.equal(packed.length, 1);
  assert.ok(packed[0] < height);
  engine.close();
});

test('a cut-out has the picture\'s size, and no colour where it is transparent', async () => {
  const picture = samplePicture(300, 200);
  const before = picture.data.slice();
  const { data, width, height, execution } = await removeBackgroundRaw(picture);
  assert.deepEqual([width, height, data.length], [300, 200, 4 * 300 * 200]);
  assert.deepEqual(picture.data, before);
  let transparent = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 0) continue;
    ++transparent;
    assert.deepEqual([...data.subarray(i, i + 3)], [0, 0, 0]);
  }
  assert.ok(transparent > 0);
  assert.equal(execution.provider, 'wasm');
  assert.equal(execution.model, models[0].name);
  assert.deepEqual([execution.requested, execution.downgraded.from, execution.downgraded.to], ['auto', 'webgpu', 'wasm']);
  assert.ok(execution.ms.inference > 0 && execution.memoryBytes > 1e6);
});

test('mask gives an opaque grey picture', async () => {
  const { data } = await removeBackgroundRaw(samplePicture(64, 48), { output: { mask: true } });
  for (let i = 0; i < data.length; i += 4) {
    assert.ok(data[i] === data[i + 1] && data[i] === data[i + 2] && data[i + 3] === 255);
  }
});

/** A picture whose every pixel is opaque. */
function opaquePicture(width, height) {
  const picture = samplePicture(width, height);
  for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;
  return picture;
}

test('the model for people in motion comes with the package, and finds a person', async () => {
  const photo = sharp('/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg').resize(256, 300).ensureAlpha();
  const { data, width, height, execution } = await removeBackgroundRaw({ data: await photo.raw().toBuffer(), width: 256, height: 300 }, { model: 'people-live' });
  assert.deepEqual([execution.model, width, height], ['people-live', 256, 300]);
  const alpha = (x, y) => data[4 * (y * 256 + x) + 3];
  assert.ok(alpha(128, 120) > 230 && alpha(245, 20) < 40, `${alpha(128, 120)} in the face, ${alpha(245, 20)} beside it`);
});

test('a matte taken out and put on again gives the same cut-out', async () => {
  // Of several strips, with a rest.
  const picture = opaquePicture(1500, 1100);
  for (const output of [{}, { background: [10, 200, 30, 128] }, { mask: true }]) {
    const own = { ...output, decontaminate: false };
    const direct = await removeBackgroundRaw(picture, { output: own });
    const matte = await segmentRaw(picture);
    assert.deepEqual([matte.width, matte.height, matte.data.length], [1500, 1100, 1500 * 1100]);
    assert.ok(matte.execution.ms.inference > 0);
    const { data } = await applyMatteRaw(picture, matte, { output: own });
    // To the bit, but for the mixture with a background, which sees the matte before it was rounded.
    const most = output.background ? 1 : 0;
    assert.ok(data.every((value, i) => Math.abs(value - direct.data[i]) <= most), JSON.stringify(output));
  }
});

test('a matte leaves the picture\'s own alpha out, and putting it on brings it in', async () => {
  const picture = samplePicture(90, 60);
  const matte = await segmentRaw(picture);
  const opaque = await segmentRaw(opaquePicture(90, 60));
  assert.deepEqual(matte.data, opaque.data);
  const { data } = await applyMatteRaw(picture, { ...matte, data: matte.data.fill(255) });
  for (let i = 3; i < data.length; i += 4) assert.equal(data[i], picture.data[i]);
});

test('a matte of another size is stretched, of bytes or of floats', async () => {
  const picture = opaquePicture(4, 1);
  const alpha = async (matte) => (await applyMatteRaw(picture, matte)).data.filter((_, i) => i % 4 === 3);
  assert.deepEqual([...await alpha({ width: 2, height: 1, data: Uint8Array.of(0, 255) })], [0, 64, 191, 255]);
  assert.deepEqual([...await alpha({ width: 2, height: 1, data: Float32Array.of(0, 1) })], [0, 64, 191, 255]);
  assert.deepEqual([...await alpha({ width: 1, height: 7, data: new Float32Array(7).fill(0.2) })], [51, 51, 51, 51]);
  // Beyond what alpha can be, and no number at all.
  assert.deepEqual([...await alpha({ width: 4, height: 1, data: Float32Array.of(-1, 2, NaN, 0.5) })], [0, 255, 0, 128]);
});

/** A model whose matte is that of a channel. */
const channelModel = (weights) => ({
  name: 'channel', input: { rule: 'stretch', width: 48, height: 32, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none',
  data: matteModel(weights),
});

test('what was found is told, and a picture without a subject has an empty result, or fails if requested', async () => {
  const picture = { data: new Uint8Array(4 * 96 * 64), width: 96, height: 64 };
  for (let i = 0; i < picture.data.length; i += 4) {
    const [x, y] = [(i / 4) % 96, Math.floor(i / 4 / 96)];
    picture.data.set([x >= 32 && x < 64 && y >= 16 && y < 48 ? 255 : 0, 0, 0, 255], i);
  }
  const output = { refine: 'off', decontaminate: false };
  const red = await removeBackgroundRaw(picture, { model: channelModel([1, 0, 0]), output });
  assert.ok(Math.abs(red.coverage - 1 / 6) < 0.02, String(red.coverage));
  assert.deepEqual(red.boundingBox, { x: 32, y: 16, width: 32, height: 32 });
  assert.deepEqual(red.notes, []);
  const green = await removeBackgroundRaw(picture, { model: channelModel([0, 1, 0]) });
  assert.deepEqual([green.coverage, green.boundingBox, green.notes], [0, null, ['no subject found']]);
  const error = await rejectsWith('no-subject', () => removeBackgroundRaw(picture, { model: channelModel([0, 1, 0]), failIfEmpty: true }));
  assert.equal(error.message, 'source: no subject found');
  await rejectsWith('no-subject', () => segmentRaw(picture, { model: channelModel([0, 1, 0]), failIfEmpty: true }));
  // Cut to it, on a square, and resized.
  const framed = await removeBackgroundRaw(picture, {
    model: channelModel([1, 0, 0]), output: { ...output, threshold: 0.5, crop: 0, size: { width: 64, height: 128 }, background: [0, 0, 255] },
  });
  assert.deepEqual([framed.width, framed.height, framed.data.length], [64, 128, 4 * 64 * 128]);
  assert.deepEqual([...framed.data.subarray(0, 4)], [0, 0, 255, 255]);
  assert.deepEqual([...framed.data.subarray(4 * (64 * 64 + 32), 4 * (64 * 64 + 32) + 4)], [255, 0, 0, 255]);
  assert.deepEqual(framed.boundingBox, red.boundingBox, "in the picture's own pixels");
});

test('what is no matte is refused, and a buffer that went away is no picture', async () => {
  const picture = samplePicture(8, 8);
  const apply = (matte) => () => applyMatteRaw(picture, matte);
  await rejectsWith('invalid-argument', apply({ width: 8, height: 8, data: new Uint8Array(63) }));
  await rejectsWith('invalid-argument', apply({ width: 0, height: 0, data: new Uint8Array(0) }));
  await rejectsWith('invalid-argument', apply({ width: 1, height: 1, data: [255] }));
  const queued = samplePicture(8, 8);
  const first = removeBackgroundRaw(picture);
  const second = rejectsWith('invalid-argument', () => removeBackgroundRaw(queued));
  structuredClone(queued.data, { transfer: [queued.data.buffer] });
  await Promise.all([first, second]);
});

test('a model is loaded ahead, and a batch comes in order with its failures', async () => {
  await dispose();
  const events = [];
  const end = onExecution(({ kind }) => events.push(kind));
  await preload();
  assert.deepEqual(events, ['session']);
  const pictures = [opaquePicture(20, 10), { data: new Uint8Array(1), width: 1, height: 1 }, opaquePicture(10, 20)];
  const items = [];
  for await (const { index, source, result, error } of removeBackgroundBatchRaw(pictures, { output: { mask: true } })) {
    assert.equal(source, pictures[index]);
    items.push(error?.code ?? [result.width, result.height, result.data[3]]);
  }
  end();
  assert.deepEqual(items, [[20, 10, 255], 'invalid-argument', [10, 20, 255]]);
  assert.deepEqual(events, ['session', 'run', 'run']);
});

test('an opaque background leaves nothing transparent', async () => {
  const { data } = await removeBackgroundRaw(samplePicture(64, 48), { output: { background: '#0f08' } });
  const solid = await removeBackgroundRaw(samplePicture(64, 48), { output: { background: [0, 255, 0] } });
  assert.ok(data.some((value, i) => i % 4 === 3 && value < 255));
  assert.ok(solid.data.every((value, i) => i % 4 !== 3 || value === 255));
});

test('a model of one\'s own, by address and as data, gives what the registry\'s gives', async () => {
  const picture = samplePicture(80, 60);
  const { data } = await removeBackgroundRaw(picture);
  const spec = { ...models[0], name: 'mine' };
  const byUrl = await removeBackgroundRaw(picture, { model: { ...spec, url: pathToFileURL(defaultModel) } });
  const byData = await removeBackgroundRaw(picture, { model: { ...spec, data: readFileSync(defaultModel) } });
  assert.equal(byUrl.execution.model, 'mine');
  assert.deepEqual(byUrl.data, data);
  assert.deepEqual(byData.data, data);
});

test('each failure has its code, and the next call works', async () => {
  const picture = samplePicture(8, 8);
  const run = (options, image = picture) => removeBackgroundRaw(image, options);
  const mine = { ...models[0], url: pathToFileURL(defaultModel) };
  await rejectsWith('invalid-argument', () => run({}, { data: new Uint8Array(3), width: 1, height: 1 }));
  await rejectsWith('invalid-argument', () => run({}, { data: new Uint8Array(0), width: 0, height: 0 }));
  await rejectsWith('invalid-argument', () => run({ device: 'tpu' }));
  await rejectsWith('webgpu-unavailable', () => run({ device: 'webgpu' }));
  const unknown = await rejectsWith('not-found', () => run({ model: 'nope' }));
  assert.match(unknown.message, /decal-default/);
  for (const value of [0, -1]) await rejectsWith('invalid-argument', () => run({ model: { ...mine, std: [1, value, 1] } }));
  await rejectsWith('invalid-argument', () => run({ model: { ...mine, input: { rule: 'stretch', width: 0, height: 1, multiple: 1 } } }));
  await rejectsWith('invalid-argument', () => run({ model: { ...mine, sha256: '../x' } }));
  const missing = await rejectsWith('not-found', () => run({ model: { ...mine, url: 'file:///nowhere/x.onnx' } }));
  assert.match(missing.message, /nowhere\/x\.onnx/);
  const size = await rejectsWith('corrupt-model', () => run({ model: { ...mine, bytes: 12 } }));
  assert.match(size.message, /12/);
  await rejectsWith('corrupt-model', () => run({ model: { ...mine, sha256: '0'.repeat(64) } }));
  await rejectsWith('corrupt-model', () => run({ model: { ...mine, sha256: null, bytes: null, data: new Uint8Array(64) } }));
  await assert.rejects(run({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal((await run({ device: 'wasm' })).execution.downgraded, null);
});

test('a mirror\'s model is downloaded once into the cache folder, with a fetch of one\'s own', async () => {
  const picture = samplePicture(30, 20);
  const { data } = await removeBackgroundRaw(picture);
  const server = await startFaultServer();
  const { url, world } = server.add('decal-default.onnx', { versions: [readFileSync(defaultModel)] });
  const cacheDir = mkdtempSync(join(tmpdir(), 'decal-cache-'));
  const fetched = [];
  const fetchModel = (address, init) => (fetched.push(address), fetch(address, init));
  const reasons = [];
  const stop = onExecution((event) => reasons.push(...event.reasons));
  try {
    const settings = { modelBaseUrl: new URL('.', url), cacheDir, fetch: fetchModel };
    for (let i = 0; i < 2; ++i) {
      await init(settings);
      assert.deepEqual((await removeBackgroundRaw(picture)).data, data);
      const models = await listModels();
      const listed = models[0], other = models.find((model) => model.name === 'u2netp');
      assert.deepEqual([listed.url, listed.cached, listed.bytes], [url, true, world.version.length]);
      assert.deepEqual([other.cached, other.url], [false, new URL('u2netp.onnx', url).href]);
      await dispose();
    }
    assert.deepEqual(fetched, [url]);
    await init({ ...settings, cacheDir: null });
    assert.equal(world.requests.length, 2);
    await dispose();
    await init(settings);
    await clearCache();
    assert.equal((await listModels())[0].cached, false);
    assert.ok(reasons.every((reason) => !/not kept/.test(reason)), 'nobody asked to keep it');
  } finally {
    stop();
    await dispose();
    await server.close();
    rmSync(cacheDir, { recursive: true });
  }
});

test('calls at the same time queue', async () => {
  const results = await Promise.all([10, 20, 30].map((width) => removeBackgroundRaw(samplePicture(width, 10))));
  assert.deepEqual(results.map((result) => result.width), [10, 20, 30]);
});

test('other settings let the calls in progress end with theirs', async () => {
  await init({ threads: 1 });
  const first = removeBackgroundRaw(samplePicture(40, 30));
  const restart = init({ threads: 2 });
  const second = removeBackgroundRaw(samplePicture(40, 30));
  const results = await Promise.all([first, second]);
  await restart;
  assert.deepEqual(results.map(({ execution }) => execution.threads), [1, 2]);
  assert.deepEqual(results[0].data, results[1].data);
  await dispose();
});

test('an aborted call ends at once with its reason, in the queue and at the start of an engine', async () => {
  await dispose();
  const reason = new Error('changed my mind');
  const abort = new AbortController();
  const calls = [0, 1].map(() => removeBackgroundRaw(samplePicture(8, 8), { signal: abort.signal }));
  const third = removeBackgroundRaw(samplePicture(8, 8));
  await new Promise((resolve) => setTimeout(resolve, 1));
  abort.abort(reason);
  for (const call of calls) await assert.rejects(call, reason);
  assert.equal((await third).width, 8);
});

test('more threads than the engine has stacks for are refused, wherever they are asked for', async () => {
  const { kMostThreads } = await importSource('border/border.ts');
  const threads = kMostThreads + 1;
  const engine = await startEngine({ threads: 1 });
  for (const start of [() => init({ threads }), () => startEngine({ threads }), () => engine.check(() => engine.exports.decal_threads_init(threads))]) {
    const { message } = await rejectsWith('invalid-argument', start);
    assert.equal(message, 'threads: a whole number, 1 to 64');
  }
  engine.close();
  await dispose();
});

test('a folder of assets is a folder without a slash at its end, too, and an address that is none is named', async () => {
  await dispose();
  await init({ assetBaseUrl: new URL('../dist', import.meta.url) });
  assert.equal((await removeBackgroundRaw(samplePicture(8, 8))).width, 8);
  await dispose();
  const error = await rejectsWith('invalid-argument', () => init({ assetBaseUrl: 'http://[' }));
  assert.match(error.message, /assetBaseUrl: "http:\/\/\["/);
  await dispose();
});

/** Runs a script beside a copy of the package whose file for helper threads is `thread`; null for none. */
function inBrokenPackage(thread, script) {
  const folder = mkdtempSync(join(tmpdir(), 'decal-package-'));
  try {
    cpSync(new URL('../dist', import.meta.url), folder, { recursive: true, filter: (path) => !path.endsWith('.map') });
    rmSync(join(folder, 'node-thread.js'));
    if (thread !== null) writeFileSync(join(folder, 'node-thread.js'), thread);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'run.js'), script);
    return spawnSync(process.execPath, [join(folder, 'run.js')], { encoding: 'utf8', timeout: 60_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [what, thread, code, message] of [
  ['whose file is missing', null, 'not-found', /node-thread\.js: there is no such file.*copy-assets/],
  ['that meets a trap', 'throw new WebAssembly.RuntimeError("unreachable");', 'worker-lost', /a thread of the engine failed: unreachable/],
]) {
  test(`a helper thread ${what} is a rejected call, not the end of the process`, () => {
    const { status, stdout, stderr } = inBrokenPackage(thread, `
      import { removeBackgroundRaw, init } from './node.js';
      const picture = { data: new Uint8Array(4 * 64).fill(255), width: 8, height: 8 };
      const codes = [];
      await init({ threads: 4 }).catch((error) => codes.push([error.name, error.code, error.message]));
      await init({ threads: 1 });
      codes.push((await removeBackgroundRaw(picture)).width);
      console.log(JSON.stringify(codes));
    `);
    assert.equal(status, 0, stderr);
    const [[name, found, text], width] = JSON.parse(stdout);
    assert.deepEqual([name, found, width], ['DecalError', code, 8]);
    assert.match(text, message);
  });
}

test('after dispose everything starts anew', async () => {
  await init({ threads: 1 });
  assert.equal((await removeBackgroundRaw(samplePicture(8, 8))).execution.threads, 1);
  await dispose();
  assert.ok((await removeBackgroundRaw(samplePicture(8, 8))).execution.ms.load > 0);
});
