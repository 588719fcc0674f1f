// The three browser engines behind one interface, for tests that every engine has to pass.
//
// An engine is `{name, missing, start}`; `missing` is why it cannot run here, or false. `start()` gives a browser
// `{open(url), evaluate(work, argument), screenshot(), close()}` that shows one page at a time. `evaluate` runs a function in it, as
// playwright's does: argument and result are plain data, promises are waited for.
// SPDX-License-Identifier: MIT
import { chromium } from './chromium.mjs';
import { firefox } from './firefox.mjs';
import { webkit } from './webkit.mjs';

export const engines = [chromium, firefox, webkit];

/** Waits for `holds`. Asked from here rather than waited for in the page: one that gets stuck must not take the test with it. */
export async function until(holds, seconds, problem) {
  for (let turn = 0; turn < 20 * seconds; ++turn) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(problem);
}
