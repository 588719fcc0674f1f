# SPDX-License-Identifier: MIT
"""What the network is trained to minimise, at half resolution."""
import torch
from torch.nn import functional as F

SIDE_WEIGHT = 0.3  # of each coarser map's loss
LAPLACIAN_WEIGHT = 0.5
EMPTY_WEIGHT = 1.5  # of pictures without a subject: a false mask is the worse mistake


def matte_loss(logits, matte):
    """One number per picture. `logits` and `matte` [N,1,h,w]; matte 0..1."""
    extent = 2 * (matte.shape[-1] // 20) + 1
    near = F.avg_pool2d(F.pad(matte, (extent // 2,) * 4, mode="replicate"), extent, 1)
    # Near the outline up to five times as much (Wei et al. 2020, F3Net).
    weight = 1 + 4 * (near - matte).abs()
    cross = F.binary_cross_entropy_with_logits(logits, matte, reduction="none")
    cross = (weight * cross).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    probability = torch.sigmoid(logits)
    common = (weight * probability * matte).sum((1, 2, 3))
    either = (weight * (probability + matte - probability * matte)).sum((1, 2, 3))
    occupied = matte.mean((1, 2, 3)) > 0.002  # the overlap with nothing says nothing
    return torch.where(occupied, cross + 1 - common / (either + 1e-3), EMPTY_WEIGHT * cross)


def laplacian_loss(logits, matte, levels=3):
    """L1 between Laplacian pyramids (Niklaus and Liu 2018), one number per picture: puts edges where they belong."""
    difference = torch.sigmoid(logits) - matte
    total = 0
    for level in range(levels):
        coarser = F.avg_pool2d(difference, 2)
        band = difference - F.interpolate(coarser, size=difference.shape[2:], mode="bilinear", align_corners=False)
        total = total + 2**level * band.abs().mean((1, 2, 3))
        difference = coarser
    return total


def training_loss(logits, sides, matte):
    """The mean over a batch; `matte` [N,1,H,W] at the input's size, `logits` at half of it, `sides` coarser still."""
    target = F.avg_pool2d(matte, 2)
    total = matte_loss(logits, target) + LAPLACIAN_WEIGHT * laplacian_loss(logits, target)
    for side in sides:
        total = total + SIDE_WEIGHT * matte_loss(side, F.adaptive_avg_pool2d(matte, side.shape[2:]))
    return total.mean()
