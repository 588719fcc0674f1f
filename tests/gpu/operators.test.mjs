// Every WebGPU operator against the CPU engine over random shapes, on Dawn with a software driver.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importSource } from '../../web/test/helpers.mjs';
import { familyOf, runCase } from './cases.mjs';
import { noDriver, openDawnDevice } from './dawn.mjs';
import { withoutHalf } from './half.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const program = process.env.DECAL_GPU_CASES ?? join(root, 'build/native/tests/gpu/decal_gpu_cases');

const filter = process.env.DECAL_GPU_FILTER;

test('every operator computes what the CPU engine does', { skip: noDriver }, (t) => compare(t, [filter ?? '']));

// Of every family those cases that have a 1 in their number: storage changes accessors, not kernels.
test('so it does with float16 storage', { skip: noDriver }, (t) => compare(t, ['--half', filter ?? ' 1']));

async function compare(t, options) {
  const folder = mkdtempSync(join(tmpdir(), 'decal-gpu-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const summary = execFileSync(program, [folder, ...options], { encoding: 'utf8' });
  t.diagnostic(summary.trim());
  const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));
  const bytes = readFileSync(join(folder, 'cases.bin'));
  const { GpuExecutor } = await importSource('gpu/executor.ts');
  const device = await openDawnDevice();
  const pipelines = new Map();
  const worst = new Map();
  const wrong = [];
  for (const item of cases) {
    for (const pipeline of item.plan.pipelines) pipeline.code = withoutHalf(pipeline.code);
    const error = await runCase(item, bytes, device, pipelines, GpuExecutor).catch((reason) => {
      wrong.push(`${item.name}: ${reason.message}`);
      return 0;
    });
    worst.set(familyOf(item), Math.max(error, worst.get(familyOf(item)) ?? 0));
    if (!(error <= item.tolerance)) wrong.push(`${item.name}: off by ${error.toExponential(1)}`);
    assert.ok(item.plan.maxStorageBuffers <= 8, item.name);
  }
  for (const [family, error] of worst) t.diagnostic(`${family}: at most ${error.toExponential(1)}`);
  t.diagnostic(`${cases.length} cases, ${pipelines.size} pipelines`);
  device.destroy();
  assert.deepEqual(wrong, []);
}
