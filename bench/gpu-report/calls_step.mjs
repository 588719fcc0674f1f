// Step (f): whole calls at the sizes of the guide's table, pixels in and a PNG out, on WebGPU in both precisions and on WebAssembly.
//   node bench/gpu-report/calls_step.mjs MODEL SHRINK        sizes divided by SHRINK
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { create } from 'webgpu';
import { describeGpu, dispose, encodePng, init, removeBackgroundRaw } from '../../web/dist/node.js';
import { largePicture } from './photo.mjs';
import { publicModel } from './public_model.mjs';
import { dawnOptions, modelNamed, record, runStep, secondsLeft, withoutFeature } from './step.mjs';

/** The table compares such pictures; the last is a 40-megapixel photo. */
const kSizes = [[1000, 1000], [1024, 1536], [3000, 3000], [5203, 7800]];
/** Calls of each, after one that warms up at the first size. */
const kCalls = 2;
const kLeast = 5;

await runStep(async () => {
  const [name, shrink] = [process.argv[2], Number(process.argv[3])];
  const model = modelNamed(name);
  const id = `calls-${name}`;
  const { half } = await describeGpu(create(dawnOptions()));
  const sizes = kSizes.map((size) => size.map((side) => Math.max(1, Math.round(side / shrink))));
  record(id, { model: name, sizes: kSizes,
    ...(shrink === 1 ? {} : { scaled: `sides divided by ${shrink}, and a small model: on a software renderer the full table would take hours and say nothing` }) });
  if (!half) record(id, { model: name, contender: 'WebGPU fp16', skipped: 'the adapter has no shader-f16' });
  const contenders = [
    ...(half ? [['WebGPU fp16', { device: 'webgpu', gpu: create(dawnOptions()) }]] : []),
    ['WebGPU fp32', { device: 'webgpu', gpu: withoutFeature(create(dawnOptions()), 'shader-f16') }],
    ['WebAssembly', { device: 'wasm' }],
  ];
  let missing = 0;
  for (const [contender, options] of contenders) {
    if (secondsLeft() < kLeast) {
      missing += sizes.length;
      record(id, { model: name, contender, skipped: 'no time was left' });
      continue;
    }
    const started = performance.now();
    await init({ model: publicModel(model), allowSoftwareAdapter: true, ...options });
    await removeBackgroundRaw(largePicture(...sizes[0]));
    record(id, { model: name, contender, readyMs: performance.now() - started });
    for (const [i, size] of sizes.entries()) {
      const image = largePicture(...size);
      const calls = [];
      let fastest = null;
      for (let call = 0; call < kCalls && (call === 0 || secondsLeft() > kLeast); ++call) {
        if (secondsLeft() < kLeast) break;
        const start = performance.now();
        const { execution, ...picture } = await removeBackgroundRaw(image);
        const cut = performance.now();
        const png = await encodePng(picture);
        const callMs = performance.now() - start;
        if (callMs < Math.min(...calls)) fastest = { execution, callMs, encodeMs: performance.now() - cut, pngBytes: png.length };
        calls.push(callMs);
      }
      if (!fastest) {
        ++missing;
        record(id, { model: name, contender, size: kSizes[i], skipped: 'no time was left' });
        continue;
      }
      const { execution: { provider, dtype, ms }, callMs, encodeMs, pngBytes } = fastest;
      record(id, { model: name, contender, size: kSizes[i], ran: size, provider, dtype, callMs, calls: calls.length,
        stages: { ...ms, encode: encodeMs }, pngBytes });
      if (provider !== (contender === 'WebAssembly' ? 'wasm' : 'webgpu')) throw new Error(`${contender} ran on ${provider}`);
    }
    await dispose();
  }
  if (missing > 0) throw new Error(`no time was left for ${missing} of the table's cells`);
});
