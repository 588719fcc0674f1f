// Whole models: decal natively and in WebAssembly against onnxruntime natively and in WebAssembly, in one run.
//   node bench/models.mjs [--rounds N] [--models a,b] [--threads 1,2]
//
// Every contender runs in a process of its own, the contenders take turns in each round, and the table shows
// medians over the rounds: a machine whose speed drifts then slows all of them alike.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missing, modelFile, models, photoTensor, root, work } from '../tests/support/models.mjs';
import { writeNpy } from '../web/tools/npy.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    models: { type: 'string', default: 'first-default,u2netp_320,modnet_512,isnet_1024' },
    threads: { type: 'string', default: '1,2' },
  },
});

const runOnnx = join(root, 'web/tools/run-onnx.mjs');
const peer = join(root, 'bench/peer.mjs');
const contenders = {
  'decal native': (m, x, y, n) => [join(root, 'build/bin/decal'), ['run', m, '--input', x, '--output', y, '--threads', n, '--repeat', '3']],
  'decal wasm relaxed': (m, x, y, n) => [process.execPath, [runOnnx, m, x, y, '--threads', n, '--simd', 'relaxed', '--repeat', '3']],
  'decal wasm simd128': (m, x, y, n) => [process.execPath, [runOnnx, m, x, y, '--threads', n, '--simd', 'baseline', '--repeat', '3']],
  'onnxruntime native': (m, x, y, n) => [process.execPath, [peer, 'node', m, x, '--threads', n, '--repeat', '3']],
  'onnxruntime web': (m, x, y, n) => [process.execPath, [peer, 'web', m, x, '--threads', n, '--repeat', '3']],
};

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const cell = (text, width) => String(text).padStart(width);

mkdirSync(work, { recursive: true });
console.log(`${'model'.padEnd(20)} thr ${Object.keys(contenders).map((name) => cell(name, 19)).join('')}   in ms; then peak MB`);
for (const model of models.filter(({ name, lastLayer }) => !lastLayer && values.models.split(',').includes(name))) {
  const why = missing(model);
  if (why) {
    console.log(`${model.name.padEnd(20)} ${why}`);
    continue;
  }
  const file = modelFile(model);
  const [x, y] = [join(work, `${model.name}.x.npy`), join(work, `${model.name}.bench.npy`)];
  const input = await photoTensor(model);
  writeNpy(x, input.shape, input.data);
  for (const threads of values.threads.split(',')) {
    const times = {}, peaks = {};
    for (let round = 0; round < Number(values.rounds); ++round) {
      for (const [name, command] of Object.entries(contenders)) {
        const line = execFileSync(...command(file, x, y, threads), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
        const report = JSON.parse(line.trim().split('\n').at(-1));
        (times[name] ??= []).push(report.run_ms.median);
        (peaks[name] ??= []).push(report.memory_bytes.peak / 1e6);
      }
    }
    const row = (lists, digits) => Object.keys(contenders).map((name) => cell(median(lists[name]).toFixed(digits), 19)).join('');
    console.log(`${model.name.padEnd(20)}   ${threads} ${row(times, 1)}   ms`);
    console.log(`${''.padEnd(20)}     ${row(peaks, 0)}   MB`);
    const ratio = (a, b) => `${(median(times[b]) / median(times[a])).toFixed(2)}x`;
    console.log(`${''.padEnd(20)}     wasm ${ratio('decal wasm relaxed', 'onnxruntime web')} onnxruntime web's speed, ` +
                `native ${ratio('decal native', 'onnxruntime native')} onnxruntime native's`);
  }
}
