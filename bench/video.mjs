// Video, natively and in Chromium, against its bars; needs the ffmpeg program. Without the names of parts all of it runs, a quarter of an
// hour, and the results replace those in bench/results/; a part is only printed, unless --output says where it goes.
//   node bench/video.mjs [speed] [flicker] [trailing] [live] [memory] [--minutes 10] [--seconds 20] [--rounds 3] [--note TEXT] [--output FILE]
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util';
import { chromiumVersion } from '../tests/browser/support/chromium.mjs';
import { environment } from './environment.mjs';
import { resultsFile, writeResults } from './results.mjs';
import { textTable } from './tables.mjs';
import { videoRows } from './video_report.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' }, seconds: { type: 'string', default: '20' }, rounds: { type: 'string', default: '3' }, note: { type: 'string' }, output: { type: 'string' },
  },
});
const native = await import('./video_native.mjs');
const browser = await import('./video_live.mjs');
const kParts = {
  speed: (keep) => native.speed(Number(values.rounds), keep), flicker: native.flicker, trailing: native.trailing,
  // Faster than the bar, which a camera of 30 frames a second could at best meet.
  live: (keep) => browser.live(Number(values.seconds), 36, keep),
  memory: (keep) => browser.memory(Number(values.minutes), keep),
};
const strange = positionals.filter((name) => !(name in kParts));
if (strange.length > 0) throw new Error(`no part ${strange.join(', ')}: there are ${Object.keys(kParts).join(', ')}`);

const all = positionals.length === 0;
const output = values.output ?? (all ? resultsFile('video') : null);
const results = { suite: 'video', ...(values.note && { note: values.note }), environment: { ...environment(), chromium: await chromiumVersion() } };
/** A part so far: a run that is cut off has written what it had. */
const keep = (name, part) => {
  results[name] = part;
  if (output) writeResults(output, results);
};
for (const [name, measure] of Object.entries(kParts)) {
  if (!all && !positionals.includes(name)) continue;
  console.log(`== ${name}`);
  try {
    keep(name, await measure((part) => keep(name, part)));
  } catch (error) {
    // The other parts are worth their time all the same.
    console.error(`video: ${name} failed: ${error.stack}`);
    process.exitCode = 1;
  }
}
console.log(textTable(videoRows(results)));
