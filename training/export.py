#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes a trained network as ONNX (opset 17): batch normalisation folded into the convolutions, sigmoid inside."""
import argparse
import copy
import pathlib
import warnings

import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model import INPUT_SIZE, ConvNorm, Matte, MatteNet


def folded(network):
    """The same function without batch normalisation."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = torch.nn.Identity()
    network.sides = None
    return network


def mean(weights):
    """Of several trainings that branched off one: better than each (Wortsman et al. 2022, Model soups)."""
    return {name: sum(each[name] for each in weights) / len(weights) if value.is_floating_point() else value
            for name, value in weights[-1].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", type=pathlib.Path, nargs="+", help="state files of train.py; of several, the mean of their weights")
    parser.add_argument("model", type=pathlib.Path, help="ONNX file to write, float32")
    parser.add_argument("--size", type=int, default=INPUT_SIZE)
    arguments = parser.parse_args()
    network = MatteNet()
    network.load_state_dict(mean([torch.load(state, map_location="cpu")["average"] for state in arguments.states]))
    matte = Matte(folded(network)).eval()
    picture = torch.randn(1, 3, arguments.size, arguments.size)
    with torch.no_grad():
        difference = (matte(picture) - Matte(network.eval())(picture)).abs().max()
    if difference > 1e-4:
        raise SystemExit(f"{arguments.states[0]}: folding changed the matte by {difference}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about constants
        torch.onnx.export(matte, picture, arguments.model, opset_version=17, input_names=["input"],
                          output_names=["matte"], do_constant_folding=True)


if __name__ == "__main__":
    main()
