// Every model's plan fits what WebGPU guarantees: 8 storage buffers, sizes, memory; and its shaders compile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultModel, missingFile, modelFile, models, unscaled } from '../support/models.mjs';
import { openNullDevice } from './dawn.mjs';
import { checkPlan, planOf } from './plans.mjs';

// Bytes on the device while a model runs, in float32.
const kMemory = { isnet_1024: 400e6, birefnet_lite_1024: 1.5e9 };

// Scaled weights change no plan.
const distinct = [...new Map(models.map((model) => [model.name, unscaled(model)])).values()];

// By code; where it was seen first.
const shaders = new Map();
let most = 0;

for (const model of [defaultModel, ...distinct]) {
  test(`${model.name} is planned within the guaranteed limits`, { skip: missingFile(model) }, (t) => {
    for (const options of [[], ['--gpu-half']]) {
      const plan = planOf(model.file ? model.name : modelFile(model), options);
      checkPlan(plan);
      const { memory, maxStorageBuffers, dispatches, pipelines } = plan;
      t.diagnostic(`${options.length > 0 ? 'float16' : 'float32'}: at most ${maxStorageBuffers} storage buffers; ` +
        Object.entries(memory).map(([what, bytes]) => `${what} ${(bytes / 1e6).toFixed(1)} MB`).join(', ') +
        `; ${dispatches.length} dispatches of ${pipelines.length} pipelines`);
      assert.ok(memory.total <= (kMemory[model.name] ?? Infinity), `${memory.total} bytes`);
      for (const { code, label } of pipelines) if (!shaders.has(code)) shaders.set(code, `${label} of ${model.name}`);
      most = Math.max(most, maxStorageBuffers);
    }
  });
}

test('every shader of these plans compiles', async (t) => {
  t.diagnostic(`at most ${most} storage buffers in all; ${shaders.size} shaders`);
  assert.ok(shaders.size > 0);
  const device = await openNullDevice();
  const wrong = [];
  for (const [code, label] of shaders) {
    device.pushErrorScope('validation');
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    const error = await device.popErrorScope();
    for (const { type, lineNum, message } of messages) if (type !== 'info') wrong.push(`${label}:${lineNum}: ${message}`);
    if (error) wrong.push(`${label}: ${error.message}`);
  }
  device.destroy();
  assert.deepEqual(wrong, []);
});
