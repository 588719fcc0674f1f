#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Chromium stretches the alpha of every AVIF as if its range were limited: 200 becomes 214, 20 becomes 5, 235 and more become 255.
#
# Expected: alpha of an AVIF is of full range (AV1-ISOBMFF 4.1: color_range of an alpha picture shall be 1), and so is what encoders
# write: 200 is 200, as in Firefox, in WebKitGTK and in libheif.
# Seen (Debian's Chromium 156.0.8078.108, playwright-core and sharp as below): (a - 16) * 255 / 219, clamped, lossless or lossy, 4:4:4 or 4:2:0.
# The same values in a PNG or WebP arrive as they are. A picture whose alpha is decoded as a grey picture of its own (pitm set to its
# item) has the right values.
# Fails when that is no longer so. Needs node, npm and chromium.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error playwright-core@1.57.0 sharp@0.34.5 >/dev/null
cat >look.mjs <<'JS'
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const kAlphas = [20, 60, 128, 200, 240];
const data = Buffer.from(Uint8Array.from({ length: 4 * 16 * 16 * kAlphas.length }, (_, i) => (i % 4 < 3 ? 150 : kAlphas[Math.floor(i / 1024)])));
const picture = sharp(data, { raw: { width: 16, height: 16 * kAlphas.length, channels: 4 } });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
async function alphas(file) {
  return page.evaluate(async ({ base64, count }) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:;base64,${base64}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return Array.from({ length: count }, (_, i) => context.getImageData(8, 16 * i + 8, 1, 1).data[3]);
  }, { base64: file.toString('base64'), count: kAlphas.length });
}
const avif = await alphas(await picture.avif({ lossless: true }).toBuffer()), webp = await alphas(await picture.webp({ lossless: true }).toBuffer());
console.log(`Chromium ${browser.version()}: alpha ${kAlphas} as WebP ${webp}, as AVIF ${avif}`);
await browser.close();
const stretched = kAlphas.map((alpha) => Math.max(0, Math.min(255, Math.round((alpha - 16) * 255 / 219))));
process.exit(webp.join() === kAlphas.join() && avif.every((alpha, i) => Math.abs(alpha - stretched[i]) <= 1) ? 0 : 1);
JS
node look.mjs
