// Every kind of source gives the same cut-out; turned and damaged files are understood as what they are.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { sources } from './pages/sources.js';
import { noBrowser } from './support/chromium.mjs';
import { truncated, withOrientation } from './support/jpeg.mjs';
import { decodePng } from './support/png.mjs';
import { difference, removeFromPhoto, startSession } from './support/session.mjs';
import { kPhoto } from './support/site.mjs';
import { kSmallPackage } from './support/small_package.mjs';

suite('sources', { skip: noBrowser }, () => {
  let session, page, jpeg, reference;
  before(async () => {
    jpeg = await readFile(kPhoto);
    session = await startSession({ decal: kSmallPackage });
    page = session.page;
    reference = (await removeFromPhoto(page)).picture;
  });
  after(() => session?.close());

  const remove = async (bytes) => {
    const { value, error } = await page.evaluate(
      (base64) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const removed = decal.removeBackground(new Blob([bytes], { type: 'image/jpeg' }));
        return probe.outcome(removed.then(probe.portable), decal.DecalError);
      },
      bytes.toString('base64'),
    );
    return { error, picture: value && decodePng(Buffer.from(value.base64, 'base64')) };
  };

  for (const name of Object.keys(sources)) {
    test(name, async () => {
      const [first, second] = await page.evaluate((work) => removeSource(work), { name, times: 2 });
      assert.ok(first === second, 'the caller’s object is not whole any more the second time');
      const { max, mean } = difference(decodePng(Buffer.from(first, 'base64')), reference);
      // Elements and frames pass through the browser's own colour conversions, which may round.
      assert.ok(max <= 8 && mean < 0.1, `differs by at most ${max}, on average ${mean.toFixed(4)}`);
    });
  }

  test('a photo turned by EXIF comes out upright', async () => {
    const { picture } = await remove(withOrientation(jpeg, 6));
    assert.deepEqual([picture.width, picture.height], [600, 512]);
    // A quarter turn to the right: (x, y) shows what the file has at (y, 599 - x).
    let compared = 0;
    let worst = 0;
    for (let y = 0; y < 512; y++) {
      for (let x = 0; x < 600; x++) {
        const here = picture.at(x, y);
        const there = reference.at(y, 599 - x);
        if (here[3] < 255 || there[3] < 255) continue;  // soft pixels have estimated colours
        compared++;
        for (let c = 0; c < 3; c++) worst = Math.max(worst, Math.abs(here[c] - there[c]));
      }
    }
    assert.ok(compared > 1000, `only ${compared} pixels are left in both`);
    assert.ok(worst <= 2, `colours differ by ${worst}`);
  });

  test('a truncated photo is refused, and the next call works', async () => {
    for (const share of [0.02, 0.4, 0.97]) {
      const { error } = await remove(truncated(jpeg, share));
      assert.equal(error?.code, 'corrupt-image', `${share * 100} % of the file: ${JSON.stringify(error)}`);
      assert.ok(error.typed);
      assert.doesNotMatch(error.message, /\n/);
    }
    assert.deepEqual((await remove(jpeg)).picture.rgba, reference.rgba);
  });

  test('what is no picture is refused with a code', async () => {
    const errors = await page.evaluate(async () => {
      const attempt = async (source, options) => (await probe.outcome(decal.removeBackground(source, options), decal.DecalError)).error;
      return {
        text: await attempt(new Blob(['not a picture'])),
        empty: await attempt(new Blob([])),
        missing: await attempt('/no-such-picture.jpg'),
        nothing: await attempt(null),
        number: await attempt(42),
        format: await attempt('/photo.jpg', { output: { format: 'image/gif' } }),
        colour: await attempt('/photo.jpg', { output: { background: 'no colour' } }),
      };
    });
    assert.equal(errors.text.code, 'corrupt-image');
    assert.equal(errors.empty.code, 'corrupt-image');
    assert.ok(['not-found', 'network'].includes(errors.missing.code), errors.missing.code);
    for (const argument of ['nothing', 'number', 'format', 'colour']) {
      assert.equal(errors[argument].code, 'invalid-argument', argument);
      assert.ok(errors[argument].typed, argument);
    }
    assert.deepEqual((await remove(jpeg)).picture.rgba, reference.rgba);
  });
});
