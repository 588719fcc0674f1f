// Whole calls in Chromium: a JPEG in, a cut-out's file out, beside the browser's canvas writing the same pixels, and beside what a page
// around onnxruntime-web does: our model between two canvases. Then one call with the largest model, BiRefNet-lite at 1024 x 1024.
//   node bench/whole_browser.mjs [--rounds N] [--repeat N] [--megapixels 1,24] [--formats png,webp] [--output FILE] [--large]
// With --large that last call alone, into the results of the others; it keeps the machine that it was measured on.
// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromiumVersion, noBrowser } from '../tests/browser/support/chromium.mjs';
import { kPackage, needs } from '../tests/browser/support/site.mjs';
import { missing, modelFile, models } from '../tests/support/models.mjs';
import { environment } from './environment.mjs';
import { measureInPage } from './in_page.mjs';
import { makePhoto } from './photos.mjs';
import { resultsFile, writeResults } from './results.mjs';
import { takeTurns } from './rounds.mjs';
import { largeModelText, markdownTable, wholeBrowserRows } from './tables.mjs';

const kThreads = 2;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    repeat: { type: 'string', default: '3' },
    megapixels: { type: 'string', default: '0.3,1,4,12,24' },
    formats: { type: 'string', default: 'png,webp' },
    output: { type: 'string', default: resultsFile('whole_browser') },
    large: { type: 'boolean', default: false },
  },
});
if (noBrowser) {
  console.log(`NOT MEASURED: ${noBrowser}`);
  process.exit(1);
}
needs(`${kPackage}/index.js`, 'run `npm run build`');
const folder = mkdtempSync(join(tmpdir(), 'decal-whole-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const here = { ...environment(), chromium: await chromiumVersion() };
const results = values.large ? JSON.parse(readFileSync(values.output, 'utf8')) : {
  suite: 'whole_browser', environment: here, threads: kThreads, rounds: Number(values.rounds), repeat: Number(values.repeat), cases: [],
};
for (const format of values.large ? [] : values.formats.split(',')) {
  for (const megapixels of values.megapixels.split(',').map(Number)) {
    const { file, width, height } = await makePhoto(folder, megapixels);
    const contenders = await takeTurns(['relaxed', 'ort-web'], results.rounds, (contender) =>
      measureInPage({ contender, threads: kThreads, repeat: results.repeat, whole: `image/${format}` }, undefined, undefined, file));
    results.cases.push({ megapixels, format, width, height, contenders });
  }
}
const large = models.find(({ name }) => name === 'birefnet_lite_1024');
if (missing(large)) console.log(`${large.name}: ${missing(large).replace('TESTED', 'MEASURED')}`);
else {
  const file = modelFile(large);
  results.large = {
    model: large.name, file_bytes: statSync(file).size, environment: here,
    ...(await takeTurns(['relaxed'], Number(values.rounds), (contender) => measureInPage({ contender, threads: kThreads, large: '' }, file))).relaxed,
  };
}
console.log(markdownTable(wholeBrowserRows(results)));
console.log(largeModelText(results.large));
writeResults(values.output, results);
