#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains the network, in as many runs as one likes: a state file holds all that is needed to go on.

The learning rate stays constant (after a warm-up) until a run with --decay takes it to zero, so that total training
time need not be known at the start (warm-up, stable, decay: Hu et al. 2024, MiniCPM). README.md has the recipe.
"""
import argparse
import copy
import math
import pathlib
import pickle
import sys
import time

import numpy as np
import torch

import data
from losses import training_loss
from model import Matte, MatteNet, parameters_used
from optimiser import optimisers
from start import begin

WARM_UP_SAMPLES = 4000
EMA_SAMPLES = 12000  # about so many samples are averaged over


class Average:
    """An exponential moving average of all weights and statistics, which is what gets exported (Polyak 1992)."""

    def __init__(self, network):
        self.network = copy.deepcopy(network).eval()

    @torch.no_grad()
    def update(self, network, share):
        for mine, theirs in zip(self.network.state_dict().values(), network.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, share)
            else:
                mine.copy_(theirs)


class Run:
    """A network, its average, its optimiser, how many samples they have seen, and what it found hard of `pictures`."""

    def __init__(self, device, pictures):
        self.device = device
        self.pictures = pictures
        self.network = MatteNet().to(device, memory_format=torch.channels_last)
        self.average = Average(self.network)
        self.optimisers = optimisers(self.network, weight_decay=0.03)
        self.seen = 0

    def save(self, path):
        state = {"network": self.network.state_dict(), "average": self.average.network.state_dict(),
                 "optimisers": [each.state_dict() for each in self.optimisers], "seen": self.seen,
                 "difficulty": torch.from_numpy(self.pictures.difficulty)}
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)  # an interrupted save leaves the old state

    def restore(self, path):
        try:
            state = torch.load(path, map_location=self.device)
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            for each, saved in zip(self.optimisers, state["optimisers"], strict=True):
                each.load_state_dict(saved)
            self.seen = state["seen"]
        except (EOFError, KeyError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise SystemExit(f"{path}: not a state of this version of the training ({reason}); --start goes on from an exported model") from error
        if len(state.get("difficulty", ())) == len(self.pictures.difficulty):  # else of other data, or of before it was kept
            self.pictures.difficulty[:] = state["difficulty"].numpy()

    def step(self, samples, rate, half):
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("scale", 1)
        rgb, matte, drawn = samples
        rgb = data.normalise(rgb).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            logits, sides = self.network(rgb)
        loss = training_loss(logits.float(), [side.float() for side in sides], matte)
        found, wanted = logits.detach()[:len(drawn)] > 0, matte[:len(drawn), :, ::2, ::2] > 0.5
        visible = wanted.flatten(1).any(1).cpu().numpy()  # a crop may lack the subject
        self.pictures.learn(drawn[visible], 1 - overlap(found, wanted).cpu().numpy()[visible])
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.seen += len(rgb)
        # A young average follows quickly: random first weights must not stay in it.
        self.average.update(self.network, max(len(rgb) / EMA_SAMPLES, 8 * len(rgb) / (self.seen + 8 * len(rgb))))
        return float(loss.detach())


def overlap(found, wanted):
    """IoU of each pair of masks, bool [N,1,H,W]; that of two empty ones is 0."""
    return (found & wanted).sum((1, 2, 3)) / (found | wanted).sum((1, 2, 3)).clamp(min=1)


@torch.no_grad()
def check(network, pictures, device):
    """Mean IoU (at 0.5) and absolute error of held-out pictures with a subject, and coverage of those without."""
    found_by = Matte(network)
    unions, errors, coverages = [], [], []
    for chunk in pictures.split(32):
        chunk = chunk.to(device)
        rgb, matte = chunk[:, :3], chunk[:, 3:]
        found = found_by(data.normalise(rgb).contiguous(memory_format=torch.channels_last))
        a, b = found > 0.5, matte > 0.5
        shared = overlap(a, b)
        for i in range(len(chunk)):
            if b[i].any():
                unions.append(shared[i].item())
                errors.append((found[i] - matte[i]).abs().mean().item())
            else:
                coverages.append(found[i].mean().item())
    return np.mean(unions), np.mean(errors), np.mean(coverages)


def learning_rate(arguments, seen, done):
    """Of the next step; `done` is the share of this run that is over."""
    rate = arguments.rate * min(1, (seen + 1) / WARM_UP_SAMPLES)
    # Falls soon, then lingers low, which ends better than a straight line (Haegele et al. 2024).
    return rate * (1 - done**0.5) if arguments.decay else rate


def multiplies_bfloat16(device):
    """Whether the processor does: where it does not, PyTorch converts back and forth."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    facts = pathlib.Path("/proc/cpuinfo")
    return facts.exists() and not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(facts.read_text().split())


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=pathlib.Path, help="state file; is read if it exists, and written")
    parser.add_argument("--data", required=True, help="folder with train.tar and backgrounds.tar")
    parser.add_argument("--cache", default="cache", help="folder for decoded pictures")
    parser.add_argument("--start", type=pathlib.Path, help="what a new state begins with: nanodet.json, or an exported model (start.py)")
    parser.add_argument("--samples", type=int, default=1_000_000_000, help="end after so many")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so long")
    parser.add_argument("--size", type=int, default=128, help="edge of the input in training")
    parser.add_argument("--stored", type=int, default=160, help="edge of the decoded pictures, about 1.25 x size")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate")
    parser.add_argument("--decay", action="store_true", help="take the learning rate to zero until --samples or --minutes end the run")
    parser.add_argument("--out", type=pathlib.Path, help="where to write the state instead, for a side branch")
    parser.add_argument("--full", action="store_true", help="float32 arithmetic even where bfloat16 is faster")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(arguments.seed)
    half = not arguments.full and multiplies_bfloat16(device)
    pictures = data.Pictures(arguments.data, arguments.stored, arguments.cache)
    run = Run(device, pictures)
    if arguments.state.exists():
        run.restore(arguments.state)
    target = arguments.out or arguments.state
    # Going on draws other samples than before.
    dice = data.Dice(np.random.default_rng((arguments.seed, run.seen)), device)
    held = data.Pictures(arguments.data, arguments.stored, arguments.cache, held_out=True).all(arguments.size)
    print(f"{parameters_used(run.network) / 1e6:.2f} M parameters, {run.seen} samples seen, {device}", flush=True)
    begun, started, saved, losses = run.seen, time.monotonic(), 0, []
    minutes = 0
    batches = pictures.batches(dice, arguments.batch, arguments.size)
    if arguments.start and not run.seen:
        begin(run.network, arguments.start, data.normalise(next(batches)[0]))
        run.average.network.load_state_dict(run.network.state_dict())
    while (done := max((run.seen - begun) / arguments.samples, minutes / arguments.minutes)) < 1:
        losses.append(run.step(next(batches), learning_rate(arguments, run.seen, done), half))
        minutes = (time.monotonic() - started) / 60
        if len(losses) == 20:
            speed = (run.seen - begun) / minutes / 60
            print(f"{minutes:6.1f} min  {run.seen} samples  {speed:.0f}/s  loss {np.mean(losses):.4f}", flush=True)
            losses.clear()
        if minutes - saved > 10:
            saved = minutes
            report(run, held, target)
    report(run, held, target)


def report(run, held, target):
    run.save(target)
    iou, error, coverage = check(run.average.network, held, run.device)
    print(f"  held out: IoU {iou:.4f}, error {error:.4f}, empty coverage {coverage:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
