// The entries for people who come from elsewhere, used as those packages' own documentation says.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { matteModel } from '../../web/test/helpers.mjs';
import { noBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { removeFromPhoto, startSession } from './support/session.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('compatibility', { skip: noBrowser }, () => {
  let session, page, cutout;
  before(async () => {
    session = await startSession({ decal: kSmallPackage });
    page = session.page;
    cutout = (await removeFromPhoto(page)).picture;
    await page.evaluate(async () => {
      window.imgly = await import('/decal/imgly.js');
      window.rembg = await import('/decal/rembg-webgpu.js');
    });
  });
  after(() => session?.close());

  const alphas = ({ rgba }) => rgba.filter((_, i) => i % 4 === 3);
  const pictureOf = (base64) => decodePng(Buffer.from(base64, 'base64'));

  test('rembg-webgpu: the sample of its README, result and progress', async () => {
    const fresh = await session.open();
    const seen = await fresh.evaluate(async () => {
      const { removeBackground, subscribeToProgress, getCapabilities, init } = await import('/decal/rembg-webgpu.js');
      const capability = await getCapabilities();
      const phases = [];
      const unsubscribe = subscribeToProgress(({ phase, progress }) => phases.push([phase, progress]));
      const loaded = [];
      const objects = await init((yes) => loaded.push(yes));
      const imageUrl = URL.createObjectURL(await probe.photo());
      const result = await removeBackground(imageUrl);
      unsubscribe();
      const blob = await (await fetch(result.blobUrl)).blob();
      const seen = {
        capability, phases, loaded, objects, keys: Object.keys(result).sort(), width: result.width, height: result.height,
        seconds: result.processingTimeSeconds, type: blob.type, base64: await probe.base64(blob),
        preview: await probe.imageSize(result.previewUrl),
      };
      URL.revokeObjectURL(result.blobUrl);
      return { ...seen, gone: await fetch(result.blobUrl).then(() => false, () => true) };
    });
    await fresh.close();
    assert.deepEqual(seen.capability, { device: 'wasm', dtype: 'fp32' });
    assert.deepEqual([seen.phases[0], seen.phases.at(-1)], [['idle', 0], ['ready', 100]]);
    assert.deepEqual(seen.loaded, [true]);
    assert.deepEqual(seen.objects, { model: null, processor: null });
    assert.deepEqual(seen.keys, ['blobUrl', 'height', 'previewUrl', 'processingTimeSeconds', 'width']);
    assert.deepEqual([seen.width, seen.height, seen.type], [512, 600, 'image/png']);
    assert.ok(seen.seconds > 0 && Math.max(...seen.preview) === 450 && seen.gone);
    assert.deepEqual(pictureOf(seen.base64).rgba, cutout.rgba);
  });

  test('imgly: the default export gives a PNG of every kind of source', async () => {
    const all = await page.evaluate(async () => {
      const blob = await probe.photo();
      const bitmap = await createImageBitmap(blob);
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const sources = {
        string: '/photo.jpg', url: new URL('/photo.jpg', location.href), blob, buffer: await blob.arrayBuffer(),
        bytes: new Uint8Array(await blob.arrayBuffer()), pixels,
        array: { data: new Uint8Array(pixels.data), shape: [pixels.height, pixels.width, 4] },
      };
      const results = {};
      for (const [name, source] of Object.entries(sources)) {
        const result = await imgly.default(source);
        results[name] = [result.type, await probe.base64(result)];
      }
      return results;
    });
    for (const [name, [type, base64]] of Object.entries(all)) {
      assert.equal(type, 'image/png', name);
      // Pixels that went through a canvas may be one off from those decoded in the worker.
      assert.deepEqual(pictureOf(base64).rgba.length, cutout.rgba.length, name);
      if (!['pixels', 'array'].includes(name)) assert.deepEqual(pictureOf(base64).rgba, cutout.rgba, name);
    }
  });

  test('imgly: foreground, background and mask, by function and by output.type', async () => {
    const seen = await page.evaluate(async () => {
      const of = async (promise) => probe.base64(await promise);
      const by = (type) => of(imgly.removeBackground('/photo.jpg', { output: { type } }));
      return {
        background: await of(imgly.removeForeground('/photo.jpg')),
        mask: await of(imgly.segmentForeground('/photo.jpg')),
        byType: { foreground: await by('foreground'), background: await by('background'), mask: await by('mask') },
        alphamask: await of(imgly.alphamask('/photo.jpg')),
        again: await of(imgly.applySegmentationMask('/photo.jpg', await imgly.segmentForeground('/photo.jpg'))),
      };
    });
    const [background, mask] = [pictureOf(seen.background), pictureOf(seen.mask)];
    for (let i = 0; i < cutout.rgba.length; i += 4) {
      const alpha = cutout.rgba[i + 3];
      const grey = mask.rgba[i] === alpha && mask.rgba[i + 1] === alpha && mask.rgba[i + 2] === alpha && mask.rgba[i + 3] === 255;
      if (!grey) assert.fail(`pixel ${i / 4} of the mask: ${mask.rgba.subarray(i, i + 4)} for alpha ${alpha}`);
      // Halves are rounded up on both sides.
      if (Math.abs(background.rgba[i + 3] + alpha - 255) > 1) assert.fail(`pixel ${i / 4}: ${background.rgba[i + 3]} behind alpha ${alpha}`);
    }
    // Colours are estimated from the mask, which is finer than the model's matte.
    assert.deepEqual(alphas(pictureOf(seen.again)), alphas(cutout));
    assert.deepEqual(pictureOf(seen.byType.foreground).rgba, cutout.rgba);
    assert.equal(seen.byType.background, seen.background);
    assert.equal(seen.byType.mask, seen.mask);
    assert.equal(seen.alphamask, seen.mask);
  });

  test('imgly: formats, raw ones with their size', async () => {
    const seen = await page.evaluate(async () => {
      const result = async (format) => {
        const blob = await imgly.removeBackground('/photo.jpg', { output: { format, quality: 0.8 } });
        return { type: blob.type, base64: await probe.base64(blob) };
      };
      const alpha = await imgly.segmentForeground('/photo.jpg', { output: { format: 'image/x-alpha8' } });
      return {
        jpeg: (await result('image/jpeg')).type, webp: (await result('image/webp')).type,
        rgba: await result('image/x-rgba8'), alpha: { type: alpha.type, base64: await probe.base64(alpha) },
        again: await probe.base64(await imgly.applySegmentationMask('/photo.jpg', alpha)),
      };
    });
    assert.deepEqual([seen.jpeg, seen.webp], ['image/jpeg', 'image/webp']);
    assert.equal(seen.rgba.type, 'image/x-rgba8;width=512;height=600');
    assert.deepEqual(new Uint8Array(Buffer.from(seen.rgba.base64, 'base64')), cutout.rgba);
    assert.equal(seen.alpha.type, 'image/x-alpha8;width=512;height=600');
    assert.deepEqual(Buffer.from(seen.alpha.base64, 'base64'), Buffer.from(cutout.rgba.filter((_, i) => i % 4 === 3)));
    assert.deepEqual(alphas(pictureOf(seen.again)), alphas(cutout));
  });

  test('imgly: preload, progress, publicPath and fetchArgs', async () => {
    const fresh = await session.open();
    const seen = await fresh.evaluate(async () => {
      const { default: removeBackground, preload } = await import('/decal/imgly.js');
      const told = [];
      const asked = [];
      const { fetch: real } = window;
      window.fetch = (url, options) => (asked.push([String(url), options]), real(url, options));
      const config = {
        publicPath: `${location.origin}/decal/`, debug: true, device: 'cpu', proxyToWorker: true, rescale: true,
        fetchArgs: { cache: 'no-store' }, progress: (key, current, total) => told.push([key, current, total]),
      };
      await preload(config);
      const events = [];
      decal.onExecution(({ kind, requested }) => events.push([kind, requested]));
      const blob = await removeBackground('/photo.jpg', config);
      return { told, asked, events, size: blob.size };
    });
    await fresh.close();
    assert.ok(seen.told.length > 1 && seen.told.every(([key, now, total]) => key === 'fetch:decal-default' && now <= total));
    assert.equal(seen.told.at(-1)[1], seen.told.at(-1)[2]);
    // Once, whether their data is there.
    assert.ok(seen.asked[0][0].endsWith('/decal/resources.json'));
    assert.deepEqual(seen.asked.slice(1), [['/photo.jpg', { cache: 'no-store' }]]);
    assert.deepEqual(seen.events, [['run', 'wasm']]);
    assert.ok(seen.size > 0);
  });

  test('imgly: a site that hosts their data runs their models', async () => {
    // One of their models, in two chunks: the matte is the picture's red.
    const onnx = matteModel([1, 0, 0]);
    const chunks = [onnx.subarray(0, 80), onnx.subarray(80)];
    const seen = await page.evaluate(async (chunks) => {
      const bytes = chunks.map((chunk) => Uint8Array.from(chunk));
      const names = await Promise.all(bytes.map(async (chunk) =>
        [...new Uint8Array(await crypto.subtle.digest('SHA-256', chunk))].map((byte) => byte.toString(16).padStart(2, '0')).join('')));
      const offsets = [[0, 80], [80, 80 + bytes[1].length]];
      const resources = { '/models/isnet_quint8': { size: offsets[1][1], chunks: names.map((hash, i) => ({ hash, offsets: offsets[i] })) } };
      const { fetch: real } = window;
      const theirs = (url) => String(url).startsWith(`${location.origin}/theirs/`);
      const answer = (url) => {
        const name = String(url).split('/').at(-1);
        return name === 'resources.json' ? Response.json(resources) : new Response(bytes[names.indexOf(name)]);
      };
      window.fetch = async (url, options) => (theirs(url) ? answer(url) : real(url, options));
      try {
        await decal.init({ fetch: async (url, options) => window.fetch(url, options) });
        const config = { publicPath: `${location.origin}/theirs/`, model: 'isnet_quint8', output: { format: 'image/x-alpha8' } };
        const pixels = { data: Uint8Array.from([255, 0, 0, 255, 0, 0]), shape: [1, 2, 3] };
        return [...new Uint8Array(await (await imgly.segmentForeground(pixels, config)).arrayBuffer())];
      } finally {
        window.fetch = real;
      }
    }, chunks.map((chunk) => [...chunk]));
    assert.equal(seen.length, 2);
    for (const value of seen) assert.ok(Math.abs(value - (255 * 127) / 256) <= 1, String(seen));
  });

  test('imgly: what cannot be done is said with a code', async () => {
    const codes = await page.evaluate(async () => {
      const code = async (...call) => (await probe.outcome(imgly.removeBackground(...call), decal.DecalError)).error?.code;
      return [
        await code('/photo.jpg', { output: { format: 'image/gif' } }), await code('/photo.jpg', { output: { type: 'both' } }),
        await code('/photo.jpg', { device: 'tpu' }), await code('/photo.jpg', { model: 'u3net' }),
        await code({ data: new Uint8Array(5), shape: [1, 1, 4] }), await code('/missing.jpg', { fetchArgs: {} }),
      ];
    });
    assert.deepEqual(codes, [
      'invalid-argument', 'invalid-argument', 'invalid-argument', 'not-found', 'invalid-argument', 'network',
    ]);
  });
});
