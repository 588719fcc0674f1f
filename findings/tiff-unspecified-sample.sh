#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A TIFF's fourth sample that is declared to be no alpha (ExtraSamples 0, such as a saved selection) makes the picture transparent in
# libvips, and so in sharp; Pillow drops it.
#
# Expected: TIFF 6.0, section 18: 0 is "unspecified data", 1 associated and 2 unassociated alpha. A picture with 0 is opaque.
# Seen (sharp 0.34.5 with libvips 8.17.3, Pillow 12.0.0): for 128, 128, 128 with a selection of 7, sharp says hasAlpha and writes a PNG whose
# alpha is 7, all but invisible; Pillow opens the same file as RGB. Who takes libvips's word has to read the tag.
# Fails when that is no longer so. Needs node, npm and python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error sharp@0.34.5 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==12.0.0
cat >make.py <<'PY'
import struct

WIDTH = HEIGHT = 16
data = bytes([128, 128, 128, 7]) * (WIDTH * HEIGHT)
SHORT, LONG = 3, 4
# Tag, type, count, value; four 8s, the bits of each sample, stand behind the directory.
entries = [(256, SHORT, 1, WIDTH), (257, SHORT, 1, HEIGHT), (258, SHORT, 4, None), (259, SHORT, 1, 1), (262, SHORT, 1, 2),
           (273, LONG, 1, None), (277, SHORT, 1, 4), (278, SHORT, 1, HEIGHT), (279, LONG, 1, len(data)), (338, SHORT, 1, 0)]
bits = 8 + 2 + 12 * len(entries) + 4
directory = b"".join(struct.pack("<HHII", tag, kind, count, {258: bits, 273: bits + 8}.get(tag, value)) for tag, kind, count, value in entries)
with open("selection.tif", "wb") as file:
    file.write(struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + directory + bytes(4) + struct.pack("<4H", 8, 8, 8, 8) + data)
PY
python3 make.py
cat >look.mjs <<'JS'
import sharp from 'sharp';

const { hasAlpha } = await sharp('selection.tif').metadata();
const png = await sharp('selection.tif').png().toBuffer();
const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
console.log(`libvips ${sharp.versions.vips}: hasAlpha ${hasAlpha}, PNG ${[...data.subarray(0, info.channels)]}`);
process.exit(hasAlpha && info.channels === 4 && data[3] === 7 ? 0 : 1);
JS
node look.mjs
venv/bin/python - <<'PY'
import PIL
from PIL import Image

with Image.open("selection.tif") as picture:
    print(f"Pillow {PIL.__version__}: {picture.mode} {picture.getpixel((0, 0))}")
    raise SystemExit(picture.mode != "RGB")
PY
