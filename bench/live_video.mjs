// decal/video against its bars, in Chromium with a camera of 1280 x 720 from a file: frames a second out, the page's own thread, memory.
//   node bench/live_video.mjs [seconds]    20 for each background by default; 600 for the bar on memory; needs the ffmpeg program
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSession } from '../tests/browser/support/session.mjs';
import { kPhoto } from '../tests/browser/support/site.mjs';

const seconds = Number(process.argv[2] ?? 20);
const folder = mkdtempSync(join(tmpdir(), 'decal-live-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// As from a webcam: a person who moves a little, with noise. Chromium repeats it.
const clip = join(folder, 'camera.mjpeg');
execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-loop', '1', '-i', kPhoto,
  '-vf', "scale=1280:-2,crop=1280:720:0:'40+20*sin(n/15)',noise=alls=8:allf=t", '-frames:v', '150', '-r', '30', '-c:v', 'mjpeg', '-q:v', '3', clip]);

const session = await startSession({ isolation: true }, {
  path: '/video.html',
  flags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${clip}`],
});
for (const background of ['#00b140', { blur: 12 }, 'transparent']) {
  const page = await session.open();
  await page.evaluate(async (background) => {
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 } });
    window.live = await video.removeBackgroundFromStream(camera, { background });
    await until(() => live.stats().framesOut > 60, '60 frames', 60);
  }, background);
  const devtools = await session.browser.context.newCDPSession(page);
  await devtools.send('Performance.enable');
  const look = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    const { stats, bytes, at } = await page.evaluate(async () => (
      { stats: live.stats(), at: performance.now(), bytes: (await performance.measureUserAgentSpecificMemory()).bytes }));
    return { stats, bytes, at, busyMs: 1000 * metrics.find(({ name }) => name === 'TaskDuration').value };
  };
  const before = await look();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const after = await look();
  const passed = (after.at - before.at) / 1000;
  const frames = after.stats.framesOut - before.stats.framesOut;
  const { ms, width, height, provider, threads } = after.stats;
  console.log(JSON.stringify({
    background, width, height, provider, threads,
    framesPerSecondIn: Number(((after.stats.framesIn - before.stats.framesIn) / passed).toFixed(1)),
    framesPerSecondOut: Number((frames / passed).toFixed(1)),
    mattesPerSecond: Number(((after.stats.mattes - before.stats.mattes) / passed).toFixed(1)),
    msByStage: Object.fromEntries(Object.entries(ms).map(([stage, value]) => [stage, Number(value.toFixed(1))])),
    pageThreadMsPerFrame: Number(((after.busyMs - before.busyMs) / frames).toFixed(2)),
    grownMB: Number(((after.bytes - before.bytes) / 1e6).toFixed(1)),
    framesOpen: after.stats.framesOpen,
  }));
  await page.evaluate(() => live.stop());
  await page.close();
}
await session.close();
