// Whole models against onnxruntime-node on a real photo: the native engine, and the wasm engine against the native one.
//
// Without the folder of shared models every test here is skipped and says so.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNpy, writeNpy } from '../../web/tools/npy.mjs';
import { deviation, maxDifference } from '../support/compare.mjs';
import { defaultModel, missing, modelFile, models, photoTensor, root, smallModels, work } from '../support/models.mjs';
import { onnxruntimeAnswer } from '../support/onnxruntime.mjs';

const decal = join(root, 'build/bin/decal');

// One line of JSON, and the tensor that was written.
function runEngine(command, args, output) {
  const line = execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 20 });
  return { report: JSON.parse(line), tensor: readNpy(output) };
}

mkdirSync(work, { recursive: true });
for (const model of [defaultModel, ...models, ...smallModels.filter(({ resized }) => resized)]) {
  const scaled = model.lastLayer ? ` (${model.variant ? `${model.variant}, ` : ''}last layer scaled by ${model.lastLayer})` : '';
  const title = model.name + (model.resized ? ` at ${model.size}` : '') + scaled;
  // Slow by design: three engines run each model at its own size, BiRefNet at 1024 among them.
  test(`${title} agrees with onnxruntime-node`, { skip: missing(model) }, async (t) => {
    const file = modelFile(model);
    const input = await photoTensor(model);
    const x = join(work, `${model.name}.x.npy`);
    writeNpy(x, input.shape, input.data);

    const expected = await onnxruntimeAnswer(file, input);
    assert.ok(deviation(expected) > 1e-4, 'a constant output would prove nothing');

    const y = join(work, `${model.name}.y.npy`);
    const native = runEngine(decal, ['run', file, '--input', x, '--output', y, '--threads', '2'], y);
    const nativeMax = maxDifference(native.tensor.data, expected);
    t.diagnostic(`native: max difference ${nativeMax.toExponential(2)}, ${native.report.runMs.min} ms, peak ${Math.round(native.report.memoryBytes.peak / 1e6)} MB`);
    assert.ok(nativeMax <= model.tolerance, `native differs from onnxruntime by ${nativeMax}`);

    for (const simd of ['relaxed', 'baseline']) {
      const tool = join(root, 'web/tools/run-onnx.mjs');
      const wasm = runEngine(process.execPath, [tool, file, x, y, '--threads', '2', '--simd', simd], y);
      const max = maxDifference(wasm.tensor.data, native.tensor.data);
      const peak = wasm.report.memoryBytes.peak / 1e6;
      t.diagnostic(`wasm ${simd}: max difference to native ${max.toExponential(2)}, ${wasm.report.runMs.min} ms, peak ${Math.round(peak)} MB`);
      assert.ok(max <= (model.wasmTolerance ?? 1e-4), `wasm (${simd}) differs from native by ${max}`);
      const toPeer = maxDifference(wasm.tensor.data, expected);
      assert.ok(toPeer <= (model.tolerance), `wasm (${simd}) differs from onnxruntime by ${toPeer}`);
      if (model.peakMegabytes) assert.ok(peak < model.peakMegabytes, `peak of ${peak} MB`);
    }
  });
}
