#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures long pictures: strips with several cut-outs, as the decal command does them, and all squeezed into one square beside that.

Prints the table of docs/edges.md and writes a sheet of pictures, which is to be looked at. All comes from ../shared.
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image

import edges_data

HEIGHT = 320  # of a strip; cut-outs have 200 to 640 pixels
ASPECTS = (2.5, 3, 4, 6)
EACH = 12  # strips of an aspect
SQUARE = 576  # what the default model takes
MODELS = {"decal-default": (), "u2netp": ("--model", "u2netp")}


def long_background(path, size):
    """A photo of the strip's height, and its mirror images beside it until the strip is full."""
    photo = Image.open(path).convert("RGB")
    photo = np.asarray(photo.resize((max(1, round(photo.width * size[1] / photo.height)), size[1]), Image.BICUBIC), np.float32)
    pair = np.concatenate([photo, photo[:, ::-1]], 1)
    return np.tile(pair, (1, -(-size[0] // pair.shape[1]), 1))[:, :size[0]]


def strips(shared, folder):
    """(name, picture, alpha): bytes [H,W,3] and 0..1 [H,W]. A cut-out to each 1.5 to 2.5 heights of length, on one line of places."""
    edges_data.unpacked(shared, folder)
    cut_outs = list(edges_data.cut_outs(shared, folder))[1:]
    photos = sorted((folder / "backgrounds2").glob("*.webp"))
    random = np.random.default_rng(31)
    for aspect in ASPECTS:
        size = round(HEIGHT * aspect), HEIGHT
        for i in range(EACH):
            canvas, alpha = long_background(photos[int(random.integers(len(photos)))], size), np.zeros((HEIGHT, size[0]), np.float32)
            places = max(1, round(aspect / random.uniform(1.5, 2.5)))
            for place in range(places):
                name, colours, part = cut_outs[int(random.integers(len(cut_outs)))]
                colours, part = edges_data.cropped(colours, part)
                room = size[0] / places, HEIGHT
                zoom = min(edges_data.LARGEST_ZOOM, random.uniform(0.5, 0.9) * min(room[0] / part.shape[1], room[1] / part.shape[0]))
                extent = max(8, round(part.shape[1] * zoom)), max(8, round(part.shape[0] * zoom))
                colours, part = edges_data.resized(colours, extent), np.clip(edges_data.resized(part, extent), 0, 1)
                x = round(place * room[0] + random.uniform(0, room[0] - extent[0]))
                y = int(random.integers(0, HEIGHT - extent[1] + 1))
                at = np.s_[y:y + extent[1], x:x + extent[0]]
                canvas[at] = colours * part[..., None] + canvas[at] * (1 - part[..., None])
                alpha[at] = np.maximum(alpha[at], part)
            yield f"{aspect:g}-{i:02d}", edges_data.bytes_of(canvas), alpha


def masks(command, folder, out):
    """Runs the command on the pictures of a folder; 0..1 by name."""
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    subprocess.run([*command, folder, "--mask", "--quiet", "-o", out], check=True, stderr=subprocess.DEVNULL)
    return {path.name.removesuffix(".decal-mask.png"): np.asarray(Image.open(path).convert("L"), np.float32) / 255 for path in out.iterdir()}


def overlap(matte, alpha):
    found, wanted = matte > 0.5, alpha > 0.5
    return (found & wanted).sum() / max(1, (found | wanted).sum())


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
    parser.add_argument("--decal", type=pathlib.Path, default=root / "build/bin/decal")
    parser.add_argument("--u2netp", type=pathlib.Path, help="U-2-Net-p's file; `models/real/u2netp.onnx` of the shared folder without it")
    parser.add_argument("--work", type=pathlib.Path, default=root / "build/edges")
    arguments = parser.parse_args()
    if not (arguments.shared / "data").is_dir():
        sys.exit(f"edges_long.py: no folder {arguments.shared / 'data'}")
    long, square = arguments.work / "long", arguments.work / "square"
    for folder in (long, square):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    truth = {}
    for name, picture, alpha in strips(arguments.shared, arguments.work):
        truth[name] = alpha
        Image.fromarray(picture).save(long / f"{name}.png")
        Image.fromarray(picture).resize((SQUARE, SQUARE), Image.BILINEAR).save(square / f"{name}.png")
    rows, shown = [], {}
    for model, options in MODELS.items():
        file = arguments.u2netp or arguments.shared / "models/real/u2netp.onnx"
        command = [arguments.decal, *options, *(("--model-file", file) if options else ())]
        for way, folder in (("in one piece", square), ("by the command", long)):
            found = masks(command, folder, arguments.work / "masks")
            found = {name: matte if folder is long else edges_data.resized(matte, truth[name].shape[::-1]) for name, matte in found.items()}
            shown[model, way] = found
            values = {name: overlap(found[name], alpha) for name, alpha in truth.items()}
            means = [np.mean([value for name, value in values.items() if name.startswith(f"{aspect:g}-")]) for aspect in ASPECTS]
            rows.append([f"{model}, {way}", *(f"{mean:.2f}" for mean in means), str(sum(value < 0.5 for value in values.values()))])
    print("| | " + " | ".join(f"{aspect:g}:1" for aspect in ASPECTS) + f" | IoU under 0.5, of {len(truth)} |\n|---|" + "---|" * (len(ASPECTS) + 1))
    print("\n".join("| " + " | ".join(row) + " |" for row in rows))
    page = Image.new("RGB", (1950, 4 * EACH * 90 // 2), "white")
    for i, name in enumerate(sorted(truth)[::2]):
        picture = Image.open(long / f"{name}.png")
        for k, matte in enumerate((truth[name], shown["decal-default", "in one piece"][name], shown["decal-default", "by the command"][name])):
            tile = Image.composite(picture, Image.new("RGB", picture.size, (0, 160, 60)), Image.fromarray(edges_data.bytes_of(matte * 255)))
            tile.thumbnail((640, 84))
            page.paste(tile, (650 * k, 90 * i))
    page.save(arguments.work / "long.png")


if __name__ == "__main__":
    main()
