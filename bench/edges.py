#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the edges of cut-outs: alpha and colours against the truth, times, and peers where their packages are installed.

Writes a table (--out) and sheets of pictures (--sheets), which are to be looked at. All comes from ../shared: the lemur, whose matte is
true, and composites of cut-outs with exact alpha over photos.
"""
import argparse
import collections
import itertools
import pathlib
import subprocess
import time

import numpy as np
from PIL import Image

import edges_data

SIDE = 320  # of a matte: what the default model sees
FOUND = 0.9  # IoU from which the network's answer is about edges rather than about what the subject is
BACKGROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "magenta": (230, 0, 160)}
PARTS = ["lemur photo", "composites", "hard", "fur"]  # kinds of pictures
REFINES = ("off", "fast", "best")


class Tool:
    """decal_edges_tool, with files for what goes in and out."""

    def __init__(self, program, folder):
        self.folder = folder
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]

    def put(self, picture):
        np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]).tofile(self.folder / "picture")
        return self.folder / "picture", picture.shape[1], picture.shape[0]

    def matte(self, picture):
        width, height = self.ask("matte", *self.put(picture), self.folder / "matte")
        return np.fromfile(self.folder / "matte", np.float32).reshape(int(height), int(width))

    def cut(self, picture, matte, refine, decontaminate, threads=2):
        """RGBA, milliseconds, and milliseconds of processor time."""
        np.ascontiguousarray(matte, np.float32).tofile(self.folder / "matte")
        took = self.ask("cut", *self.put(picture), self.folder / "matte", matte.shape[1], matte.shape[0], REFINES.index(refine),
                         int(decontaminate), threads, self.folder / "out")
        return np.fromfile(self.folder / "out", np.uint8).reshape(*picture.shape[:2], 4), took


def gaussian(values, axis, derivative, sigma=1.4):
    reach = np.arange(-5, 6)
    kernel = np.exp(-reach ** 2 / (2 * sigma ** 2))
    kernel /= kernel.sum()
    if derivative:
        kernel = kernel * -reach / sigma ** 2
    padded = np.pad(values, [(5, 5) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
    return sum(k * padded.take(np.arange(i, i + values.shape[axis]), axis) for i, k in enumerate(kernel))


def gradient(alpha):
    return np.hypot(*(gaussian(gaussian(alpha, axis, True), 1 - axis, False) for axis in (0, 1)))


def alpha_errors(alpha, truth, truth_gradient):
    """Sum of absolute differences, and gradient error (Rhemann et al. 2009)."""
    return np.abs(alpha - truth).sum(), ((gradient(alpha) - truth_gradient) ** 2).sum()


def soft(alpha):
    return (alpha > 0.02) & (alpha < 0.98)


def colour_errors(rgba, picture, foreground, truth):
    """Mean differences of colours over the truth's soft band where the cut-out shows something, of 255: its own, and the picture's."""
    band = soft(truth) & (rgba[..., 3] > 12)
    return tuple(np.abs(colours[..., :3].astype(np.float32) - foreground)[band].mean() if band.any() else 0.0 for colours in (rgba, picture))


def overlap(a, b):
    a, b = a > 0.5, b > 0.5
    return (a & b).sum() / max((a | b).sum(), 1)


def over(rgba, colour):
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return edges_data.bytes_of(rgba[..., :3] * alpha + np.array(colour, np.float32) * (1 - alpha))


def sheet(before, after, truth, path, edge=340):
    """The same part of a picture before, after and as it should be, on three backgrounds."""
    band = np.argwhere(soft(truth[..., 3] / 255.0))
    last = np.maximum(0, np.array(truth.shape[:2]) - edge // 2)
    y, x = np.clip(band[len(band) // 3] - edge // 4, 0, last) if len(band) else (0, 0)
    part = np.s_[y:y + edge // 2, x:x + edge // 2]
    page = Image.new("RGB", (3 * edge + 20, len(BACKGROUNDS) * (edge + 10)), "grey")
    for row, colour in enumerate(BACKGROUNDS.values()):
        for column, rgba in enumerate((before, after, truth)):
            tile = Image.fromarray(over(rgba[part], colour)).resize((edge, edge), Image.NEAREST)
            page.paste(tile, (column * (edge + 10), row * (edge + 10)))
    page.save(path)


def peers():
    """name: function(picture, matte at the picture's size) to (alpha, colours), as rembg's -a uses PyMatting."""
    try:
        from pymatting import estimate_alpha_cf, estimate_foreground_ml
    except ImportError:
        return {}, None

    def closed_form(picture, matte):
        from scipy.ndimage import binary_erosion
        sure, none = matte > 240 / 255, matte < 10 / 255
        square = np.ones((11, 11))  # rembg erodes by 10 by default
        trimap = np.full(matte.shape, 0.5)
        trimap[binary_erosion(sure, square, border_value=1)] = 1
        trimap[binary_erosion(none, square, border_value=1)] = 0
        alpha = estimate_alpha_cf(picture / 255.0, trimap)
        return alpha, estimate_foreground_ml(picture / 255.0, alpha) * 255

    def colours(picture, alpha):
        return estimate_foreground_ml(picture / 255.0, alpha.astype(np.float64)) * 255

    return {"PyMatting, as rembg -a": closed_form}, colours


class Table:
    """Sums of errors by method and kind of picture, shown as shares of the first method's."""

    def __init__(self):
        self.sums, self.worst = collections.defaultdict(lambda: np.zeros(2)), collections.defaultdict(float)
        self.times = collections.defaultdict(list)

    def add(self, part, method, kinds, errors, first):
        for kind in kinds:
            self.sums[part, method, kind] += errors
        if "hard" in kinds:
            self.worst[part, method] = max(self.worst[part, method], errors[0] / max(first[0], 1))

    def text(self, part, methods, kinds):
        lines = ["| " + " | ".join(["method", *kinds, "worst with hard edges"]) + " |", "|---" * (len(kinds) + 2) + "|"]
        for method in methods:
            row = []
            for kind in kinds:
                base = self.sums[part, methods[0], kind]
                row.append(" / ".join(f"{v:.2f}" for v in self.sums[part, method, kind] / np.maximum(base, 1e-9)))
            lines.append("| " + " | ".join([method, *row, f"{self.worst[part, method]:.2f}"]) + " |")
        return "\n".join(lines)


def large_picture(item, megapixels):
    """A composite enlarged: for time alone."""
    _, picture, _, _, matte = item
    zoom = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
    size = round(picture.shape[1] * zoom), round(picture.shape[0] * zoom)
    return np.asarray(Image.fromarray(picture).resize(size, Image.BICUBIC)), matte


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
    parser.add_argument("--tool", type=pathlib.Path, default=root / "build/native/bench/decal_edges_tool")
    parser.add_argument("--work", type=pathlib.Path, default=root / "build/edges")
    parser.add_argument("--count", type=int, default=edges_data.COMPOSITES, help="composites")
    parser.add_argument("--sheets", type=int, default=24, help="pictures to show")
    parser.add_argument("--peers", type=int, default=0, help="composites on which peers run, too (they take seconds each)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 12, 50], help="megapixels to time")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    (arguments.work / "sheets").mkdir(exist_ok=True)
    tool = Tool(arguments.tool, arguments.work)
    table, colours = Table(), collections.defaultdict(list)
    found_peers, foreground_ml = peers()
    count, found, largest = 0, 0, None
    items = [edges_data.lemur_itself(arguments.shared)]
    items = itertools.chain(items, edges_data.composites(arguments.shared, arguments.work, arguments.count))
    for index, (name, picture, foreground, truth) in enumerate(items):
        matte = tool.matte(picture)
        small = np.asarray(Image.fromarray(truth).resize((SIDE, SIDE), Image.BILINEAR))
        kinds = ["lemur photo"] if index == 0 else ["composites", "fur" if "lemur" in name else "hard"]
        truth_gradient = gradient(truth)
        mattes = {"model": matte, "true": small}
        base = {}
        for part, given in mattes.items():
            of_part = kinds
            for refine in REFINES:
                rgba, took = tool.cut(picture, given, refine, True)
                errors = alpha_errors(rgba[..., 3] / 255.0, truth, truth_gradient)
                if refine == "off":
                    base[part] = errors
                    if part == "model":
                        good = overlap(rgba[..., 3] / 255.0, truth) > FOUND
                        found += good and index > 0
                    if part == "model" and good and index > 0:
                        of_part = [*kinds, "found", "found, " + kinds[1]]
                table.add(part, refine, of_part, errors, base[part])
                if part == "model" and refine == "fast":
                    colours["refined"].append((*colour_errors(rgba, picture, foreground, truth), good))
                    if index < arguments.sheets:
                        before, _ = tool.cut(picture, given, "off", False)
                        sheet(before, rgba, np.dstack([foreground, edges_data.bytes_of(truth * 255)]), arguments.work / "sheets" / f"{name}.png")
        rgba, _ = tool.cut(picture, truth, "off", True)
        colours["true"].append((*colour_errors(rgba, picture, foreground, truth), True))
        if found_peers and index <= arguments.peers:
            full = np.asarray(Image.fromarray(matte).resize(picture.shape[1::-1], Image.BILINEAR))
            for peer, work in found_peers.items():
                start = time.perf_counter()
                alpha, _ = work(picture, full)
                table.times[peer].append(time.perf_counter() - start)
                errors = alpha_errors(alpha, truth, truth_gradient)
                fast = tool.cut(picture, matte, "fast", True)[0][..., 3] / 255.0
                for method, e in ((peer, errors), ("off beside it", base["model"]), ("fast beside it", alpha_errors(fast, truth, truth_gradient))):
                    if index == 0 or overlap(full, truth) > FOUND:
                        table.add("peer", method, kinds, e, base["model"])
            start = time.perf_counter()
            estimated = foreground_ml(picture, truth)
            table.times["estimate_foreground_ml"].append(time.perf_counter() - start)
            colours["PyMatting, true"].append((*colour_errors(np.dstack([estimated, truth * 255]), picture, foreground, truth), True))
            colours["ours beside it, true"].append(colours["true"][-1])
        if index == 1:
            largest = (name, picture, foreground, truth, matte)
        count += index > 0
    lines = [f"{count} composites ({found} found by the network, IoU over {FOUND}) and the lemur photo; SAD / gradient error, as shares of "
             "bilinear enlargement.", "", "Given the default model's matte:", "",
             table.text("model", REFINES, ["lemur photo", "composites", "found", "found, hard", "found, fur"]),
             "", f"Given the true matte reduced to {SIDE} x {SIDE}:", "", table.text("true", REFINES, PARTS), ""]
    for what, values in colours.items():
        values = np.array(values)
        good = values[values[:, 2] > 0]
        lines.append(f"- colours, {what} alpha: {good[:, 0].mean():.1f} of 255, {good[:, 0].sum() / good[:, 1].sum():.2f} of leaving them "
                     f"({len(good)} pictures); lemur photo {values[0, 0] / values[0, 1]:.2f}")
    if found_peers:
        lines += ["", "Beside peers:", "", table.text("peer", ["off beside it", "fast beside it", *found_peers], PARTS), ""]
        lines += [f"- {peer}: {np.median(times):.2f} s a picture" for peer, times in table.times.items()]
    lines += ["", "| megapixels | refine | 1 thread | 2 threads | processor time, 1 thread |", "|---|---|---|---|---|"]
    for megapixels in arguments.sizes:
        picture, matte = large_picture(largest, megapixels)
        for refine in REFINES:
            runs = {threads: [tool.cut(picture, matte, refine, refine != "off", threads)[1] for _ in range(5)] for threads in (1, 2)}
            wall = [min(took for took, _ in runs[threads]) for threads in (1, 2)]
            lines.append(f"| {megapixels} | {refine}{'' if refine == 'off' else ' and colours'} | {wall[0]:.0f} ms | {wall[1]:.0f} ms | "
                         f"{min(spent for _, spent in runs[1]):.0f} ms |")
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
