// Step (c): random cases of every operator against the scalar reference, a record for each family.
//   node bench/gpu-report/operators_step.mjs fp32|fp16 N     every Nth case
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { create } from 'webgpu';
import { everyNth, familyOf, roomiest, runCases, suits } from '../../tests/gpu/cases.mjs';
import { withoutHalf } from '../../tests/gpu/half.mjs';
import { writeCases } from '../../tests/gpu/write-cases.mjs';
import { dawnOptions, importExecutor, record, runStep } from './step.mjs';

await runStep(async () => {
  const [precision, step] = process.argv.slice(2);
  const gpu = create(dawnOptions());
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU gives no adapter');
  const native = adapter.features.has('shader-f16');
  const device = await adapter.requestDevice(roomiest(adapter));
  const GpuExecutor = await importExecutor();
  const { cases, bytes } = writeCases(precision === 'fp16' ? ['--half'] : []);
  const id = `operators-${precision}`;
  record(id, { precision, all: cases.length, everyNth: Number(step), unsuited: cases.filter((item) => !suits(item, device)).length,
    ...(precision === 'fp16' ? { float16: native ? 'by shader-f16' : 'unpacked by the shaders: the adapter has no shader-f16' } : {}) });
  if (precision === 'fp16' && !native) {
    for (const { plan } of cases) for (const pipeline of plan.pipelines) pipeline.code = withoutHalf(pipeline.code);
  }
  const chosen = everyNth(cases, Number(step)).filter((item) => suits(item, device));
  let failed = 0;
  for (const family of new Set(chosen.map(familyOf))) {
    const ofFamily = chosen.filter((one) => familyOf(one) === family);
    const { worst, wrong } = await runCases(ofFamily, bytes, device, GpuExecutor);
    failed += wrong.length;
    record(id, { precision, family, cases: ofFamily.length, worst: worst[family], wrong });
  }
  if (failed > 0) throw new Error(`${failed} of ${chosen.length} cases are wrong`);
});
