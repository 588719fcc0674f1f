#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What U-2-Net, forty times as large as the salient network, answers to the training pictures: mattes that refine.py learns from.

Writes `<set>/<name>.png` [320,320], the picture stretched to that square. Run it again to go on.
"""
import argparse
import pathlib
import time

import numpy as np
import torch
from PIL import Image

from data import decode
from mixture import STORED, Mixture
from salient import Network, normalise, take
from train import multiplies_bfloat16

# Of each stage: channels inside it, and those that leave it (Qin et al. 2020).
STAGES = ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512),
          (256, 512), (128, 256), (64, 128), (32, 64), (16, 64))


def large(path):
    """U-2-Net with the weights of u2net.onnx."""
    network = Network(STAGES)
    take(network, path)
    return network.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def answer(network, rgb, half):
    """The matte, uint8 [H,W], of a picture uint8 [3,H,W]."""
    picture = normalise(torch.from_numpy(rgb)[None].float() / 255).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = network(picture)
    return (torch.sigmoid(logits.float())[0, 0] * 255).round().byte().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", type=pathlib.Path, help="u2net.onnx")
    parser.add_argument("answers", type=pathlib.Path, help="the folder to write")
    parser.add_argument("--data", required=True, help="folder of the sets (mixture.py)")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so long")
    parser.add_argument("--full", action="store_true", help="float32 arithmetic even where bfloat16 is faster")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    half = not arguments.full and multiplies_bfloat16(torch.device("cpu"))
    network = large(arguments.network)
    begun, count = time.monotonic(), 0
    for name, photo in Mixture(arguments.data).in_turn(np.random.default_rng(arguments.seed)):
        path = arguments.answers / f"{name}.png"
        if path.exists():
            continue
        if time.monotonic() - begun > 60 * arguments.minutes:
            break
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        Image.fromarray(answer(network, decode(photo, None, STORED)[0][:3], half)).save(partial, "png")
        partial.replace(path)  # an interrupted run leaves no half picture
        count += 1
        if count % 50 == 0:
            took = time.monotonic() - begun
            print(f"{took / 60:6.1f} min  {count} answers  {count / took:.2f}/s", flush=True)


if __name__ == "__main__":
    main()
