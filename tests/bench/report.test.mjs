// The tables and the page: what they claim is what was measured, and the committed page is up to date.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bars } from '../../bench/cases.mjs';
import { performancePage } from '../../bench/report.mjs';
import { readAllResults } from '../../bench/results.mjs';
import {
  barOutcome, barRows, failures, markdownTable, milliseconds, startRows, textTable, timeRows,
} from '../../bench/tables.mjs';
import { videoRows } from '../../bench/video_report.mjs';
import { wholeBarRows, wholeBars } from '../../bench/whole_bars.mjs';
import { root } from '../support/models.mjs';
import { caseOf, environment, resultsOf } from './helpers.mjs';

const bar = { model: 'm', contender: 'relaxed', peer: 'ort-web', ratio: 4, threads: [1, 2] };
const withTimes = (one, two) => resultsOf([
  caseOf('m', 1, { relaxed: one[0], 'ort-web': one[1] }),
  ...(two ? [caseOf('m', 2, { relaxed: two[0], 'ort-web': two[1] })] : []),
]);

test('a bar is met when it is on all of its numbers of threads', () => {
  const outcome = (...times) => barOutcome(bar, withTimes(...times)).met;
  assert.equal(outcome([10, 50], [10, 40]), true);
  assert.equal(outcome([10, 50], [10, 39.9]), false);
  assert.equal(outcome([10, 39.9], [10, 50]), false);
  assert.equal(outcome([10, 50]), null, 'half of it is not known');
  assert.equal(outcome([10, 30]), false, 'but one miss is a miss');
  assert.deepEqual(barOutcome(bar, withTimes([10, 50], [10, 40])).ratios, [5, 4]);
  assert.equal(barOutcome({ ...bar, threads: [2] }, withTimes([10, 30], [10, 40])).met, true);
});

test('failures: ours misses the bar, a peer cannot be compared with', () => {
  const ours = barOutcome(bar, withTimes([10, 50], ['trap', 50]));
  assert.deepEqual(barOutcome(bar, withTimes([10, 23], [10, 29])).cells, ['2.30x', '2.90x']);
  assert.deepEqual([ours.met, ours.cells], [false, ['5.00x', 'decal wasm relaxed fails']]);
  const peer = barOutcome(bar, withTimes([10, 50], [10, 'no memory']));
  assert.deepEqual([peer.met, peer.cells], [null, ['5.00x', 'onnxruntime web fails']]);
});

test('a ratio just below the bar is not rounded into it', () => {
  const cases = [1, 2].map((threads) => caseOf('modnet_512', threads, { relaxed: 10, 'ort-native': 9.996 }));
  const results = resultsOf(cases);
  const row = barRows(results).find(([model, , peer]) => model === 'modnet_512' && peer === 'onnxruntime native');
  assert.deepEqual(row.slice(3), ['1x', '0.99x', '0.99x', 'missed']);
});

test('times: a column for each contender that took part, failures as such, and how many samples', () => {
  const results = resultsOf([
    caseOf('m', 1, { native: 12.345, 'ort-web': 'no memory' }),
    caseOf('m', 2, { native: 1234.5 }, { rounds: 3, repeat: 1 }),
  ]);
  assert.deepEqual(timeRows(results), [
    ['model', 'threads', 'decal native', 'onnxruntime web', 'samples'],
    ['m', '1', '12.3 (12.3)', 'fails', '10'],
    ['m', '2', '1235 (1235)', '–', '3'],
  ]);
  assert.deepEqual(failures(results), ['onnxruntime web, m, 1 thread: no memory']);
});

