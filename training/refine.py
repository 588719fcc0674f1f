#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains the salient network further, from U-2-Net-p's weights, on masks and on what its teachers say of the same picture.

A state file holds all that is needed to go on. The teachers are the network that the run began with and, where given, Decal's small
network; the target is a mean of their answer and our mask (mixture.py), so that what they know is not forgotten. Most steps leave
the two stages at full size out, which are two thirds of the work, and teach the others through their own sides.
"""
import argparse
import copy
import math
import pathlib
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

import data
import export
import start
from encoder import MEAN as SMALL_MEAN
from encoder import STD as SMALL_STD
from losses import laplacian_loss, matte_loss
from mixture import COMPOSITES, Mixture, read_answers
from model import INPUT_SIZE, MatteNet
from salient import Salient, begun, early_stages, normalise
from train import Average, multiplies_bfloat16

WARM_UP_SAMPLES = 400
EMA_SAMPLES = 1500
# What the teachers say: logits of the salient network, and those of the small one, which are a third as sharp. See README.md.
SALIENT_SHARE, SMALL_SHARE = 0.75, 0.75
SIDE_WEIGHTS = (0.5, 1.0, 0.5, 0.3, 0.2, 0.2)  # finest first
LAPLACIAN_WEIGHT = 0.5
MOMENTA = (0.9, 0.99)


class Teachers:
    """The network before, and the small one."""

    def __init__(self, network, small):
        self.network = copy.deepcopy(network).eval()
        self.small = small and small.eval()

    @torch.no_grad()
    def small_logits(self, rgb, size):
        if self.small is None:
            return None
        seen = F.interpolate(rgb, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False, antialias=True)
        found = self.small(((seen - SMALL_MEAN) / SMALL_STD).contiguous(memory_format=torch.channels_last)).float()
        return F.interpolate(found, size=size, mode="bilinear", align_corners=False)

    @staticmethod
    def answer(logits, small):
        return torch.sigmoid(logits if small is None else SALIENT_SHARE * logits + SMALL_SHARE * small)


def read_small(path):
    """Decal's small network as exported, without batch normalisation."""
    network = export.folded(MatteNet())
    network.load_state_dict(start.read_model(path), strict=False)
    return network


def groups(network, rate):
    """Each tensor with a rate in proportion to its weights: folded normalisation leaves their sizes far apart."""
    return [{"params": [weights], "lr": 0.0, "scale": rate * max(float(weights.detach().square().mean().sqrt()), 1e-3)}
            for weights in network.parameters()]


