// One measurement in a page: in a fresh browser with its own profile, so that nothing is cached and its process can be weighed.
// SPDX-License-Identifier: MIT
import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { serve } from '../scripts/serve.mjs';
import { startBrowser, watchRenderers } from '../tests/browser/support/chromium.mjs';
import { kPackage, kPhoto } from '../tests/browser/support/site.mjs';
import { root } from '../tests/support/models.mjs';
import { webContenders } from './cases.mjs';
import { npmPeers, wasmFiles } from './environment.mjs';

const kOwnModel = '/decal/models/decal-default.onnx';

/** Longer than any measurement here takes by several times. */
const kTimeLimitMs = 300_000;

/** Looking takes 2 ms of a core, which the measured page could use. */
const kMemoryPeriodMs = 200;

/** The connection of the start-up measurement: 100 Mbit/s, in bytes a millisecond. */
const kLinkBytesPerMs = 12_500;

/** Sends a file as that connection would; returns when the last byte left, as a time of day. */
async function sendPaced(response, file) {
  const bytes = await readFile(file);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
  const start = performance.now();
  for (let at = 0; at < bytes.length;) {
    await setTimeout(5);
    const end = Math.min(bytes.length, Math.ceil((performance.now() - start) * kLinkBytesPerMs));
    response.write(bytes.subarray(at, end));
    at = end;
  }
  response.end();
  return performance.timeOrigin + performance.now();
}

const timeLimit = () =>
  setTimeout(kTimeLimitMs, { failure: `no result within ${kTimeLimitMs / 1000} s` }, { ref: false });

/**
 * Opens bench/page with `query` on a site that has `model`, and waits for what it measures.
 *
 * @param {Record<string, string | number>} query see bench/page/main.js; `default` sends the model over a connection of
 * 100 Mbit/s, and `after_bytes_ms` tells how long after its last byte it can run
 * @param {string} [model] path of a file
 * @param {Awaited<ReturnType<typeof startBrowser>>} [shared] a browser to use instead of a fresh one, for tests, whose numbers are
 * discarded. Each measurement has a site of its own there too, so that nothing is in its cache
 * @param {string} [photo] path of a JPEG
 * @returns {Promise<{run_ms: number[], peak_bytes: number} | {failure: string}>} with the times that the page took
 */
export async function measureInPage(query, model, shared, photo = kPhoto) {
  let sent = null;
  const site = await serve({
    root: join(root, 'bench/page'),
    mounts: {
      '/decal': kPackage,
      '/ort': dirname(wasmFiles['ort-web']),
      '/npm': join(npmPeers, 'node_modules'),
      '/model.tflite': join(npmPeers, 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite'),
      '/photo.jpg': photo,
      ...Object.fromEntries(webContenders.map((name) => [`/wasm/${name}`, wasmFiles[name]])),
      ...(model ? { '/model.onnx': model } : {}),
    },
    async intercept({ url }, response) {
      if (!('default' in query) || url !== kOwnModel) return false;
      sent = await sendPaced(response, join(kPackage, kOwnModel.slice('/decal/'.length)));
      return true;
    },
  });
  const browser = shared ?? await startBrowser();
  const memory = watchRenderers(browser, kMemoryPeriodMs);
  browser.context.setDefaultTimeout(kTimeLimitMs);
  let page = null;
  try {
    // A page of its own: the one that the browser opens with has been navigated before.
    page = await browser.context.newPage();
    await page.goto(`${site.url}/?${new URLSearchParams(query)}`);
    await page.waitForFunction(() => 'outcome' in window);
    // Of playwright's waits this one alone has no time limit.
    const { ready_at: readyAt, ...outcome } = await Promise.race([page.evaluate(() => window.outcome), timeLimit()]);
    if ('failure' in outcome) return outcome;
    if (sent !== null) outcome.after_bytes_ms = readyAt - sent;
    const peak = memory.peakBytes();
    return peak > 0 ? { ...outcome, peak_bytes: peak } : { failure: "the page's process was not found" };
  } catch (error) {
    return { failure: String(error.message).split('\n')[0].slice(0, 160) };
  } finally {
    memory.close();
    await (shared ? page : browser)?.close();
    await site.close();
  }
}
