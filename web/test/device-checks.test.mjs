// The pre-flight checks as tables: facts about a device, and the decision that follows from them.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource } from './helpers.mjs';

const { adapterName, decide, dtypeFor, softwareRenderer } = await importSource('gpu/device-checks.ts');

const kLimits = {
  storageBuffers: 10, bindingBytes: 2 ** 31 - 4, bufferBytes: 2 ** 31, workgroupsPerDimension: 65535,
  workgroupInvocations: 1024, workgroupBytes: 32768, offsetAlignment: 256,
};

function adapter(changes = {}) {
  const { info = {}, limits = {}, features = [], isFallback = false } = changes;
  return {
    info: { vendor: 'nvidia', architecture: 'ampere', device: '', description: '', ...info },
    isFallback,
    limits: { ...kLimits, ...limits },
    features,
  };
}

const kPlan = { maxStorageBuffers: 6, memoryBytes: 200e6, dtype: 'fp32' };
const facts = (changes = {}) => ({
  requested: 'auto', allowSoftwareAdapter: false, noGpu: null, adapter: adapter(), selfTest: { ms: 3, maxError: 2e-6 },
  plan: kPlan, ...changes,
});

test('a sane device with a model that fits runs on WebGPU, and says why', () => {
  for (const requested of ['auto', 'webgpu']) {
    const { provider, dtype, reasons, checked } = decide(facts({ requested }));
    assert.deepEqual([provider, dtype], ['webgpu', 'fp32']);
    assert.deepEqual(reasons, ['nvidia ampere offers WebGPU', 'the model needs 200 MB and at most 6 storage buffers a shader']);
    assert.deepEqual(checked, {
      webgpu: true, adapter: adapter().info, software: false,
      limits: { storageBuffers: 10, bindingBytes: 2 ** 31 - 4, bufferBytes: 2 ** 31 }, features: [],
      selfTest: { ms: 3, maxError: 2e-6 }, plan: kPlan,
    });
  }
});

test('float16 is chosen where it is offered, and its errors are judged by its own measure', () => {
  const half = adapter({ features: ['shader-f16', 'timestamp-query'] });
  assert.equal(dtypeFor(half), 'fp16');
  assert.equal(dtypeFor(adapter()), 'fp32');
  assert.equal(dtypeFor(null), 'fp32');
  const selfTest = { ms: 3, maxError: 2e-3 };
  assert.deepEqual(decide(facts({ adapter: half, selfTest })).dtype, 'fp16');
  assert.equal(decide(facts({ adapter: half, selfTest })).provider, 'webgpu');
  assert.equal(decide(facts({ selfTest })).provider, 'wasm');
});

