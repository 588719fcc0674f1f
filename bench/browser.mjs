// The WebAssembly contenders in Chromium, each measurement in a fresh browser: whole models, start-up and compiling.
//   node bench/browser.mjs [--models a,b] [--threads 1,2] [--rounds N] ...   (--help)
import { dirname, join } from 'node:path';
import { serve } from '../scripts/serve.mjs';
import { noBrowser, peakRendererBytes, startBrowser } from '../tests/browser/support/chromium.mjs';
import { kPackage, kPhoto, needs } from '../tests/browser/support/site.mjs';
import { root } from '../tests/support/models.mjs';
import { browserCases, defaultModel, webContenders } from './cases.mjs';
import { environment, wasmFiles, wasmSizes } from './environment.mjs';
import { chooseCases } from './options.mjs';
import { takeTurns } from './rounds.mjs';
import { keepResults, measureCases, printResults } from './suite.mjs';

const kTimeLimitMs = 300_000;
const kStartRounds = 5;
const kStartThreads = 2;

/** Opens the page at `query` in a fresh browser on a site with `model`, and waits for what it measures. */
async function measureInPage(query, model) {
  const site = await serve({
    root: join(root, 'bench/page'),
    mounts: {
      '/decal': kPackage,
      '/ort': dirname(wasmFiles['ort-web']),
      '/photo.jpg': kPhoto,
      ...Object.fromEntries(webContenders.map((name) => [`/wasm/${name}`, wasmFiles[name]])),
      ...(model ? { '/model.onnx': model } : {}),
    },
  });
  const browser = await startBrowser();
  try {
    browser.context.setDefaultTimeout(kTimeLimitMs);
    // A page of its own: the one that the browser opens with has been navigated before.
    const page = await browser.context.newPage();
    await page.goto(`${site.url}/?${new URLSearchParams(query)}`);
    await page.waitForFunction(() => 'outcome' in window);
    const outcome = await page.evaluate(() => window.outcome);
    if ('failure' in outcome) return outcome;
    const peak = peakRendererBytes(browser);
    return peak > 0 ? { ...outcome, peak_bytes: peak } : { failure: "the page's process was not found" };
  } catch (error) {
    return { failure: String(error.message).split('\n')[0].slice(0, 160) };
  } finally {
    await browser.close();
    await site.close();
  }
}

if (noBrowser) {
  console.log(`NOT MEASURED: ${noBrowser}`);
  process.exit(1);
}
needs(`${kPackage}/index.js`, 'run `npm run build`');

async function chromiumVersion() {
  const browser = await startBrowser();
  try {
    const page = await browser.context.newPage();
    return /Chrome\/([\d.]+)/.exec(await page.evaluate(() => navigator.userAgent))[1];
  } finally {
    await browser.close();
  }
}

async function measureStart(rounds) {
  console.log(`start-up with ${defaultModel}, ${rounds} rounds`);
  return {
    model: defaultModel,
    threads: kStartThreads,
    rounds,
    contenders: await takeTurns(webContenders, rounds, (contender) =>
      measureInPage({ contender, threads: kStartThreads, default: '' })),
    compile: await takeTurns(webContenders, rounds, (contender) => measureInPage({ contender, compile: '' })),
  };
}

const { cases, rounds, note, output } = chooseCases('browser', browserCases);
const results = {
  suite: 'browser',
  ...(note ? { note } : {}),
  environment: { ...environment(), chromium: await chromiumVersion() },
  wasm: wasmSizes(),
};
const { measured, complete } = await measureCases(cases, async ({ size }, file) =>
  (contender, { threads, warmUp, repeat }) => measureInPage({ contender, threads, 'warm-up': warmUp, repeat, size }, file));
results.cases = measured;
results.start = await measureStart(rounds ?? kStartRounds);
printResults(results);
keepResults(results, output, complete);
