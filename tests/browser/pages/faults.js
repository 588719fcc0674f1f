// GPUs that go wrong in one way each: wrappers around a real one, for pages' workers and for Node.
// SPDX-License-Identifier: MIT

/** The executor makes one buffer of this label for each model, the self-test's being the first. */
const kReadbackLabel = 'outputs';

/**
 * `gpu` with one fault. Unless its name says otherwise it strikes the first model after the self-test. Faults of devices
 * strike `times` of them; those opened later are sound. The fault `none` is none, and tells `onSubmit` when a model's
 * work is handed to the GPU.
 */
export function faultyGpu(gpu, fault, { times = 1, onSubmit = () => {} } = {}) {
  let left = times;
  let opened = 0;
  return {
    async requestAdapter(options) {
      if (fault === 'no-adapter') return null;
      if (fault === 'adapter-throws') throw new Error('the adapter is out');
      const adapter = await gpu.requestAdapter(options);
      const overrides = {
        requestDevice: async (descriptor) => {
          if (fault === 'no-device') throw new Error('no device today');
          const device = await adapter.requestDevice(descriptor);
          // The self-test's result is known from the first device on.
          return left-- > 0 ? faultyDevice(device, fault, opened++ === 0 ? 1 : 0, onSubmit) : device;
        },
      };
      if (fault === 'limits-of-0') overrides.limits = zeros(adapter.limits);
      return overlay(adapter, overrides);
    },
  };
}

function faultyDevice(device, fault, selfTests, onSubmit) {
  // How many models have got their buffers, the self-test's included.
  let models = 0;
  const inModel = () => models > selfTests;
  const overrides = {
    createBuffer(descriptor) {
      const first = models === selfTests && descriptor.label === 'activations';
      if (fault === 'create-buffer' && first) {
        return device.createBuffer({ ...descriptor, size: device.limits.maxBufferSize + 4096 });
      }
      if (fault === 'create-buffer-throws' && first) throw new RangeError('no memory for a buffer');
      const buffer = device.createBuffer(descriptor);
      if (descriptor.label !== kReadbackLabel) return buffer;
      ++models;
      if (fault === 'nan' && inModel()) corrupt(buffer, () => NaN);
      if (fault === 'nan-in-self-test') corrupt(buffer, () => NaN);
      if (fault === 'wrong-numbers') corrupt(buffer, (value) => value + 0.25);
      if (fault === 'map-fails' && inModel()) buffer.mapAsync = () => Promise.reject(new Error('mapping failed'));
      return buffer;
    },
    createShaderModule(descriptor) {
      const broken = fault === 'pipeline' && models === selfTests;
      return device.createShaderModule(broken ? { ...descriptor, code: 'this is no shader' } : descriptor);
    },
  };
  if (fault === 'none' || fault === 'lost-mid-run' || fault === 'lost-after-run') {
    overrides.queue = overlay(device.queue, {
      submit(buffers) {
        device.queue.submit(buffers);
        if (!inModel()) return;
        if (fault === 'none') onSubmit();
        else if (fault === 'lost-mid-run') device.destroy();
        else device.queue.onSubmittedWorkDone().then(() => setTimeout(() => device.destroy(), 50));
      },
    });
  }
  return overlay(device, overrides);
}

function corrupt(buffer, change) {
  const real = buffer.getMappedRange.bind(buffer);
  buffer.getMappedRange = () => {
    const range = real();
    const values = new Float32Array(range);
    values.forEach((value, i) => (values[i] = change(value)));
    return range;
  };
}

function zeros(limits) {
  return new Proxy({}, { get: (_, name) => (name in limits ? 0 : undefined) });
}

/** `target` with some members replaced; the rest keeps working on the real object. */
function overlay(target, overrides) {
  return new Proxy(target, {
    get(_, name) {
      if (name in overrides) return overrides[name];
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (_, name, value) => Reflect.set(target, name, value, target),
  });
}
