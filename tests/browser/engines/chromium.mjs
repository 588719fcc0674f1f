// Chromium through playwright-core, as in the tests that are Chromium's alone.
// SPDX-License-Identifier: MIT
import { noBrowser, startBrowser } from '../support/chromium.mjs';

export const chromium = {
  name: 'Chromium',
  missing: noBrowser,
  async start() {
    const browser = await startBrowser();
    const page = await browser.context.newPage();
    return {
      open: async (url) => void (await page.goto(url)),
      evaluate: (work, argument) => page.evaluate(work, argument),
      screenshot: () => page.screenshot(),
      close: () => browser.close(),
    };
  },
};
