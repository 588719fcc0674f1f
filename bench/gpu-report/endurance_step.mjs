// Step (h): many pictures one after the other by the public call, then the device lost on purpose three times; memory must stay flat.
//   node bench/gpu-report/endurance_step.mjs MODEL PICTURES
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { create } from 'webgpu';
import { dispose, init, removeBackgroundRaw } from '../../web/dist/node.js';
import { picture } from './photo.mjs';
import { publicModel } from './public_model.mjs';
import { dawnOptions, modelNamed, record, runStep } from './step.mjs';

const kLosses = 3;
/** Most levels of 255 by which an answer may differ from WebAssembly's: float16 storage costs up to 2e-3, and rounding one level. */
const kLevels = 3;
/** Growth of the process from the tenth of the pictures to the last that still counts as flat: garbage not yet collected. */
const kFlatBytes = 64 << 20;

/** A GPU object whose devices can be lost: `devices` are those it gave, the latest last. */
function watched(gpu) {
  const devices = [];
  return {
    devices,
    gpu: {
      wgslLanguageFeatures: gpu.wgslLanguageFeatures,
      async requestAdapter(options) {
        const adapter = await gpu.requestAdapter(options);
        if (!adapter) return adapter;
        const open = adapter.requestDevice.bind(adapter);
        adapter.requestDevice = async (descriptor) => {
          const device = await open(descriptor);
          devices.push(device);
          return device;
        };
        return adapter;
      },
    },
  };
}

const largest = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

await runStep(async () => {
  const [name, count] = [process.argv[2], Number(process.argv[3])];
  const model = modelNamed(name);
  const image = picture(320, 240);
  const options = { output: { mask: true } };
  const own = publicModel(model);

  await init({ model: own, device: 'wasm' });
  const { data: expected } = await removeBackgroundRaw(image, options);
  await dispose();

  const { gpu, devices } = watched(create(dawnOptions()));
  // Forced: a device found slow would be left after the third picture.
  await init({ model: own, device: 'webgpu', allowSoftwareAdapter: true, gpu });
  const started = performance.now();
  const memory = [];
  let worst = 0, onGpu = 0;
  for (let i = 0; i < count; ++i) {
    const { data, execution } = await removeBackgroundRaw(image, options);
    worst = Math.max(worst, largest(data, expected));
    if (execution.provider === 'webgpu') ++onGpu;
    globalThis.gc?.();
    memory.push(process.memoryUsage().rss);
  }
  const [early, late] = [memory[Math.floor(count / 10)], memory.at(-1)];
  record('endurance', {
    model: name, pictures: count, onWebGpu: onGpu, worstLevels: worst, msPerPicture: (performance.now() - started) / count,
    memoryBytes: { early, late, most: Math.max(...memory) }, flat: late - early <= kFlatBytes,
  });

  await dispose();

  let right = 0, provider = null;
  for (let i = 0; i < kLosses; ++i) {
    // One session for all, unless it has left a device that it found slow, as a software renderer is: then a new one.
    const fresh = provider !== 'webgpu';
    if (fresh) {
      await dispose();
      await init({ model: own, device: 'auto', allowSoftwareAdapter: true, gpu });
    }
    const before = devices.length;
    const running = removeBackgroundRaw(image, options);
    devices.at(-1)?.destroy();
    const { data, execution } = await running;
    const next = await removeBackgroundRaw(image, options);
    provider = next.execution.provider;
    const levels = Math.max(largest(data, expected), largest(next.data, expected));
    if (levels <= kLevels) ++right;
    record('endurance', { loss: i + 1, fresh, provider: execution.provider, nextProvider: provider, reopened: devices.length > before,
      downgraded: execution.downgraded, worstLevels: levels });
  }
  if (devices.length === 0) throw new Error('no device was ever opened: the pictures ran on WebAssembly');
  if (onGpu < count) throw new Error(`${count - onGpu} of ${count} pictures did not run on WebGPU`);
  if (worst > kLevels) throw new Error(`a picture differs from WebAssembly's by ${worst} levels`);
  if (right < kLosses) throw new Error(`${kLosses - right} pictures were wrong after the device was lost`);
  if (late - early > kFlatBytes) throw new Error(`memory grew by ${Math.round((late - early) / 1e6)} MB`);
});
