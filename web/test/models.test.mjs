// Models of one's own in Node: every kind of input and output, options, weights in other files and models in parts; compared with
// onnxruntime.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-node';
import { dispose, init, RawSession, readModelFile, segmentRaw, startEngine } from '../dist/node.js';
import { casePicture, externalFiles, externalModel, kHeight, kWidth, modelCases } from '../../tests/support/model_cases.mjs';
import { kWrongJson } from '../../tests/support/model_json.mjs';
import { fromHalves, halves } from '../../tests/support/onnx.mjs';
import { importSource, randomBytes, rejectsWith } from './helpers.mjs';

const { externalFile } = await importSource('shared/models.ts');

const folder = mkdtempSync(join(tmpdir(), 'decal-models-'));
after(async () => {
  await dispose();
  rmSync(folder, { recursive: true });
});

const plain = {
  input: { rule: 'stretch', width: kWidth, height: kHeight, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none',
};
const picture = casePicture();

/** The folder of a case, with all its files; `name.onnx` among them. */
function write({ name, onnx, files = {} }) {
  const at = join(folder, name);
  for (const [path, bytes] of Object.entries({ [`${name}.onnx`]: onnx, ...files })) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), bytes);
  }
  return at;
}

function expectMatte({ data }, { name, matte }) {
  for (let i = 0; i < data.length; ++i) {
    const expected = 255 * matte(...picture.data.subarray(4 * i, 4 * i + 3));
    assert.ok(Math.abs(data[i] - expected) <= 1.01, `${name}: pixel ${i}: ${data[i]}, not ${expected}`);
  }
}

test('every kind of model gives the right matte', async () => {
  for (const one of modelCases) {
    const url = pathToFileURL(join(write(one), `${one.name}.onnx`));
    expectMatte(await segmentRaw(picture, { refine: 'off', device: 'wasm', model: { ...plain, ...one.fields, name: one.name, url } }), one);
  }
});

test('all inputs and outputs agree with onnxruntime', async () => {
  const engine = await startEngine({ threads: 1 });
  const random = randomBytes(7);
  for (const one of modelCases) {
    const at = write(one);
    const path = join(at, `${one.name}.onnx`);
    const session = await RawSession.load(engine, readModelFile(path), { open: (other, use) => use(readModelFile(join(at, other))) });
    const theirs = await ort.InferenceSession.create(path);
    const dynamic = session.info().inputs.some(({ shape }) => shape.includes(-1));
    session.specialize(...(dynamic ? [kHeight, kWidth] : [0, 0]));
    const feeds = {};
    const inputs = session.info().inputs.map(({ name, dtype, shape }) => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
        const { value } = random.next();
        return dtype === 'u8' ? value : value / 64 - 2;
      });
      feeds[name] = dtype === 'u8' ? new ort.Tensor('uint8', Uint8Array.from(values), shape)
        : dtype === 'f16' ? new ort.Tensor('float16', halves(values), shape)
          : new ort.Tensor('float32', values, shape);
      return values;
    });
    const ran = await theirs.run(feeds);
    const { outputs } = session.run(inputs);
    session.info().outputs.forEach(({ name, dtype }, i) => {
      const expected = dtype === 'f16' ? fromHalves(new Uint16Array(ran[name].data.buffer, ran[name].data.byteOffset, ran[name].data.length)) : ran[name].data;
      assert.equal(outputs[i].length, expected.length);
      outputs[i].forEach((value, k) => assert.ok(Math.abs(value - expected[k]) <= 2e-3 * Math.max(1, Math.abs(expected[k])), `${one.name}: ${name}[${k}]: ${value}, not ${expected[k]}`));
    });
    session.free();
    await theirs.release();
  }
  engine.close();
});

test('what is wrong with a model says what, of which model, and what to do', async () => {
  const run = (name, fields = {}) => segmentRaw(picture, {
    device: 'wasm', model: { ...plain, name: `my ${name}`, data: modelCases.find((one) => one.name === name).onnx, ...fields },
  });
  for (const [name, fields, code, message] of [
    ['logits', { activation: 'none' }, 'invalid-argument', /^my logits: activation: .*sigmoid/],
    ['bytes', { activation: 'none' }, 'invalid-argument', /^my bytes: activation: .* from 0 to 200,.*bytes/],
    ['many-classes', {}, 'invalid-argument', /^my many-classes: .*4 classes.*foregroundClass/],
    ['several', {}, 'invalid-argument', /^my several: inputs: .*ratio, state/],
    ['several', { inputs: { ratio: 1, state: 0 }, output: 'mask' }, 'not-found', /^my several: mask: .*fgr, pha/],
    ['external', {}, 'not-found', /^my external: .*external\.onnx\.data.*externalData/],
  ]) {
    assert.match((await rejectsWith(code, () => run(name, fields))).message, message);
  }
  for (const fields of [{ output: '' }, { foregroundClass: -1 }, { foregroundClass: 1.5 }, { inputs: { ratio: 'much' } }, { inputs: [1] }, { externalData: 'x' }, { externalData: [{ path: '' }] }]) {
    await rejectsWith('invalid-argument', () => run('logits', fields));
  }
});

