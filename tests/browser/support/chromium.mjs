// Debian's Chromium under playwright-core: one fresh profile a browser, no traffic but to this machine.
// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const kPath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** Why there is no browser to test with, or false; for node:test's `skip`. */
export const noBrowser = existsSync(kPath) ? false : `no Chromium at ${kPath}; set CHROMIUM_PATH`;

const kArguments = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--no-sandbox',
  // Whatever still tries to leave this machine finds no address.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const softwareGpu = (features) => ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', `--enable-dawn-features=${features}`];

/** Gives pages WebGPU on Chromium's software renderer, whose pipelines compile soon (see tests/gpu/dawn.mjs). */
export const kSoftwareGpu = softwareGpu('disable_workgroup_init,disable_robustness,disable_polyfills_on_integer_div_and_mod');

/** With the checks of indices and divisors that browsers put into every shader. */
export const kCheckedGpu = softwareGpu('disable_workgroup_init');

/**
 * Starts Chromium with a fresh profile and further `flags`. `contextOptions` are playwright's. The context's requests to
 * other hosts are collected in `strangers`, which every test file expects to be empty at the end.
 */
export async function startBrowser({ flags = [], ...contextOptions } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'decal-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: kPath,
    headless: true,
    args: [...kArguments, ...flags],
    ...contextOptions,
  });
  // Everything here is local and takes seconds; a test that waits longer is stuck.
  context.setDefaultTimeout(20_000);
  const strangers = [];
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^https?:$/.test(protocol) && hostname !== '127.0.0.1') strangers.push(request.url());
  });
  return {
    context,
    profile,
    strangers,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Follows the memory of this browser's processes that show pages, from now until `close()`. `peakBytes()` is the most that any one
 * of them has held. Linux keeps a peak for each process, but Chromium resets it every now and then; what it held for less than
 * `periodMs` before such a reset is not seen.
 */
export function watchRenderers({ profile }, periodMs = 10) {
  let most = 0;
  const look = () => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (!command.includes('--type=renderer') || !command.includes(profile)) continue;
        most = Math.max(most, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024);
      } catch {
        // Processes end while we look.
      }
    }
    return most;
  };
  const timer = setInterval(look, periodMs);
  look();
  return { peakBytes: look, close: () => clearInterval(timer) };
}

/** A page that collects its uncaught errors and those in its console, in `page.errors`. */
export async function openPage(context, url) {
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`console: ${message.text()} (${message.location().url})`);
  });
  await page.goto(url);
  return Object.assign(page, { errors });
}

/** The browser's major version. */
export async function chromiumVersion() {
  const browser = await startBrowser();
  try {
    const page = await browser.context.newPage();
    return /Chrome\/(\d+)/.exec(await page.evaluate(() => navigator.userAgent))[1];
  } finally {
    await browser.close();
  }
}
