# SPDX-License-Identifier: MIT
"""Where a new training begins: the encoder at a detector's weights, or everything at a model that was exported before.

The detector is NanoDet-g by RangiLyu (Apache-2.0), which has seen COCO's 118,000 pictures; README.md says where it is.
"""
import json

import numpy as np
import torch

from encoder import MEAN, STD, Conv
from model import ConvNorm

DETECTOR_MEAN, DETECTOR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # of blue, green and red, 0..255


def begin(network, path, pictures):
    """Fills a new network from `path`: nanodet.json, or an ONNX file of export.py or join.py; `pictures` [N,3,H,W] as it takes them."""
    if not path.exists():
        raise SystemExit(f"{path}: no such file; README.md says where the encoder's first weights come from")
    if path.suffix == ".onnx":
        take_model(network, read_model(path), pictures)
    else:
        take_detector(network.encoder, read_detector(path))


def read_detector(path):
    """Kernels [O,I,k,k] and biases [O] of all convolutions of a TensorFlow.js graph model, in its order.

    `path` is its .json, the weights beside it.
    """
    model = json.loads(path.read_text())
    group = model["weightsManifest"][0]
    raw = b"".join((path.parent / name).read_bytes() for name in group["paths"])
    stored, at = {}, 0
    for weight in group["weights"]:
        kind = np.float16 if "quantization" in weight else np.dtype(weight["dtype"])
        count = int(np.prod(weight["shape"], dtype=np.int64))
        values = np.frombuffer(raw, kind, count, at)
        at += count * np.dtype(kind).itemsize
        stored[weight["name"]] = torch.from_numpy(values.reshape(weight["shape"]).astype(np.float32))
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    weights = {}
    for node in nodes.values():
        if node["op"] in ("Add", "AddV2") and nodes[node["input"][0]]["op"] == "Conv2D":
            conv = nodes[node["input"][0]]
            number = conv["name"].rpartition("/")[2].partition("_")[2]
            kernel = stored[conv["input"][1]].permute(3, 2, 0, 1).contiguous()
            weights[int(number or 0)] = kernel, stored[node["input"][1]].flatten()
    return [weights[i] for i in range(len(weights))]


def in_detectors_order(encoder):
    """The encoder's convolutions, None where the detector has one that is left out here."""
    yield encoder.stem
    for stage in encoder.stages:
        yield stage.entry
        for pair in stage.pairs:
            yield from pair
        yield stage.end if isinstance(stage.end, Conv) else None


@torch.no_grad()
def take_detector(encoder, weights):
    """`weights` as read_detector gives them."""
    for mine, (kernel, bias) in zip(in_detectors_order(encoder), weights):
        if mine is None:
            continue
        if mine is encoder.stem:  # takes what the detector takes: blue first, and normalised otherwise
            mean, spread = torch.tensor(DETECTOR_MEAN), torch.tensor(DETECTOR_STD)
            bias = bias + (kernel.sum((2, 3)) * ((255 * MEAN - mean) / spread)).sum(1)
            kernel = (kernel * (255 * STD / spread).view(1, 3, 1, 1)).flip(1)
        mine.weight.copy_(kernel)
        mine.bias.copy_(bias)


PARTS = ("network.", "small.")  # what this network is called in a model of export.py and in one of join.py


def read_model(path, parts=PARTS):
    """All weights of an exported network by the names they have in it, float32; empty where the model has no such part."""
    import onnx  # Debian's python3-onnx; nothing else of the training needs it
    from onnx import numpy_helper

    stored = {each.name: torch.from_numpy(numpy_helper.to_array(each).astype(np.float32)) for each in onnx.load(str(path)).graph.initializer}
    weights = {}
    for name, values in stored.items():
        part = next((part for part in parts if name.startswith(part)), None)
        if part and not name.endswith("_scale"):
            if name.endswith("_i8"):
                values = values * stored[name.removesuffix("_i8") + "_scale"].view(-1, 1, 1, 1)
            weights[name.removeprefix(part).removesuffix("_f16").removesuffix("_i8")] = values
    return weights


@torch.no_grad()
def take_model(network, weights, pictures):
    """`weights` as read_model gives them. What was folded gets the batch statistics of `pictures` back.

    The function stays the same: a layer is normalised by what it measures, and its scale and shift undo just that. The
    sides, which are not exported, keep their first values.
    """
    wanted = {name: value for name, value in network.named_parameters() if not name.startswith("sides.")}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, ConvNorm):
            del wanted[f"{name}.1.weight"], wanted[f"{name}.1.bias"]
            wanted[f"{name}.0.bias"] = bias = torch.zeros_like(module[1].bias)
            hooks.append(module[0].register_forward_hook(lambda _, __, out, norm=module[1], bias=bias: renew(norm, bias, out)))
    for name, target in wanted.items():
        if name not in weights or weights[name].shape != target.shape:
            raise SystemExit(f"{name}: the model to begin with has another network")
        target.copy_(weights[name])
    network.train()
    network(pictures)
    for hook in hooks:
        hook.remove()


def renew(norm, bias, values):
    """Sets a batch normalisation so that of `values` [N,C,H,W] it makes just `values` + `bias`."""
    variance, mean = torch.var_mean(values, (0, 2, 3), unbiased=False)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean + bias)
