// The engine-facing subcommands: models, inspect and run.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chainModel, decal, files, kDefaultModel, npy, scratch } from './support.mjs';

test('models: a table, or JSON, of the registry', async () => {
  const registry = JSON.parse(await readFile(new URL('../../models/registry.json', import.meta.url))).models;
  const table = (await decal(['models'])).stdout.toString();
  const json = (await decal(['models', '--json'])).stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(json.map(({ name }) => name), registry.map(({ name }) => name));
  assert.deepEqual(json.map(({ embedded }) => embedded), registry.map(({ file }) => file !== null));
  for (const { name, licence, url, description } of registry) {
    for (const text of [name, licence, url ?? 'embedded', description]) assert.ok(table.includes(text), text);
  }
});

test('inspect: tensors, schedule and memory', async () => {
  for (const model of ['decal-default', kDefaultModel]) {
    const { status, stdout, stderr } = await decal(['inspect', model]);
    assert.equal(status, 0, stderr);
    const text = stdout.toString();
    assert.match(text, /^input\s+input\s+f32 \[1, 3, 256, 256\]$/m);
    assert.match(text, /^output\s+matte\s+f32 \[1, 1, 256, 256\]$/m);
    assert.match(text, /^\d+ steps, \d+\.\d+ G multiply-adds$/m);
    for (const line of ['weights', 'arena', 'scratch', 'total', 'lower bound']) assert.match(text, new RegExp(`^  ${line} +\\d+`, 'm'));
  }
});

test('inspect: models that cannot run say all that is wrong in one line', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'odd.onnx'), chainModel([['Relu', 'fine'], ['Frobnicate', 'first_odd'], ['Teleport', 'second_odd']]));
  const odd = await decal(['inspect', 'odd.onnx'], { cwd });
  assert.equal(odd.status, 1);
  assert.equal(odd.stderr.trimEnd().split('\n').length, 1);
  assert.match(odd.stderr, /^decal: odd\.onnx: .*\(unsupported-operator\)$/m);
  for (const word of ['Frobnicate', 'first_odd', 'Teleport', 'second_odd']) assert.ok(odd.stderr.includes(word), word);
  assert.doesNotMatch(odd.stderr, /Relu/);

  await writeFile(join(cwd, 'noise.onnx'), Buffer.alloc(5000, 0xa7));
  const noise = await decal(['inspect', 'noise.onnx'], { cwd });
  assert.equal(noise.status, 1);
  assert.match(noise.stderr, /^decal: noise\.onnx: .*\(corrupt-model\)$/m);
  const missing = await decal(['inspect', 'missing.onnx'], { cwd });
  assert.match(missing.stderr, /^decal: missing\.onnx: cannot open: .*\(not-found\)$/m);
  const other = await decal(['inspect', 'decal-default', '--height', '100', '--width', '100'], { cwd });
  assert.equal(other.status, 1);
  assert.match(other.stderr, /^decal: decal-default: .*\(shape-mismatch\)$/m);
  assert.equal((await decal(['inspect', 'decal-default', '--height', '100'], { cwd })).status, 2);
});

test('run: one line of JSON and the output tensor', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'relu.onnx'), chainModel([['Relu', 'r']]));
  const values = Float32Array.from({ length: 192 }, (_, i) => i - 96);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 8, 8], values));
  const { status, stdout, stderr } = await decal(
    ['run', 'relu.onnx', '--input', 'x.npy', '--output', 'y.npy', '--threads', '2', '--repeat', '5'], { cwd });
  assert.equal(status, 0, stderr);
  const text = stdout.toString();
  assert.equal(text.indexOf('\n'), text.length - 1, 'exactly one line');
  const report = JSON.parse(text);
  assert.deepEqual(Object.keys(report), ['load_ms', 'plan_ms', 'run_ms', 'memory_bytes', 'threads', 'simd']);
  assert.deepEqual(Object.keys(report.run_ms), ['min', 'median']);
  assert.deepEqual(Object.keys(report.memory_bytes), ['weights', 'arena', 'peak']);
  assert.equal(report.threads, 2);
  assert.ok(report.run_ms.min <= report.run_ms.median);
  assert.ok(report.memory_bytes.peak > 1e6);

  const output = await readFile(join(cwd, 'y.npy'));
  const header = 10 + output.readUInt16LE(8);
  assert.match(output.subarray(10, header).toString(), /'shape': \(1, 3, 8, 8\)/);
  const got = new Float32Array(output.buffer.slice(output.byteOffset + header, output.byteOffset + output.length));
  assert.deepEqual(got, values.map((value) => Math.max(value, 0)));

  const profiled = await decal(['run', 'relu.onnx', '--input', 'x.npy', '--output', 'y.npy', '--profile'], { cwd });
  assert.match(profiled.stderr, /ms .*GF\/s/);
});

test('run: tensors that do not fit are errors and leave no file', async (t) => {
  const cwd = await scratch(t);
  const run = (...args) => decal(['run', kDefaultModel, '--input', 'x.npy', '--output', 'y.npy', ...args], { cwd });
  const expectError = async (pattern) => {
    const { status, stderr, stdout } = await run();
    assert.equal(status, 1);
    assert.match(stderr, pattern);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
    assert.equal(stdout.length, 0);
  };
  await expectError(/^decal: x\.npy: cannot open: .*\(not-found\)$/m);
  await writeFile(join(cwd, 'x.npy'), 'not numpy');
  await expectError(/^decal: x\.npy: not a \.npy file \(invalid-argument\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([2], new Float64Array(2), '<f8'));
  await expectError(/^decal: x\.npy: holds <f8, not .*\(invalid-argument\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 8, 8], new Float32Array(192)));
  await expectError(/\(shape-mismatch\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 256, 256], new Float32Array(100)));
  await expectError(/has 400 bytes of data .*\(invalid-argument\)$/m);
  assert.deepEqual(await files(cwd), ['x.npy']);
  assert.equal((await decal(['run', kDefaultModel], { cwd })).status, 2);
});
