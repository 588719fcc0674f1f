#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns data sets, as their authors publish them, into the pairs that data.py reads.

    ./convert.py caltech101 caltech-101/ DATA/train     # 101_ObjectCategories and Annotations, unpacked
    ./convert.py ccp clothing-co-parsing/ DATA/train    # photos and annotations/pixel-level
    ./convert.py backgrounds caltech-101/ DATA/backgrounds

Needs Debian's python3-scipy. Other sets come as photos and masks already: name them as data.py wants them.
"""
import argparse
import pathlib

import numpy as np
from PIL import Image, ImageDraw
from scipy.io import loadmat

LONG_SIDE = 320
# Outlines of faces alone are no cut-outs of people, and the background class has none.
BACKGROUNDS = "BACKGROUND_Google"
LEFT_OUT = {"Faces", "Faces_easy", BACKGROUNDS}
# Classes whose outlines lie in folders of other names.
OUTLINES = {"airplanes": "Airplanes_Side_2", "Motorbikes": "Motorbikes_16"}


def caltech101(root):
    """Yields photo and mask: the outline is a polygon relative to the box (top, bottom, left, right)."""
    photos, outlines = root / "101_ObjectCategories", root / "Annotations"
    for folder in sorted(photos.iterdir()):
        if folder.name in LEFT_OUT:
            continue
        for path in sorted(folder.glob("*.jpg")):
            number = path.stem.split("_")[1]
            facts = loadmat(outlines / OUTLINES.get(folder.name, folder.name) / f"annotation_{number}.mat")
            top, _, left, _ = facts["box_coord"][0]
            photo = Image.open(path).convert("RGB")
            # Drawn four times as large, so that reducing it gives soft edges.
            mask = Image.new("L", (4 * photo.width, 4 * photo.height))
            corners = [(4 * (x + left), 4 * (y + top)) for x, y in facts["obj_contour"].T.astype(float)]
            ImageDraw.Draw(mask).polygon(corners, fill=255)
            yield photo, mask


def ccp(root):
    """Yields photo and mask: of the labels of each pixel, 0 is nothing."""
    for labels in sorted((root / "annotations/pixel-level").glob("*.mat")):
        photo = Image.open(root / "photos" / f"{labels.stem}.jpg").convert("RGB")
        worn = loadmat(labels)["groundtruth"] > 0
        yield photo, Image.fromarray(worn.astype(np.uint8) * 255)


def backgrounds(root):
    """Yields photos, whose numbers `SHOW_SUBJECTS` in data.py refers to, and None."""
    for path in sorted((root / "101_ObjectCategories" / BACKGROUNDS).glob("*.jpg")):
        yield Image.open(path).convert("RGB"), None


SETS = {"caltech101": caltech101, "ccp": ccp, "backgrounds": backgrounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.target / arguments.set
    folder.mkdir(parents=True, exist_ok=True)
    for i, (photo, mask) in enumerate(SETS[arguments.set](arguments.source)):
        scale = min(1, LONG_SIDE / max(photo.size))
        size = tuple(max(1, round(side * scale)) for side in photo.size)
        stem = f"{i:05}" if mask else f"{i:04}"  # as the names in train.tar and backgrounds.tar
        photo.resize(size, Image.Resampling.LANCZOS).save(folder / f"{stem}.webp", quality=90)
        if mask:
            mask.resize(size, Image.Resampling.BOX).save(folder / f"{stem}.png")


if __name__ == "__main__":
    main()