class Run:
    def __init__(self, network, small, rate):
        self.network = network.to(memory_format=torch.channels_last).train()
        self.teachers = Teachers(network, small)
        self.average = Average(self.network)
        self.optimiser = torch.optim.AdamW(groups(self.network, rate), betas=MOMENTA, weight_decay=0.0)
        self.seen = 0

    def save(self, path):
        state = {"network": self.network.state_dict(), "average": self.average.network.state_dict(),
                 "teacher": self.teachers.network.state_dict(), "optimiser": self.optimiser.state_dict(), "seen": self.seen}
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)  # an interrupted save leaves the old state

    def restore(self, path):
        state = torch.load(path, map_location="cpu")
        scales = [group["scale"] for group in self.optimiser.param_groups]
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.teachers.network.load_state_dict(state["teacher"])
        self.optimiser.load_state_dict(state["optimiser"])
        for group, scale in zip(self.optimiser.param_groups, scales):
            group["scale"] = scale
        self.seen = state["seen"]

    def _found(self, network, rgb, whole):
        """Logits to teach, finest first, and the best of them."""
        if whole:
            network.train()
            logits, sides = network(rgb)
            return [logits, *sides], logits
        with torch.no_grad():
            level = network.down[0](rgb)
        sides = network.coarse_sides(network.coarse(level))
        return sides, sides[0]

    def loss(self, samples, whole, half):
        rgb, matte, trust = samples
        picture = normalise(rgb).contiguous(memory_format=torch.channels_last)
        target = matte
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            if (trust < 1).any():
                with torch.no_grad():
                    _, said = self._found(self.teachers.network, picture, whole)
                    small = self.teachers.small_logits(rgb, said.shape[2:])
                answer = self.teachers.answer(said.float(), small)
                target = trust * F.adaptive_avg_pool2d(matte, answer.shape[2:]) + (1 - trust) * answer
            found, _ = self._found(self.network, picture, whole)
        weights = (1.0, *SIDE_WEIGHTS) if whole else SIDE_WEIGHTS[1:]
        total = 0
        for logits, weight in zip(found, weights):
            logits, wanted = logits.float(), F.adaptive_avg_pool2d(target, logits.shape[2:])
            each = matte_loss(logits, wanted)
            if weight == 1:
                each = each + LAPLACIAN_WEIGHT * laplacian_loss(logits, wanted)
            total = total + weight * each
        return total.mean()

    def step(self, samples, share, whole, half):
        for group in self.optimiser.param_groups:
            group["lr"] = group["scale"] * share
        loss = self.loss(samples, whole, half)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        count = len(samples[0])
        self.seen += count
        self.average.update(self.network, max(count / EMA_SAMPLES, count / (self.seen + count)))
        return float(loss.detach())


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=pathlib.Path, help="state file; is read if it exists, and written")
    parser.add_argument("--data", required=True, help="folder with train.tar and, where there, the others of mixture.py")
    parser.add_argument("--start", type=pathlib.Path, help="u2netp.onnx or an exported default model, for a new state")
    parser.add_argument("--small", type=pathlib.Path, help="a model of Decal's small network: the second teacher")
    parser.add_argument("--answers", type=pathlib.Path, help="what teacher.py wrote")
    parser.add_argument("--trust", type=float, default=1.0, help="with --answers: how far to trust our masks, of what mixture.py says")
    parser.add_argument("--composites", type=float, default=COMPOSITES, help="share of the samples that are composites")
    parser.add_argument("--samples", type=int, required=True, help="end when so many were seen; the rate falls to zero until then")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--sizes", type=int, nargs="+", default=[288], help="edges of the input, drawn in turn")
    parser.add_argument("--whole", type=int, default=4, help="every so manieth step teaches the stages at full size, too")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate, of each tensor's own size")
    parser.add_argument("--save", type=int, default=800, help="write the state after so many samples, and a copy of the average")
    parser.add_argument("--full", action="store_true", help="float32 arithmetic even where bfloat16 is faster")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    torch.manual_seed(arguments.seed)
    half = not arguments.full and multiplies_bfloat16(torch.device("cpu"))
    if arguments.state.exists():
        network = Salient(early_stages(torch.load(arguments.state, map_location="cpu")["network"]))
    elif arguments.start:
        network = begun(arguments.start)
    else:
        raise SystemExit(f"{arguments.state}: no such state, and nothing to --start from")
    run = Run(network, arguments.small and read_small(arguments.small), arguments.rate)
    if arguments.state.exists():
        run.restore(arguments.state)
    dice = data.Dice(np.random.default_rng((arguments.seed, run.seen)), "cpu")
    answers = read_answers(arguments.answers) if arguments.answers else None
    mixture = Mixture(arguments.data, answers=answers, trust=arguments.trust, composites=arguments.composites)
    batches = mixture.batches(dice, arguments.batch, arguments.sizes)
    steps, losses = 0, {False: [], True: []}
    wall, own, first = time.monotonic(), time.process_time(), run.seen
    while run.seen < arguments.samples:
        done = run.seen / arguments.samples
        share = min(1, (run.seen + arguments.batch) / WARM_UP_SAMPLES) * (0.5 + 0.5 * math.cos(math.pi * done))
        whole = steps % arguments.whole == arguments.whole - 1
        losses[whole].append(run.step(next(batches), share, whole, half))
        steps += 1
        if steps % 20 == 0:
            took, used = time.monotonic() - wall, time.process_time() - own
            means = " ".join(f"{name} {np.mean(losses[key]):.4f}" for key, name in ((False, "coarse"), (True, "whole")) if losses[key])
            print(f"{took / 60:6.1f} min  {run.seen} samples  {(run.seen - first) / took:.2f}/s, {(run.seen - first) / used:.2f} a "
                  f"processor second  loss {means}", flush=True)
            losses = {False: [], True: []}
        if run.seen // arguments.save != (run.seen - arguments.batch) // arguments.save:
            run.save(arguments.state)
            torch.save(run.average.network.state_dict(), arguments.state.with_name(f"{arguments.state.stem}-{run.seen}.pt"))
    run.save(arguments.state)


if __name__ == "__main__":
    main(sys.argv[1:])
