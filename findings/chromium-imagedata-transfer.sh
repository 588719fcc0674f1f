#!/usr/bin/env bash
# ArrayBuffer.transfer(0) does not free what getImageData returned in Chromium; a message to a closed port does.
#
# Expected: `buffer.transfer(0)` detaches a buffer and frees its memory at once, as it does for buffers that a script made.
# Seen (Debian's Chromium 156.0.8078.108, playwright-core as below): of 400 MB read from a canvas in 200 strips, each given up by
# transfer(0) before the next is read, all 400 MB stay in the page's process, more than where nothing is done (250 MB: the garbage collector
# wakes up only then, and a detached buffer no longer wakes it). The ImageData keeps the memory. Transferred to a MessagePort whose
# other end is closed, each strip is freed at once: 0 MB.
# Fails when that is no longer so. Needs node, npm and chromium.
# SPDX-License-Identifier: MIT
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error playwright-core@1.57.0 >/dev/null
cat >measure.mjs <<'JS'
import { readFileSync, readdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

async function held(how) {
  const browser = await chromium.launchPersistentContext(`${process.cwd()}/${how}`, {
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  });
  const page = await browser.newPage();
  await page.goto('about:blank');
  const resident = () => Math.max(...readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !command.includes(process.cwd())) return 0;
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
    } catch {
      return 0;
    }
  }));
  await page.evaluate(() => {
    globalThis.context = new OffscreenCanvas(8660, 58).getContext('2d', { willReadFrequently: true });
    const { port1, port2 } = new MessageChannel();
    port2.close();
    globalThis.nowhere = port1;
  });
  const before = resident();
  await page.evaluate((how) => {
    for (let i = 0; i < 200; ++i) {
      const { buffer } = context.getImageData(0, 0, 8660, 58).data;
      if (how === 'transfer') buffer.transfer(0);
      if (how === 'port') nowhere.postMessage(null, [buffer]);
    }
  }, how);
  const after = resident();
  const version = browser.browser()?.version() ?? (await page.evaluate(() => navigator.userAgent));
  await browser.close();
  return { version, megabytes: Math.round(after - before) };
}

const nothing = await held('nothing'), transfer = await held('transfer'), port = await held('port');
console.log(`${nothing.version}: nothing ${nothing.megabytes} MB, transfer(0) ${transfer.megabytes} MB, closed port ${port.megabytes} MB`);
process.exit(transfer.megabytes > 350 && transfer.megabytes > nothing.megabytes && port.megabytes < 50 ? 0 : 1);
JS
node measure.mjs