test('whole calls: what is met, missed and why, and what was not measured', () => {
  const one = (megapixels, format, contenders) => ({ cases: [{ megapixels, format, contenders }] });
  const rows = wholeBarRows({
    whole: one(0.3, 'png', { decal: { whole_ms: 90.4 } }),
    whole_browser: { ...one(24, 'png', { relaxed: { median_ms: 240, canvas_ms: 300, first_ms: 900, whole_ms: 500 } }), large: { ready_ms: 6001 } },
  });
  assert.equal(rows.length, 1 + wholeBars.length);
  const row = (start) => rows.find(([what]) => what.startsWith(start)).slice(1);
  assert.deepEqual(row('command, 0.3 MP').slice(0, 2), ['90.0 ms', '90.4 ms']);
  assert.match(row('command, 0.3 MP')[2], /^missed: the bar is of/);
  assert.deepEqual(row('Chromium, 24 MP: PNG'), ['0.80x', '0.80x', 'met']);
  assert.match(row('Chromium, 24 MP: the first')[2], /^missed/);
  assert.deepEqual(row('Chromium, BiRefNet-lite'), ['6000 ms', '6001 ms', 'missed']);
  assert.deepEqual(row('command, 24 MP to PNG'), ['1300 ms', '–', 'not known']);
  const failed = wholeBarRows({ whole_browser: { ...one(24, 'png', { relaxed: { failure: 'no memory' } }), large: { failure: 'no memory' } } });
  assert.ok(failed.slice(1).every(([, , , outcome]) => outcome === 'not known'));
});

test('numbers keep three digits, and whole milliseconds from 100 on', () => {
  assert.deepEqual([0.12345, 9.876, 99.4, 100.4, 22700].map(milliseconds), ['0.123', '9.88', '99.4', '100', '22700']);
  assert.equal(milliseconds(undefined), '–');
});

test('tables line up, numbers to the right', () => {
  const rows = [['name', 'ms'], ['a', '5'], ['longer', '1234']];
  assert.equal(textTable(rows), 'name      ms\na          5\nlonger  1234');
  assert.equal(markdownTable(rows), '| name | ms |\n|---|---:|\n| a | 5 |\n| longer | 1234 |');
});

const start = {
  model: 'decal-default', threads: 2, rounds: 5,
  contenders: { relaxed: { ready_ms: 120, load_ms: 80, after_bytes_ms: 151 }, 'ort-web': { failure: 'blocked' } },
  compile: { relaxed: { compile_ms: 6 }, 'ort-web': { compile_ms: 60 } },
};

test('start-up: a row for each kind of wait', () => {
  assert.deepEqual(startRows(start).map((row) => row.slice(1)),
    [['decal wasm relaxed', 'onnxruntime web'], ['120', 'fails'], ['80.0', 'fails'], ['151', 'fails'], ['6.00', '60.0']]);
});

test('the page says on what it was measured, what was missed, what failed and what is remarkable', () => {
  const remark = 'two samples';
  const models = resultsOf([
    caseOf('modnet_512', 1, { native: 10, relaxed: 20, 'ort-native': 25, 'ort-web': 'std::bad_alloc' }, { remark }),
    caseOf('modnet_512', 2, { native: 10, relaxed: 20, 'ort-native': 15, 'ort-web': 100 }, { remark }),
  ], { note: 'Only a try.' });
  const browser = resultsOf([caseOf('modnet_512', 1, { relaxed: 22, 'ort-web': 99 })],
    { environment: { ...environment, chromium: '150' }, start });
  const page = performancePage({ models, browser, gpu: null });
  for (const text of [
    '**Only a try.**', 'Abacus 9, 4 cores, 8 GB', 'native kernels for AVX2', 'onnxruntime-web 1.0.1', 'Chromium 150',
    'on 2030-01-02 at commit abc',
    '| modnet_512 | decal native | onnxruntime native | 2x | 2.50x | 1.50x | missed |',
    '| modnet_512 | decal wasm relaxed | onnxruntime web | 4x | onnxruntime web fails | 5.00x | not known |',
    `0 of ${bars.length} bars met, 2 missed, ${bars.length - 2} not known`,
    '- Fails: onnxruntime web, modnet_512, 1 thread: std::bad_alloc.',
    '| decal wasm relaxed | 500 | 200 |',
    '| modnet_512 | 1 | 22.0 (22.0) | 99.0 (99.0) | 10 |',
    '150 ms of its last byte: missed.',
  ]) assert.ok(page.includes(text), `${text}\n${page}`);
  assert.equal(page.split('- modnet_512: two samples.').length, 2, 'a remark is made once');
  assert.doesNotMatch(page, /undefined|NaN|null|\n\n\n/);
});

