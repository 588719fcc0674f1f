#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The weights between two networks, or the mean of several: what was trained further, and what it began with.

On pictures unlike those of the training a point between them is better than both ends (Wortsman et al. 2022, WiSE-FT).
"""
import argparse
import pathlib

import torch

from export import mean


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("begin", type=pathlib.Path, help="weights of the beginning")
    parser.add_argument("trained", type=pathlib.Path, nargs="+", help="weights after training; of several, their mean")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--share", type=float, default=0.6, help="of what was trained")
    arguments = parser.parse_args()
    load = lambda path: torch.load(path, map_location="cpu")
    begin, trained = load(arguments.begin), mean([load(path) for path in arguments.trained])
    torch.save({name: torch.lerp(value, trained[name], arguments.share) for name, value in begin.items()}, arguments.out)


if __name__ == "__main__":
    main()
