# SPDX-License-Identifier: MIT
"""The network that finds subjects: the shape of U-2-Net-p (Qin et al. 2020), so that training can begin with its weights.

A U-shaped network whose every stage is a small U of its own. The weights come from an ONNX file in which batch normalisation is
folded into the convolutions, and stay without it.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from start import read_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's: the input is (rgb / 255 - MEAN) / STD
WIDE, NARROW = 64, 16  # channels between stages, and inside one
# Levels of each stage's own U on the way down and, from the second to last back, up again; 0 is the one that widens its view by
# dilation instead of pooling.
DOWN, UP = (7, 6, 5, 4, 0, 0), (0, 4, 5, 6, 7)
DILATIONS = (1, 2, 4, 8)


def enlarged(x, like):
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def halved(x):
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


class Conv(nn.Conv2d):
    """3x3 convolution and ReLU."""

    def __init__(self, inputs, outputs, dilation=1):
        super().__init__(inputs, outputs, 3, 1, dilation, dilation)

    def forward(self, x):
        return F.relu(super().forward(x))


class Stage(nn.Module):
    """[N,inputs,H,W] to [N,wide,H,W]: a U of so many levels (0: four dilated ones), added to what enters it."""

    def __init__(self, inputs, levels, narrow=NARROW, wide=WIDE):
        super().__init__()
        self.pools = levels > 0
        dilations = DILATIONS if not levels else (1,) * (levels - 1) + (2,)
        count = len(dilations)
        self.entry = Conv(inputs, wide)
        self.down = nn.ModuleList(Conv(narrow if i else wide, narrow, dilations[i]) for i in range(count))
        # In the order they run: the coarsest first.
        back = [1] * count if levels else DILATIONS
        self.up = nn.ModuleList(Conv(2 * narrow, narrow if i else wide, back[i]) for i in reversed(range(count - 1)))

    def forward(self, x):
        return self.around(self.entry(x))

    def back(self, coarse, level):
        """On the way back two maps enter, the coarser one to be enlarged."""
        if isinstance(self.entry, Early):
            return self.around(self.entry(coarse, level))
        return self(torch.cat([enlarged(coarse, level), level], 1))

    def around(self, x):
        entry, maps = x, []
        for i, conv in enumerate(self.down):
            # The last level only dilates.
            x = conv(halved(x) if self.pools and 0 < i < len(self.down) - 1 else x)
            maps.append(x)
        x = maps.pop()
        for conv in self.up:
            level = maps.pop()
            x = conv(torch.cat([enlarged(x, level) if x.shape[2:] != level.shape[2:] else x, level], 1))
        return x + entry


class Early(nn.Module):
    """An entry that convolves the coarse map before it is enlarged, a quarter of the work: (coarse, level) to [N,WIDE,H,W].

    Without training it says what a Conv on both together says, but for a thousandth (early.py).
    """

    def __init__(self):
        super().__init__()
        self.coarse = nn.Conv2d(WIDE, WIDE, 3, padding=1)
        self.fine = nn.Conv2d(WIDE, WIDE, 3, padding=1, bias=False)

    def forward(self, coarse, level):
        fine = self.fine(level)
        return F.relu(enlarged(self.coarse(coarse), fine) + fine)


class Network(nn.Module):
    """RGB [N,3,H,W], normalised by MEAN and STD, to logits of a matte [N,1,H,W].

    `stages` has, of each stage of DOWN and then of UP, the channels inside it and those that leave it.
    """

    def __init__(self, stages):
        super().__init__()
        wide = [3, *(outputs for _, outputs in stages)]
        self.down = nn.ModuleList(Stage(wide[i], levels, *stages[i]) for i, levels in enumerate(DOWN))
        ups = stages[len(DOWN):]
        coarser = [stages[len(DOWN) - 1], *ups]  # what is enlarged: the last stage down, then each stage up
        level = stages[len(DOWN) - 2::-1]  # the stage down of the same size
        self.up = nn.ModuleList(Stage(coarser[i][1] + level[i][1], levels, *ups[i]) for i, levels in enumerate(UP))
        sided = [*reversed(ups), stages[len(DOWN) - 1]]
        self.sides = nn.ModuleList(nn.Conv2d(outputs, 1, 3, padding=1) for _, outputs in sided)  # the finest first
        self.join = nn.Conv2d(len(DOWN), 1, 1)

    def coarse(self, level):
        """What all stages but the two at full size make of the first one's map, coarsest first: the maps of the way back."""
        maps, x = [], level
        for stage in self.down[1:]:
            x = stage(halved(x))
            maps.append(x)
        found = [maps.pop()]
        for stage in self.up[:-1]:
            found.append(stage.back(found[-1], maps.pop()))
        return found

    def coarse_sides(self, found):
        """Logits of the maps of `coarse`, finest first, each at its own size."""
        return [side(m) for side, m in zip(self.sides[1:], reversed(found))]

    def forward(self, x):
        """The logits and, in training, those of the sides as well, finest first, each at its own size."""
        level = self.down[0](x)
        found = self.coarse(level)
        finest = self.sides[0](self.up[-1].back(found[-1], level))
        sides = [finest, *self.coarse_sides(found)]
        logits = self.join(torch.cat([finest, *(enlarged(side, finest) for side in sides[1:])], 1))
        return (logits, sides) if self.training else logits

    def convolutions(self):
        """All 3x3 convolutions with ReLU, in the order they run."""
        for stage in (*self.down, *self.up):
            yield from (stage.entry, *stage.down, *stage.up)

class Salient(Network):
    """U-2-Net-p's channels.

    `early` stages of the way back, counted from the finest, have an Early entry.
    """

    def __init__(self, early=0):
        super().__init__([(NARROW, WIDE)] * (len(DOWN) + len(UP)))
        for stage in self.up[len(UP) - early:]:
            stage.entry = Early()


def normalise(rgb):
    """RGB 0..1 as the network wants it."""
    mean, std = (torch.tensor(values, device=rgb.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (rgb - mean) / std


def begun(path):
    """The network with the weights of u2netp.onnx, or of a model that join.py wrote."""
    weights = read_model(path, ("salient.",))
    if not weights:
        network = Salient()
        take(network, path)
        return network
    network = Salient(early_stages(weights))
    network.load_state_dict(weights)
    return network


def early_stages(weights):
    """How many stages of a network with these weights have an Early entry."""
    return sum(name.endswith("entry.fine.weight") for name in weights)


@torch.no_grad()
def take(network, path):
    """Fills the network from u2netp.onnx or u2net.onnx, whose convolutions are in execution order."""
    import onnx  # Debian's python3-onnx or PyPI's
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    stored = {each.name: torch.from_numpy(numpy_helper.to_array(each).astype(np.float32)) for each in graph.initializer}
    plain = [node for node in graph.node if node.op_type == "Conv" and not node.input[1].startswith(("side", "outconv"))]
    mine = list(network.convolutions())
    if len(plain) != len(mine):
        raise SystemExit(f"{path}: {len(plain)} convolutions where the network has {len(mine)}")
    for conv, node in zip(mine, plain):
        conv.weight.copy_(stored[node.input[1]])
        conv.bias.copy_(stored[node.input[2]])
    for i, side in enumerate(network.sides):
        side.weight.copy_(stored[f"side{i + 1}.weight"])
        side.bias.copy_(stored[f"side{i + 1}.bias"])
    network.join.weight.copy_(stored["outconv.weight"])
    network.join.bias.copy_(stored["outconv.bias"])
