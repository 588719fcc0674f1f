#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Gives the finer stages of the salient network's way back an Early entry, whose weights least squares find: no training.

A convolution of an enlarged map is nearly an enlarged convolution of the map. The best such one, and the best kernel beside it for the
map that is not enlarged, are fitted on pixels of some training pictures, stage after stage, each on what the one before now says.
"""
import argparse
import pathlib

import numpy as np
import torch
from torch.nn import functional as F

from data import decode
from mixture import STORED, Mixture
from salient import WIDE, Early, Salient, begun, enlarged, normalise

STAGES = 3  # the two coarsest are no work worth saving
PICTURES, PIXELS = 24, 1500  # of each so many, spread at random; stages of fewer pixels give all
RIDGE = 1e-5  # of the mean second moment, so that features that say the same get small weights
TAPS = 9


def taps(x):
    """[1,C,H,W] to the 3x3 neighbourhoods [1,C*9,H,W], in a kernel's order."""
    return F.unfold(x, 3, padding=1).view(1, -1, *x.shape[2:])


class Moments:
    """Second moments of features with themselves and with targets, of pixels of many pictures; the last feature is 1."""

    def __init__(self):
        self.own = self.with_targets = 0

    def add(self, features, targets):
        features = torch.cat([features, torch.ones(1, features.shape[1])]).double()
        self.own = self.own + features @ features.T
        self.with_targets = self.with_targets + features @ targets.double().T

    def fit(self):
        """The coefficients [features,targets] of the least squared error."""
        ridge = RIDGE * self.own.diagonal().mean() * torch.eye(len(self.own), dtype=torch.float64)
        return torch.linalg.solve(self.own + ridge, self.with_targets).float()


@torch.no_grad()
def fitted(conv, maps, rng):
    """An Early entry for a Conv, by what enters both: `maps` are (coarse before, level before, coarse now, level now)."""
    moments = Moments()
    for coarse, level, seen_coarse, seen_level in maps:
        wanted = F.conv2d(torch.cat([enlarged(coarse, level), level], 1), conv.weight, conv.bias, padding=1)[0].flatten(1)
        at = torch.from_numpy(rng.permutation(wanted.shape[1])[:PIXELS])
        features = torch.cat([enlarged(taps(seen_coarse), level), taps(seen_level)], 1)[0].flatten(1)
        moments.add(features[:, at], wanted[:, at])
    found, entry = moments.fit(), Early()
    kernel = found[:-1].T.reshape(WIDE, 2 * WIDE, 3, 3)
    entry.coarse.weight.copy_(kernel[:, :WIDE])
    entry.coarse.bias.copy_(found[-1])
    entry.fine.weight.copy_(kernel[:, WIDE:])
    return entry


@torch.no_grad()
def with_early(network, pictures, stages=STAGES):
    """A network that says nearly what `network`, which has none, says; `pictures` [N,3,H,W] normalised."""
    rng = np.random.default_rng(0)
    found = Salient(stages).eval()
    weights = found.state_dict()
    found.load_state_dict({**weights, **{name: value for name, value in network.state_dict().items() if name in weights}})
    levels = []  # of each picture: the maps of the way down, coarsest last, and what goes back before and now
    for picture in pictures.split(1):
        maps, x = [], network.down[0](picture)
        for stage in network.down[1:]:
            maps.append(x)
            x = stage(F.max_pool2d(x, 2, 2, ceil_mode=True))
        levels.append([maps, x, x])
    for i, (before, now) in enumerate(zip(network.up, found.up)):
        if isinstance(now.entry, Early):
            now.entry = fitted(before.entry, [(a, maps[-1 - i], b, maps[-1 - i]) for maps, a, b in levels], rng)
        for each in levels:
            maps, a, b = each
            each[1:] = before.back(a, maps[-1 - i]), now.back(b, maps[-1 - i])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", type=pathlib.Path, help="u2netp.onnx, or weights of a network without (.pt)")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--data", required=True)
    arguments = parser.parse_args()
    network = Salient()
    if arguments.network.suffix == ".onnx":
        network = begun(arguments.network)
    else:
        network.load_state_dict(torch.load(arguments.network, map_location="cpu"))
    mixture, rng = Mixture(arguments.data), np.random.default_rng(3)
    chosen = [mixture.draw(rng) for _ in range(PICTURES * 3 // 4)]
    chosen += [decode(mixture.unknown[i], None, STORED)[0] for i in rng.integers(len(mixture.unknown), size=PICTURES // 4)]
    pictures = normalise(torch.from_numpy(np.stack(chosen)[:, :3]).float() / 255)
    found = with_early(network.eval(), pictures)
    with torch.no_grad():
        differences = [float((torch.sigmoid(network(p)) - torch.sigmoid(found(p))).abs().mean()) for p in pictures[::4].split(1)]
    print(f"mean difference of mattes {np.mean(differences):.4f}")
    torch.save(found.state_dict(), arguments.out)


if __name__ == "__main__":
    main()
