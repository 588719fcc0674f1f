// The executor on Dawn with Chromium's software driver: plans written by hand, and what a device refuses.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { noDriver, openDawnDevice } from '../../tests/gpu/dawn.mjs';
import { importSource, rejectsWith } from './helpers.mjs';

if (noDriver) console.error(`NOT TESTED: the WebGPU executor: ${noDriver}`);

const kCount = 1000;

// y = factor * x + w, in two steps with a buffer between.
function scalePlan(changes = {}) {
  const code = (body) =>
    'struct Params { count: u32, factor: f32 }\n@group(0) @binding(0) var<uniform> u: Params;\n' +
    '@group(0) @binding(1) var<storage, read_write> b: array<f32>;\n' + body;
  const scale = code('@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {\n' +
    '  if (id.x < u.count) { b[id.x + 1024u] = u.factor * b[id.x]; }\n}');
  const add = code('@group(0) @binding(2) var<storage, read> w: array<f32>;\n' +
    '@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {\n' +
    '  if (id.x < u.count) { b[id.x + 2048u] = b[id.x + 1024u] + w[id.x & 3u]; }\n}');
  const whole = [1, 0, 4 * 3072];
  const groups = [Math.ceil(kCount / 64), 1, 1];
  return {
    halfStorage: false,
    buffers: [{ use: 'weights', bytes: 16 }, { use: 'activations', bytes: 4 * 3072 }],
    pipelines: [{ label: 'scale', code: scale, writable: [true] }, { label: 'add', code: add, writable: [true, false] }],
    dispatches: [
      { pipeline: 0, step: 0, groups, uniform: [0, 8], bindings: [whole] },
      { pipeline: 1, step: 2, groups, uniform: [256, 8], bindings: [whole, [0, 0, 16]] },
    ],
    uploads: [[0, 0, 16]],
    inputs: [{ name: 'x', shape: [kCount], range: [1, 0, 4 * kCount] }],
    outputs: [
      { name: 'y', shape: [kCount], range: [1, 4 * 2048, 4 * kCount] },
      { name: 'scaled', shape: [kCount], range: [1, 4 * 1024, 4 * kCount] },
    ],
    steps: [{ op: 'Mul', name: 'a' }, { op: 'Nothing', name: 'b' }, { op: 'Add', name: 'c' }],
    work: 2 * kCount,
    uniformBytes: 264,
    memory: { weights: 16, activations: 4 * 3072, total: 4 * 3072 + 16 + 264 + 4 * kCount },
    maxStorageBuffers: 2,
    ...changes,
  };
}

function source(description = scalePlan()) {
  const uniforms = new ArrayBuffer(description.uniformBytes);
  for (const at of [0, 256]) {
    new DataView(uniforms).setUint32(at, kCount, true);
    new DataView(uniforms).setFloat32(at + 4, 3, true);
  }
  // Shared, as the engine's memory is.
  const weights = new Float32Array(new SharedArrayBuffer(16));
  weights.set([1, 2, 3, 4]);
  return { description, uniforms: () => new Uint8Array(uniforms), fill: () => new Uint8Array(weights.buffer) };
}

const input = Float32Array.from({ length: kCount }, (_, i) => i / 7);
const bytes = [new Uint8Array(input.buffer)];
const expected = input.map((x, i) => Math.fround(Math.fround(3 * x) + 1 + (i & 3)));

