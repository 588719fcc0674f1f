// decal/video against its bars, in Chromium with a camera of 1280 x 720 from a file: frames a second out, the page's own thread, memory.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSession } from '../tests/browser/support/session.mjs';
import { kPhoto } from '../tests/browser/support/site.mjs';

const kBackgrounds = { colour: '#00b140', blur: { blur: 12 }, transparent: 'transparent' };
/** What is loaded, compiled and filled once is there by then. */
const kWarmUpSeconds = 10;

/** Y4M says how many frames a second it has, and costs the browser no decoder: 1.4 MB a frame, over and over. */
function makeCamera(folder, rate) {
  const clip = join(folder, `camera-${rate}.y4m`);
  // As from a webcam: a person who moves a little, with noise.
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', '-loop', '1', '-i', kPhoto, '-vf',
    "scale=1280:-2,crop=1280:720:0:'40+20*sin(n*2*PI/60)',noise=alls=8:allf=t", '-frames:v', '60', '-r', String(rate), '-pix_fmt', 'yuv420p', clip]);
  return clip;
}

/** A page with a live stream; `look()` says what it has done and holds. */
async function openStream(session, background, rate) {
  const page = await session.open();
  await page.evaluate(async ({ background, rate }) => {
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: rate } });
    globalThis.live = await video.removeBackgroundFromStream(camera, { background });
    live.ended.then((why) => (globalThis.why = String(why)));
    await until(() => live.stats().framesOut > 60, '60 frames', 60);
  }, { background, rate });
  const devtools = await session.browser.context.newCDPSession(page);
  await devtools.send('Performance.enable');
  return {
    async look() {
      const { metrics } = await devtools.send('Performance.getMetrics');
      const { stats, at, why } = await page.evaluate(() => ({ stats: live.stats(), at: performance.now(), why: globalThis.why }));
      if (why !== undefined) throw new Error(`the stream ended: ${why}`);
      return { stats, at, busyMs: 1000 * metrics.find(({ name }) => name === 'TaskDuration').value };
    },
    /** Of the page and its workers, after a collection of garbage; null where the browser does not answer in time. */
    bytes: () => page.evaluate(() => Promise.race([
      performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes), new Promise((done) => setTimeout(() => done(null), 90_000)),
    ])),
    async close() {
      const { stats, workers: left } = await page.evaluate(async () => (await live.stop(), { stats: live.stats(), workers }));
      await page.close();
      return { framesOpen: stats.framesOpen, workersLeft: left.started - left.ended };
    },
  };
}

async function withSession(rate, use) {
  const folder = mkdtempSync(join(tmpdir(), 'decal-live-'));
  try {
    const session = await startSession({ isolation: true }, {
      path: '/video.html',
      // The second: measurements of memory need not wait for the browser's own garbage collection.
      flags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${makeCamera(folder, rate)}`,
        '--enable-blink-features=ForceEagerMeasureMemory'],
    });
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each background for so many seconds, with a camera of `rate` frames a second. */
export const live = (seconds, rate) => withSession(rate, async (session) => {
  const cases = [];
  for (const [background, value] of Object.entries(kBackgrounds)) {
    const stream = await openStream(session, value, rate);
    await sleep(1000 * kWarmUpSeconds);
    const before = await stream.look();
    await sleep(1000 * seconds);
    const after = await stream.look();
    const passed = (after.at - before.at) / 1000;
    const rateOf = (count) => Number(((after.stats[count] - before.stats[count]) / passed).toFixed(2));
    const { ms, provider, threads, width, height } = after.stats;
    cases.push({
      background, camera: rate, width, height, provider, threads, seconds: Number(passed.toFixed(1)),
      frames_in: rateOf('framesIn'), frames_out: rateOf('framesOut'), mattes: rateOf('mattes'),
      ms: Object.fromEntries(Object.entries(ms).map(([stage, value]) => [stage, Number(value.toFixed(2))])),
      page_ms: Number(((after.busyMs - before.busyMs) / (after.stats.framesOut - before.stats.framesOut)).toFixed(3)),
      left: await stream.close(),
    });
    console.log(JSON.stringify(cases.at(-1)));
  }
  return cases;
});

/** A blurred background for so many minutes: memory at the start, and each minute. */
export const memory = (minutes) => withSession(30, async (session) => {
  const stream = await openStream(session, kBackgrounds.blur, 30);
  await sleep(2000 * kWarmUpSeconds);
  const bytes = [];
  for (let minute = 0; minute <= minutes; ++minute) {
    if (minute > 0) await sleep(60_000);
    const { stats } = await stream.look();
    bytes.push(await stream.bytes());
    console.log(`after ${minute} minutes: ${(bytes.at(-1) / 1e6).toFixed(1)} MB, ${stats.framesOut} frames out, ${stats.framesOpen} open`);
  }
  const known = bytes.filter((value) => value !== null);
  return { minutes, bytes, grown_bytes: known.at(-1) - known[0], left: await stream.close() };
});
