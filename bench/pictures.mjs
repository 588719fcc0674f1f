// Picture work on a 40-megapixel photo (5203 x 7800) in WebAssembly: each stage around the network, and the memory it
// takes beside the picture. The first cut-out meets code that the host has not optimised yet.
//   node bench/pictures.mjs [--rounds N] [--threads 1,2] [--simd relaxed,baseline] [--matte 256,1024]
// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util';
import { startEngine } from '../web/dist/node.js';
import { importSource, matteModel } from '../web/test/helpers.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1,2' },
    simd: { type: 'string', default: 'relaxed,baseline' },
    matte: { type: 'string', default: '256,1024' },
  },
});
const list = (text) => text.split(',');
const [width, height] = [5203, 7800];
const previewSide = 450;

const { Remover } = await importSource('engine/session.ts');
const { resizeForPreview } = await importSource('engine/cutout.ts');
const { encodePng } = await importSource('engine/png.ts');

/** Gradients with noise on top, as a camera makes them. */
function fillPhoto(data) {
  let x32 = 1;
  for (let y = 0, at = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x, at += 4) {
      x32 ^= x32 << 13;
      x32 ^= x32 >>> 17;
      x32 ^= x32 << 5;
      data[at] = x * 200 / width + (x32 & 15);
      data[at + 1] = y * 200 / height + (x32 >> 4 & 15);
      data[at + 2] = ((x + y) >> 6) % 200 + (x32 >> 8 & 15);
      data[at + 3] = 255;
    }
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

async function measure(simd, threads, side) {
  const engine = await startEngine({ simd, threads });
  const spec = {
    name: 'bench', mean: [0, 0, 0], std: [1, 1, 1], activation: 'sigmoid',
    input: { rule: 'stretch', width: side, height: side, multiple: 1 },
  };
  // One half of the picture is cut out, with a soft edge along its diagonal.
  const remover = await Remover.load(engine, spec, [matteModel([8, -8, 0])]);
  const rgba = engine.alloc(4 * width * height, 'the picture');
  const stages = {};
  const record = (name, ms) => (stages[name] ??= []).push(ms);
  const timed = async (name, work) => {
    const start = performance.now();
    const result = await work();
    record(name, performance.now() - start);
    return result;
  };
  const run = (name, options) => {
    fillPhoto(engine.bytes(rgba, 4 * width * height));
    const report = remover.run({ rgba, width, height }, { background: null, mask: false, ...options });
    if (name === 'transparent') record('prepare', report.preprocessMs);
    record(name, report.postprocessMs);
  };
  for (let i = 0; i < Number(values.rounds); ++i) {
    run('transparent', {});
    const preview = await timed('preview', () => resizeForPreview(engine, { rgba, width, height }, previewSide));
    engine.free(preview.rgba);
    await timed('PNG', () => encodePng(engine, rgba, width, height));
    run('background', { background: [250, 128, 0, 255] });
    run('mask', { mask: true });
  }
  const used = engine.threads;
  const grown = (engine.memory.buffer.byteLength - 4 * width * height) / 1e6;
  engine.close();
  const each = (of) => Object.fromEntries(Object.entries(stages).map(([name, ms]) => [name, of(ms)]));
  return { used, grown, first: each((ms) => ms[0]), ms: each(median) };
}

const names = ['prepare', 'transparent', 'background', 'mask', 'preview', 'PNG'];
const cell = (text) => String(text).padStart(13);
const heads = [...names, 'a cut-out', 'the first'].map(cell).join('');
console.log(`${'simd'.padEnd(9)} thr matte ${heads}   ms; then MB beside the picture`);
for (const simd of list(values.simd)) {
  for (const threads of list(values.threads).map(Number)) {
    for (const side of list(values.matte).map(Number)) {
      const { used, grown, first, ms } = await measure(simd, threads, side);
      const sum = (of) => of.prepare + of.transparent + of.preview + of['PNG'];
      const times = [...names.map((name) => ms[name]), sum(ms), sum(first)].map((value) => cell(value.toFixed(1)));
      console.log(`${simd.padEnd(9)} ${String(used).padStart(3)} ${String(side).padStart(5)} ` +
                  `${times.join('')}${cell(grown.toFixed(0))}`);
    }
  }
}
process.exit(0);  // helper threads would keep the process alive
