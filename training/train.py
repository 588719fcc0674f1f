#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains the small network on the answers of a large teacher (teacher.py) and our masks, in as many runs as one likes.

A state file holds all that is needed to go on. The learning rate stays constant (after a warm-up) in the first half of a run and then
falls to zero (warm-up, stable, decay: Hu et al. 2024, MiniCPM). README.md has the recipe.
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
from mixture import COMPOSITES, EXTRA, Mixture, read_answers
from model import INPUT_SIZE, Matte, MatteNet, parameters_used
from optimiser import optimisers
from start import begin

WARM_UP_SAMPLES = 2000
FALL = 0.5  # the last part of a run, in which the rate falls in a straight line
EMA_SAMPLES = 3000  # about so many samples are averaged over
RENEW = 4000  # samples after which new answers are looked for: the teacher may run beside
# Stages of the encoder that keep ImageNet's weights: those at 1/2 and 1/4, half of the time of a step. A sample then takes 0.16
# processor seconds at 320x320 on an Intel Xeon with AVX-512, in float32; in bfloat16 the depthwise convolutions take longer.
FROZEN = 2


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
    """A network, its average, its optimisers, and how many samples they have seen."""

    def __init__(self):
        self.network = MatteNet(FROZEN).to(memory_format=torch.channels_last).train()
        self.average = Average(self.network)
        self.optimisers = optimisers(self.network, weight_decay=0.03)
        self.seen = 0

    def save(self, path):
        state = {"network": self.network.state_dict(), "average": self.average.network.state_dict(),
                 "optimisers": [each.state_dict() for each in self.optimisers], "seen": self.seen}
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)  # an interrupted save leaves the old state

    def restore(self, path):
        try:
            state = torch.load(path, map_location="cpu")
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            for each, saved in zip(self.optimisers, state["optimisers"], strict=True):
                each.load_state_dict(saved)
            self.seen = state["seen"]
        except (EOFError, KeyError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise SystemExit(f"{path}: not a state of this version of the training ({reason}); --start goes on from an exported model") from error

    def step(self, samples, rate):
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("scale", 1)
        rgb, matte, _ = samples
        logits, sides = self.network(data.normalise(rgb).contiguous(memory_format=torch.channels_last))
        loss = training_loss(logits, sides, matte)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.seen += len(rgb)
        # A young average follows quickly: random first weights must not stay in it.
        self.average.update(self.network, max(len(rgb) / EMA_SAMPLES, 8 * len(rgb) / (self.seen + 8 * len(rgb))))
        return float(loss.detach())


@torch.no_grad()
def check(network, planes):
    """Mean IoU (at 0.5) and absolute error of pictures uint8 [N,4,S,S] with their mattes."""
    found_by, unions, errors = Matte(network), [], []
    for each in torch.from_numpy(planes).float().div(255).split(8):
        found = found_by(data.normalise(each[:, :3]).contiguous(memory_format=torch.channels_last))
        wanted = each[:, 3:]
        a, b = found > 0.5, wanted > 0.5
        unions += ((a & b).sum((1, 2, 3)) / (a | b).sum((1, 2, 3)).clamp(min=1)).tolist()
        errors += (found - wanted).abs().mean((1, 2, 3)).tolist()
    return np.mean(unions), np.mean(errors)


def share_of_rate(seen, done):
    """What the next step takes of the learning rate; `done` is the part of this run that is over."""
    return min(1, (seen + 1) / WARM_UP_SAMPLES, (1 - done) / FALL)


def multiplies_bfloat16(device):
    """Whether the processor does: where it does not, PyTorch converts back and forth."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    facts = pathlib.Path("/proc/cpuinfo")
    return facts.exists() and not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(facts.read_text().split())


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=pathlib.Path, help="state file; is read if it exists, and written")
    parser.add_argument("--data", required=True, help="folder with train.tar and, where there, the others of mixture.py")
    parser.add_argument("--answers", type=pathlib.Path, help="what teacher.py wrote; without, masks alone teach")
    parser.add_argument("--start", type=pathlib.Path, help="what a new state begins with: ImageNet's encoder, or an exported model (start.py)")
    parser.add_argument("--samples", type=int, default=1_000_000_000, help="end when so many were seen")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so long")
    parser.add_argument("--trust", type=float, default=0.3, help="with --answers: how far to trust our masks, of what mixture.py says")
    parser.add_argument("--composites", type=float, default=COMPOSITES, help="share of the samples that are composites")
    parser.add_argument("--extra", type=float, default=EXTRA, help="share of the others that are photos without a mask")
    parser.add_argument("--size", type=int, default=INPUT_SIZE, help="edge of the input in training")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--save", type=int, default=4000, help="write the state after so many samples")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    torch.manual_seed(arguments.seed)
    run = Run()
    if arguments.state.exists():
        run.restore(arguments.state)
    # Going on draws other samples than before.
    dice = data.Dice(np.random.default_rng((arguments.seed, run.seen)), "cpu")
    answers = (lambda: read_answers(arguments.answers)) if arguments.answers else (lambda: None)
    mix = lambda held_out=False: Mixture(arguments.data, held_out, answers(), arguments.trust, arguments.composites, arguments.extra)
    draw = lambda: mix().batches(dice, arguments.batch, [arguments.size])
    batches = draw()
    if arguments.start and not run.seen:
        begin(run.network, arguments.start, data.normalise(next(batches)[0]))
        run.average.network.load_state_dict(run.network.state_dict())
    held = Mixture(arguments.data, held_out=True).masked(arguments.size)
    print(f"{parameters_used(run.network) / 1e6:.2f} M parameters, {run.seen} samples seen", flush=True)
    begun, started, losses, minutes = run.seen, time.monotonic(), [], 0
    while (done := max((run.seen - begun) / max(1, arguments.samples - begun), minutes / arguments.minutes)) < 1:
        losses.append(run.step(next(batches), arguments.rate * share_of_rate(run.seen, done)))
        minutes = (time.monotonic() - started) / 60
        if len(losses) == 20:
            speed = (run.seen - begun) / minutes / 60
            print(f"{minutes:6.1f} min  {run.seen} samples  {speed:.1f}/s  loss {np.mean(losses):.4f}", flush=True)
            losses.clear()
        passed = lambda every: run.seen // every != (run.seen - arguments.batch) // every
        if passed(arguments.save):
            report(run, held, arguments.state)
        if passed(RENEW) and arguments.answers:
            batches = draw()
    report(run, held, arguments.state)


def report(run, held, path):
    run.save(path)
    iou, error = check(run.average.network, held)
    print(f"  held out: IoU {iou:.4f}, error {error:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
