# SPDX-License-Identifier: MIT
"""Where a new training of the small network begins: the encoder at ImageNet's weights, or everything at a model that was exported."""
import numpy as np
import torch

import encoder
from model import ConvNorm


def begin(network, path, pictures):
    """Fills a new network from `path`: efficientnet-lite0-57934424.pth, or an ONNX file of export.py or join.py; `pictures` [N,3,H,W] as
    it takes them."""
    if not path.exists():
        raise SystemExit(f"{path}: no such file; README.md says where the encoder's first weights come from")
    if path.suffix == ".onnx":
        take_model(network, read_model(path), pictures)
    else:
        encoder.take(network.encoder, path)


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
