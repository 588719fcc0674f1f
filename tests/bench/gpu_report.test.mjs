// The report on a GPU: steps that end in every way, runs that are cut off, pages, filled skeletons. No GPU is needed.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fillParts, normals } from '../../bench/gpu-report/fill.mjs';
import { pictureTensor } from '../../bench/gpu-report/photo.mjs';
import { reportOf, reportPage } from '../../bench/gpu-report/page.mjs';
import { readRecords, recordsFile } from '../../bench/gpu-report/records.mjs';
import { runSteps, writeReport } from '../../bench/gpu-report/runner.mjs';
import { costliest, rankCorrelation, summary } from '../../bench/gpu-report/search.mjs';
import { performancePage } from '../../bench/report.mjs';
import { root } from '../support/models.mjs';
import { onnxModel } from '../support/onnx.mjs';

const program = join(root, 'bench/gpu-report/report.mjs');
const runner = join(root, 'bench/gpu-report/runner.mjs');
const records = join(root, 'bench/gpu-report/records.mjs');

function folderFor(t) {
  const folder = mkdtempSync(join(tmpdir(), 'decal-report-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A step that runs `code`, which has `record(values)`. */
const fake = (id, code, limit = 30) => ({
  id, letter: 'x', title: `the ${id}`, limit,
  command: [process.execPath, '--input-type=module', '-e',
    `import { append } from ${JSON.stringify(records)}; const record = (values) => append(process.env.DECAL_REPORT, { step: '${id}', kind: 'result', ...values });\n${code}`],
});
const adapter = (values) => fake('adapter', `record(${JSON.stringify({ name: 'Made-up GPU', half: true, features: [], ...values })})`);
const quiet = { say() {} };

test('a step that finishes, one that fails and one that hangs: each ends, and what they found is kept', async (t) => {
  const folder = folderFor(t);
  const steps = [
    adapter({}),
    fake('failing', "record({ model: 'm', found: 1 }); console.error('error: the shader /some/folder/of/mine.wgsl is wrong'); process.exit(3);"),
    fake('hanging', "record({ found: 2 }); (await import('node:child_process')).spawn('sleep', ['77.25']); setInterval(() => {}, 1000);", 8),
    fake('last', 'record({ found: 3 })'),
  ];
  const report = await runSteps(steps, { folder, seconds: 60, ...quiet });
  assert.deepEqual(report.steps.map(({ id, state }) => [id, state]),
    [['adapter', 'done'], ['failing', 'failed'], ['hanging', 'time limit'], ['last', 'done']]);
  assert.match(report.steps[1].why, /status 3: error: the shader mine\.wgsl is wrong/);
  assert.deepEqual(report.results.map(({ found }) => found), [1, 2, 3]);
  assert.equal(report.complete, true);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), report);
  const page = readFileSync(join(folder, 'report.md'), 'utf8');
  for (const text of ['### Made-up GPU\n', 'time limit: not finished within 8 s', '2 of 4 steps did not finish']) assert.ok(page.includes(text), text);
  assert.ok(!page.includes('/some/folder'));
  const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  assert.ok(!left.includes('sleep 77.25'), 'what a step had started outlives it');
});

test('steps get no more than the time that is left', async (t) => {
  const folder = folderFor(t);
  const report = await runSteps([fake('slow', 'setInterval(() => {}, 1000)'), fake('late', '')], { folder, seconds: 4, ...quiet });
  assert.deepEqual(report.steps.map(({ state }) => state), ['time limit', 'not run']);
  assert.equal(report.steps[1].why, 'no time was left');
});

test('an interrupted run ends its step and writes its page', async (t) => {
  const folder = folderFor(t);
  const stop = new AbortController();
  const running = runSteps([adapter({}), fake('slow', 'setInterval(() => {}, 1000)'), fake('late', '')],
    { folder, seconds: 60, signal: stop.signal, ...quiet });
  while (!existsSync(recordsFile(folder)) || !readRecords(folder).some(({ step, kind }) => step === 'slow' && kind === 'start')) await wait(20);
  stop.abort();
  const report = await running;
  assert.deepEqual(report.steps.map(({ state }) => state), ['done', 'interrupted', 'not run']);
  assert.equal(report.complete, false);
  assert.ok(readFileSync(join(folder, 'report.md'), 'utf8').includes('**The run was cut off'));
});

test('a run that is killed leaves a page, and --page writes what came after it', async (t) => {
  const folder = folderFor(t);
  const steps = [adapter({}), fake('slow', 'record({ found: 7 }); setTimeout(() => {}, 20_000)')];
  const child = spawn(process.execPath, ['--input-type=module', '-e',
    `import { runSteps } from ${JSON.stringify(runner)}; await runSteps(${JSON.stringify(steps)}, { folder: ${JSON.stringify(folder)}, seconds: 60 });`],
  { stdio: 'ignore' });
  const found = () => existsSync(recordsFile(folder)) && readRecords(folder).some((one) => one.found === 7);
  while (!found()) await wait(20);
  child.kill('SIGKILL');
  assert.ok(readFileSync(join(folder, 'report.md'), 'utf8').includes('Made-up GPU'), 'the page after the step before');
  appendFileSync(recordsFile(folder), '{"step":"slow","kind":"res');  // as a full disk or a power cut leave it
  execFileSync(process.execPath, [program, '--page', folder]);
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
  assert.deepEqual(report.steps.map(({ state }) => state), ['done', 'cut off']);
  assert.deepEqual(report.results.map((one) => one.found), [7]);
  assert.ok(readFileSync(join(folder, 'report.md'), 'utf8').includes('cut off'));
});

test('a software renderer is called one, in the page and on the page of all results', () => {
  const lines = [
    { step: 'run', kind: 'begin', date: '2030-01-02T03:04:05Z', commit: 'abc' },
    { step: 'adapter', kind: 'result', name: 'Soft | 1', software: 'it computes on the CPU', half: false },
    { step: 'model-m', kind: 'result', model: 'm', reference: 'the other engine' },
    { step: 'model-m', kind: 'result', model: 'm', precision: 'fp32', max: 2e-3, mean: 1e-4, tolerance: 1e-3, within: false, memory: { total: 5e6 } },
    { step: 'model-m', kind: 'result', model: 'm', precision: 'fp16', max: 1e-3, mean: 1e-4, tolerance: 3e-3, within: true, ofHalf: 9e-4, float16: 'unpacked',
      memory: { total: 3e6 } },
    { step: 'calls-m', kind: 'result', model: 'm', sizes: [[10, 20], [30, 40]], scaled: 'sides divided by 8' },
    { step: 'calls-m', kind: 'result', model: 'm', contender: 'WebGPU fp16', skipped: 'no shader-f16' },
    { step: 'calls-m', kind: 'result', model: 'm', contender: 'WebAssembly', readyMs: 77 },
    { step: 'calls-m', kind: 'result', model: 'm', contender: 'WebAssembly', size: [10, 20], callMs: 50, stages: { inference: 30, encode: 6 } },
    { step: 'calls-m', kind: 'result', model: 'm', contender: 'WebAssembly', size: [30, 40], skipped: 'no time was left' },
    { step: 'search-m', kind: 'result', model: 'm', precision: 'fp32', allMs: 9, kernels: 1, coveredMs: 8 },
    { step: 'search-m', kind: 'result', model: 'm', precision: 'fp32', turn: 2, of: 2, plannedMs: 8, bestMs: 6,
      found: [{ what: 'Conv GEMM', times: 2, planned: 'small', plannedMs: 4, best: 'large', bestMs: 3, rank: null, tried: [['small', 1, 4], ['large', 2, 3]] }] },
    { step: 'times-m', kind: 'result', model: 'm', contender: 'Decal fp32', round: 0, loadMs: 1, firstMs: 20, runMs: [4, 6], peakBytes: 9e6, steps: [['Conv winograd', 2.5]] },
    { step: 'times-m', kind: 'result', model: 'm', contender: 'peer', round: 0, failure: 'no memory' },
  ];
  const report = reportOf(lines);
  const page = reportPage(report);
  for (const text of ['(software renderer)', '**This is a software renderer', '| m | fp32 | 2.0e-3 | 1.0e-4 | 0.001 |  | **no** | 5 | the other engine |',
    '| m | Decal fp32 | 1.00 | 20.0 | 5.00 | 9 | 2 runs |', 'Conv winograd 2.50', '| m | peer |  |  |  |  | no memory |']) assert.ok(page.includes(text), text);
  assert.ok(performancePage({ reports: [report] }).includes(page.trimEnd()));
  assert.ok(performancePage({ reports: [] }).includes('No GPU has been met yet'));
});

test('kernels to search: alike ones are one, the costliest first, and what is known of them after each turn', () => {
  const choice = (...names) => names.map((name, i) => ({ name, cost: 10 * (i + 1) }));
  const steps = [
    { op: 'Conv', algorithm: 'GEMM', choice: choice('a', 'b', 'c') }, { op: 'Add', algorithm: '', choice: choice('a', 'b') },
    { op: 'Conv', algorithm: 'GEMM', choice: choice('a', 'b', 'c') }, { op: 'Copy', algorithm: '', choice: [] },
  ];
  const dispatches = [0, 1, 2, 3].map((step) => ({ step, pipeline: step % 2, groups: [4, 1, 1] }));
  const kernels = costliest({ ms: [2, 3, 2.5, 99], steps, dispatches }, 10);
  assert.deepEqual(kernels.map(({ step, times, allMs, candidates }) => [step, times, allMs, candidates]), [[0, 2, 4.5, 3], [1, 1, 3, 2]]);
  assert.equal(costliest({ ms: [2, 3, 2.5, 99], steps, dispatches }, 1).length, 1);

  const found = kernels.map((kernel) => ({ ...kernel, tried: [] }));
  assert.deepEqual(summary(found).found.map(({ best, plannedMs }) => [best, plannedMs]), [[null, null], [null, null]]);
  found[0].tried.push({ candidate: 'a', cost: 10, ms: 2 }, { candidate: 'b', cost: 20, ms: 1 }, { candidate: 'c', cost: 30, ms: 4 });
  const { plannedMs, bestMs, found: [first, second] } = summary(found);
  assert.deepEqual([plannedMs, bestMs], [4, 2]);
  assert.deepEqual([first.best, first.bestMs, first.rank, second.best], ['b', 1, 0.5, null]);
  assert.equal(rankCorrelation([1, 2, 3], [5, 6, 7]), 1);
  assert.equal(rankCorrelation([1, 2, 3], [7, 6, 5]), -1);
  assert.equal(rankCorrelation([1, 1, 1], [7, 6, 5]), null);
});

test('records that are no report, and options that do not fit, are one line and no file', (t) => {
  const folder = folderFor(t);
  const fails = (args, pattern) => {
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, pattern);
    assert.equal(stderr.trim().split('\n').length, 1);
  };
  fails(['--page', folder], /records\.jsonl: no such file/);
  fails(['--minutes', '0', '--out', join(folder, 'out')], /--minutes 0/);
  fails(['--only', 'a,z', '--out', join(folder, 'out')], /--only z/);
  fails(['--models', join(folder, 'none'), '--out', join(folder, 'out')], /none: no such folder/);
  fails(['--fast'], /--fast/);
  assert.ok(!existsSync(join(folder, 'out')));
  writeFileSync(recordsFile(folder), 'no JSON\n{}\n');
  fails(['--page', folder], /line 1 is no JSON/);
  assert.throws(() => writeReport(folder), /line 1/);
  assert.ok(!existsSync(join(folder, 'report.md')));
});

