# SPDX-License-Identifier: MIT
"""Photo and mask pairs: how they are read, and augmented in batches.

A source is a folder or tar of `<set>/<name>.webp` (or .jpg, .png beside a mask) with its mask `<set>/<name>.png`, 0
background, 255 foreground; photos without a mask have no subject. Pictures are stretched to squares, as the model
sees them, and remember their aspect ratio.
"""
import contextlib
import io
import math
import pathlib
import tarfile

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from encoder import MEAN, STD

SMALLEST_STRIP = 0.4  # of the picture's width or height: less would be blurred by enlarging it
# How strong everything random is. After 160,000 samples at 0.8 (and 35 % composites) the network knew its training pictures hardly
# better than others (IoU 0.825 and 0.813): it is the samples that it cannot keep up with.
STRENGTH = 0.5
# Full-length people, of whom some are shown as portraits: no set has any, and photos of people mostly are.
PEOPLE, PORTRAIT_SHARE = ("ccp",), 0.5
HELD_OUT = 25  # every 25th training pair is kept for choices


def read_pairs(source):
    """Yields (name, photo bytes, mask bytes or None) of a tar or folder, in the order of names."""
    source = pathlib.Path(source)
    with contextlib.ExitStack() as stack:
        if source.is_dir():
            names = {path.relative_to(source).as_posix(): path for path in source.rglob("*.*")}
            read = lambda name: names[name].read_bytes()
        else:
            archive = stack.enter_context(tarfile.open(source))
            names = {member.name: member for member in archive if member.isfile()}
            read = lambda name: archive.extractfile(names[name]).read()
        for name in sorted(names):
            stem, _, suffix = name.rpartition(".")
            if suffix in ("webp", "jpg", "jpeg"):
                mask = stem + ".png"
                yield stem, read(name), read(mask) if mask in names else None


def tar_or_folder(folder, name):
    path = pathlib.Path(folder) / name
    return path if path.is_dir() else path.with_suffix(".tar")


def decode(photo, mask, size):
    """RGB and mask as uint8 [4,size,size], and the width of the photo over its height."""
    picture = Image.open(io.BytesIO(photo)).convert("RGB")
    aspect = picture.width / picture.height
    planes = np.zeros((4, size, size), np.uint8)
    resized = picture.resize((size, size), Image.Resampling.BILINEAR)  # antialiased
    planes[:3] = np.asarray(resized).transpose(2, 0, 1)
    if mask is not None:
        matte = Image.open(io.BytesIO(mask)).convert("L").resize((size, size), Image.Resampling.BILINEAR)
        planes[3] = np.asarray(matte)
    return planes, aspect


def free_strip(mask):
    """The largest strip of a picture, from edge to edge, that its subject does not reach into.

    `mask` uint8 [H,W]; the strip as slices of rows and columns, or None where all are narrower than SMALLEST_STRIP.
    """
    high, wide = mask.shape
    rows, columns = np.flatnonzero((mask > 25).any(1)), np.flatnonzero((mask > 25).any(0))
    if not len(rows):
        return None
    margin = 0.02  # soft edges, and outlines drawn a little too tight
    top, bottom = rows[0] - int(margin * high), rows[-1] + 1 + int(margin * high)
    left, right = columns[0] - int(margin * wide), columns[-1] + 1 + int(margin * wide)
    share, strip = max([
        (top / high, (slice(0, top), slice(0, wide))), (1 - bottom / high, (slice(bottom, high), slice(0, wide))),
        (left / wide, (slice(0, high), slice(0, left))), (1 - right / wide, (slice(0, high), slice(right, wide))),
    ], key=lambda candidate: candidate[0])
    return strip if share >= SMALLEST_STRIP else None


def portrait(picture, aspect, rng):
    """Head and shoulders, or to the waist, of a standing person: uint8 [4,S,S] and its aspect ratio, changed alike."""
    size = picture.shape[-1]
    rows, columns = np.flatnonzero((picture[3] > 127).any(1)), np.flatnonzero((picture[3] > 127).any(0))
    if not len(rows) or rows[-1] - rows[0] < size // 2:
        return picture, aspect  # nobody standing
    high = int((rows[-1] - rows[0]) * rng.uniform(0.28, 0.6))
    wide = min(size, int(high * rng.uniform(0.7, 1.2) / aspect))  # in stored pixels, which are not square
    top = max(0, rows[0] - int(high * rng.uniform(0, 0.25)))
    left = int(np.clip((columns[0] + columns[-1] - wide) / 2 + wide * rng.uniform(-0.15, 0.15), 0, size - wide))
    window = torch.from_numpy(picture[:, top:top + high, left:left + wide].astype(np.float32))[None]
    full = F.interpolate(window, size=(size, size), mode="bilinear", align_corners=False)[0].round().byte().numpy()
    return full, aspect * wide / window.shape[2]


class Dice:
    """Random float32 tensors on a device, from a NumPy generator whose seed makes a run repeatable."""

    def __init__(self, rng, device):
        self.rng = rng
        self.device = device

    def _tensor(self, values):
        return torch.from_numpy(values.astype(np.float32)).to(self.device)

    def uniform(self, low, high, *shape):
        return self._tensor(self.rng.uniform(low, high, shape))

    def normal(self, spread, *shape):
        return self._tensor(self.rng.normal(0, spread, shape))

    def chance(self, share, *shape):
        """1 with that probability, else 0."""
        return self._tensor(self.rng.uniform(size=shape) < share)


