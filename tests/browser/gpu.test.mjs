// WebGPU in a page, on Chromium's software renderer: pre-flight checks, the same cut-out, and every fault ending in a whole picture.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { matteModel } from '../../web/test/helpers.mjs';
import { kSoftwareGpu, noBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { difference, removeFromPhoto, startSession } from './support/session.mjs';
import { kPackage } from './support/site.mjs';
import { missing, modelFile, smallDefaultFor, smallDefaultModel } from '../support/models.mjs';

const kModel = {
  name: 'matte', input: { rule: 'stretch', width: 64, height: 64, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1],
  activation: 'none', base64: matteModel([0.3, 0.5, 0.2]).toString('base64'),
};

// /faulty/<fault>/ holds the package with a worker that breaks its GPU before anything else happens.
const kWorker = "import './faulty.js';\nimport '/decal/worker.js';\n";
const kFaulty = (fault, times) => `import { faultyGpu } from '/faults.js';
const real = navigator.gpu;
const gpu = '${fault}' === 'no-gpu' ? undefined : faultyGpu(real, '${fault}', { times: ${times} });
Object.defineProperty(navigator, 'gpu', { get: () => gpu });
`;

function serveFaulty({ url }, response) {
  const [, fault, times, file] = /^\/faulty\/([a-z0-9-]+)\/(?:(\w+)\/)?(worker|faulty)\.js$/.exec(url) ?? [];
  if (!file) return false;
  const body = file === 'worker' ? kWorker : kFaulty(fault, times ?? 1);
  response.writeHead(200, { 'Content-Type': 'text/javascript', 'Cross-Origin-Embedder-Policy': 'require-corp' }).end(body);
  return true;
}

// [the fault, the reason it must give, the code where WebGPU was demanded]
const kFaults = [
  ['no-gpu', /there is no WebGPU in this browser/, 'webgpu-unavailable'],
  ['no-adapter', /gives no adapter/, 'webgpu-unavailable'],
  ['limits-of-0', /reports maxStorageBuffersPerShaderStage 0, where WebGPU guarantees/, 'webgpu-unavailable'],
  ['nan-in-self-test', /self-test returned NaN/, 'webgpu-unavailable'],
  ['create-buffer', /buffers: /, 'webgpu-failed'],
  ['pipeline', /shader .*: /, 'webgpu-failed'],
  ['nan', /the GPU returned NaN/, 'webgpu-failed'],
  ['lost-mid-run', /the GPU was lost/, 'device-lost'],
];

/** As it looks on black: below alpha 1 a colour is zero, so that one step of alpha would count as the whole of a colour. */
const composed = ({ rgba, ...size }) =>
  ({ ...size, rgba: rgba.map((value, i) => (i % 4 === 3 ? value : Math.round(value * rgba[i - (i % 4) + 3] / 255))) });

/** In a fresh page: init with `options`, then the test photo as often as `devices` says; all that can leave the page. */
async function runIn(page, options, devices = ['auto']) {
  return page.evaluate(async ({ model, options, devices }) => {
    const bytes = Uint8Array.from(atob(model.base64), (c) => c.charCodeAt(0));
    const events = [];
    decal.onExecution((event) => events.push(event));
    const settings = { model: { ...model, data: bytes }, ...options };
    const started = await probe.outcome(decal.init({ ...settings, model: options.model ?? settings.model }), decal.DecalError);
    const outcomes = [];
    for (const device of devices) {
      const { value, error } = await probe.outcome(decal.removeBackground('/photo.jpg', { device }), decal.DecalError);
      outcomes.push(value ? await probe.portable(value) : { error });
    }
    const capabilities = await decal.getCapabilities();
    return { events, started: started.error ?? null, outcomes, capabilities };
  }, { model: kModel, options, devices });
}

suite('WebGPU', { skip: noBrowser }, () => {
  let session;
  before(async () => {
    // Everything but the worker comes from the package itself.
    const faults = [...kFaults.map(([fault]) => fault), 'lost-after-run', 'lost-mid-run/Infinity'];
    const mounts = Object.fromEntries(faults.map((fault) => [`/faulty/${fault}`, kPackage]));
    session = await startSession({ mounts, intercept: serveFaulty }, { flags: kSoftwareGpu });
  });
  after(() => session?.close());

  async function inFreshPage(options, devices) {
    const page = await session.open();
    try {
      return await runIn(page, { allowSoftwareAdapter: true, ...options }, devices);
    } finally {
      await page.close();
    }
  }

  const same = (a, b) => assert.equal(a.base64, b.base64, 'another picture');

  test('the pre-flight checks refuse the software renderer, with the reason', async () => {
    const { outcomes: [auto, demanded], capabilities, events } =
      await inFreshPage({ allowSoftwareAdapter: false }, ['auto', 'webgpu']);
    assert.equal(auto.execution.provider, 'wasm');
    assert.match(auto.execution.downgraded.reason, /SwiftShader, which computes on the CPU/);
    assert.equal(auto.execution.checked.software, true);
    assert.equal(demanded.error.code, 'webgpu-unavailable');
    assert.match(demanded.error.message, /SwiftShader/);
    assert.ok(demanded.error.typed);
    assert.deepEqual([capabilities.device, capabilities.exact], ['wasm', true]);
    assert.match(capabilities.reason, /SwiftShader/);
    assert.deepEqual(events.map(({ kind }) => kind), ['session', 'run']);
  });

  test('a forecast before there is a model says the same', async () => {
    const page = await session.open();
    const [forecast, forced] = await page.evaluate(async () => {
      const forecast = await decal.getCapabilities();
      return [forecast, await decal.getCapabilities({ model: 'u2netp' })];
    });
    assert.deepEqual([forecast.device, forecast.exact, forced.exact], ['wasm', false, false]);
    assert.match(forecast.reasons[0], /SwiftShader/);
    await page.close();
  });

  test('allowed, a small model gives the same cut-out, and progress says what is built', async () => {
    const page = await session.open();
    await page.evaluate(() => {
      window.states = [];
      decal.subscribeToProgress((state) => states.push(state));
    });
    const { outcomes: [onGpu, onCpu], capabilities, events } =
      await runIn(page, { allowSoftwareAdapter: true, device: 'webgpu' }, ['webgpu', 'wasm']);
    const building = await page.evaluate(() => states.filter(({ phase }) => phase === 'building').map(({ progress }) => progress));
    await page.close();
    assert.deepEqual([onGpu.execution.provider, onCpu.execution.provider], ['webgpu', 'wasm']);
    const [a, b] = [onGpu, onCpu].map(({ base64 }) => decodePng(Buffer.from(base64, 'base64')));
    assert.ok(difference(a, b).max <= 1);
    assert.ok(onGpu.execution.maxStorageBuffers <= 8);
    assert.deepEqual([capabilities.device, capabilities.dtype, capabilities.exact], ['webgpu', 'fp32', true]);
    assert.equal(events[0].provider, 'webgpu');
    assert.equal(building[0], 99);
    assert.ok(building.at(-1) > 99 && building.at(-1) < 100, String(building));
    assert.deepEqual(building, building.toSorted((x, y) => x - y));
  });

  test('long pictures are seen in parts on the GPU, too', async () => {
    const page = await session.open();
    const results = await page.evaluate(async ({ model }) => {
      const bytes = Uint8Array.from(atob(model.base64), (c) => c.charCodeAt(0));
      await decal.init({ model: { ...model, data: bytes }, allowSoftwareAdapter: true, device: 'webgpu' });
      const results = [];
      for (const [width, height] of [[480, 64], [64, 480]]) {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d');
        context.fillStyle = '#000000';
        context.fillRect(0, 0, width, height);
        context.fillStyle = '#ffffff';
        // Stripes across the long side, finer than a cell of the model's input stretched over all of it.
        for (let at = 0; at < 480; at += 8) context.fillRect(...(width > height ? [at, 0, 4, height] : [0, at, width, 4]));
        const stripes = await canvas.convertToBlob();
        for (const device of ['webgpu', 'wasm']) {
          results.push(await probe.portable(await decal.removeBackground(stripes, { device, output: { refine: 'off' } })));
        }
      }
      return results;
    }, { model: kModel });
    await page.close();
    assert.deepEqual(results.map(({ execution }) => execution.provider), ['webgpu', 'wasm', 'webgpu', 'wasm']);
    const pictures = results.map(({ base64 }) => decodePng(Buffer.from(base64, 'base64')));
    for (const [onGpu, onCpu] of [pictures.slice(0, 2), pictures.slice(2)]) {
      assert.ok(difference(composed(onGpu), composed(onCpu)).max <= 1);
      const wide = onGpu.width > onGpu.height;
      for (const at of [34, 146, 234, 330, 442]) {
        const [on, off] = [at, at + 4].map((place) => (wide ? onGpu.at(place, 32) : onGpu.at(32, place))[3]);
        assert.ok(on > off + 128, `a stripe at ${at} is ${on} beside ${off}`);
      }
    }
  });

  // Slow by design: a whole network, all of its shaders compiled and run in software.
  test("allowed, the default model's network gives the cut-out of WebAssembly", { timeout: 240_000, skip: missing(smallDefaultModel) }, async (t) => {
    const model = smallDefaultFor('/small-default.onnx');
    const small = await startSession({ mounts: { '/small-default.onnx': modelFile(smallDefaultModel) } }, { flags: kSoftwareGpu });
    small.page.setDefaultTimeout(0);
    await small.page.evaluate(() => decal.init({ allowSoftwareAdapter: true, device: 'wasm' }));
    const onCpu = await removeFromPhoto(small.page, { device: 'wasm', model });
    const onGpu = await removeFromPhoto(small.page, { device: 'webgpu', model });
    await small.close();
    assert.deepEqual([onCpu.execution.provider, onGpu.execution.provider], ['wasm', 'webgpu']);
    const { max, mean } = difference(composed(onGpu.picture), composed(onCpu.picture));
    const { maxStorageBuffers, gpu, ms } = onGpu.execution;
    t.diagnostic(`at most ${max} of 255 off, ${mean.toFixed(4)} on average; ${maxStorageBuffers} storage buffers, ` +
      `${(gpu.memoryBytes / 1e6).toFixed(1)} MB, ${gpu.dispatches} dispatches, ${ms.inference.toFixed(0)} ms`);
    assert.ok(max <= 2 && mean < 0.01);
    assert.ok(maxStorageBuffers <= 8);
  });

  test('pages stay as they are without cross-origin isolation', async () => {
    const plain = await startSession({ isolation: false }, { flags: kSoftwareGpu });
    const { outcomes: [{ execution }] } = await runIn(plain.page, { allowSoftwareAdapter: true }, ['webgpu']);
    assert.deepEqual([execution.provider, execution.threads], ['webgpu', 1]);
    await plain.close();
  });

  for (const [fault, reason, code] of kFaults) {
    test(`${fault}: the right cut-out from WebAssembly, or the typed error`, async () => {
      const assetBaseUrl = `/faulty/${fault}/`;
      const { outcomes: [downgraded, onCpu], events } = await inFreshPage({ assetBaseUrl }, ['auto', 'wasm']);
      const { execution } = downgraded;
      assert.equal(execution.provider, 'wasm');
      assert.deepEqual([execution.downgraded.from, execution.downgraded.to], ['webgpu', 'wasm']);
      assert.match(execution.downgraded.reason, reason);
      same(downgraded, onCpu);
      assert.equal(events.some(({ kind }) => kind === 'downgrade'), code !== 'webgpu-unavailable');

      const demanded = await inFreshPage({ assetBaseUrl, device: 'webgpu' }, code === 'device-lost' ? [] : ['webgpu']);
      const error = demanded.started ?? demanded.outcomes[0]?.error;
      if (code === 'device-lost') return assert.equal(error, undefined, 'only a run loses the device');
      assert.ok([code, 'webgpu-unavailable'].includes(error.code), error.code);
      assert.match(error.message, reason);
      assert.ok(error.typed);
    });
  }

  test('a device lost in the middle of a demanded run is a typed error, and the next call has another', async () => {
    const { started, outcomes: [lost, next] } =
      await inFreshPage({ assetBaseUrl: '/faulty/lost-mid-run/', device: 'webgpu' }, ['webgpu', 'webgpu']);
    assert.equal(started, null);
    assert.equal(lost.error.code, 'device-lost');
    assert.equal(next.execution.provider, 'webgpu');
  });

  test('a device lost between two calls is replaced', async () => {
    const { outcomes: [first, second, onCpu] } =
      await inFreshPage({ assetBaseUrl: '/faulty/lost-after-run/' }, ['webgpu', 'webgpu', 'wasm']);
    assert.deepEqual([first.execution.provider, second.execution.provider], ['webgpu', 'webgpu']);
    same(first, second);
    assert.equal(onCpu.execution.provider, 'wasm');
  });

  test('a device that is lost every time is left alone, and no picture suffers', async () => {
    const { outcomes, events } =
      await inFreshPage({ assetBaseUrl: '/faulty/lost-mid-run/Infinity/' }, ['auto', 'auto', 'auto', 'auto', 'auto', 'wasm']);
    for (const outcome of outcomes) {
      assert.equal(outcome.execution.provider, 'wasm');
      same(outcome, outcomes.at(-1));
    }
    assert.equal(events.filter(({ kind }) => kind === 'downgrade').length, 4);
  });
});
