#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Firefox refuses to decode a picture whose Blob was made of parts, where the first part is short; the same bytes in one part decode.
#
# Expected: a Blob is its bytes, however it was put together: createImageBitmap(new Blob([head, rest])) is createImageBitmap(new Blob([all])).
# Seen (Debian's Firefox 153.8.0esr, puppeteer-core as below): a JPEG in the parts [2 bytes, rest] is refused with InvalidStateError "The image
# could not be decoded", with and without a type, in pages and in workers; as one part, or with a first part of 1,024 bytes, it decodes.
# The kind of the file is told from what the first read gives, which is the first part. Slices of a file joined to leave something out (EXIF, say)
# are such Blobs.
# Fails when that is no longer so. Needs node, npm and firefox-esr.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error puppeteer-core@24.43.1 >/dev/null
cat >look.mjs <<'JS'
import { launch } from 'puppeteer-core';

const browser = await launch({ browser: 'firefox', executablePath: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr', headless: true });
const page = await browser.newPage();
const seen = await page.evaluate(async () => {
  const canvas = new OffscreenCanvas(64, 64);
  canvas.getContext('2d').fillRect(8, 8, 20, 20);
  const file = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer());
  const padded = new Uint8Array(2000 + file.length);  // with a comment that makes it longer than 1,024 bytes before its scan
  padded.set(file.subarray(0, 2));
  padded.set([0xff, 0xfe, 1998 >> 8, 1998 & 255], 2);
  padded.set(file.subarray(2), 2002);
  const attempt = async (...parts) => {
    try {
      return (await createImageBitmap(new Blob(parts, { type: 'image/jpeg' }))).width;
    } catch (error) {
      return error.name;
    }
  };
  const cut = (at) => attempt(padded.subarray(0, at), padded.subarray(at));
  return { whole: await attempt(padded), two: await cut(2), kilobyte: await cut(1024) };
});
console.log(`${await browser.version()}: in one part ${seen.whole} wide, parts of 2 and the rest: ${seen.two}, of 1,024 and the rest: ${seen.kilobyte}`);
await browser.close();
process.exit(seen.whole === 64 && seen.two === 'InvalidStateError' && seen.kilobyte === 64 ? 0 : 1);
JS
node look.mjs
