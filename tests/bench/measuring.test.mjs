// How samples are gathered: statistics, turns, failures, and contenders that really run.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fitCases, nodeCaveats } from '../../bench/adapter.mjs';
import { gpuCases, modelCases } from '../../bench/cases.mjs';
import { failureReason, measure, measurementOf } from '../../bench/contenders.mjs';
import { plainBytes } from '../../bench/dawn.mjs';
import { chooseCases } from '../../bench/options.mjs';
import { formatJson, resultsFile } from '../../bench/results.mjs';
import { takeTurns } from '../../bench/rounds.mjs';
import { median, speedRatio, summarise } from '../../bench/statistics.mjs';
import { writeNpy } from '../../web/tools/npy.mjs';
import { defaultModelFile, defaultModelSide } from '../support/default_model.mjs';
import { root } from '../support/models.mjs';

test('the median needs no order and no odd count', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 2, 4, 1]), 3);
  assert.equal(median([9, 100, 10]), 10, 'numbers, not text');
  const values = [2, 1];
  median(values);
  assert.deepEqual(values, [2, 1]);
});

test('a summary is over the samples of all processes', () => {
  const summary = summarise([
    { run_ms: [5, 1], load_ms: 30, peak_bytes: 100 }, { run_ms: [2, 8], load_ms: 10, peak_bytes: 300 },
    { run_ms: [3], load_ms: 20, peak_bytes: 200 },
  ]);
  assert.deepEqual(summary, { median_ms: 3, min_ms: 1, load_ms: 20, peak_bytes: 200, samples_ms: [5, 1, 2, 8, 3] });
  assert.deepEqual(summarise([{ run_ms: [], ready_ms: 4 }, { run_ms: [], ready_ms: 6 }]), { ready_ms: 5 });
});

test('twice as fast is 2, and what was not measured has no ratio', () => {
  assert.equal(speedRatio({ median_ms: 50 }, { median_ms: 100 }), 2);
  for (const other of [undefined, { failure: 'no memory' }]) {
    assert.equal(speedRatio({ median_ms: 50 }, other), null);
    assert.equal(speedRatio(other, { median_ms: 50 }), null);
  }
});

test('contenders take turns, and each round starts with another', async () => {
  const order = [];
  const outcomes = await takeTurns(['a', 'b', 'c'], 3, async (contender) => {
    order.push(contender);
    return { run_ms: [order.length] };
  });
  assert.equal(order.join(''), 'abcbcacab');
  assert.deepEqual(outcomes.a.samples_ms, [1, 6, 8]);
});

test('who fails is out, with the reason, and the others go on', async () => {
  const order = [];
  const outcomes = await takeTurns(['a', 'b'], 3, async (contender) => {
    order.push(contender);
    return contender === 'b' && order.length > 2 ? { failure: 'no memory' } : { run_ms: [1] };
  });
  assert.equal(order.join(''), 'abbaa');
  assert.deepEqual(outcomes.b, { failure: 'no memory' }, 'not its earlier samples');
  assert.equal(outcomes.a.samples_ms.length, 3);
});

test('a failure is told in one line without folders', () => {
  const stderr = 'node:internal/x:12\n    throw error\n\nError: cannot read /home/someone/models/big.onnx: ' +
    'std::bad_alloc\n    at file:///opt/tool/a.mjs:3:4\n';
  assert.equal(failureReason({ code: 1 }, stderr), 'Error: cannot read big.onnx: std::bad_alloc');
  assert.equal(failureReason({ code: 1 }, 'error: no memory\n'), 'no memory');
  assert.equal(failureReason({ signal: 'SIGKILL' }, ''), 'ended by SIGKILL');
  assert.match(failureReason({ killed: true, signal: 'SIGKILL' }, ''), /^no result within \d+ s$/);
  assert.equal(failureReason({ code: 3 }, '\n'), 'status 3');
});

test('a contender on fewer threads than asked for does not count', () => {
  const report = { loadMs: 2, planMs: 3, startMs: 4, runMs: { all: [1] }, memoryBytes: { peak: 7 }, threads: 2 };
  assert.deepEqual(measurementOf(report, 2), { run_ms: [1], load_ms: 9, peak_bytes: 7 });
  assert.equal(measurementOf({ ...report, firstMs: 5 }, 2).first_ms, 5);
  assert.match(measurementOf(report, 4).failure, /2 threads instead of 4/);
});

test('a part of the suite replaces no results', () => {
  assert.equal(chooseCases('models', modelCases, []).output, resultsFile('models'));
  for (const args of [['--rounds', '1'], ['--models', 'u2netp_320'], ['--threads', '1'], ['--contenders', 'native']]) {
    assert.equal(chooseCases('models', modelCases, args).output, undefined);
    assert.equal(chooseCases('models', modelCases, [...args, '--output', 'x.json']).output, 'x.json');
  }
  const args = ['--models', 'u2netp_320,isnet_1024', '--threads', '2', '--rounds', '1'];
  assert.deepEqual(
    chooseCases('models', modelCases, args).cases.map(({ model, threads, rounds }) => [model, threads, rounds]),
    [['isnet_1024', [2], 1], ['u2netp_320', [2], 1]]);
  for (const args of [['--rounds', '0'], ['--models', 'x'], ['--contenders', 'native,x'], ['--round', '1']]) {
    assert.throws(() => chooseCases('models', modelCases, args), args.join(' '));
  }
});

