// Every model's plan fits what WebGPU guarantees: 8 storage buffers, sizes, memory; and its shaders compile.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultModel, missingFile, modelFile, models, unscaled } from '../support/models.mjs';
import { openNullDevice } from './dawn.mjs';
import { checkPlan, complaints, planOf } from './plans.mjs';

// Bytes on the device while a model runs, in float32.
const kMemory = { isnet_1024: 400e6, birefnet_lite_1024: 1.5e9 };

// Scaled weights change no plan.
const distinct = [...new Map(models.map((model) => [model.name, unscaled(model)])).values()];

// By what makes them different, with where they were seen first.
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
      for (const pipeline of pipelines) {
        const key = `${pipeline.writable}\n${pipeline.code}`;
        if (!shaders.has(key)) shaders.set(key, { ...pipeline, label: `${pipeline.label} of ${model.name}` });
      }
      most = Math.max(most, maxStorageBuffers);
    }
  });
}

test('every shader of these plans compiles', async (t) => {
  t.diagnostic(`at most ${most} storage buffers in all; ${shaders.size} shaders`);
  assert.ok(shaders.size > 0);
  const device = await openNullDevice();
  const wrong = [];
  for (const pipeline of shaders.values())
    wrong.push(...(await complaints(device, pipeline)).map((complaint) => `${pipeline.label}: ${complaint}`));
  device.destroy();
  assert.deepEqual(wrong, []);
});

test('a plan that breaks a rule is found', () => {
  const good = planOf(defaultModel.name);
  const broken = (change) => {
    const plan = structuredClone(good);
    // One whose first two bindings are activations, so that each change breaks one rule and no other.
    change(plan, plan.dispatches.find(({ bindings }) => bindings.length > 2 &&
      bindings.slice(0, 2).every(([buffer]) => plan.buffers[buffer].use === 'activations')));
    return () => checkPlan(plan);
  };
  assert.throws(broken((_, { groups }) => { groups[0] = 65536; }), /workgroups/);
  assert.throws(broken((_, { bindings }) => { bindings[0][1] += 128; }), /at \d+/);
  assert.throws(broken((_, { bindings }) => { bindings[0][2] = 1 << 30; }), /ends outside/);
  assert.throws(broken((_, { bindings }) => { bindings[0] = bindings[1]; }), /overlap/);
  assert.throws(broken((_, { bindings }) => { bindings.push(...Array(8).fill(bindings[0])); }), /binds \d+ storage buffers/);
  assert.throws(broken((_, { uniform }) => { uniform[0] += 16; }), /uniforms/);
  assert.throws(broken(({ buffers }) => { buffers[0].bytes = (256 << 20) + 4; }), /a buffer of/);
  assert.throws(broken(({ pipelines }, { pipeline }) => { pipelines[pipeline].writable.reverse(); }), /dispatch/);
});
