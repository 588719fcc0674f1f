// What a page does beside removing one background: mattes out and in, batches, loading ahead.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { noBrowser } from './support/chromium.mjs';
import { decodePng } from './support/png.mjs';
import { removeFromPhoto, startSession } from './support/session.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('tasks', { skip: noBrowser }, () => {
  // The picture's colours as they are: estimated, they depend on how fine the matte is that they are estimated from.
  const kOwn = { decontaminate: false };
  let session, page, cutout;
  before(async () => {
    session = await startSession({ decal: kSmallPackage });
    page = session.page;
    cutout = (await removeFromPhoto(page, { output: kOwn })).picture;
  });
  after(() => session?.close());

  const pictureOf = (base64) => decodePng(Buffer.from(base64, 'base64'));
  const alphas = ({ rgba }) => rgba.filter((_, i) => i % 4 === 3);

  test('segment gives the cut-out’s alpha, a byte a pixel, and applyMatte the cut-out again', async () => {
    const seen = await page.evaluate(async (output) => {
      const matte = await decal.segment('/photo.jpg');
      const applied = await decal.applyMatte('/photo.jpg', matte, { output });
      const estimated = await decal.applyMatte('/photo.jpg', matte);
      const { data, width, height, notes, processingTimeSeconds, execution, coverage, boundingBox } = matte;
      return {
        coverage, boundingBox, estimated: await probe.base64(estimated.blob),
        matte: { base64: await probe.base64(new Blob([data])), type: data.constructor.name, width, height, notes, execution },
        seconds: processingTimeSeconds,
        applied: await probe.base64(applied.blob),
        size: [applied.width, applied.height],
        preview: await probe.imageSize(applied.previewUrl),
        hasExecution: 'execution' in applied,
      };
    }, kOwn);
    assert.ok(seen.coverage > 0.2 && seen.coverage < 0.8, String(seen.coverage));
    const { x, y, width, height } = seen.boundingBox;
    assert.ok(x >= 0 && y >= 0 && width > 100 && height > 100 && x + width <= 512 && y + height <= 600, JSON.stringify(seen.boundingBox));
    assert.deepEqual(alphas(pictureOf(seen.estimated)), alphas(cutout), 'colours change no alpha');
    assert.deepEqual([seen.matte.type, seen.matte.width, seen.matte.height], ['Uint8ClampedArray', 512, 600]);
    assert.deepEqual(seen.matte.notes, []);
    assert.ok(seen.matte.execution.ms.inference > 0 && seen.seconds > 0);
    assert.deepEqual(Buffer.from(seen.matte.base64, 'base64'), Buffer.from(alphas(cutout)));
    assert.deepEqual(pictureOf(seen.applied).rgba, cutout.rgba);
    assert.deepEqual(seen.size, [512, 600]);
    assert.equal(Math.max(...seen.preview), 450);
    assert.equal(seen.hasExecution, false, 'no model ran');
  });

  test('a matte may be edited, be a picture, or have another size; the caller keeps it', async () => {
    const seen = await page.evaluate(async (own) => {
      const apply = async (matte, output) => {
        const { blob, revoke } = await decal.applyMatte('/photo.jpg', matte, { output: { ...own, ...output } });
        revoke();
        return probe.base64(blob);
      };
      const { blob: mask } = await decal.removeBackground('/photo.jpg', { output: { mask: true } });
      const edited = { width: 512, height: 600, data: new Uint8Array(512 * 600) };
      edited.data.fill(255, 0, 512 * 300);
      const small = { width: 1, height: 2, data: Float32Array.of(1, 0) };
      return {
        picture: await apply(mask),
        edited: await apply(edited),
        kept: edited.data.byteLength,
        small: await apply(small, { background: '#00ff00' }),
      };
    }, kOwn);
    assert.deepEqual(pictureOf(seen.picture).rgba, cutout.rgba);
    assert.equal(seen.kept, 512 * 600);
    alphas(pictureOf(seen.edited)).forEach((alpha, i) => assert.equal(alpha, i < 512 * 300 ? 255 : 0));
    const small = pictureOf(seen.small);
    assert.deepEqual(small.at(300, 599), [0, 255, 0, 255]);
    assert.ok(small.at(300, 300)[1] > 128 && small.at(300, 0)[3] === 255);
  });

  test('raw pixels are those of the PNG', async () => {
    const { type, base64 } = await removeFromPhoto(page, { output: { ...kOwn, format: 'image/x-rgba8' } });
    assert.equal(type, 'image/x-rgba8');
    assert.deepEqual(new Uint8Array(Buffer.from(base64, 'base64')), cutout.rgba);
  });

  test('edges, shape and frame: what is asked for in a page is what comes', async () => {
    const seen = await page.evaluate(async () => {
      const sizes = {};
      for (const [name, output] of Object.entries({
        square: { crop: 5, size: { width: 200, height: 200 }, background: '#ffffff', shadow: 0.5 }, half: { scale: 0.5, refine: 'off' },
        wide: { aspectRatio: 2, backgroundOnly: true },
      })) {
        const { width, height, blob, revoke } = await decal.removeBackground('/photo.jpg', { output });
        const { width: w, height: h } = await createImageBitmap(blob);
        sizes[name] = [width, height, w, h, await probe.base64(blob)];
        revoke();
      }
      const codes = [];
      for (const output of [{ refine: 'slow' }, { grow: 51 }, { size: { width: 0 } }, { scale: 0 }, { shadow: 2 }]) {
        const { error } = await probe.outcome(decal.removeBackground('/photo.jpg', { output }), decal.DecalError);
        codes.push(`${error.code}: ${error.message}`);
      }
      return { sizes, codes };
    });
    const sizes = Object.fromEntries(Object.entries(seen.sizes).map(([name, [...sides]]) => [name, sides.slice(0, 4)]));
    assert.deepEqual(sizes, { square: [200, 200, 200, 200], half: [256, 300, 256, 300], wide: [1200, 600, 1200, 600] });
    const square = pictureOf(seen.sizes.square[4]);
    assert.deepEqual(square.at(1, 1), [255, 255, 255, 255]);
    const wide = pictureOf(seen.sizes.wide[4]);
    assert.deepEqual(wide.at(10, 300), [0, 0, 0, 0], 'beyond the picture');
    assert.deepEqual(seen.codes, [
      'invalid-argument: output.refine: one of off, fast, best', 'invalid-argument: output.grow: pixels from -50 to 50',
      'invalid-argument: output.size.width: whole pixels, 1 to 32768', 'invalid-argument: output.scale: a factor from 0.01 to 8',
      'invalid-argument: output.shadow: a number from 0 to 1',
    ]);
  });

  test('what cannot be a matte, or is not there any more, is refused with a code', async () => {
    const codes = await page.evaluate(async () => {
      const code = async (promise) => (await probe.outcome(promise, decal.DecalError)).error?.code ?? 'nothing';
      const image = new ImageData(8, 8);
      const bytes = await (await probe.photo()).arrayBuffer();
      const view = new Uint8Array(bytes);
      const bitmap = await createImageBitmap(image);
      structuredClone(null, { transfer: [image.data.buffer, bytes] });
      bitmap.close();
      return {
        short: await code(decal.applyMatte('/photo.jpg', { width: 2, height: 2, data: new Uint8Array(3) })),
        text: await code(decal.applyMatte('/photo.jpg', new Blob(['no picture']))),
        detachedImage: await code(decal.removeBackground(image)),
        detachedBuffer: await code(decal.removeBackground(bytes)),
        detachedView: await code(decal.removeBackground(view)),
        closedBitmap: await code(decal.segment(bitmap)),
        aborted: (await probe.outcome(decal.segment('/photo.jpg', { signal: AbortSignal.abort() }), decal.DecalError)).error.name,
      };
    });
    assert.deepEqual(codes, {
      short: 'invalid-argument', text: 'corrupt-image', detachedImage: 'corrupt-image', detachedBuffer: 'corrupt-image',
      detachedView: 'corrupt-image', closedBitmap: 'corrupt-image', aborted: 'AbortError',
    });
  });

  test('a batch: in order, failures in their place, in bounded memory', async () => {
    const seen = await page.evaluate(async () => {
      let asked = 0;
      const sources = (async function* () {
        for (const source of ['/photo.jpg', '/missing.jpg', await probe.photo(), new Blob(['no picture'])]) {
          asked++;
          yield source;
        }
      })();
      const told = [];
      const items = [];
      const ahead = [];
      const batch = decal.removeBackgroundBatch(sources, {
        output: { format: 'image/x-rgba8' }, onResult: ({ index }) => told.push(index),
      });
      for await (const { index, result, error } of batch) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        ahead.push(asked - index);
        items.push(result ? [index, result.width, result.blob.size] : [index, error.code]);
        result?.revoke();
      }
      return { items, told, ahead };
    });
    assert.deepEqual(seen.items, [[0, 512, 4 * 512 * 600], [1, 'network'], [2, 512, 4 * 512 * 600], [3, 'corrupt-image']]);
    assert.deepEqual(seen.told.toSorted(), [0, 1, 2, 3]);
    assert.ok(seen.ahead.every((ahead) => ahead <= 2), `asked for ${seen.ahead} ahead`);
  });

  test('leaving a batch ends its work and revokes what nobody read', async () => {
    const { open, reason } = await page.evaluate(async () => {
      const made = [];
      const { createObjectURL } = URL;
      URL.createObjectURL = (blob) => {
        const url = createObjectURL.call(URL, blob);
        made.push(url);
        return url;
      };
      for await (const { result } of decal.removeBackgroundBatch(Array(5).fill('/photo.jpg'), { concurrency: 3 })) {
        // All three are done by then: they run one after the other.
        await decal.removeBackground('/photo.jpg').then(({ revoke }) => revoke());
        result.revoke();
        break;
      }
      await decal.removeBackground('/photo.jpg').then(({ revoke }) => revoke());
      URL.createObjectURL = createObjectURL;
      const alive = await Promise.all(made.map((url) => fetch(url).then(() => true, () => false)));
      const abort = new AbortController();
      const batch = decal.removeBackgroundBatch(['/photo.jpg', '/photo.jpg'], { signal: abort.signal });
      const first = batch.next();
      abort.abort();
      return { open: alive.filter(Boolean).length, reason: await first.catch(({ name }) => name) };
    });
    assert.equal(open, 0, `${open} addresses are left`);
    assert.equal(reason, 'AbortError');
  });

  test('preload gets a model ready and leaves the settings alone', async () => {
    const fresh = await session.open();
    const events = await fresh.evaluate(async () => {
      const events = [];
      decal.onExecution(({ kind, requested }) => events.push([kind, requested]));
      await decal.preload('decal-default', { device: 'wasm' });
      await decal.removeBackground('/photo.jpg');
      await decal.preload();
      return events;
    });
    const unknown = await fresh.evaluate(() => probe.outcome(decal.preload('no-such-model'), decal.DecalError));
    await fresh.close();
    assert.deepEqual(events, [['session', 'wasm'], ['run', 'auto']]);
    assert.equal(unknown.error.code, 'not-found');
  });
});
