// Streams of frames: what comes out of them, that nothing is left open or behind, and one clear error for what cannot be.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { noBrowser } from './support/chromium.mjs';
import { firefox } from './engines/firefox.mjs';
import { webkit } from './engines/webkit.mjs';
import { until } from './engines/engines.mjs';
import { startSession } from './support/session.mjs';
import { kScratch, startSite } from './support/site.mjs';

const kCamera = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** What is the same in every browser, as functions that run in the page. */
const inPage = {
  /** A portrait before `background`, until some frames are out; places: a corner, and the person's face. */
  show: async ({ background, options = {}, size = { width: 320, height: 240 }, frames = 12 }) => {
    const source = await portrait(size);
    const live = await video.removeBackgroundFromStream(source.stream, { background, ...options });
    Object.assign(window, { source, live });
    await show(live.stream);
    await until(() => live.stats().framesOut >= frames, `${frames} frames`, 40);
    return { pixels: pixels([[0.04, 0.5], [0.5, 0.45]]), stats: live.stats(), size: [shown.videoWidth, shown.videoHeight] };
  },
  stop: async () => {
    const [track] = live.stream.getVideoTracks();
    await live.stop();
    const alive = source.stream.getVideoTracks()[0].readyState;
    source.end();
    return { stats: live.stats(), workers, why: await live.ended, source: alive, result: track.readyState };
  },
};

function assertNothingLeft({ stats, workers, why, source, result }) {
  assert.deepEqual([why, source, result], [null, 'live', 'ended']);
  assert.equal(workers.started, workers.ended);
  assert.equal(stats.framesOpen, 0);
  assert.equal(stats.framesIn, stats.framesOut + stats.framesDropped);
}

const isPerson = ([red, green, blue]) => red > green + 25 && green > blue;