// [what is different, what the reason must say]
const kRefused = [
  [{ requested: 'wasm' }, /^WebAssembly was asked for$/],
  [{ noGpu: 'there is no WebGPU in this browser', adapter: undefined }, /no WebGPU in this browser/],
  [{ adapter: null }, /^WebGPU gives no adapter$/],
  [{ adapter: null, adapterError: 'blocklisted' }, /no adapter: blocklisted/],
  [{ adapter: adapter({ isFallback: true }) }, /fallback, which computes on the CPU/],
  [{ adapter: adapter({ info: { architecture: 'swiftshader' } }) }, /SwiftShader/],
  [{ adapter: adapter({ info: { description: 'llvmpipe (LLVM 15.0.6, 256 bits)' } }) }, /llvmpipe/],
  [{ adapter: adapter({ info: { description: 'lavapipe' } }) }, /llvmpipe/],
  [{ adapter: adapter({ info: { description: 'Microsoft Basic Render Driver' } }) }, /Microsoft Basic Render/],
  [{ adapter: adapter({ info: { vendor: 'microsoft', architecture: 'warp' } }) }, /WARP/],
  [{ deviceError: 'the GPU adapter refused to open a device: out of handles' }, /out of handles/],
  [{ selfTest: { error: 'shader conv: no' } }, /self-test failed: shader conv: no/],
  [{ selfTest: { ms: 3, maxError: NaN } }, /self-test returned NaN/],
  [{ selfTest: { ms: 3, maxError: 0.5 } }, /wrong numbers: off by 0\.50, where 0\.0001 is allowed/],
  [{ selfTest: { ms: 3, maxError: Infinity } }, /wrong numbers/],
  [{ selfTest: { ms: 900, maxError: 0 } }, /took 900 ms, where 250 are allowed/],
  [{ selfTest: { ms: NaN, maxError: 0 } }, /took NaN ms/],
  [{ plan: { error: 'no WebGPU kernel for NonMaxSuppression' } }, /cannot be planned .*NonMaxSuppression/],
  [{ plan: { ...kPlan, maxStorageBuffers: 33 } }, /33 storage buffers in one shader, where 8 are guaranteed/],
  [{ machineBytes: 300e6 }, /200 MB on the GPU, more than half of this machine's 300 MB/],
  [{ earlier: 'the GPU was lost (unknown): reset' }, /lost \(unknown\): reset/],
];
for (const [changes, reason] of kRefused) {
  test(`refused: ${reason.source}`, () => {
    const decision = decide(facts(changes));
    assert.deepEqual([decision.provider, decision.dtype, decision.reasons.length], ['wasm', 'fp32', 1]);
    assert.match(decision.reasons[0], reason);
  });
}

// A degenerate adapter: every limit that matters, with everything that is not a sane number.
for (const name of Object.keys(kLimits)) {
  for (const value of [0, -1, NaN, Infinity, 0.5, undefined, null, '1024', {}]) {
    test(`refused: ${name} reported as ${JSON.stringify(value) ?? 'undefined'}${Number.isNaN(value) ? ' (NaN)' : ''}`, () => {
      const { provider, reasons, checked } = decide(facts({ adapter: adapter({ limits: { [name]: value } }) }));
      assert.equal(provider, 'wasm');
      assert.match(reasons[0], /^the adapter reports m(ax|in)\w+ .*, where WebGPU guarantees/);
      if (name in checked.limits) assert.ok(checked.limits[name] === null || typeof checked.limits[name] === 'number');
    });
  }
}

test('limits just below the guarantee are refused, and the guarantee itself is enough', () => {
  const least = {
    storageBuffers: 8, bindingBytes: 2 ** 27, bufferBytes: 2 ** 28, workgroupsPerDimension: 65535, workgroupInvocations: 256,
    workgroupBytes: 16384,
  };
  assert.equal(decide(facts({ adapter: adapter({ limits: { ...least, offsetAlignment: 256 } }) })).provider, 'webgpu');
  for (const [name, value] of Object.entries(least)) {
    assert.equal(decide(facts({ adapter: adapter({ limits: { [name]: value - 1 } }) })).provider, 'wasm', name);
  }
  assert.equal(decide(facts({ adapter: adapter({ limits: { offsetAlignment: 512 } }) })).provider, 'wasm');
});

test('software that is allowed passes, however slow, but not with wrong numbers', () => {
  const software = adapter({ info: { architecture: 'swiftshader' }, isFallback: true });
  const allowed = { adapter: software, allowSoftwareAdapter: true };
  const decision = decide(facts({ ...allowed, selfTest: { ms: 4000, maxError: 1e-6 } }));
  assert.equal(decision.provider, 'webgpu');
  assert.equal(decision.checked.software, true);
  assert.equal(decide(facts({ ...allowed, selfTest: { ms: 4000, maxError: 1 } })).provider, 'wasm');
  assert.equal(decide(facts({ ...allowed, requested: 'wasm' })).provider, 'wasm');
});

test('what has not been looked at does not speak against a device', () => {
  const { provider, reasons, checked } = decide({ requested: 'auto', allowSoftwareAdapter: false, noGpu: null });
  assert.equal(provider, 'webgpu');
  assert.match(reasons[1], /known once it is loaded/);
  assert.deepEqual(checked, {
    webgpu: true, adapter: null, software: null, limits: null, features: null, selfTest: null, plan: null,
  });
  assert.equal(decide(facts({ requested: 'wasm' })).checked.webgpu, null);
});

test('adapters have names for people', () => {
  assert.equal(adapterName(adapter()), 'nvidia ampere');
  assert.equal(adapterName(adapter({ info: { description: 'NVIDIA H200' } })), 'NVIDIA H200');
  assert.equal(adapterName(null), 'the GPU');
  assert.equal(softwareRenderer(adapter({ info: { description: 'Warped Reality GPU' } })), null);
});