test('what a software adapter takes replaces no results', () => {
  const choose = (...args) => chooseCases('gpu', gpuCases, args);
  assert.deepEqual([choose().output, choose().allowSoftware], [resultsFile('gpu'), false]);
  assert.deepEqual([choose('--allow-software').output, choose('--allow-software').allowSoftware], [undefined, true]);
  assert.equal(choose('--allow-software', '--output', 'x.json').output, 'x.json');
  assert.throws(() => choose('--allow-software', '--output', resultsFile('gpu')), /says nothing about GPUs/);
  assert.throws(() => chooseCases('models', modelCases, ['--allow-software']));
});

test('cases fit the adapter: no float16 without shader-f16, and no software unless asked for', () => {
  const cases = [{ model: 'm', contenders: ['webgpu', 'webgpu-half', 'ort-webgpu'], warmUp: 5, repeat: 9, rounds: 3 }];
  const gpu = { adapter: 'Abacus 9', software: null, half: true };
  const options = { allowSoftware: false, rounds: undefined };
  assert.deepEqual(fitCases(cases, gpu, options), { cases, caveats: [] });
  const whole = fitCases(cases, { ...gpu, half: false }, options);
  assert.deepEqual(whole.cases, [{ ...cases[0], contenders: ['webgpu', 'ort-webgpu'] }]);
  assert.deepEqual(whole.caveats, ['decal WebGPU float16 is not measured: the adapter has no shader-f16']);
  const others = [{ ...cases[0], contenders: ['webgpu'] }];
  assert.deepEqual(fitCases(others, { ...gpu, half: false }, options), { cases: others, caveats: [] });
  const software = { ...gpu, software: 'the adapter is a toy' };
  assert.match(fitCases(cases, software, options).refusal, /^the adapter is a toy: .*--allow-software/);
  const often = (rounds) => fitCases(cases, software, { allowSoftware: true, rounds }).cases
    .map(({ warmUp, repeat, rounds }) => [warmUp, repeat, rounds]);
  assert.deepEqual([often(undefined), often(2)], [[[1, 1, 1]], [[1, 1, 2]]]);
});

test('loading of onnxruntime counts from Node 22 on', () => {
  assert.match(nodeCaveats('20.20.2').join(), /Node 20\.20\.2 takes minutes/);
  assert.deepEqual(nodeCaveats('22.0.0'), []);
});

test('the adapter that WebGPU gives is described, and its absence has a reason', async () => {
  const { describeGpu } = await import('../../web/dist/node.js');
  const gpuWith = (description, ...features) =>
    ({ requestAdapter: async () => ({ info: { description }, limits: {}, features: new Set(features) }) });
  assert.deepEqual(await describeGpu(gpuWith('Abacus 9', 'shader-f16')),
    { adapter: 'Abacus 9', software: null, half: true });
  const { software, half } = await describeGpu(gpuWith('SwiftShader driver'));
  assert.match(software, /computes on the CPU/);
  assert.equal(half, false);
  await assert.rejects(describeGpu({ requestAdapter: async () => null }), { code: 'webgpu-unavailable' });
});

test('writeBuffer gets a copy in ordinary memory of the part it is asked for', () => {
  const shared = new SharedArrayBuffer(16);
  const bytes = new Uint8Array(shared, 4, 8);
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const copy = plainBytes(bytes, 2, 3);
  assert.ok(copy.buffer instanceof ArrayBuffer);
  assert.deepEqual([...copy], [3, 4, 5]);
  assert.deepEqual([...plainBytes(bytes)], [...bytes]);
  assert.deepEqual([...plainBytes(bytes, 6)], [7, 8]);
  assert.deepEqual([...plainBytes(new Uint16Array(shared, 4, 4), 1, 2)], [3, 4, 5, 6], 'elements of views');
  assert.deepEqual([...plainBytes(new DataView(shared, 4, 8), 1, 2)], [2, 3]);
  assert.deepEqual([...plainBytes(shared, 4, 2)], [1, 2], 'bytes of buffers');
});

test('at least five samples stand behind every bar, or the case says why not', () => {
  for (const { rounds, repeat, remark, model } of [...modelCases, ...gpuCases]) {
    assert.ok(rounds * repeat >= 5 || /samples/.test(remark), model);
  }
});

test('results read back as they were', () => {
  const value = { a: [1.5, -2, 3e-7], b: [], c: [{ d: [1] }], text: '[1,\n 2]', e: { f: ['x', 'y'] } };
  assert.deepEqual(JSON.parse(formatJson(value)), value);
  assert.match(formatJson(value), /"a": \[1\.5, -2, 3e-7\]/);
});

const folder = mkdtempSync(join(tmpdir(), 'decal-bench-'));
after(() => rmSync(folder, { recursive: true }));
const job = {
  model: defaultModelFile, input: join(folder, 'x.npy'), output: join(folder, 'y.npy'),
  threads: 2, warmUp: 1, repeat: 3,
};
writeNpy(job.input, [1, 3, defaultModelSide, defaultModelSide], new Float32Array(3 * defaultModelSide ** 2).fill(0.25));
writeFileSync(join(folder, 'broken.onnx'), 'not a model');

for (const contender of ['native', 'relaxed', 'simd128', 'ort-native', 'ort-web']) {
  const absent = contender === 'native' && !existsSync(join(root, 'build/bin/decal'));
  const skip = absent ? 'the command is not built' : false;
  test(`${contender} is measured, and fails with a reason`, { skip }, async () => {
    const { run_ms, load_ms, peak_bytes, ...rest } = await measure(contender, job);
    assert.deepEqual(rest, {});
    assert.equal(run_ms.length, 3);
    assert.ok(run_ms.every((ms) => ms > 0) && load_ms > 0 && peak_bytes > 10e6);
    const { failure } = await measure(contender, { ...job, model: join(folder, 'broken.onnx') });
    assert.match(failure, /\w/);
    assert.ok(!failure.includes(folder), failure);
  });
}
