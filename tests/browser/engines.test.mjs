// What every browser engine must do, with and without cross-origin isolation. WebKitGTK stands for Safari: without shared
// memory, relaxed SIMD and WebGPU it shows that the fallbacks work.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import * as whole from '../../web/dist/node.js';
import { matteModel } from '../../web/test/helpers.mjs';
import { engines, until } from './engines/engines.mjs';
import { sources } from './pages/sources.js';
import { truncated, withOrientation } from './support/jpeg.mjs';
import { decodePng } from './support/png.mjs';
import { kPackage, kPhoto, kPolicy, startSite } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

// Small, and a PNG: decoders of JPEG may round differently.
const kSize = { width: 160, height: 188 };
const kMagic = { 'image/png': '89504e47', 'image/webp': '52494646', 'image/jpeg': 'ffd8ff' };

const photo = await readFile(kPhoto);
const small = await sharp(photo).resize({ ...kSize, fit: 'fill' }).png().toBuffer();
const webp = await sharp(small).webp().toBuffer();
const { data } = await sharp(small).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const cutOut = async ({ removeBackgroundRaw }) => ({ rgba: (await removeBackgroundRaw({ data, ...kSize })).data, ...kSize });
const wholeReference = await cutOut(whole);
// What the default model sees, and both builds of the kernels, is for the whole one; all else for its small version.
const reference = await cutOut(await import(pathToFileURL(join(kSmallPackage, 'node.js')).href));

/** What runs in the pages: everything through data, as in a page of anyone's. */
const inPage = {
  features: () => ({
    isolated: globalThis.crossOriginIsolated === true,
    shared: typeof SharedArrayBuffer === 'function',
    cores: navigator.hardwareConcurrency,
    videoFrame: typeof VideoFrame === 'function',
  }),
  remove: ({ base64, url, options }) => {
    const source = base64 ? new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]) : url;
    const removed = decal.removeBackground(source, options).then(async (result) => {
      const portable = await probe.portable(result);
      portable.preview = await probe.imageSize(result.previewUrl);
      result.revoke();
      return portable;
    });
    return probe.outcome(removed, decal.DecalError);
  },
};

for (const engine of engines) {
  if (engine.missing) console.error(engine.missing);
  for (const isolation of [true, false]) {
    const name = `${engine.name}, ${isolation ? 'isolated' : 'without isolation'}`;
    suite(name, { skip: engine.missing }, () => essentials(engine, isolation));
  }
}

