#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What U-2-Net, forty times as large as the salient network, answers to the training pictures: mattes that others learn from.

Writes `<set>/<name>.png` [320,320], the picture stretched to that square. Run it again to go on. The `decal` command computes them:
0.46 processor seconds a picture on an Intel Xeon with AVX-512, where PyTorch 2.15 takes 1.0 (float32) and 1.6 (bfloat16).
"""
import argparse
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image

from mixture import STORED, Mixture
from salient import MEAN, STD

AT_ONCE = 50  # pictures of one run of the command, which packs the weights first


def answer(command, network, photos, threads):
    """The mattes, uint8 [H,W] of each picture's size, of encoded pictures; None where the command reads one not."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths = [folder / f"{i}.webp" for i in range(len(photos))]
        for path, photo in zip(paths, photos):
            path.write_bytes(photo)
        done = subprocess.run([command, *paths, "--model", network, "--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, STD)),
                               "--mask", "--refine", "off", "--quiet", "--threads", str(threads), "--output", folder / "mattes"])
        found = [folder / "mattes" / f"{i}.decal-mask.png" for i in range(len(photos))]
        if done.returncode and not any(path.exists() for path in found):
            raise SystemExit(f"{command}: exit status {done.returncode}")
        return [np.asarray(Image.open(path).convert("L")) if path.exists() else None for path in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", type=pathlib.Path, help="u2net.onnx")
    parser.add_argument("answers", type=pathlib.Path, help="the folder to write")
    parser.add_argument("--data", required=True, help="folder of the sets (mixture.py)")
    parser.add_argument("--decal", type=pathlib.Path, default="../build/bin/decal", help="the command")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so long")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begun, count = time.monotonic(), 0

    def waiting():
        """Pictures without an answer, a run of the command at a time; photos may have come since the last."""
        asked = set()
        while True:
            chosen = []
            for name, photo in Mixture(arguments.data).in_turn(np.random.default_rng(arguments.seed)):
                if name not in asked and not (arguments.answers / f"{name}.png").exists():
                    chosen.append((name, photo))
                    asked.add(name)
                if len(chosen) == AT_ONCE:
                    break
            if not chosen:
                return
            yield chosen

    for chosen in waiting():
        if time.monotonic() - begun > 60 * arguments.minutes:
            break
        for (name, _), matte in zip(chosen, answer(arguments.decal, arguments.network, [photo for _, photo in chosen], arguments.threads)):
            if matte is None:
                continue
            path = arguments.answers / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            Image.fromarray(matte).resize((STORED, STORED), Image.Resampling.BILINEAR).save(partial, "png")
            partial.replace(path)  # an interrupted run leaves no half picture
            count += 1
        took = time.monotonic() - begun
        print(f"{took / 60:6.1f} min  {count} answers  {count / took:.2f}/s", flush=True)


if __name__ == "__main__":
    main()