test('external data by lists of addresses and of files', async () => {
  const at = write({ name: 'listed', onnx: externalModel(), files: externalFiles });
  const [outer, inner] = Object.keys(externalFiles).map((path) => pathToFileURL(join(at, path)));
  const sha256 = createHash('sha256').update(externalFiles['more/bias.bin']).digest('hex');
  const right = modelCases.find(({ name }) => name === 'external');
  const segment = (externalData) => segmentRaw(picture, { refine: 'off', device: 'wasm', model: { ...plain, name: 'listed', data: externalModel(), externalData } });
  for (const externalData of [
    [inner, outer.href],
    [{ path: 'external.onnx.data', data: externalFiles['external.onnx.data'] }, { path: 'more/bias.bin', url: inner, sha256 }],
    [{ path: 'external.onnx.data', data: new Blob([externalFiles['external.onnx.data']]), bytes: 20 }, { path: 'bias.bin', url: inner }],
  ]) {
    expectMatte(await segment(externalData), right);
  }
  await rejectsWith('not-found', () => segment([outer]));
  await rejectsWith('corrupt-model', () => segment([outer, { path: 'bias.bin', url: inner, sha256: sha256.replace(/./g, '0') }]));
  await rejectsWith('corrupt-model', () => segment([outer, { path: 'bias.bin', data: new Uint8Array(3) }]));
  await rejectsWith('corrupt-model', () => segmentRaw(picture, { refine: 'off', model: { ...plain, name: 'x', data: externalModel({ outer: { location: '../x' } }) } }));
});

test('external data beside the model keeps to its folder, whatever its name would mean in an address', () => {
  const model = { spec: { name: 'm' }, source: { url: 'https://host/models/m.onnx?key=1' } };
  for (const [path, url] of [
    ['m.onnx.data', 'https://host/models/m.onnx.data'], ['sub/a b', 'https://host/models/sub/a%20b'],
    ['%2e%2e/x', 'https://host/models/%252e%252e/x'], ['a?b#c', 'https://host/models/a%3Fb%23c'],
  ]) {
    assert.equal(externalFile(model, path).source.url, url);
  }
});

test('a model in parts, and from an address', async () => {
  const one = modelCases.find(({ name }) => name === 'softmax');
  const pieces = [one.onnx.subarray(0, 50), one.onnx.subarray(50, 120), one.onnx.subarray(120)];
  const parts = pieces.map((piece) => ({
    url: `https://host/${createHash('sha256').update(piece).digest('hex')}`, bytes: piece.length, sha256: createHash('sha256').update(piece).digest('hex'),
  }));
  let asked = [];
  const fetch = async (url) => {
    asked.push(url);
    const at = parts.findIndex((part) => part.url === url);
    return new Response(pieces[at], { headers: { 'content-length': String(pieces[at].length) } });
  };
  await init({ fetch, cacheDir: join(folder, 'cache'), device: 'wasm' });
  const segment = (list) => segmentRaw(picture, { refine: 'off', device: 'wasm', model: { ...plain, ...one.fields, name: 'parts', parts: list } });
  expectMatte(await segment(parts), one);
  assert.deepEqual(asked, parts.map(({ url }) => url));
  asked = [];
  await init({ simd: 'baseline' });  // another engine: the model is read anew, from the cache
  expectMatte(await segment(parts), one);
  assert.deepEqual(asked, []);
  await rejectsWith('corrupt-model', () => segment([parts[0], { ...parts[1], sha256: parts[0].sha256 }, parts[2]]));
});

test('a model’s file: described by a JSON file beside it, by options before that, and by defaults', async () => {
  const right = modelCases.find(({ name }) => name === 'softmax');
  const at = write({ ...right, name: 'beside' });
  const path = join(at, 'beside.onnx');
  const segment = (model) => segmentRaw(picture, { refine: 'off', device: 'wasm', model });
  writeFileSync(join(at, 'beside.json'), JSON.stringify({ name: 'another', url: null, sha256: null, bytes: 1, output: null, ...plain, ...right.fields }));
  const described = await segment({ ...plain, ...right.fields, name: 'beside', url: pathToFileURL(path) });
  expectMatte(described, right);
  assert.equal(described.execution.model, 'beside');
  for (const model of [path, { url: pathToFileURL(path) }, { url: pathToFileURL(path).href, name: 'mine' }]) expectMatte(await segment(model), right);
  assert.equal((await segment(path)).execution.model, 'beside.onnx');
  await init({ model: path });
  expectMatte(await segmentRaw(picture, { refine: 'off' }), right);
  await init({ model: undefined });
  // MODEL.onnx.json goes before MODEL.json, and options before both.
  writeFileSync(join(at, 'beside.onnx.json'), JSON.stringify({ ...right.fields, foregroundClass: 1 }));
  const other = await segment(path);
  assert.notDeepEqual(other.data, described.data);
  expectMatte(await segment({ url: pathToFileURL(path), foregroundClass: right.fields.foregroundClass }), right);
  // Without one, as the command: RGB in 0..1, and a matte.
  const planar = modelCases.find(({ name }) => name === 'three-dimensions');
  expectMatte(await segment(join(write({ ...planar, name: 'alone' }), 'alone.onnx')), planar);
});

test('what is wrong in the JSON file names the file and the key', async () => {
  const at = write({ ...modelCases.find(({ name }) => name === 'logits'), name: 'wrong' });
  const run = () => segmentRaw(picture, { refine: 'off', device: 'wasm', model: join(at, 'wrong.onnx') });
  for (const [content, key, message] of kWrongJson) {
    writeFileSync(join(at, 'wrong.json'), content);
    const said = (await rejectsWith('invalid-argument', run)).message;
    assert.ok(said.startsWith(`${join(at, 'wrong.json')}: ${key ?? ''}`), `${content}: ${said}`);
    assert.match(said, message);
  }
  await rejectsWith('not-found', () => segmentRaw(picture, { refine: 'off', model: join(at, 'nothing.onnx') }));
});
