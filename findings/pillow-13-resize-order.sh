#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pillow 13 resizes rows before columns for some sizes and columns before rows for others, so that the same picture, filter and size give
# other bytes than Pillow 12: a model's input or a matte made with one differs from the same made with the other.
#
# Expected: resize() filters columns first, then rows, with 8 bits in between, as every version up to 12.3 does; a change of the version
# does not change pixels, and a network that was checked against stored outputs keeps them.
# Seen (noise of 300 x 900 to 320 x 320 by LANCZOS, a portrait becoming a network's input): 12.3.0 gives the bytes of two steps, 320 x 900
# first; 13.0.0 those of 300 x 320 first. 37 % of the pixels differ, by up to 19 levels, as each order cuts off other overshoots in
# between. Noise of 900 x 300 to the same size gives equal bytes in both.
# Fails when that is no longer so. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 12.3.0 13.0.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet --disable-pip-version-check "pillow==$version"
done
cat >resize.py <<'PY'
import random
import sys

from PIL import Image

LANCZOS = Image.Resampling.LANCZOS


def orders(width, height):
    """The picture resized at once, and whether that is columns first or rows first."""
    picture = Image.frombytes("L", (width, height), random.Random(1).randbytes(width * height))
    at_once = picture.resize((320, 320), LANCZOS).tobytes()
    columns = picture.resize((320, height), LANCZOS).resize((320, 320), LANCZOS).tobytes()
    rows = picture.resize((width, 320), LANCZOS).resize((320, 320), LANCZOS).tobytes()
    return at_once, at_once == columns, at_once == rows


for size in ((300, 900), (900, 300)):
    at_once, columns, rows = orders(*size)
    print(f"{size[0]} x {size[1]}: {'columns first' if columns else 'rows first' if rows else 'neither'}")
    with open(f"{sys.argv[1]}-{size[0]}.raw", "wb") as file:
        file.write(at_once)
PY
for version in 12.3.0 13.0.0; do
  echo "Pillow $version"
  "$version/bin/python" resize.py "$version" | tee "$version.txt"
done
python3 - <<'PY'
def read(version, width):
    with open(f"{version}-{width}.raw", "rb") as file:
        return file.read()


old, new = read("12.3.0", 300), read("13.0.0", 300)
differences = [abs(a - b) for a, b in zip(old, new)]
share = sum(difference > 0 for difference in differences) / len(differences)
print(f"300 x 900: {100 * share:.1f} % of the pixels differ, by up to {max(differences)} levels")
same = read("12.3.0", 900) == read("13.0.0", 900)
print(f"900 x 300: {'equal' if same else 'different'} bytes")
seen = open("12.3.0.txt").readlines()[0].endswith("columns first\n") and open("13.0.0.txt").readlines()[0].endswith("rows first\n")
raise SystemExit(not (seen and same and share > 0.1))
PY
