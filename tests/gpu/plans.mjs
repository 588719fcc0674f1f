// Plans of whole models as the native planner writes them, and the rules that WebGPU has for every plan.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/models.mjs';
import { planSource } from './cases.mjs';

export const decal = join(root, 'build/bin/decal');

/** The plan of a model (a file, or a name that the engine knows) for a device with the guaranteed limits. */
export function planOf(model, options = []) {
  const args = ['inspect', model, '--gpu', '--json', ...options];
  return JSON.parse(execFileSync(decal, args, { encoding: 'utf8', maxBuffer: 1 << 30 }));
}

/** The same for GpuExecutor, with its weights; `folder` holds them for a moment. */
export function savedPlan(model, folder, options = []) {
  const description = planOf(model, ['--gpu-save', folder, ...options]);
  const [weights, uniforms] = ['weights.bin', 'uniforms.bin'].map((name) => readFileSync(join(folder, name)));
  return planSource(description, weights, uniforms);
}

// What every WebGPU device offers (https://www.w3.org/TR/webgpu/#limits).
const kStorageBuffers = 8;
const kBindingBytes = 128 << 20;
const kUniformBytes = 64 << 10;
const kBufferBytes = 256 << 20;
const kAlignment = 256;
const kGroups = 65535;

/** Asserts that any device can carry `plan` out: read from the specification, not from the planner's own checks. */
export function checkPlan(plan) {
  const { buffers, pipelines, dispatches, uploads, inputs, outputs, steps, uniformBytes, memory, maxStorageBuffers } = plan;
  const inside = ([buffer, offset, bytes], what) => {
    assert.ok(bytes > 0 && bytes % 4 === 0 && offset % 4 === 0, `${what}: ${bytes} bytes at ${offset}`);
    assert.ok(offset + bytes <= buffers[buffer].bytes, `${what} ends outside buffer ${buffer}`);
  };
  for (const { bytes } of buffers) assert.ok(bytes > 0 && bytes <= kBufferBytes, `a buffer of ${bytes} bytes`);
  let most = 0;
  dispatches.forEach(({ pipeline, step, groups, uniform: [at, uniform], bindings }, index) => {
    const { label, code, writable } = pipelines[pipeline];
    const what = `dispatch ${index} (${label}, of ${steps[step].op} ${steps[step].name})`;
    most = Math.max(most, bindings.length);
    assert.ok(bindings.length <= kStorageBuffers, `${what} binds ${bindings.length} storage buffers`);
    assert.equal(bindings.length, writable.length, what);
    assert.ok(groups.every((n) => Number.isInteger(n) && n > 0 && n <= kGroups), `${what}: ${groups} workgroups`);
    assert.ok(at % kAlignment === 0 && uniform <= kUniformBytes && at + uniform <= uniformBytes, `${what}: uniforms`);
    bindings.forEach((binding, i) => {
      const [buffer, offset, bytes] = binding;
      inside(binding, `${what}: binding ${i}`);
      assert.equal(offset % kAlignment, 0, `${what}: binding ${i} at ${offset}`);
      assert.ok(bytes <= kBindingBytes, `${what}: binding ${i} of ${bytes} bytes`);
      assert.ok(!writable[i] || buffers[buffer].use === 'activations', `${what} writes weights`);
      // WebGPU takes a whole buffer as written where one binding of it is: such bindings must not even share the buffer
      // with one that reads, unless both are writable. Overlaps are wrong in any case.
      for (let j = 0; j < i; ++j) {
        const [other, begin, size] = bindings[j];
        const overlap = other === buffer && begin < offset + bytes && offset < begin + size;
        assert.ok(!overlap || (!writable[i] && !writable[j]), `${what}: bindings ${j} and ${i} overlap, one is written`);
        if (other === buffer) assert.equal(writable[i], writable[j], `${what} reads and writes buffer ${buffer}`);
      }
    });
    // The shader's declarations match the plan.
    const declared = [...code.matchAll(/@binding\((\d+)\) var<storage, (\w+)>/g)];
    assert.deepEqual(declared.map(([, n, access]) => [Number(n), access === 'read_write']),
      writable.map((isWritable, i) => [i + 1, isWritable]), what);
  });
  assert.equal(maxStorageBuffers, most);
  for (const range of uploads) inside(range, 'an upload');
  for (const { name, range } of [...inputs, ...outputs]) inside(range, name);
  const sum = (use) => buffers.reduce((total, buffer) => total + (buffer.use === use ? buffer.bytes : 0), 0);
  assert.equal(memory.weights, sum('weights'));
  assert.equal(memory.activations, sum('activations'));
  assert.ok(memory.total >= memory.weights + memory.activations + uniformBytes);
}

/**
 * What a device says of a pipeline: the shader's errors and warnings, and whether it fits the bindings that the plan
 * declares, the invocations and the workgroup memory that a device of default limits has.
 */
export async function complaints(device, { code, writable }) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const entry = (binding, type) => ({ binding, visibility: 4, buffer: { type } });
  const storage = writable.map((isWritable, i) => entry(i + 1, isWritable ? 'storage' : 'read-only-storage'));
  const group = device.createBindGroupLayout({ entries: [entry(0, 'uniform'), ...storage] });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
  device.createComputePipeline({ layout, compute: { module, entryPoint: 'main' } });
  const error = await device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  return [
    ...messages.filter(({ type }) => type !== 'info').map(({ lineNum, message }) => `line ${lineNum}: ${message}`),
    ...(error ? [error.message] : []),
  ];
}
