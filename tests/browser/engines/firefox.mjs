// Debian's firefox-esr, headless, by WebDriver BiDi through puppeteer-core.
// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { launch } from 'puppeteer-core';

const kPath = process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr';
/** No call takes longer than a few seconds. */
const kCallMs = 60_000;

export const firefox = {
  name: 'Firefox',
  missing: existsSync(kPath) ? false : `NOT TESTED: no Firefox at ${kPath}; install firefox-esr or set FIREFOX_PATH`,
  /** `preferences`: of about:config. */
  async start({ preferences = {} } = {}) {
    const browser = await launch({
      browser: 'firefox', executablePath: kPath, headless: true, protocolTimeout: kCallMs, extraPrefsFirefox: preferences,
    });
    const page = await browser.newPage();
    return {
      open: async (url) => void (await page.goto(url)),
      evaluate: (work, argument) => page.evaluate(work, argument),
      screenshot: async () => Buffer.from(await page.screenshot()),
      close: () => browser.close(),
    };
  },
};