suite('executor', { skip: noDriver }, () => {
  let GpuExecutor, device;
  before(async () => {
    ({ GpuExecutor } = await importSource('gpu/executor.ts'));
    device = await openDawnDevice();
  });
  after(() => device?.destroy());

  test('runs a plan, again and again', async () => {
    const shares = [];
    const executor = await GpuExecutor.create(device, source(), { onProgress: (share) => shares.push(share) });
    for (let i = 0; i < 3; ++i) {
      const { outputs, stepMs } = await executor.run(bytes);
      assert.deepEqual([outputs.length, stepMs], [1, null]);
      assert.deepEqual(outputs[0], expected);
    }
    assert.deepEqual(shares, shares.toSorted((a, b) => a - b));
    assert.equal(shares.at(-1), 1);
    executor.dispose();
    await rejectsWith('internal', () => executor.run(bytes));
  });

  test('inputs may lie in shared memory, and all outputs can be asked for', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(4 * kCount));
    shared.set(input);
    const executor = await GpuExecutor.create(device, source(), { outputs: [1, 0] });
    const { outputs } = await executor.run([new Uint8Array(shared.buffer)]);
    assert.deepEqual(outputs, [input.map((x) => 3 * x), expected]);
    executor.dispose();
  });

  test('two plans share pipelines', async () => {
    const pipelines = new Map();
    const first = await GpuExecutor.create(device, source(), { pipelines });
    const second = await GpuExecutor.create(device, source(), { pipelines });
    assert.equal(pipelines.size, 2);
    first.dispose();
    assert.deepEqual((await second.run(bytes)).outputs[0], expected);
    second.dispose();
  });

  test('an aborted run rejects at once, and the next one is right', async () => {
    const executor = await GpuExecutor.create(device, source());
    const abort = new AbortController();
    const running = executor.run(bytes, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(running, /enough/);
    await assert.rejects(executor.run(bytes, { signal: abort.signal }), /enough/);
    assert.deepEqual((await executor.run(bytes)).outputs[0], expected);
    executor.dispose();
  });

  // [what is wrong, the plan, what the error says]
  const { pipelines, dispatches } = scalePlan();
  const refused = [
    ['a shader that does not compile', { pipelines: [{ ...pipelines[0], code: 'fn main( {' }, pipelines[1]] }, /scale/],
    ['a shader without main', { pipelines: [{ ...pipelines[0], code: 'fn other() {}' }, pipelines[1]] }, /pipeline scale/],
    ['a layout that is not the shader\'s', { pipelines: [{ ...pipelines[0], writable: [false] }, pipelines[1]] }, /pipeline scale/],
    ['a buffer larger than the device allows',
      { buffers: [{ use: 'weights', bytes: 16 }, { use: 'activations', bytes: 2 ** 40 }] }, /buffers/],
    ['a binding outside its buffer', { dispatches: [{ ...dispatches[0], bindings: [[1, 0, 1 << 20]] }] }, /bind groups/],
    ['a binding out of alignment', { dispatches: [{ ...dispatches[0], bindings: [[1, 4, 256]] }] }, /bind groups/],
  ];
  for (const [what, changes, message] of refused) {
    test(`refuses ${what}`, async () => {
      const error = await rejectsWith('webgpu-failed', () => GpuExecutor.create(device, source(scalePlan(changes))));
      assert.match(error.message, message);
      assert.ok(error.message.length < 400 && !error.message.includes('\n'));
    });
  }

  test('a dispatch beyond the device\'s grid fails the run, with words', async () => {
    const executor = await GpuExecutor.create(device, source(scalePlan({ dispatches: [{ ...dispatches[0], groups: [1e6, 1, 1] }] })));
    const error = await rejectsWith('webgpu-failed', () => executor.run(bytes));
    assert.match(error.message, /^run: /);
    executor.dispose();
  });

  test('an input of the wrong size is refused', async () => {
    const executor = await GpuExecutor.create(device, source());
    await rejectsWith('shape-mismatch', () => executor.run([bytes[0].subarray(4)]));
    assert.deepEqual((await executor.run(bytes)).outputs[0], expected);
    executor.dispose();
  });

  test('a device lost while building, while running or before', async () => {
    const building = await openDawnDevice();
    const created = GpuExecutor.create(building, source());
    building.destroy();
    await rejectsWith('device-lost', () => created);

    const running = await openDawnDevice();
    const executor = await GpuExecutor.create(running, source());
    const run = executor.run(bytes);
    running.destroy();
    await rejectsWith('device-lost', () => run);
    assert.equal(executor.lost.code, 'device-lost');
    await rejectsWith('device-lost', () => executor.run(bytes));
    executor.dispose();
  });
});