const metadata = (key, value) => {
  const text = (field, content) => Buffer.concat([Buffer.from([8 * field + 2, content.length]), Buffer.from(content)]);
  const body = Buffer.concat([text(1, key), text(2, value)]);
  return Buffer.concat([Buffer.from([8 * 14 + 2, body.length]), body]);
};
const skeleton = (recipe) => Buffer.concat([
  onnxModel({
    nodes: [['Conv', ['x', 'w'], ['y']]], tensors: [{ name: 'w', shape: [64, 3, 1, 1], data: new Float32Array(0) }],
    inputs: [{ name: 'x', shape: [1, 3, 2, 2] }], outputs: [{ name: 'y', shape: [1, 64, 2, 2] }],
  }),
  ...(recipe ? [metadata('fill:w', recipe)] : []),
]);

test('a skeleton gets the weights that its metadata describes, and loads', (t) => {
  const values = normals(5, 40_000, 1, 2);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  assert.ok(Math.abs(mean - 1) < 0.05 && Math.abs(spread - 2) < 0.05, `${mean} ${spread}`);
  assert.notDeepEqual(normals(6, 8, 1, 2), values.slice(0, 8));

  const whole = Buffer.concat(fillParts(skeleton('7 0.5 0.25')));
  const bytes = (factor) => Buffer.from(normals(7, 192, 0.5 * factor, 0.25 * factor).buffer);
  assert.ok(whole.includes(bytes(1)));
  assert.ok(!whole.includes('fill:w'));
  assert.ok(Buffer.concat(fillParts(skeleton('7 0.5 0.25'), ['w=0.5'])).includes(bytes(0.5)));
  const file = join(folderFor(t), 'm.onnx');
  writeFileSync(file, whole);
  assert.match(execFileSync(join(root, 'build/bin/decal'), ['inspect', file], { encoding: 'utf8' }), /\[1, 64, 2, 2\]/);
});

