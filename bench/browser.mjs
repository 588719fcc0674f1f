// The WebAssembly contenders in Chromium, each measurement in a fresh browser: whole models, start-up and compiling.
//   node bench/browser.mjs [--models a,b] [--threads 1,2] [--rounds N] ...   (--help)
// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { chromiumVersion, noBrowser } from '../tests/browser/support/chromium.mjs';
import { kPackage, needs } from '../tests/browser/support/site.mjs';
import { browserCases, defaultModel, webContenders } from './cases.mjs';
import { environment, npmPeers, versionOf, wasmFiles, wasmSizes } from './environment.mjs';
import { measureInPage } from './in_page.mjs';
import { chooseCases } from './options.mjs';
import { takeTurns } from './rounds.mjs';
import { keepResults, measureCases, printResults } from './suite.mjs';

const kStartRounds = 5;
const kStartThreads = 2;

if (noBrowser) {
  console.log(`NOT MEASURED: ${noBrowser}`);
  process.exit(1);
}
needs(`${kPackage}/index.js`, 'run `npm run build`');
needs(npmPeers, 'run `scripts/bench.sh browser`, which installs it');

async function measureStart(rounds) {
  console.log(`start-up with ${defaultModel}, ${rounds} round${rounds === 1 ? '' : 's'}`);
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
  environment: { ...environment(), chromium: await chromiumVersion(), litert: versionOf('@litertjs/core', npmPeers) },
  wasm: wasmSizes({ ...wasmFiles, litert: join(npmPeers, 'node_modules/@litertjs/core/wasm/litert_wasm_threaded_internal.wasm') }),
};
const { measured, complete } = await measureCases(cases, async ({ size }, file) =>
  (contender, { threads, warmUp, repeat }) =>
    measureInPage({ contender, threads, 'warm-up': warmUp, repeat, size }, file));
results.cases = measured;
results.start = await measureStart(rounds ?? kStartRounds);
printResults(results);
keepResults(results, output, complete);