test('the page tells first runs from steady ones on a GPU, its bars, and what the adapter does not have', () => {
  const timed = caseOf('isnet_1024', 1, { webgpu: 10, 'ort-webgpu': 19 });
  timed.contenders.webgpu.first_ms = 321;
  const gpu = resultsOf([timed, caseOf('u2netp_320', 1, { webgpu: 1, 'ort-webgpu': 'device lost' })], {
    suite: 'gpu', environment: { ...environment, gpu: 'Abacus Graphics', webgpu: '0.1.2' },
    wasm: { webgpu: { bytes: 2e6, gzip_bytes: 5e5 } }, caveats: ['decal WebGPU float16 is off'],
  });
  const page = performancePage({ models: null, browser: null, gpu });
  for (const text of [
    '- GPU: Abacus Graphics', 'npm webgpu 0.1.2',
    '| isnet_1024 | decal WebGPU | onnxruntime WebGPU | 2x | 1.90x | missed |',
    '| birefnet_lite_1024 | decal WebGPU | onnxruntime WebGPU | 2x | not measured | not known |',
    '| isnet_1024 | 1 | 10.0 (10.0) | 19.0 (19.0) | 10 |',
    '| isnet_1024 | 1 | 321 | – |',
    '- decal WebGPU float16 is off.',
    '- Fails: onnxruntime WebGPU, u2netp_320, 1 thread: device lost.',
    '| decal WebGPU | 2000 | 500 |',
  ]) assert.ok(page.includes(text), `${text}\n${page}`);
  assert.doesNotMatch(page, /undefined|NaN|null|\n\n\n/);
});

test('a page without measurements says so', () => {
  const page = performancePage({ models: null, browser: null, gpu: null });
  assert.match(page, /Nothing has been measured yet: run `make bench`\./);
  assert.match(page, /Nothing has been measured yet: run `make bench-browser`\./);
  assert.match(page, /has not been compared .* yet: run `make bench-gpu` on a machine with a GPU\./);
});

test('docs/performance.md is what bench/report.mjs makes of the results', () => {
  const expected = performancePage(readAllResults());
  assert.equal(readFileSync(join(root, 'docs/performance.md'), 'utf8'), expected, 'run `node bench/report.mjs`');
});

const video = {
  speed: [{ options: '', frames_per_second: [70, 59.96, 59.99] }, { options: '--refine fast', frames_per_second: [40] }],
  live: [{ background: 'blur', frames_in: 59.9, frames_out: 29.99, page_ms: 2.999 }, { background: 'colour', frames_in: 30, frames_out: 30, page_ms: 0.2 }],
  memory: { minutes: 10, grown_bytes: 20e6, left: { framesOpen: 0, workersLeft: 1 } },
  flicker: [{ noise: 12, format: 'yuv420p', refine: 'off', change: 0.40001, frame_by_frame: 1 }, { noise: 6, format: 'gbrp', refine: 'fast', change: 0.9, frame_by_frame: 1 }],
  trailing: [{ pixels: 2, error: 1.0000001, frame_by_frame: 1 }, { pixels: 8, error: 1, frame_by_frame: 1 }],
};

test('video: each figure beside its bar, never rounded to the other side of it', () => {
  assert.deepEqual(videoRows(video).slice(1).map(([, , ...rest]) => rest), [
    ['59.9', '60 or more', 'missed'], ['40.0', '–', '–'],
    ['29.9', '30 or more', 'missed'], ['30.0', '30 or more', 'met'], ['3.00', 'under 3', 'met'],
    ['20.0', 'under 20', 'missed'], ['0, 1', 'none', 'missed'],
    ['0.41', '0.4 or less', 'missed'], ['0.90', '–', '–'],
    ['1.001', '1 or less', 'missed'], ['1.000', '1 or less', 'met'],
  ]);
  assert.deepEqual(videoRows({}).length, 1, 'nothing that was not measured');
  const cutOff = videoRows({ memory: { minutes: 3, bytes: [5e6, 6e6], grown_bytes: 1e6, left: null } });
  assert.deepEqual(cutOff.slice(1), [['Chromium, 3 minutes: memory grows by', 'MB', '1.0', 'under 20', 'met']], 'a run that was cut off');
  const page = performancePage({ models: null, browser: null, gpu: null, video: { suite: 'video', environment, ...video } });
  assert.ok(page.includes('| `decal video` to raw frames, 2 threads | frames a second | 59.9 | 60 or more | missed |'), page);
  assert.doesNotMatch(page, /undefined|NaN|null|\n\n\n/);
  assert.match(performancePage({ models: null, browser: null, gpu: null }), /## Video\n\nNothing has been measured yet/);
});
