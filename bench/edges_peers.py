# SPDX-License-Identifier: MIT
"""What bench/edges.py compares with: PyMatting's closed form and multi-level foregrounds, and blur fusion written down from its paper.

As a program, for times and memory: `edges_peers.py WORK PICTURE.npz` prints milliseconds, those of processor time, and the megabytes
that the process grew by.
"""
import pathlib
import sys
import time

import numpy as np

try:
    from pymatting import estimate_alpha_cf, estimate_foreground_ml
    from scipy.ndimage import binary_dilation, binary_erosion
    FOUND = True
except ImportError:
    FOUND = False

EROSION = 11  # rembg erodes by 10 by default
BAND = 2  # cells of the matte on both sides of the outline


def closed_form(picture, matte, small):
    """Levin et al. 2008, as rembg's -a has it: unknown is what an erosion of both sides leaves."""
    square = np.ones((EROSION, EROSION))
    trimap = np.full(matte.shape, 0.5)
    trimap[binary_erosion(matte > 240 / 255, square, border_value=1)] = 1
    trimap[binary_erosion(matte < 10 / 255, square, border_value=1)] = 0
    return estimate_alpha_cf(picture / 255.0, trimap)


def closed_form_in_band(picture, matte, small):
    """The same where refine has its band."""
    square = np.ones((2 * BAND + 1, 2 * BAND + 1))
    band = binary_dilation(small > 0.05, square) & binary_dilation(small < 0.95, square)
    rows, columns = ((np.arange(n) * m // n) for n, m in zip(matte.shape, small.shape))
    trimap = np.where(band[np.ix_(rows, columns)], 0.5, np.round(matte))
    if not (trimap == 1).any() or not (trimap == 0).any():
        return matte
    return estimate_alpha_cf(picture / 255.0, trimap)


def multi_level(picture, alpha):
    """Germer et al. 2020."""
    return estimate_foreground_ml(picture / 255.0, alpha.astype(np.float64)) * 255


def box(values, radius):
    """Means over windows of 2 * radius + 1, which end at the border."""
    for axis in (0, 1):
        n = values.shape[axis]
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis)], axis)
        first, last = np.maximum(np.arange(n) - radius, 0), np.minimum(np.arange(n) + radius + 1, n)
        shape = [1] * values.ndim
        shape[axis] = n
        values = (sums.take(last, axis) - sums.take(first, axis)) / (last - first).reshape(shape)
    return values


def blur_fusion(picture, alpha, radii=(90, 6)):
    """Forte 2021, twice."""
    image, a = picture / 255.0, alpha.astype(np.float64)[..., None]
    front = back = image
    for radius in radii:
        weight, rest = box(a, radius), box(1 - a, radius)
        mean = box(front * a, radius) / (weight + 1e-5)
        back = box(back * (1 - a), radius) / (rest + 1e-5)
        front = np.clip(mean + a * (image - a * mean - (1 - a) * back), 0, 1)
    return front * 255


ALPHAS = {"PyMatting's closed form, as rembg -a": closed_form, "the same in our band": closed_form_in_band} if FOUND else {}
COLOURS = {"multi-level (PyMatting)": multi_level, "blur fusion": blur_fusion} if FOUND else {}


def memory(field):
    """Kilobytes of this process, by a line of its status."""
    return int(next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(field)).split()[1])


def main():
    work, path = sys.argv[1:]
    given = np.load(path)
    picture, matte, small = given["picture"], given["matte"], given["small"]
    # Compiled before the clock runs.
    ramp = np.tile(np.linspace(0, 1, 32), (32, 1))
    noise = np.random.default_rng(1).uniform(0, 255, (32, 32, 3))
    multi_level(noise, closed_form_in_band(noise, ramp, ramp))
    # The compiler's peak is not the work's: the kernel forgets it.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, start, processor = memory("VmRSS"), time.perf_counter(), time.process_time()
    if work == "alpha and colours":
        multi_level(picture, closed_form(picture, matte, small))
    else:
        multi_level(picture, matte)
    took = time.perf_counter() - start
    print(1e3 * took, 1e3 * (time.process_time() - processor), (memory("VmHWM") - before) / 1024)


if __name__ == "__main__":
    main()
