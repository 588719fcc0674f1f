#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Chromium mixes black ink into cyan, magenta and yellow before it uses a CMYK JPEG's profile: the profile never sees black.
#
# Expected: a CMYK profile gives a colour for four inks, so the four inks of the file go into it. With one whose lightness depends on black
# alone, full black is black, and full cyan, magenta and yellow without black are white.
# Seen (Debian's Chromium 156.0.8078.108, playwright-core and Pillow as below): both are white (255). Black arrives as c = 1 - (1 - c)(1 - k) and
# so on, with k = 0. With profiles of presses, text of black ink alone becomes the brown of three inks. Little CMS (Pillow's ImageCms) gives 0 and 255.
# Fails when that is no longer so. Needs node, npm, chromium and python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error playwright-core@1.57.0 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==12.0.0
cat >make.py <<'PY'
import io
import struct

from PIL import Image, ImageCms

identity = struct.pack(">HH", 0, 65535)
# mft2 of two points an axis, black last: L 100 without black, 0 with it (version 2 counts L to 100 at 65280).
points = b"".join(struct.pack(">3H", 0 if i & 1 else 65280, 32768, 32768) for i in range(16))
table = b"mft2\0\0\0\0" + struct.pack(">BBBB", 4, 3, 2, 0) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536) + struct.pack(">HH", 2, 2) + identity * 4 + points + identity * 3
tags = {b"A2B0": table, b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"t\0" + bytes(79), b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)}
place, directory, body = 132 + 12 * len(tags), b"", b""
for name, data in tags.items():
    directory += name + struct.pack(">II", place + len(body), len(data))
    body += data + bytes(-len(data) % 4)
header = struct.pack(">I4sI4s4s4s", place + len(body), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ") + struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
profile = header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body
transform = ImageCms.buildTransform(io.BytesIO(profile), ImageCms.createProfile("sRGB"), "CMYK", "RGB", ImageCms.Intent.PERCEPTUAL)
for name, inks in (("black", (0, 0, 0, 255)), ("others", (255, 255, 255, 0))):
    image = Image.new("CMYK", (16, 16), inks)
    image.save(f"{name}.jpg", quality=100, icc_profile=profile)
    print(f"{name}: Little CMS {ImageCms.applyTransform(image, transform).getpixel((8, 8))[1]}")
PY
venv/bin/python make.py
cat >look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
const green = (name) => page.evaluate(async (base64) => {
  const bitmap = await createImageBitmap(await (await fetch(`data:;base64,${base64}`)).blob());
  const context = new OffscreenCanvas(16, 16).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(8, 8, 1, 1).data[1];
}, readFileSync(name).toString('base64'));
const [black, others] = [await green('black.jpg'), await green('others.jpg')];
console.log(`Chromium ${browser.version()}: black alone ${black}, the others without black ${others}`);
await browser.close();
process.exit(black > 240 && others > 240 ? 0 : 1);
JS
node look.mjs