for (const isolation of [true, false]) {
  suite(`live video in Chromium, ${isolation ? 'isolated' : 'without isolation'}`, { skip: noBrowser }, () => {
    let session, page;
    before(async () => {
      session = await startSession({ isolation }, { path: '/video.html', flags: kCamera });
    });
    after(() => session?.close());
    afterEach(() => page?.close());
    const open = async () => {
      page = await session.open();
      page.warnings = [];
      page.on('console', (message) => page.warnings.push(message.text()));
    };
    /** Of a call with `source` and `options`, as text: the page's policy lets none be evaluated there. */
    const failure = (source, options = '{}') => page.evaluate(`(async () => {
      const before = workers.started;
      const made = await ${source};
      const error = await video.removeBackgroundFromStream('wait' in made ? made.wait : made, ${options})
        .then(() => null, (error) => ({ name: error instanceof decal.DecalError && error.name, code: error.code, message: error.message }));
      await until(() => workers.started === workers.ended, 'workers are gone', 5);
      return { ...error, started: workers.started - before };
    })()`);

    test('a camera, straight from getUserMedia: its frames, every one closed, and no worker left', async () => {
      await open();
      const stopped = await page.evaluate(async () => {
        const camera = navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
        const live = await video.removeBackgroundFromStream(camera, { background: '#102030' });
        await show(live.stream);
        await until(() => live.stats().framesOut >= 20, '20 frames', 40);
        const [corner] = pixels([[0.04, 0.9]]);
        const kinds = live.stream.getTracks().map(({ kind }) => kind).sort();
        const [track] = live.stream.getVideoTracks();
        const working = { ...workers };
        await live.stop();
        const source = (await camera).getVideoTracks()[0].readyState;
        (await camera).getTracks().forEach((each) => each.stop());
        return { kinds, corner, working, stats: live.stats(), workers, why: await live.ended, source, result: track.readyState };
      });
      assertNothingLeft(stopped);
      const { kinds, corner, working, stats } = stopped;
      // Composed in the camera's planes, whose colours it does not describe.
      assert.ok(corner.every((value, i) => Math.abs(value - [16, 32, 48, 255][i]) <= 3), `the colour: ${corner}`);
      assert.deepEqual(kinds, ['audio', 'video']);
      assert.ok(working.started >= 2 && working.ended === 0, JSON.stringify(working));
      assert.deepEqual([stats.width, stats.height, stats.provider], [640, 480, 'wasm']);
      if (!isolation) assert.equal(stats.threads, 1);
      assert.ok(stats.mattes > 0 && stats.ms.matte > 0 && stats.ms.compose > 0 && stats.ms.read > 0, JSON.stringify(stats));
      await page.requestGC();
      assert.deepEqual(page.warnings.filter((text) => /garbage collected/.test(text)), []);
      assert.deepEqual(page.errors, []);
    });

    for (const route of ['track processors', 'a video element']) {
      test(`backgrounds by ${route}: transparent, colours, pictures and blur, one after the other`, async () => {
        await open();
        if (route === 'a video element') await page.evaluate(() => delete window.MediaStreamTrackProcessor);
        const { pixels, size, stats } = await page.evaluate(inPage.show, { background: 'transparent' });
        assert.equal(stats.route, route === 'a video element' ? 'element' : 'streams');
        assert.equal(pixels[0][3], 0, 'a transparent corner');
        assert.ok(isPerson(pixels[1]) && pixels[1][3] === 255, `a face: ${pixels[1]}`);
        assert.deepEqual(size, [320, 240]);
        await page.screenshot({ path: join(kScratch, `video-transparent-${route.replaceAll(' ', '-')}.png`) });
        const results = await page.evaluate(async () => {
          const results = {};
          const picture = Object.assign(document.createElement('canvas'), { width: 4000, height: 100 });
          Object.assign(picture.getContext('2d'), { fillStyle: 'rgb(200, 0, 100)' }).fillRect(0, 0, 4000, 100);
          const file = await new Promise((done) => picture.toBlob(done));
          for (const [name, background] of Object.entries({ colour: 'rebeccapurple', picture, file, blur: { blur: 10 } })) {
            await live.setBackground(background);
            const { framesOut } = live.stats();
            await until(() => live.stats().framesOut >= framesOut + 6, `frames with ${name}`);
            // The element shows a frame some time after it was made. Until then what was behind before is.
            const before = { colour: [0, 0, 0, 0], picture: [102, 51, 153, 255], blur: [200, 0, 100, 255] }[name];
            await until(() => {
              results[name] = window.pixels([[0.04, 0.5], [0.5, 0.45]]);
              return !before || results[name][0].some((value, i) => Math.abs(value - before[i]) > 6);
            }, `${name} on the screen`);
          }
          return results;
        });
        const near = (name, colour) => {
          const [corner, face] = results[name];
          assert.ok(corner.every((value, i) => Math.abs(value - colour[i]) <= 6), `${name}: ${corner}`);
          assert.ok(isPerson(face), `${name}: a face: ${face}`);
        };
        near('colour', [102, 51, 153, 255]);
        near('picture', [200, 0, 100, 255]);
        near('file', [200, 0, 100, 255]);
        // The room's hue turns; it is never grey, and a person's face is not made out of it.
        const [corner, face] = results.blur;
        assert.ok(Math.max(...corner.slice(0, 3)) > 180 && Math.min(...corner.slice(0, 3)) < 80 && isPerson(face), `blur: ${results.blur}`);
        await page.screenshot({ path: join(kScratch, `video-blur-${route.replaceAll(' ', '-')}.png`) });
        // What is wrong changes nothing.
        const kept = await page.evaluate(async () => {
          const codes = [];
          for (const wrong of ['no colour', { blur: 0 }, new Blob(['no picture']), 7]) {
            codes.push(await live.setBackground(wrong).then(() => 'taken', ({ code }) => code));
          }
          const { framesOut } = live.stats();
          await until(() => live.stats().framesOut >= framesOut + 4, 'further frames');
          return codes;
        });
        assert.deepEqual(kept, ['invalid-argument', 'invalid-argument', 'corrupt-image', 'invalid-argument']);
        assertNothingLeft(await page.evaluate(inPage.stop));
        assert.deepEqual(page.errors, []);
      });
    }

    test('a source that is no video is an error, and starts no worker', async () => {
      await open();
      const cases = [
        ['{ wait: 7 }', /source: a MediaStream, a MediaStreamTrack or a promise/],
        ['new MediaStream()', /the stream has no video track/],
        ['navigator.mediaDevices.getUserMedia({ audio: true }).then((stream) => stream.getAudioTracks()[0])', /a track of audio, not of video/],
        ['portrait().then(({ stream, end }) => (end(), stream))', /the track has ended/],
        ['{ wait: Promise.reject(new DOMException("Permission denied", "NotAllowedError")) }', /camera: its use was denied: Permission denied/, 'io'],
        ['{ wait: navigator.mediaDevices.getUserMedia({ video: { deviceId: { exact: "none" } } }) }', /camera: there is none like that/, 'not-found'],
      ];
      for (const [source, message, code = 'invalid-argument'] of cases) {
        const found = await failure(source);
        assert.deepEqual([found.name, found.code, found.started], ['DecalError', code, 0], `${source}: ${JSON.stringify(found)}`);
        assert.match(found.message, message);
      }
    });

    test('options that make no sense, a model that there is not, a browser without the means: one error, no worker left', async () => {
      await open();
      const portrait = 'portrait().then(({ stream }) => stream)';
      for (const [options, code, message] of [
        ['{ maxFps: 0 }', 'invalid-argument', /maxFps/],
        ['{ background: "nonsense" }', 'invalid-argument', /"nonsense" is no CSS colour/],
        ['{ background: { blur: 1000 } }', 'invalid-argument', /background\.blur/],
        ['{ background: new Blob(["x"]) }', 'corrupt-image', /^background: /],
        ['{ model: "nobody" }', 'not-found', /nobody/],
        ['{ device: "abacus" }', 'invalid-argument', /device/],
        ['{ model: { ...decal.models[0], url: "/none.onnx" } }', 'not-found', /none\.onnx/],
        ['{ model: { ...decal.models[0], sha256: null, bytes: null, url: "/photo.jpg" } }', 'corrupt-model', /decal-default/],
      ]) {
        const found = await failure(portrait, options);
        assert.deepEqual([found.name, found.code], ['DecalError', code], `${options}: ${JSON.stringify(found)}`);
        assert.match(found.message, message);
      }
      await page.evaluate(() => {
        delete window.MediaStreamTrackGenerator;
        delete HTMLVideoElement.prototype.requestVideoFrameCallback;
      });
      const found = await failure(portrait);
      assert.deepEqual([found.code, found.started], ['unsupported', 0]);
      assert.match(found.message, /this browser has no MediaStreamTrackProcessor, nor requestVideoFrameCallback/);
    });

    test('a source that ends, an abort, dispose(): the stream ends and says why', async () => {
      await open();
      const results = [];
      for (const [how, options] of [
        ['source.end()', ''], ['delete window.MediaStreamTrackProcessor, source.end()', 'delete window.MediaStreamTrackProcessor'],
        ['decal.dispose()', ''], ['abort.abort(new Error("enough"))', ''],
      ]) {
        results.push(await page.evaluate(`(async () => {
          ${options};
          const abort = new AbortController();
          const source = await portrait({ width: 320, height: 240 });
          const live = await video.removeBackgroundFromStream(source.stream, { signal: abort.signal });
          await show(live.stream);
          await until(() => live.stats().framesOut > 3, 'frames', 40);
          ${how};
          const why = await live.ended;
          source.end();
          return [why && why.code + ': ' + why.message, workers.started - workers.ended, live.stats().framesOpen, live.stream.getVideoTracks()[0].readyState];
        })()`));
      }
      assert.deepEqual(results, [
        ["io: the source's track has ended", 0, 0, 'ended'], ["io: the source's track has ended", 0, 0, 'ended'],
        ['aborted: dispose() was called', 0, 0, 'ended'], [null, 0, 0, 'ended'],
      ]);
      // Before it is ready.
      const early = await page.evaluate(async () => {
        const source = await portrait();
        const abort = new AbortController();
        const starting = video.removeBackgroundFromStream(source.stream, { signal: abort.signal }).then(() => 'live', (error) => error);
        await until(() => workers.started > workers.ended, 'a worker');
        abort.abort('never mind');
        const reason = await starting;
        source.end();
        await until(() => workers.started === workers.ended, 'workers are gone', 5);
        return reason;
      });
      assert.equal(early, 'never mind');
    });

    // Slow by design: it waits the ten seconds that the first frame may take.
    test('a browser that never tells of a frame is an error, and no worker is left', { skip: isolation }, async () => {
      await open();
      const found = await page.evaluate(async () => {
        delete window.MediaStreamTrackProcessor;
        HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0;
        HTMLVideoElement.prototype.getVideoPlaybackQuality = () => ({ totalVideoFrames: 0 });
        const source = await portrait();
        const live = await video.removeBackgroundFromStream(source.stream);
        const why = await live.ended;
        source.end();
        return [why.code, why.message, workers.started - workers.ended];
      });
      assert.deepEqual(found, ['unsupported', 'live video: this browser has shown no frame of the source in 10 seconds', 0]);
    });

    test('a model slower than the camera: the matte lags, the picture does not', async () => {
      await open();
      const { stats } = await page.evaluate(inPage.show, { background: 'black', options: { model: 'decal-default', device: 'wasm' }, frames: 40 });
      assert.ok(stats.framesOut >= 3 * stats.mattes, JSON.stringify(stats));
      assertNothingLeft(await page.evaluate(inPage.stop));
    });

    test('maxFps leaves frames out', async () => {
      await open();
      const { seconds, out } = await page.evaluate(async () => {
        const source = await portrait({ width: 160, height: 120 });
        const live = await video.removeBackgroundFromStream(source.stream, { maxFps: 4 });
        await until(() => live.stats().framesOut > 0, 'a frame', 40);
        const [start, before] = [performance.now(), live.stats().framesOut];
        await new Promise((resolve) => setTimeout(resolve, 3000));
        const result = { seconds: (performance.now() - start) / 1000, out: live.stats().framesOut - before };
        await live.stop();
        source.end();
        return result;
      });
      // A tenth of leeway for times, and what was shown within the last statistics.
      assert.ok(out > 0 && out <= 4 * 1.12 * seconds + 2, `${out} frames in ${seconds} s`);
    });
  });
}

