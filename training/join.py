#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the default model as ONNX (opset 17): the salient network and Decal's small one, their answers joined, in one graph.

Convolution kernels are stored as float16 with a Cast after them (the salient network's) or as int8, a scale for each output channel,
with a DequantizeLinear (the small one's). Run it with Debian's python3-torch and python3-onnx.
"""
import argparse
import io
import pathlib
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import encoder
import salient
from export import folded
from model import MatteNet
from refine import read_small

# See README.md for how these were measured.
SALIENT_WEIGHT, SMALL_WEIGHT = 3.0, 2.25
SIDE = 576  # of the picture; the salient network sees half of it
SMALL_SIDE = 352  # what the small network sees
HALVING = (-0.0625, 0.5625, 0.5625, -0.0625)  # a cubic's values half way between samples: a mean of pairs blurs
PROVENANCE = ("Decal's training/, on freely licensed pictures, from U-2-Net-p (copyright 2020 Xuebin Qin et al., Apache-2.0) "
              "and EfficientNet-Lite0 (copyright 2020 ML Illustrated and Google, Apache-2.0)")


class Joint(nn.Module):
    """RGB [N,3,H,W], normalised as encoder.py has it, to a matte 0..1 [N,1,H/2,W/2]."""

    def __init__(self, network, small, small_side=SMALL_SIDE):
        super().__init__()
        self.salient, self.small = network.eval(), small.eval()
        self.small_side = small_side
        # Halves the picture and normalises it as U-2-Net-p wants it.
        mean, std = torch.tensor(salient.MEAN), torch.tensor(salient.STD)
        taps = torch.tensor(HALVING)
        self.halve = nn.Conv2d(3, 3, len(HALVING), stride=2, padding=1, groups=3)
        with torch.no_grad():
            self.halve.weight.copy_((encoder.STD / std).view(3, 1, 1, 1) * (taps[:, None] * taps))
            self.halve.bias.copy_((encoder.MEAN - mean) / std)

    def forward(self, x):
        found = self.salient(self.halve(x))
        also = self.small(resized(x, self.small_side))
        return torch.sigmoid(SALIENT_WEIGHT * found + SMALL_WEIGHT * resized(also, found.shape[3]))


def resized(x, edge):
    return F.interpolate(x, size=(edge, edge), mode="bilinear", align_corners=False)


def as_int8(values):
    """Kernels [O,I,k,k] as int8 and the scale of each output channel, the one that leaves the least squared error."""
    flat = values.reshape(len(values), -1)
    largest = np.maximum(np.abs(flat).max(1), 1e-12)
    best = (np.full(len(flat), np.inf), None)
    for share in np.linspace(0.7, 1, 13):  # a few outliers clipped may leave the others finer
        scale = largest * share / 127
        error = ((np.clip(np.round(flat / scale[:, None]), -127, 127) * scale[:, None] - flat) ** 2).sum(1)
        best = (error, scale) if best[1] is None else (np.minimum(error, best[0]), np.where(error < best[0], scale, best[1]))
    scale = best[1].astype(np.float32)
    rounded = np.clip(np.round(flat / scale[:, None]), -127, 127).astype(np.int8)
    return rounded.reshape(values.shape), scale


def stored(model):
    """The kernels of a float32 model in the two forms that the file's description names."""
    from onnx import TensorProto, helper, numpy_helper

    graph, first = model.graph, []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 4 or np.prod(tensor.dims) < 64:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if name.startswith("small."):
            rounded, scale = as_int8(values)
            tensor.CopyFrom(numpy_helper.from_array(rounded, name + "_i8"))
            graph.initializer.append(numpy_helper.from_array(scale, name + "_scale"))
            first.append(helper.make_node("DequantizeLinear", [name + "_i8", name + "_scale"], [name], name="Scale_" + name, axis=0))
        else:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + "_f16"))
            first.append(helper.make_node("Cast", [name + "_f16"], [name], name="Cast_" + name, to=TensorProto.FLOAT))
    nodes = first + list(graph.node)  # in the order of execution
    del graph.node[:]
    graph.node.extend(nodes)
    helper.set_model_props(model, {"provenance": PROVENANCE, "weights": "float16 and int8"})


def export(joint, side):
    """The ONNX model, float32."""
    import onnx

    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about constants
        torch.onnx.export(joint, torch.randn(1, 3, side, side), written, opset_version=17, input_names=["input"],
                          output_names=["matte"], do_constant_folding=True)
    return onnx.load_from_string(written.getvalue())


def read_network(path):
    """The salient network of weights or of a model."""
    if path.suffix == ".onnx":
        return salient.begun(path)
    weights = torch.load(path, map_location="cpu")
    network = salient.Salient(salient.early_stages(weights))
    network.load_state_dict(weights)
    return network


def read_trained(path):
    if path.suffix == ".onnx":
        return read_small(path)
    network = MatteNet()
    network.load_state_dict(torch.load(path, map_location="cpu")["average"])
    return folded(network)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", type=pathlib.Path, help="the salient network: weights (of blend.py, or an average of refine.py), or a model")
    parser.add_argument("small", type=pathlib.Path, help="Decal's small network: a state of train.py (.pt), or a model")
    parser.add_argument("model", type=pathlib.Path, help="ONNX file to write")
    arguments = parser.parse_args()
    import onnx

    model = export(Joint(read_network(arguments.network), read_trained(arguments.small)).eval(), SIDE)
    stored(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(arguments.model))


if __name__ == "__main__":
    main()