def warp(pictures, aspects, size, dice, loose=False):
    """Crops, scales, turns and mirrors uint8 [N,4,S,S] into float32 0..1 [N,4,size,size].

    What lies outside a picture is its mirror image; with `loose`, for cut-outs, nothing, and they move and shrink more.
    """
    count = len(pictures)
    # Sampled coordinates are a matrix times output coordinates, both -1..1: a scale under 1 magnifies.
    strength = 1 if loose else STRENGTH
    zoom = torch.exp(strength * dice.uniform(math.log(0.7), math.log(1.8 if loose else 1.15), count))
    if not loose:
        # Close-ups: parts of subjects, and much that is none.
        zoom = zoom * (1 - dice.chance(0.12 * strength, count) * dice.uniform(0.2, 0.6, count))
    stretch = torch.exp(strength * dice.uniform(-0.2, 0.2, count))
    wide, high = zoom * stretch, zoom / stretch
    angle = strength * dice.uniform(-0.8, 0.8, count) ** 3  # mostly small, up to half a radian
    cosine, sine = torch.cos(angle), torch.sin(angle)
    flip = 1 - 2 * dice.chance(0.5, count)
    aspect = torch.from_numpy(aspects).to(dice.device)
    # Turning happens where pixels are square, so that a turned picture is not also sheared.
    matrix = torch.stack([
        torch.stack([flip * wide * cosine, -sine * high / aspect], 1),
        torch.stack([flip * wide * sine * aspect, high * cosine], 1),
    ], 1)
    room = lambda extent: 0.1 + (1 - extent).abs() * (1 if loose else 0.8)
    shift = torch.stack([dice.uniform(-1, 1, count) * room(wide), dice.uniform(-1, 1, count) * room(high)], 1)
    grid = F.affine_grid(torch.cat([matrix, shift[:, :, None]], 2), (count, 4, size, size), align_corners=False)
    values = torch.from_numpy(pictures).to(dice.device).float() / 255
    padding = "zeros" if loose else "reflection"
    return F.grid_sample(values, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def soften(planes):
    """A blur of 1-2-1 in both directions; by slices, because pooling would be half of the time of a sample."""
    planes = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    planes = (planes[..., :-2] + planes[..., 2:]) / 4 + planes[..., 1:-1] / 2
    return (planes[..., :-2, :] + planes[..., 2:, :]) / 4 + planes[..., 1:-1, :] / 2


def blur(planes, radius):
    """A blur of about that radius in pixels."""
    return F.interpolate(F.avg_pool2d(planes, radius), size=planes.shape[2:], mode="bilinear", align_corners=False)


def to_some(share, planes, dice, change):
    """`change` of so large a share of the pictures, the others as they are."""
    chosen = dice.chance(share, len(planes)) > 0
    if not chosen.any():
        return planes
    planes = planes.clone()
    planes[chosen] = change(planes[chosen])
    return planes


def compose(front, back, dice, exact=None):
    """Puts the subjects of `front` onto `back`, both [N,4,S,S], with edges like those of real mattes; those of `exact`, bool [N],
    have such edges already."""
    each = (len(front), 1, 1, 1)
    subject, alpha = front[:, :3], front[:, 3:]
    # The outline loses its fringe of the old background: drawn in a little, then softened.
    drawn_in = ((soften(alpha) - dice.uniform(0.2, 0.5, *each)) * 2).clamp(0, 1) * (alpha > 0)
    edged = dice.chance(0.7, *each) > 0
    alpha = torch.where(edged if exact is None else edged & ~exact.view(each), drawn_in, alpha)
    alpha = to_some(0.3, alpha, dice, soften)
    scene = to_some(0.3, back[:, :3], dice, lambda planes: blur(planes, 4))
    studio = dice.chance(0.2, *each)  # one colour behind
    scene = torch.lerp(scene, dice.uniform(0, 1, len(front), 3, 1, 1), studio)
    # The light of the new place: some of its brightness and colour goes to the subject, more of it at the edge.
    own_tone = (subject * alpha).sum((2, 3), keepdim=True) / (alpha.sum((2, 3), keepdim=True) + 1)
    tone = scene.mean((2, 3), keepdim=True) - own_tone
    subject = subject + dice.uniform(0, 0.5, *each) * dice.chance(0.6, *each) * tone
    subject = torch.lerp(subject, blur(scene, 4), dice.uniform(0, 0.4, *each) * 4 * alpha * (1 - alpha))
    mixed = (subject * alpha + scene * (1 - alpha)).clamp(0, 1)
    return torch.cat([mixed, alpha + (1 - alpha) * back[:, 3:] * (1 - studio)], 1)


def recolour(rgb, dice):
    """Random gamma, saturation, cast, contrast, brightness, blur and noise of [N,3,S,S], 0..1."""
    each = (len(rgb), 1, 1, 1)
    factor = lambda spread: torch.exp(STRENGTH * dice.normal(spread, *each).clamp(-0.9, 0.9))
    rgb = rgb.clamp(1e-4, 1) ** factor(0.25)
    grey = (rgb * torch.tensor([0.299, 0.587, 0.114], device=rgb.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    rgb = grey + (rgb - grey) * factor(0.3) * (1 - dice.chance(0.05, *each))
    rgb = rgb * torch.exp(STRENGTH * dice.normal(0.08, len(rgb), 3, 1, 1))
    middle = rgb.mean((1, 2, 3), keepdim=True)
    rgb = (rgb - middle) * factor(0.2) + middle + STRENGTH * dice.normal(0.06, *each)
    rgb = to_some(0.1 * STRENGTH, rgb, dice, soften)
    rgb = to_some(0.2 * STRENGTH, rgb, dice, lambda p: p + torch.randn_like(p) * dice.uniform(0, 0.06, len(p), 1, 1, 1))
    return rgb.clamp(0, 1)


def normalise(rgb):
    """RGB 0..1 as the network wants it."""
    return (rgb - MEAN) / STD