suite('live video in Firefox', { skip: firefox.missing }, () => {
  let site, browser;
  before(async () => {
    site = await startSite({ isolation: true });
    browser = await firefox.start();
    await browser.open(`${site.url}/video.html`);
    await until(() => browser.evaluate(() => 'video' in globalThis), 10, 'the page did not load');
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('frames go by a video element and a canvas', async () => {
    const { pixels, stats } = await browser.evaluate(inPage.show, { background: '#00b140', frames: 6 });
    assert.ok(pixels[0].every((value, i) => Math.abs(value - [0, 177, 64, 255][i]) <= 6), `corner: ${pixels[0]}`);
    assert.ok(isPerson(pixels[1]), `face: ${pixels[1]}`);
    assert.equal(stats.provider, 'wasm');
    await writeFile(join(kScratch, 'video-firefox.png'), await browser.screenshot());
    assertNothingLeft(await browser.evaluate(inPage.stop));
  });

  test('where canvases lie, as against fingerprinting, it says so and shows nothing', async () => {
    const other = await firefox.start({ preferences: { 'privacy.resistFingerprinting': true } });
    try {
      await other.open(`${site.url}/video.html`);
      await until(() => other.evaluate(() => 'video' in globalThis), 10, 'the page did not load');
      const [code, message, left] = await other.evaluate(async () => {
        const { stream, end } = await portrait();
        const error = await video.removeBackgroundFromStream(stream).catch((error) => error);
        end();
        await until(() => workers.started === workers.ended, 'workers are gone', 10);
        return [error.code, error.message, workers.started - workers.ended];
      });
      assert.deepEqual([code, left], ['unsupported', 0]);
      assert.match(message, /^live video: this browser changes the pixels/);
    } finally {
      await other.close();
    }
  });

  test('a track that has ended is an error, and starts no worker', async () => {
    const found = await browser.evaluate(async () => {
      const { stream, end } = await portrait();
      end();
      const before = workers.started;
      const code = await video.removeBackgroundFromStream(stream).then(() => 'live', (error) => error.code);
      return [code, workers.started - before];
    });
    assert.deepEqual(found, ['invalid-argument', 0]);
  });
});

if (webkit.missing) console.error(webkit.missing);
suite('live video in WebKitGTK', { skip: webkit.missing }, () => {
  let site, browser;
  before(async () => {
    site = await startSite({ isolation: true });
    browser = await webkit.start();
    await browser.open(`${site.url}/video.html`);
    await until(() => browser.evaluate(() => 'video' in globalThis), 20, 'the page did not load');
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('frames go by a video element that does not tell of them, and a canvas', async () => {
    const { stats } = await browser.evaluate(inPage.show, { background: '#00b140', frames: 6 });
    assert.deepEqual([stats.provider, stats.route], ['wasm', 'element']);
    // One after the other, as the stream of a canvas here is slow to begin and once showed its first frames alone.
    for (const [background, expected] of [['#00b140', [0, 177, 64, 255]], ['#2040ff', [32, 64, 255, 255]]]) {
      await browser.evaluate((colour) => live.setBackground(colour), background);
      let found;
      const near = (colour) => colour.every((value, i) => Math.abs(value - expected[i]) <= 6);
      await until(async () => {
        found = await browser.evaluate(() => pixels([[0.04, 0.5], [0.5, 0.45]]));
        return near(found[0]);
      }, 10, `no frame with ${background}`);
      assert.ok(isPerson(found[1]), `face: ${found[1]}`);
    }
    await writeFile(join(kScratch, 'video-webkit.png'), await browser.screenshot());
    assertNothingLeft(await browser.evaluate(inPage.stop));
  });
});
