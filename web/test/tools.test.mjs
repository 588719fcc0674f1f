// The Node tools as a person runs them.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { defaultModel, kMatteSide, kSide, root, samplePicture } from './helpers.mjs';
import { readNpy, writeNpy } from '../tools/npy.mjs';

const folder = mkdtempSync(join(tmpdir(), 'decal-test-'));
after(() => rmSync(folder, { recursive: true }));

const path = (name) => join(folder, name);

function runTool(name, args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'web/tools', name), ...args], (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }));
  });
}

test('npy files survive a round trip', () => {
  for (const shape of [[3], [2, 3], [1, 2, 3, 4]]) {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i / 3);
    writeNpy(path('a.npy'), shape, data);
    assert.deepEqual(readNpy(path('a.npy')), { shape, data });
  }
});

test('run-onnx prints one line of JSON and writes the output', async () => {
  writeNpy(path('x.npy'), [1, 3, kSide, kSide], new Float32Array(3 * kSide ** 2).fill(0.5));
  const { status, stdout, stderr } = await runTool('run-onnx.mjs',
    [defaultModel, path('x.npy'), path('y.npy'), '--threads', '2', '--warm-up', '1', '--repeat', '3', '--simd', 'baseline']);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim().split('\n').length, 1);
  const report = JSON.parse(stdout);
  assert.ok(report.startMs > 0 && report.loadMs > 0 && report.planMs > 0);
  const sorted = report.runMs.all.toSorted((a, b) => a - b);
  assert.deepEqual([report.runMs.min, report.runMs.median, sorted.length], [sorted[0], sorted[1], 3]);
  assert.ok(report.memoryBytes.weights > 0 && report.memoryBytes.arena > 0 && report.memoryBytes.peak > 0);
  assert.deepEqual([report.threads, report.simd], [2, 'baseline']);
  assert.deepEqual(readNpy(path('y.npy')).shape, [1, 1, kMatteSide, kMatteSide]);
});

test('run-onnx: bad input is one line, status 1 and no output', async () => {
  writeFileSync(path('text.onnx'), 'not a model');
  writeNpy(path('flat.npy'), [3, kSide, kSide], new Float32Array(3 * kSide ** 2));
  writeNpy(path('small.npy'), [1, 3, 8, 8], new Float32Array(3 * 64));
  const cases = [
    [['missing.onnx', path('x.npy')], /missing\.onnx/],
    [[path('text.onnx'), path('x.npy')], /text\.onnx: .*corrupt-model/],
    [[defaultModel, path('flat.npy')], new RegExp(`flat\\.npy: shape \\[3,${kSide},${kSide}\\].*shape-mismatch`)],
    [[defaultModel, path('small.npy')], new RegExp(`\\.onnx: .*height is fixed to ${kSide}.*shape-mismatch`)],
    [[defaultModel, path('text.onnx')], /text\.onnx/],
    [[defaultModel, path('x.npy'), '--threads', '0'], /--threads 0/],
    [[defaultModel, path('x.npy'), '--warm-up', 'x'], /--warm-up x/],
    [[defaultModel, path('x.npy'), '--simd', 'best'], /simd/],
  ];
  for (const [[model, input, ...rest], message] of cases) {
    const { status, stdout, stderr } = await runTool('run-onnx.mjs', [model, input, path('none.npy'), ...rest]);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.ok(!existsSync(path('none.npy')));
  }
});

test('remove-background turns a file upright and writes a PNG of its size', async () => {
  const { data, width, height } = samplePicture(60, 40);
  // Orientation 6: shown turned by 90 degrees.
  await sharp(data, { raw: { width, height, channels: 4 } }).jpeg().withMetadata({ orientation: 6 }).toFile(path('in.jpg'));
  const { status, stdout, stderr } = await runTool('remove-background.mjs', [path('in.jpg'), path('out.png')]);
  assert.equal(status, 0, stderr);
  const { execution } = JSON.parse(stdout);
  assert.equal(execution.provider, 'wasm');
  const info = await sharp(path('out.png')).metadata();
  assert.deepEqual([info.format, info.width, info.height, info.hasAlpha], ['png', 40, 60, true]);
});

test('remove-background: bad input is one line, status 1 and no output', async () => {
  writeFileSync(path('text.jpg'), 'not a picture');
  for (const [input, output] of [['missing.jpg', 'no.png'], ['text.jpg', 'no.png'], ['in.jpg', 'no/such/folder.png']]) {
    const { status, stdout, stderr } = await runTool('remove-background.mjs', [path(input), path(output)]);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('no')), []);
});
