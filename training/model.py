# SPDX-License-Identifier: MIT
"""The small network of the default model: an ImageNet encoder, global context, and a small decoder.

Designed for Decal's engine: the decoder's dense 3x3 convolutions run as Winograd, its channel counts are multiples of 16, and most
weights sit at a sixteenth and a thirty-second of the picture, where they cost little time. The pattern is that of U-Net (Ronneberger
et al. 2015) with the lateral connections of FPN (Lin et al. 2017); the global branch is that of squeeze-and-excitation (Hu et al.
2018) with an added, not only a scaling, path.
"""
import torch
from torch import nn
from torch.nn import functional as F

from encoder import CHANNELS, Encoder

DECODER = (16, 32, 64, 96)  # channels at 1/2, 1/4, 1/8, 1/16
INPUT_SIZE = 320


class ConvNorm(nn.Sequential):
    """3x3 convolution, batch normalisation and, unless told otherwise, ReLU."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, dilation=1, relu=True):
        layers = [
            nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class GlobalContext(nn.Module):
    """What the whole picture says, added to and scaling every position."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 1)
        self.scale = nn.Conv2d(channels // 2, channels, 1)
        self.shift = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x):
        summary = F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        return F.relu(x * torch.sigmoid(self.scale(summary)) + self.shift(summary))


class Merge(nn.Module):
    """A decoder step: the coarser map, doubled, joins a lateral projection of the encoder's map."""

    def __init__(self, coarse, lateral, outputs):
        super().__init__()
        self.coarse = ConvNorm(coarse, outputs, kernel=1, relu=False) if coarse != outputs else nn.Identity()
        self.lateral = ConvNorm(lateral, outputs, kernel=1, relu=False)
        self.fuse = ConvNorm(outputs, outputs)

    def forward(self, coarse, lateral):
        # The projection comes before the resize: at that point there are only a quarter of the pixels.
        doubled = F.interpolate(self.coarse(coarse), scale_factor=2, mode="bilinear", align_corners=False)
        return self.fuse(F.relu(doubled + self.lateral(lateral)))


class MatteNet(nn.Module):
    """RGB [N,3,H,W], normalised by MEAN and STD, to logits of a matte [N,1,H/2,W/2]; H and W multiples of 32."""

    def __init__(self, frozen=0):
        super().__init__()
        self.encoder = Encoder(frozen)
        top = DECODER[3]
        self.far = nn.Sequential(ConvNorm(CHANNELS[4], top, kernel=1), ConvNorm(top, top, dilation=2))
        self.context = GlobalContext(top)
        coarse = (*DECODER[1:], top)
        self.merges = nn.ModuleList(Merge(coarse[i], CHANNELS[i], DECODER[i]) for i in range(4))
        self.head = nn.Conv2d(DECODER[0], 1, 3, padding=1)
        # For training only: a matte from each coarser map, so that these learn it directly (deep supervision).
        self.sides = nn.ModuleList(nn.Conv2d(c, 1, 1) for c in coarse)

    def forward(self, x):
        """The logits and, in training, those of the sides, finest first."""
        levels = self.encoder(x)
        maps = [self.context(self.far(levels[4]))]
        for i in (3, 2, 1, 0):
            maps.append(self.merges[i](maps[-1], levels[i]))
        logits = self.head(maps[-1])
        if not self.training:
            return logits
        return logits, [side(m) for side, m in zip(self.sides, reversed(maps[:-1]))]


# What logits are multiplied by. Cross entropy makes them those of a probability; of all mattes that leaves doubt in, the one with the
# least error is decided wherever the odds are.
SHARPNESS = 2.0


class Matte(nn.Module):
    """What is exported: the matte 0..1 at the input's size."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        logits = self.network(x) * SHARPNESS
        return torch.sigmoid(F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False))


def parameters_used(network):
    """How many weights inference needs."""
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith("sides."))
