# SPDX-License-Identifier: MIT
"""What rembg does to a mask and its colours, in numpy: smoothing, trimaps, a filter for soft edges, foreground colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Sigma 2, cut off at 4 sigma, as the filter of rembg.
_GAUSSIAN = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
_GAUSSIAN /= _GAUSSIAN.sum()


def _cross(mask: np.ndarray, reduce: np.ufunc, outside: int) -> np.ndarray:
    """The minimum or maximum over each pixel and its four neighbours."""
    padded = np.pad(mask, 1, constant_values=outside)
    result = mask
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        result = reduce(result, part)
    return result


def smooth_mask(mask: np.ndarray) -> np.ndarray:
    """An opening by a cross, a Gaussian of sigma 2, a threshold in the middle: `post_process_mask`."""
    values = _cross(_cross(mask, np.minimum, 255), np.maximum, 0).astype(np.float64)
    for axis in (0, 1):
        padded = np.pad(values, [(8, 8) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        length = values.shape[axis]
        values = sum(weight * np.take(padded, range(k, k + length), axis) for k, weight in enumerate(_GAUSSIAN))
    return np.where(values < 127, 0, 255).astype(np.uint8)


def _box_sums(values: np.ndarray, before: int, after: int, outside: float) -> np.ndarray:
    """Sums over the window from -before to +after in both directions; `outside` is the value beyond the border."""
    for axis in (0, 1):
        width = [(before + 1, after) if a == axis else (0, 0) for a in range(values.ndim)]
        sums = np.cumsum(np.pad(values, width, constant_values=outside), axis, dtype=np.float64)
        size, length = before + after + 1, values.shape[axis]
        outside = outside * size  # beyond the border are sums by now
        values = np.take(sums, range(size, size + length), axis) - np.take(sums, range(length), axis)
    return values


def erode(mask: np.ndarray, size: int, outside: bool) -> np.ndarray:
    """Binary erosion by a square of `size` pixels; `outside` is what lies beyond the border. 0: by a cross."""
    if size <= 0:
        return _cross(mask.astype(np.uint8), np.minimum, int(outside)).astype(bool)
    before = size // 2
    sums = _box_sums(mask.astype(np.float64), before, size - 1 - before, float(outside))
    return sums > size * size - 0.5


def _mean(values: np.ndarray, radius: int) -> np.ndarray:
    count = _box_sums(np.ones(values.shape[:2]), radius, radius, 0)
    sums = _box_sums(values, radius, radius, 0)
    return sums / (count[..., np.newaxis] if values.ndim == 3 else count)


def filter_alpha(rgb: np.ndarray, alpha: np.ndarray, radius: int, epsilon: float = 1e-5) -> np.ndarray:
    """The guided filter with a colour guide (He, Sun and Tang, "Guided Image Filtering", 2010): alpha as a local linear function
    of the colours. `rgb` [H,W,3] and `alpha` [H,W] in 0..1."""
    mean_rgb, mean_alpha = _mean(rgb, radius), _mean(alpha, radius)
    covariance = _mean(rgb * alpha[..., np.newaxis], radius) - mean_rgb * mean_alpha[..., np.newaxis]
    sigma = np.empty((*alpha.shape, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            sigma[..., i, j] = sigma[..., j, i] = _mean(rgb[..., i] * rgb[..., j], radius) - mean_rgb[..., i] * mean_rgb[..., j]
        sigma[..., i, i] += epsilon
    slope = np.linalg.solve(sigma, covariance[..., np.newaxis])[..., 0]
    offset = mean_alpha - (slope * mean_rgb).sum(-1)
    return np.clip((_mean(slope, radius) * rgb).sum(-1) + _mean(offset, radius), 0, 1)


def foreground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The subject's own colours: blur fusion, twice (Forte, "Approximate Fast Foreground Colour Estimation", 2021).
    [H,W,3] in 0..1."""
    front = back = rgb
    weight = alpha[..., np.newaxis]
    for radius in (90, 6):
        share = _mean(alpha, radius)[..., np.newaxis]
        blurred_front = _mean(front * weight, radius) / (share + 1e-5)
        back = _mean(back * (1 - weight), radius) / (1 - share + 1e-5)
        front = np.clip(blurred_front + weight * (rgb - weight * blurred_front - (1 - weight) * back), 0, 1)
    return front


def cut_decontaminated(image: Image.Image, mask: Image.Image) -> Image.Image:
    """RGBA with the subject's own colours."""
    rgb = np.asarray(image.convert("RGB")) / 255.0
    alpha = np.asarray(mask.convert("L")) / 255.0
    return _join(foreground(rgb, alpha), alpha)


def cut_refined(image: Image.Image, mask: Image.Image, front: int, back: int, size: int) -> Image.Image:
    """`alpha_matting`: between what is surely subject (above `front`, eroded by `size`) and surely background, alpha follows the
    colours. A mask without both is taken as it is."""
    rgb = np.asarray(image.convert("RGB")) / 255.0
    values = np.asarray(mask.convert("L"))
    sure_front, sure_back = erode(values > front, size, False), erode(values < back, size, True)
    alpha = values / 255.0
    if sure_front.any() and sure_back.any():
        alpha = np.where(sure_front, 1.0, np.where(sure_back, 0.0, filter_alpha(rgb, alpha, max(2, size))))
    return _join(foreground(rgb, alpha), alpha)


def _join(rgb: np.ndarray, alpha: np.ndarray) -> Image.Image:
    rgba = np.concatenate([rgb, alpha[..., np.newaxis]], 2)
    return Image.fromarray(np.clip(rgba * 255, 0, 255).astype(np.uint8))
