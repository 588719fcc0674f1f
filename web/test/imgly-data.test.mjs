// IMG.LY's data as sites host it: resources.json and chunks, made here in the two forms that their versions have.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { dispose, init, segmentRaw } from '../dist/node.js';
import { importSource, matteModel, rejectsWith } from './helpers.mjs';

const { findResources, isTheirs, theirModel } = await importSource('page/imgly-data.ts');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A folder of theirs: `{path: bytes}`. `form`: 1.4 names chunks by their hash, later versions call them by a name. */
function data(models, form) {
  const files = {};
  const resources = {};
  for (const [key, bytes] of Object.entries(models)) {
    const chunks = [];
    for (let from = 0; from < bytes.length; from += 70) {
      const chunk = bytes.subarray(from, from + 70);
      const name = form === 'hash' ? sha256(chunk) : `${key.slice(1).replaceAll('/', '-')} ${from}`;
      files[encodeURIComponent(name)] = chunk;
      chunks.push({ [form]: name, offsets: [from, from + chunk.length] });
    }
    resources[key] = { chunks, size: bytes.length, mime: 'application/octet-stream' };
  }
  files['resources.json'] = Buffer.from(JSON.stringify(resources));
  return files;
}

const kHost = 'https://host.example/';
const files = {};
const asked = [];
const fetchFiles = async (url) => {
  asked.push(String(url));
  const bytes = files[String(url).slice(kHost.length)];
  if (!bytes) return new Response('<!doctype html>', { status: 404, headers: { 'content-type': 'text/html' } });
  return new Response(bytes, { headers: { 'content-length': String(bytes.length), etag: '"1"' } });
};
const { fetch: realFetch } = globalThis;

before(async () => {
  globalThis.fetch = fetchFiles;
  await init({ fetch: fetchFiles, cacheDir: null, device: 'wasm' });
});
after(async () => {
  globalThis.fetch = realFetch;
  await dispose();
});

const place = (folder, contents) => Object.assign(files, Object.fromEntries(Object.entries(contents).map(([path, bytes]) => [`${folder}/${path}`, bytes])));

/** The matte is a channel of what their models are fed: (value - 128) / 256. */
const models = { red: matteModel([1, 0, 0]), blue: matteModel([0, 0, 1]) };
const picture = { width: 2, height: 1, data: Uint8Array.from([255, 128, 160, 255, 255, 128, 160, 255]) };

for (const [form, small, medium] of [['hash', '/models/small', '/models/medium'], ['name', '/models/isnet_quint8', '/models/isnet_fp16']]) {
  test(`their models run from their folder, chunks called by a ${form}`, async () => {
    const folder = `theirs-${form}`;
    place(folder, data({ '/onnxruntime-web/ort.wasm': Buffer.from('not for us'), [small]: models.red, [medium]: models.blue }, form));
    const resources = await findResources(`${kHost}${folder}/`);
    for (const [model, channel] of [[undefined, 2], ['isnet_fp16', 2], ['medium', 2], ['isnet_quint8', 0], ['small', 0]]) {
      const { data: matte } = await segmentRaw(picture, { model: theirModel(resources, model) });
      for (const i of [0, 1]) {
        const expected = (255 * (picture.data[4 * i + channel] - 128)) / 256;
        assert.ok(Math.abs(matte[i] - expected) <= 1, `${model}: ${matte[i]}, not ${expected}`);
      }
    }
    assert.throws(() => theirModel(resources, 'isnet'), { code: 'not-found', message: /no model "isnet".*there are/ });
    assert.equal(theirModel(resources, 'u2netp'), 'u2netp');
  });
}

test('it is looked for once, and a folder without it is not theirs', async () => {
  place('ours', { 'worker.js': Buffer.from('') });
  place('other', { 'resources.json': Buffer.from('{"/something": {}}') });
  place('page', { 'resources.json': Buffer.from('<!doctype html>') });
  for (const folder of ['ours', 'other', 'page', 'nothing']) {
    assert.equal(await findResources(`${kHost}${folder}`), null);
    const before = asked.length;
    assert.equal(await findResources(`${kHost}${folder}`), null);
    assert.equal(asked.length, before);
  }
  assert.ok(isTheirs('isnet') && isTheirs('medium') && !isTheirs('isnet-general') && !isTheirs(undefined));
});

test('chunks that are wrong, missing or do not make up a file', async () => {
  const run = async (folder) => segmentRaw(picture, { model: theirModel(await findResources(`${kHost}${folder}/`), 'isnet') });
  const good = data({ '/models/isnet': models.red }, 'hash');
  const [first] = Object.keys(good);
  place('wrong', { ...good, [first]: Buffer.alloc(70, 1) });
  await rejectsWith('corrupt-model', () => run('wrong'));
  place('missing', { ...good, [first]: undefined });
  await rejectsWith('not-found', () => run('missing'));
  const resources = JSON.parse(good['resources.json']);
  for (const [name, change] of [
    ['gap', (entry) => entry.chunks.splice(0, 1)], ['short', (entry) => entry.chunks.pop()], ['nameless', (entry) => delete entry.chunks[0].hash],
    ['none', (entry) => (entry.chunks = [])],
  ]) {
    const changed = structuredClone(resources);
    change(changed['/models/isnet']);
    place(name, { ...good, 'resources.json': Buffer.from(JSON.stringify(changed)) });
    await rejectsWith('corrupt-model', () => run(name));
  }
});
