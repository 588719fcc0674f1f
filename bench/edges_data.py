# SPDX-License-Identifier: MIT
"""Pictures with a known matte for bench/edges.py: composites of cut-outs with exact alpha over photos, the same ones every time."""
import subprocess

import numpy as np
from PIL import Image

COMPOSITES = 200
# The cut-outs have 200 to 640 pixels; a canvas of 800 is 2.5 times the network's 320 and needs none of them enlarged by much.
CANVASES = ((800, 600), (600, 800), (700, 700))
LARGEST_ZOOM = 1.5
SETS = ("alpha_objects", "alpha_groceries")


def unpacked(shared, folder):
    """The archives of `shared`/data, unpacked once into `folder`."""
    for name in (*SETS, "backgrounds", "backgrounds2"):
        if not (folder / name).exists():
            # Debian 12's Python has no `filter` of extractall() yet; tar refuses paths that lead outside by itself.
            subprocess.run(["tar", "-xf", shared / "data" / f"{name}.tar", "-C", folder], check=True)
    return folder


def pixels(path, mode="RGB"):
    return np.asarray(Image.open(path).convert(mode), np.float32)


def cut_outs(shared, folder):
    """(name, foreground, alpha 0..1) of everything whose alpha is exact."""
    photos = shared / "photos"
    lemur = ("lemur", pixels(photos / "lemur_foreground.png"), pixels(photos / "lemur_alpha.png", "L") / 255)
    yield lemur
    for name in SETS:
        for path in sorted((folder / name).glob("*_fg.webp")):
            stem = path.name.removesuffix("_fg.webp")
            yield f"{name}/{stem}", pixels(path), pixels(path.with_name(f"{stem}.png"), "L") / 255


def resized(array, size):
    """Bicubic, channel by channel, in floating point."""
    planes = array[..., None] if array.ndim == 2 else array
    done = [np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., c])).resize(size, Image.BICUBIC)) for c in range(planes.shape[-1])]
    return done[0] if array.ndim == 2 else np.stack(done, -1)


def cropped(foreground, alpha):
    rows, columns = np.nonzero(alpha.max(1))[0], np.nonzero(alpha.max(0))[0]
    part = np.s_[max(0, rows[0] - 2):rows[-1] + 3, max(0, columns[0] - 2):columns[-1] + 3]
    return foreground[part], alpha[part]


def background(path, size, random):
    photo = Image.open(path).convert("RGB")
    zoom = max(size[0] / photo.width, size[1] / photo.height)
    photo = photo.resize((max(size[0], round(photo.width * zoom)), max(size[1], round(photo.height * zoom))), Image.BICUBIC)
    x, y = (int(random.integers(0, have - want + 1)) for have, want in zip(photo.size, size))
    return np.asarray(photo.crop((x, y, x + size[0], y + size[1])), np.float32)


def bytes_of(array):
    return np.clip(np.rint(array), 0, 255).astype(np.uint8)


def composites(shared, folder, count=COMPOSITES):
    """(name, picture, foreground, alpha): bytes, bytes, 0..1. Each fifth has the lemur's fur."""
    unpacked(shared, folder)
    everything = list(cut_outs(shared, folder))
    lemur, others = everything[0], everything[1:]
    photos = sorted((folder / "backgrounds").glob("*.webp")) + sorted((folder / "backgrounds2").glob("*.webp"))
    random = np.random.default_rng(26)
    order = random.permutation(len(others))
    for i in range(count):
        name, foreground, alpha = lemur if i % 5 == 4 else others[order[(i - i // 5) % len(others)]]
        size = CANVASES[i % len(CANVASES)]
        foreground, alpha = cropped(foreground, alpha)
        zoom = min(LARGEST_ZOOM, random.uniform(0.6, 0.95) * min(size[0] / alpha.shape[1], size[1] / alpha.shape[0]))
        extent = max(8, round(alpha.shape[1] * zoom)), max(8, round(alpha.shape[0] * zoom))
        foreground, alpha = resized(foreground, extent), np.clip(resized(alpha, extent), 0, 1)
        if random.random() < 0.5:
            foreground, alpha = foreground[:, ::-1], alpha[:, ::-1]
        x, y = int(random.integers(0, size[0] - extent[0] + 1)), int(random.integers(0, size[1] - extent[1] + 1))
        if name == "lemur":  # which has no lower edge of its own
            y = size[1] - extent[1]
        behind = background(photos[int(random.integers(len(photos)))], size, random)
        full_alpha, full_colour = np.zeros(behind.shape[:2], np.float32), np.zeros_like(behind)
        full_alpha[y:y + extent[1], x:x + extent[0]] = alpha
        full_colour[y:y + extent[1], x:x + extent[0]] = foreground
        full_alpha = np.rint(full_alpha * 255) / 255
        share = full_alpha[..., None]
        yield f"{i:03d}-{name.replace('/', '-')}", bytes_of(full_colour * share + behind * (1 - share)), bytes_of(full_colour), full_alpha


def lemur_itself(shared):
    photos = shared / "photos"
    return ("lemur", bytes_of(pixels(photos / "lemur.png")), bytes_of(pixels(photos / "lemur_foreground.png")),
            pixels(photos / "lemur_alpha.png", "L") / 255)