test('what is no skeleton is refused', () => {
  assert.throws(() => fillParts(skeleton(null), [], 'm.onnx'), /m\.onnx: no skeleton/);
  assert.throws(() => fillParts(skeleton('7 x 1'), [], 'm.onnx'), /m\.onnx: fill:w = 7 x 1/);
  assert.throws(() => fillParts(skeleton('7 0 1').subarray(0, 60), [], 'm.onnx'), /m\.onnx: no ONNX file, or one that is cut off/);
  assert.throws(() => fillParts(Buffer.from('GIF89a, no model'), [], 'm.onnx'), /m\.onnx/);
  assert.throws(() => fillParts(skeleton('7 0 1'), ['w']), /w: expected NAME=FACTOR/);
});

test('the picture has its values in the layout that a model wants', () => {
  const how = { size: 8, mean: [0, 0, 0], std: [1, 1, 1] };
  const [planes, pixels] = [pictureTensor(how), pictureTensor({ ...how, channelsLast: true })];
  assert.deepEqual([planes.shape, pixels.shape], [[1, 3, 8, 8], [1, 8, 8, 3]]);
  for (let i = 0; i < 64; ++i) for (let c = 0; c < 3; ++c) assert.equal(planes.data[64 * c + i], pixels.data[3 * i + c]);
  assert.ok(planes.data.every((value) => value >= 0 && value <= 1) && Math.max(...planes.data) > 0.5);
});
