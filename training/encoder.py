# SPDX-License-Identifier: MIT
"""The encoder: the backbone of NanoDet-g, a cross-stage-partial network (Wang et al. 2020) of dense 3x3 convolutions.

Its shape is the detector's so that training can begin with the detector's weights (start.py). Those have batch
normalisation folded into them, and stay without it.
"""
import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.5, 0.25  # the input is (rgb / 255 - MEAN) / STD, so that it is about -2..2

SLOPE = 0.1  # below zero, of every activation
STEM = 32
# Channels that enter each stage, its stride, its pairs of kernels, and whether a kernel of its own ends it. A stage gives
# twice the channels. The detector's last stage ends with a kernel of 0.6 M weights: with it the file would pass 6 MB.
STAGES = ((32, 1, 1, True), (64, 2, 2, True), (128, 2, 2, True), (256, 2, 3, False))
CHANNELS = (32, 64, 128, 256, 512)  # of the maps at 1/2, 1/4, 1/8, 1/16 and 1/32


class Conv(nn.Conv2d):
    """3x3 convolution and leaky ReLU."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__(inputs, outputs, 3, stride, 1)
        nn.init.kaiming_normal_(self.weight, SLOPE)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        return F.leaky_relu(super().forward(x), SLOPE, inplace=True)


class Stage(nn.Module):
    """[N,C,H,W] to [N,2C,H/stride,W/stride]: half of what comes out is what came in, after one kernel."""

    def __init__(self, channels, stride, pairs, ends):
        super().__init__()
        self.entry = Conv(channels, channels, stride)
        half = channels // 2
        self.pairs = nn.ModuleList(nn.ModuleList([Conv(channels, half), Conv(half, half)]) for _ in range(pairs))
        self.end = Conv(channels, channels) if ends else nn.Identity()

    def forward(self, x):
        x = entry = self.entry(x)
        for first, second in self.pairs:
            half = first(x)
            x = torch.cat([second(half), half], 1)
        return torch.cat([self.end(x), entry], 1)


class Encoder(nn.Module):
    """RGB [N,3,H,W], normalised by MEAN and STD, to maps of CHANNELS at 1/2 to 1/32."""

    def __init__(self):
        super().__init__()
        self.stem = Conv(3, STEM, 2)
        self.stages = nn.ModuleList(Stage(*stage) for stage in STAGES)

    def forward(self, x):
        maps = [self.stem(x)]
        x = F.max_pool2d(maps[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
