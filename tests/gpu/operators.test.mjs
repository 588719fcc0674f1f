// Every WebGPU operator against the CPU engine over random shapes, on Dawn with a software driver.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource } from '../../web/test/helpers.mjs';
import { everyNth, runCases } from './cases.mjs';
import { noDriver, openDawnDevice } from './dawn.mjs';
import { withoutHalf } from './half.mjs';
import { writeCases } from './write-cases.mjs';

// Slow by design: hundreds of shaders, each compiled for the processor.
test('every operator computes what the CPU engine does', { skip: noDriver }, (t) => {
  const written = writeCases();
  assert.ok(written.cases.every(({ tolerance }) => tolerance <= 1e-4));
  return compare(t, written);
});

// Storage changes accessors, not kernels.
test('so it does with float16 storage', { skip: noDriver }, (t) => {
  const { cases, bytes } = writeCases(['--half']);
  for (const { plan } of cases) for (const pipeline of plan.pipelines) pipeline.code = withoutHalf(pipeline.code);
  return compare(t, { cases: everyNth(cases, 4), bytes });
});

async function compare(t, { cases, bytes }) {
  const { GpuExecutor } = await importSource('gpu/executor.ts');
  const device = await openDawnDevice();
  const { worst, wrong, unsuited, pipelines } = await runCases(cases, bytes, device, GpuExecutor);
  device.destroy();
  for (const [family, error] of Object.entries(worst)) t.diagnostic(`${family}: at most ${error.toExponential(1)}`);
  t.diagnostic(`${cases.length} cases, ${unsuited} of them not for this device, ${pipelines} pipelines`);
  assert.deepEqual(wrong, []);
}
