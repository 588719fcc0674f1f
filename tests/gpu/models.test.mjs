// Whole models on WebGPU against the CPU engine, on a real photo: Dawn on a software driver, natively made plans.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { importSource } from '../../web/test/helpers.mjs';
import { readNpy, writeNpy } from '../../web/tools/npy.mjs';
import { deviation, maxDifference } from '../support/compare.mjs';
import { missing, modelFile, photoTensor, smallDefaultModel, smallModels } from '../support/models.mjs';
import { noDriver, openDawnDevice } from './dawn.mjs';
import { withoutHalf } from './half.mjs';
import { decal, savedPlan } from './plans.mjs';

/** What storing large weights and activations as float16 may change in a matte. */
const kOfHalf = 2e-3;
/** GpuOptions::half_activations_from. */
const kHalfFrom = 64 << 20;

suite('on WebGPU', { skip: noDriver }, () => {
  let folder, device, GpuExecutor;
  const pipelines = new Map();
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'decal-gpu-'));
    device = await openDawnDevice();
    ({ GpuExecutor } = await importSource('gpu/executor.ts'));
  });
  after(() => {
    device?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const model of [smallDefaultModel, ...smallModels]) {
    // Slow by design: whole networks, their shaders compiled and run on the processor.
    test(`${model.name} at ${model.size} computes what the CPU engine does`, { skip: missing(model) }, async (t) => {
      const file = modelFile(model);
      const input = await photoTensor(model);
      const [x, y] = ['x.npy', 'y.npy'].map((name) => join(folder, name));
      writeNpy(x, input.shape, input.data);
      execFileSync(decal, ['run', file, '--input', x, '--output', y], { stdio: 'ignore' });
      const { data: expected } = readNpy(y);
      assert.ok(deviation(expected) > 1e-4, 'a constant output would prove nothing');

      const started = performance.now();
      const single = savedPlan(file, folder);
      const { weights: whole } = single.description.memory;
      const executor = await GpuExecutor.create(device, single, { pipelines });
      const built = performance.now();
      const { outputs: [output] } = await executor.run([new Uint8Array(input.data.buffer)]);
      const ended = performance.now();
      executor.dispose();
      const max = maxDifference(output, expected);
      t.diagnostic(`max difference ${max.toExponential(2)}; ready in ${((built - started) / 1000).toFixed(1)} s, ` +
        `run in ${((ended - built) / 1000).toFixed(1)} s`);
      assert.ok(max <= model.tolerance, `off by ${max}`);

      // Large activations alone are float16: of a model made smaller, those that were large before.
      const full = Number(/_(\d+)$/.exec(model.name)?.[1] ?? model.size);
      const plan = savedPlan(file, folder, ['--gpu-half', '--gpu-half-from', String(Math.round(kHalfFrom * (model.size / full) ** 2))]);
      const { weights } = plan.description.memory;
      for (const pipeline of plan.description.pipelines) pipeline.code = withoutHalf(pipeline.code);
      const half = await GpuExecutor.create(device, plan, { pipelines });
      const { outputs: [halved] } = await half.run([new Uint8Array(input.data.buffer)]);
      half.dispose();
      const ofHalf = maxDifference(halved, output);
      t.diagnostic(`float16 storage: ${ofHalf.toExponential(2)} from float32, ${(weights / 1e6).toFixed(1)} MB of weights instead of ${(whole / 1e6).toFixed(1)}`);
      assert.ok(weights <= whole, `${weights} bytes of weights instead of ${whole}`);
      assert.ok(ofHalf <= kOfHalf, `float16 storage is off by ${ofHalf}`);
    });
  }
});
