#!/usr/bin/env bash
# Chromium sets Linux's record of a process's peak memory (VmHWM) back by itself, so that it may be less than what was held.
#
# Expected: VmHWM of /proc/PID/status is the most that the process has held since it began: nobody but the measurer writes
# to /proc/PID/clear_refs.
# Seen (Debian's Chromium 156.0.8078.108, playwright-core as below): a page that held 400 MB for two seconds shows a VmHWM of over
# 400 MB then, and within a minute one of under 300 MB, of the same process. A peak read at the end of a run depends on when
# that was: read it all along, and keep the most.
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
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const browser = await chromium.launchPersistentContext(`${process.cwd()}/profile`, {
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
const page = await browser.newPage();
await page.goto('about:blank');
/** The process that has held most, and how much. */
function most() {
  let found = { peak: 0 };
  for (const pid of readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !command.includes(process.cwd())) continue;
      const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
      if (peak > found.peak) found = { pid, peak };
    } catch {
      // It has ended.
    }
  }
  return found;
}
await page.evaluate(async () => {
  const held = new Uint8Array(400 << 20).fill(1).buffer;
  await new Promise((done) => setTimeout(done, 2000));
  held.transfer(0);
});
const held = most();
let later = held.peak;
for (let i = 0; i < 60 && later > 300; ++i) {
  await setTimeout(1000);
  later = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${held.pid}/status`, 'utf8'))[1]) / 1024;
}
await browser.close();
console.log(`VmHWM ${Math.round(held.peak)} MB, then ${Math.round(later)} MB`);
process.exit(held.peak > 400 && later < 300 ? 0 : 1);
JS
node measure.mjs
