// Where models run in Node, on Dawn with Chromium's software driver: pre-flight checks, downgrades in the same call, and events.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dawnGpu, noDriver } from '../../tests/gpu/dawn.mjs';
import { faultyGpu } from '../../tests/browser/pages/faults.js';
import { dispose, init, onExecution, removeBackgroundRaw, startEngine } from '../dist/node.js';
import { distPath, importSource, matteModel, rejectsWith, samplePicture } from './helpers.mjs';

if (noDriver) console.error(`NOT TESTED: routing to WebGPU: ${noDriver}`);

const kModel = {
  name: 'matte', input: { rule: 'stretch', width: 48, height: 48, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1],
  activation: 'none', data: matteModel([0.3, 0.5, 0.2]),
};
const picture = samplePicture(90, 60);

function largestDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

suite('routing', { skip: noDriver }, () => {
  let gpu, expected;
  const events = [];
  before(async () => {
    gpu = await dawnGpu();
    expected = (await removeBackgroundRaw(picture, { model: kModel, device: 'wasm' })).data;
    await dispose();
    onExecution((event) => events.push(event));
  });
  afterEach(async () => {
    await dispose();
    events.length = 0;
  });

  const start = (device, fault, options = {}) => init({
    model: kModel, device, allowSoftwareAdapter: true, gpu: fault ? faultyGpu(gpu, fault, options) : gpu,
  });

  test('a software adapter is refused by itself, with the reason', async () => {
    await init({ model: kModel, gpu });
    const { execution, data } = await removeBackgroundRaw(picture);
    assert.equal(execution.provider, 'wasm');
    assert.match(execution.downgraded.reason, /SwiftShader, which computes on the CPU/);
    assert.deepEqual(execution.reasons, [execution.downgraded.reason]);
    assert.equal(execution.checked.software, true);
    assert.equal(execution.gpu, null);
    assert.deepEqual(data, expected);
    const error = await rejectsWith('webgpu-unavailable', () => removeBackgroundRaw(picture, { device: 'webgpu' }));
    assert.match(error.message, /SwiftShader/);
  });

  test('allowed, it gives the cut-out of WebAssembly, and says all there is to say', async () => {
    await start('webgpu');
    const { execution, data } = await removeBackgroundRaw(picture);
    assert.ok(largestDifference(data, expected) <= 1);
    assert.deepEqual([execution.provider, execution.dtype, execution.requested], ['webgpu', 'fp32', 'webgpu']);
    assert.equal(execution.downgraded, null);
    assert.match(JSON.stringify(execution.adapter), /swiftshader/i);
    assert.ok(execution.maxStorageBuffers >= 1 && execution.maxStorageBuffers <= 8);
    const { gpu: facts, checked, ms } = execution;
    assert.ok(facts.memoryBytes >= facts.weightsBytes + facts.activationsBytes && facts.dispatches >= facts.pipelines);
    assert.ok(checked.selfTest.maxError < 1e-4 && checked.selfTest.ms > 0);
    assert.deepEqual(checked.plan, { maxStorageBuffers: execution.maxStorageBuffers, memoryBytes: facts.memoryBytes, dtype: 'fp32' });
    assert.ok(ms.inference > 0 && execution.memoryBytes > 0);
    assert.deepEqual(events.map(({ kind, provider }) => [kind, provider]), [['session', 'webgpu'], ['run', 'webgpu']]);
    assert.ok(events[0].ms.load > 0 && events[0].memoryBytes > 0);
    assert.deepEqual(events[1], { kind: 'run', ...execution });
  });

  test('closing while the device is being opened leaves none open', async () => {
    const { GpuHost } = await importSource('gpu/host.ts');
    const devices = [];
    let asked;
    const asking = new Promise((resolve) => (asked = resolve));
    const slow = {
      async requestAdapter(options) {
        const adapter = await gpu.requestAdapter(options);
        const { info, limits, features } = adapter;
        return {
          info, limits, features,
          async requestDevice(wanted) {
            asked();
            await sleep(20);
            const device = await adapter.requestDevice(wanted);
            devices.push(device);
            return device;
          },
        };
      },
    };
    const engine = await startEngine({ threads: 1 });
    const host = new GpuHost({
      find: async () => slow, allowSoftwareAdapter: true, planner: async () => new Uint8Array(readFileSync(distPath('decal-planner.wasm'))),
    });
    const looking = host.prepare(engine);
    await asking;
    await host.close();
    await looking;
    assert.equal(host.device, null);
    const open = await Promise.all(devices.map(({ lost }) => Promise.race([lost.then(() => false), sleep(500).then(() => true)])));
    assert.deepEqual(open, [false]);
    engine.close();
  });

  test('one call may ask for WebAssembly and the next for WebGPU again', async () => {
    await start('auto');
    const providers = [];
    for (const device of ['auto', 'wasm', 'auto']) {
      const { execution, data } = await removeBackgroundRaw(picture, { device });
      providers.push(execution.provider);
      assert.ok(largestDifference(data, expected) <= 1);
    }
    assert.deepEqual(providers, ['webgpu', 'wasm', 'webgpu']);
    assert.equal(events.filter(({ kind }) => kind === 'session').length, 1);
  });

  test('a model that was loaded for WebAssembly alone is read once more when WebGPU is asked for', async () => {
    await start('wasm');
    assert.equal((await removeBackgroundRaw(picture)).execution.provider, 'wasm');
    assert.equal((await removeBackgroundRaw(picture, { device: 'webgpu' })).execution.provider, 'webgpu');
    assert.equal((await removeBackgroundRaw(picture, { device: 'wasm' })).execution.provider, 'wasm');
    assert.equal(events.filter(({ kind }) => kind === 'session').length, 1);
  });

  test('pictures that change the model\'s input are planned again', async () => {
    const model = { ...kModel, input: { rule: 'short-side', width: 32, height: 32, multiple: 4 } };
    const pictures = [samplePicture(64, 40), samplePicture(40, 64), samplePicture(64, 40)];
    await start('webgpu');
    for (const each of pictures) {
      const onGpu = await removeBackgroundRaw(each, { model });
      const onCpu = await removeBackgroundRaw(each, { model, device: 'wasm' });
      assert.deepEqual([onGpu.execution.provider, onCpu.execution.provider], ['webgpu', 'wasm']);
      assert.ok(largestDifference(onGpu.data, onCpu.data) <= 1);
    }
  });

  test('a model that was slower than WebAssembly three times moves, and says so', async () => {
    await start('auto');
    const providers = [];
    for (let i = 0; i < 4; ++i) providers.push((await removeBackgroundRaw(picture)).execution);
    assert.deepEqual(providers.map(({ provider }) => provider), ['webgpu', 'webgpu', 'webgpu', 'wasm']);
    assert.match(providers[3].downgraded.reason, /the GPU took \d+ ms for a picture, WebAssembly needs about \d+/);
    assert.equal(events.filter(({ kind }) => kind === 'downgrade').length, 1);
    // Who demands it gets it.
    assert.equal((await removeBackgroundRaw(picture, { device: 'webgpu' })).execution.provider, 'webgpu');
  });

  // [the fault, the reason it must give, the code where WebGPU was demanded]
  const kFaults = [
    ['no-adapter', /gives no adapter/, 'webgpu-unavailable'],
    ['adapter-throws', /gives no adapter: the adapter is out/, 'webgpu-unavailable'],
    ['limits-of-0', /reports maxStorageBuffersPerShaderStage 0, where WebGPU guarantees/, 'webgpu-unavailable'],
    ['no-device', /no device today/, 'webgpu-unavailable'],
    ['nan-in-self-test', /self-test returned NaN/, 'webgpu-unavailable'],
    ['wrong-numbers', /self-test gave wrong numbers: off by 0\.25/, 'webgpu-unavailable'],
    ['create-buffer', /buffers: /, 'webgpu-failed'],
    ['create-buffer-throws', /buffers: no memory for a buffer/, 'webgpu-failed'],
    ['pipeline', /shader .*: /, 'webgpu-failed'],
    ['nan', /the GPU returned NaN/, 'webgpu-failed'],
    ['map-fails', /mapping failed/, 'webgpu-failed'],
    ['lost-mid-run', /the GPU was lost/, 'device-lost'],
  ];
  for (const [fault, reason, code] of kFaults) {
    test(`${fault}: the cut-out comes from WebAssembly in the same call, with the reason`, async () => {
      await start('auto', fault);
      const { execution, data } = await removeBackgroundRaw(picture);
      assert.deepEqual(data, expected);
      assert.equal(execution.provider, 'wasm');
      assert.deepEqual([execution.downgraded.from, execution.downgraded.to], ['webgpu', 'wasm']);
      assert.match(execution.downgraded.reason, reason);
      assert.equal(execution.gpu, null);
      assert.deepEqual(events.at(-1), { kind: 'run', ...execution });
      // A GPU that fails the pre-flight checks never had a session; one that fails later did.
      const left = events.filter(({ kind }) => kind === 'downgrade');
      assert.equal(left.length, code === 'webgpu-unavailable' ? 0 : 1);
      for (const event of left) assert.match(event.downgraded.reason, reason);
      if (code === 'device-lost') return;
      // A call that requires WebGPU now fails with the same reason.
      const error = await rejectsWith('webgpu-unavailable', () => removeBackgroundRaw(picture, { device: 'webgpu' }));
      assert.match(error.message, reason);
    });
  }

  // The others in a page: tests/browser/gpu.test.mjs.
  for (const [fault, reason, code] of kFaults.filter(([name]) => ['no-adapter', 'pipeline', 'map-fails'].includes(name))) {
    test(`${fault}: a typed error where WebGPU was demanded from the start`, async () => {
      const error = await rejectsWith(code, async () => {
        await start('webgpu', fault);
        await removeBackgroundRaw(picture);
      });
      assert.match(error.message, reason);
      assert.deepEqual((await removeBackgroundRaw(picture, { device: 'wasm' })).data, expected);
    });
  }

  test('null instead of a GPU object: there is none', async () => {
    await init({ model: kModel, gpu: null });
    const { execution, data } = await removeBackgroundRaw(picture);
    assert.match(execution.downgraded.reason, /told to use no GPU/);
    assert.deepEqual(data, expected);
    await rejectsWith('webgpu-unavailable', () => removeBackgroundRaw(picture, { device: 'webgpu' }));
  });

  test('a lost device is opened again for the next call, without loading the model anew', async () => {
    for (const fault of ['lost-mid-run', 'lost-after-run']) {
      await start('auto', fault);
      const first = await removeBackgroundRaw(picture);
      assert.equal(first.execution.provider, fault === 'lost-mid-run' ? 'wasm' : 'webgpu');
      await new Promise((resolve) => setTimeout(resolve, 200));
      const second = await removeBackgroundRaw(picture);
      assert.equal(second.execution.provider, 'webgpu');
      assert.equal(second.execution.downgraded, null);
      assert.ok(largestDifference(second.data, expected) <= 1);
      assert.equal(events.filter(({ kind }) => kind === 'session').length, 1);
      await dispose();
      events.length = 0;
    }
  });

  test('a device that is lost again and again is left alone in the end', async () => {
    await start('auto', 'lost-mid-run', { times: Infinity });
    let execution;
    for (let i = 0; i < 6; ++i) {
      const result = await removeBackgroundRaw(picture);
      ({ execution } = result);
      assert.equal(execution.provider, 'wasm');
      assert.deepEqual(result.data, expected);
    }
    assert.equal(events.filter(({ kind }) => kind === 'downgrade').length, 4);
    assert.match(execution.downgraded.reason, /lost/);
  });

  test('an aborted call ends at once, and the next one is right', async () => {
    const abort = new AbortController();
    await start('webgpu', 'none', { onSubmit: () => abort.abort(new Error('enough')) });
    await assert.rejects(removeBackgroundRaw(picture, { signal: abort.signal }), /enough/);
    const { execution, data } = await removeBackgroundRaw(picture);
    assert.equal(execution.provider, 'webgpu');
    assert.ok(largestDifference(data, expected) <= 1);
  });
});