function essentials(engine, isolation) {
  /** Addresses that pages and workers asked for in vain, because the site's policy names its own host alone. */
  const violations = [];
  let site, browser, features;

  /** A test, once more in a new browser if the browser itself has died in it; a second death fails it. */
  const check = (name, work) => test(name, async (t) => {
    try {
      await work(t);
    } catch (error) {
      if (!engine.crashed?.(error)) throw error;
      t.diagnostic(`${engine.name} has crashed (${error.message}); the test begins anew`);
      await browser.close().catch(() => {});
      browser = await engine.start();
      await open();
      await work(t);
    }
  });

  const open = async (page = 'module') => {
    await browser.open(`${site.url}/${page}.html`);
    await until(() => browser.evaluate(() => 'decal' in globalThis), 10, 'the page did not load');
  };
  const remove = async (source, options = {}) => {
    const request = typeof source === 'string' ? { url: source, options } : { base64: source.toString('base64'), options };
    const { value, error } = await browser.evaluate(inPage.remove, request);
    if (error) return { error };
    const bytes = Buffer.from(value.base64, 'base64');
    return { ...value, bytes, picture: value.type === 'image/png' ? decodePng(bytes) : null };
  };

  before(async () => {
    site = await startSite({
      isolation,
      decal: kSmallPackage,
      mounts: { '/whole': kPackage },
      headers: { 'Content-Security-Policy': `${kPolicy}; report-uri /violations` },
      async intercept(request, response) {
        if (request.url !== '/violations') return false;
        let body = '';
        for await (const chunk of request) body += chunk;
        violations.push(JSON.parse(body)['csp-report']['blocked-uri']);
        response.writeHead(204).end();
        return true;
      },
    });
    browser = await engine.start();
    await open();
    features = await browser.evaluate(inPage.features);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  check('a small picture becomes the reference’s cut-out', async (t) => {
    await open('whole');
    const { error, picture, preview, execution } = await remove(small);
    assert.equal(error, undefined, JSON.stringify(error));
    const { alpha, colour } = differenceOf(picture, wholeReference);
    assert.ok(alpha <= 2 && colour <= 2, `alpha differs by ${alpha}, colours by ${colour}`);
    assert.deepEqual(preview, [kSize.width, kSize.height]);
    const { provider, threads, simd, reasons, ms } = execution;
    t.diagnostic(`${provider}, ${threads} threads, ${simd} SIMD, ${Math.round(ms.inference)} ms; ${reasons.join('; ')}`);
    await open();
  });

  check('20 sequences of calls, aborts, ends and restarts: each call ends once, with its cut-out or a typed error', async (t) => {
    await open();
    const counts = await browser.evaluate(async ({ base64 }) => {
      const model = {
        name: 'matte', input: { rule: 'stretch', width: 16, height: 16, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1],
        activation: 'none', data: Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)),
      };
      const pixels = Uint8ClampedArray.from({ length: 4 * 24 * 20 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
      const source = new ImageData(pixels, 24, 20);
      const api = {
        async remove(signal) {
          const result = await decal.removeBackground(source, { model, device: 'wasm', signal, output: { format: 'image/x-rgba8' } });
          result.revoke();
          return new Uint8Array(await result.blob.arrayBuffer());
        },
        load: (signal) => decal.preload(model, { device: 'wasm', signal }),
        init: (n) => decal.init({ threads: 1 + n, simd: 'baseline', model, device: 'wasm' }),
        dispose: () => decal.dispose(),
      };
      try {
        return await runSequences({ runs: 20, api, typed: (error) => error instanceof decal.DecalError });
      } catch (error) {
        return { error: `${error.message}; ${error.cause?.stack}` };
      }
    }, { base64: matteModel([0.1, 0.1, 0.1]).toString('base64') });
    assert.equal(counts.error, undefined);
    t.diagnostic(JSON.stringify(counts));
  });

  check('mattes out and in, a batch, and a worker that is killed', async () => {
    await open();
    const seen = await browser.evaluate(async ({ base64 }) => {
      const source = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]);
      const workers = [];
      const Real = globalThis.Worker;
      globalThis.Worker = class extends Real {
        postMessage(message, transfer) {
          if (message.type === 'start') workers.push(this);
          super.postMessage(message, transfer);
        }
      };
      const same = async (a, b) => (await probe.base64(a.blob)) === (await probe.base64(b.blob));
      const removed = await decal.removeBackground(source);
      // Estimated colours depend on how fine the matte is that they are estimated from.
      const own = { output: { decontaminate: false } };
      const applied = await decal.applyMatte(source, await decal.segment(source), own);
      const plain = await decal.removeBackground(source, own);
      const batch = [];
      for await (const { result, error } of decal.removeBackgroundBatch([source, new Blob(['no picture']), source])) {
        batch.push(error ? error.code : await same(result, removed));
      }
      // As after running out of memory: without an event.
      workers[0].terminate();
      const again = await decal.removeBackground(source);
      return { applied: await same(applied, plain), batch, again: await same(again, removed), workers: workers.length };
    }, { base64: small.toString('base64') });
    assert.deepEqual(seen, { applied: true, batch: [true, 'corrupt-image', true], again: true, workers: 2 });
  });

  check('capabilities and results tell the truth', async () => {
    // WebKitGTK says that a page is isolated, and has no shared memory all the same.
    assert.equal(features.isolated, isolation);
    await open();
    const forecast = await browser.evaluate(() => decal.getCapabilities());
    const { execution } = await remove(small);
    const capabilities = await browser.evaluate(() => decal.getCapabilities());
    assert.deepEqual([forecast.exact, capabilities.exact], [false, true]);
    assert.equal(execution.provider, capabilities.device);
    for (const told of [forecast, capabilities, execution]) {
      assert.equal(told.threads, features.isolated && features.shared ? Math.min(features.cores, 8) : 1);
      assert.equal(told.simd, forecast.simd);
    }
    if (execution.threads === 1) assert.match(capabilities.reason, /one thread/);
  });

  check('the better WebAssembly build runs exactly where it is said to', async () => {
    const { simd } = await browser.evaluate(() => decal.getCapabilities());
    await open('whole');
    const { error } = await browser.evaluate(() => probe.outcome(decal.init({ simd: 'relaxed' }), decal.DecalError));
    assert.equal(error?.code, simd === 'relaxed' ? undefined : 'unsupported', JSON.stringify(error));
    const baseline = await browser.evaluate(() => probe.outcome(decal.init({ simd: 'baseline' }), decal.DecalError));
    assert.equal(baseline.error, undefined, JSON.stringify(baseline.error));
    const { picture, execution } = await remove(small);
    assert.equal(execution.simd, 'baseline');
    const { alpha, colour } = differenceOf(picture, wholeReference);
    assert.ok(alpha <= 2 && colour <= 2, `alpha differs by ${alpha}, colours by ${colour}`);
    await open();
  });

  check('formats: as asked for wherever the browser can write it, and a typed error if it cannot', async (t) => {
    const background = backgroundPixel(reference);
    for (const [format, magic] of Object.entries(kMagic)) {
      const writes = await browser.evaluate(async (type) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
        canvas.getContext('2d');
        return (await new Promise((done) => canvas.toBlob(done, type))).type === type;
      }, format);
      const { error, type, bytes, width, height } = await remove(small, { output: { format, background: '#336699' } });
      t.diagnostic(`${format}: ${error ? error.message : `${bytes.length} bytes`}`);
      if (error) {
        assert.equal(error.code, 'unsupported', JSON.stringify(error));
        assert.ok(error.typed);
        assert.ok(!writes, `the browser can write ${format}`);
        continue;
      }
      assert.deepEqual([type, width, height], [format, kSize.width, kSize.height]);
      assert.equal(bytes.subarray(0, magic.length / 2).toString('hex'), magic);
      const decoded = await sharp(bytes).removeAlpha().raw().toBuffer();
      // The colour asked for, as far as lossy formats keep it.
      const pixel = [...decoded.subarray(3 * background, 3 * background + 3)];
      [0x33, 0x66, 0x99].forEach((value, c) => assert.ok(Math.abs(pixel[c] - value) <= 8, `${pixel}`));
    }
  });

  check('a picture wider than JPEG and canvases may be: PNG works, JPEG is refused', async () => {
    const kWidth = 70_000;
    const cut = (format) => browser.evaluate(({ width, format }) => {
      const picture = new ImageData(width, 2);
      const removed = decal.removeBackground(picture, { output: { format, background: '#336699' } });
      return probe.outcome(removed.then(probe.portable), decal.DecalError);
    }, { width: kWidth, format });
    const { value } = await cut('image/png');
    assert.equal(decodePng(Buffer.from(value.base64, 'base64')).width, kWidth);
    const { error } = await cut('image/jpeg');
    assert.deepEqual([error?.code, error?.typed], ['limit-exceeded', true], JSON.stringify(error));
  });

  check('a background may be any CSS colour, the matte alone is grey', async () => {
    const { rgba } = (await remove(small, { output: { background: 'rebeccapurple' } })).picture;
    const matte = (await remove(small, { output: { mask: true } })).picture;
    let worst = 0;
    for (let i = 0; i < rgba.length; i += 4) {
      const alpha = reference.rgba[i + 3];
      [0x66, 0x33, 0x99].forEach((back, c) => {
        const composed = (alpha * reference.rgba[i + c] + (255 - alpha) * back) / 255;
        worst = Math.max(worst, Math.abs(composed - rgba[i + c]), Math.abs(alpha - matte.rgba[i + c]));
      });
      assert.deepEqual([rgba[i + 3], matte.rgba[i + 3]], [255, 255]);
    }
    assert.ok(worst <= 3, `differs by ${worst}`);
  });

  // Decoding does not depend on threads: once per engine.
  if (isolation) check('every kind of source', async () => {
    const first = (await remove('/photo.jpg')).picture;
    assert.deepEqual([first.width, first.height], [512, 600]);
    for (const name of Object.keys(sources)) {
      if (name === 'VideoFrame' && !features.videoFrame) continue;
      const [cutout] = await browser.evaluate((work) => removeSource(work), { name, times: 1 });
      const { alpha, colour } = differenceOf(decodePng(Buffer.from(cutout, 'base64')), first);
      assert.ok(alpha <= 8 && colour <= 8, `${name}: alpha differs by ${alpha}, colours by ${colour}`);
    }
  });

  check('a photo turned by EXIF comes out upright', async () => {
    const { picture } = await remove(withOrientation(photo, 6));
    assert.deepEqual([picture.width, picture.height], [600, 512]);
  });

  check('what is no picture is refused with a code, and the next call works', async () => {
    const codes = {};
    for (const [name, source] of Object.entries({
      text: Buffer.from('not a picture'), 'half a photo': truncated(photo), 'half a PNG': truncated(small, 0.5),
      'half a WebP': truncated(webp, 0.5),
      'a missing file': '/no-such-picture.jpg', 'no address': 'http://',
    })) {
      const { error } = await remove(source);
      assert.ok(error?.typed, `${name}: ${JSON.stringify(error)}`);
      assert.doesNotMatch(error.message, /\n/);
      codes[name] = error.code;
    }
    assert.deepEqual(codes, {
      text: 'corrupt-image', 'half a photo': 'corrupt-image', 'half a PNG': 'corrupt-image', 'half a WebP': 'corrupt-image',
      'a missing file': 'network', 'no address': 'invalid-argument',
    });
    const { error } = await remove(small, { output: { background: 'no colour' } });
    assert.equal(error.code, 'invalid-argument');
    assert.equal((await remove(small)).error, undefined);
  });

  check('abort rejects at once at any stage, and the next call works', async () => {
    const ends = await browser.evaluate(async () =>
      probe.aborts(decal, await probe.largePhoto(2000, 1500), [0, 0.1, 0.3, 0.6]));
    for (const { share, name, own } of ends) assert.deepEqual([name, own], ['AbortError', true], `after ${share} of the time`);
    const { alpha, colour } = differenceOf((await remove(small)).picture, reference);
    assert.ok(alpha <= 2 && colour <= 2);
  });

  // WebKit's page is gone after some of these where workers are ended in the middle of something.
  check('dispose() at any stage ends the call, and the next one works', async () => {
    const ends = await browser.evaluate(async () => {
      const picture = await probe.largePhoto(1000, 750);
      const ends = [];
      for (const wait of [0, 50, 100, 200, 300, 400, 500, 600]) {
        const ended = decal.removeBackground(picture).then(({ revoke }) => (revoke(), 'resolved'), ({ code }) => code);
        await new Promise((resolve) => setTimeout(resolve, wait));
        decal.dispose();
        ends.push(await ended);
      }
      return ends;
    });
    assert.equal(ends[0], 'aborted');
    for (const end of ends) assert.ok(['aborted', 'resolved'].includes(end), end);
    const { alpha, colour } = differenceOf((await remove(small)).picture, reference);
    assert.ok(alpha <= 2 && colour <= 2);
  });

  check('progress ends with ready, and dispose starts anew', async () => {
    const phases = await browser.evaluate(async () => {
      decal.dispose();
      const phases = [];
      const unsubscribe = decal.subscribeToProgress(({ phase }) => phases.push(phase));
      await decal.init();
      unsubscribe();
      return phases.slice(1).filter((phase, i, all) => phase !== all[i - 1]);
    });
    assert.deepEqual(phases, ['idle', 'downloading', 'building', 'ready']);
  });

  check('no request to another host, under a policy that reports every attempt', async () => {
    assert.deepEqual(violations, []);
    await browser.evaluate(() => fetch('http://elsewhere.invalid/').catch(() => null));
    for (let turn = 0; turn < 100 && violations.length === 0; ++turn) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(violations[0] ?? 'nothing reported', /elsewhere\.invalid/);
  });
}

/** The index of a pixel amid 16 x 16 that show nothing of the subject: lossy formats mix the colours of a block. */
function backgroundPixel({ rgba, width, height }) {
  for (let y = 0; y + 16 <= height; ++y) {
    for (let x = 0; x + 16 <= width; ++x) {
      const alphas = Array.from({ length: 256 }, (_, i) => rgba[4 * ((y + (i >> 4)) * width + x + (i & 15)) + 3]);
      if (alphas.every((alpha) => alpha === 0)) return (y + 8) * width + x + 8;
    }
  }
  throw new Error('the cut-out has no background');
}

/** Largest difference of alpha, and of colours that both show. */
function differenceOf(a, b) {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  let alpha = 0;
  let colour = 0;
  for (let i = 0; i < a.rgba.length; i += 4) {
    alpha = Math.max(alpha, Math.abs(a.rgba[i + 3] - b.rgba[i + 3]));
    if (a.rgba[i + 3] === 0 || b.rgba[i + 3] === 0) continue;
    for (let c = 0; c < 3; ++c) colour = Math.max(colour, Math.abs(a.rgba[i + c] - b.rgba[i + c]));
  }
  return { alpha, colour };
}
