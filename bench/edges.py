#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the edges of cut-outs: alpha and colours against the truth, times, and peers where their packages are installed.

Writes a table (--out) and sheets of pictures (--sheets), which are to be looked at. All comes from ../shared: the lemur, whose matte is
true, and composites of cut-outs with exact alpha over photos.
"""
import argparse
import collections
import hashlib
import itertools
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
from PIL import Image

import edges_data
import edges_peers

SIDE = 288  # of a matte: what the default model sees
FOUND = 0.9  # IoU from which the network's answer is about edges rather than about what the subject is
BACKGROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "magenta": (230, 0, 160)}
PARTS = ["lemur photo", "composites", "hard", "fur"]  # kinds of pictures
REFINES = ("off", "fast", "best")
TWICE = "best, two passes"  # what `best` does in the command: its matte is another one, so that shares are those of the first pass's


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

    def matte(self, picture, refine="off"):
        width, height = self.ask("matte", *self.put(picture), REFINES.index(refine), self.folder / "matte")
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


def beside(tool, table, colours, item, matte, base, kinds):
    """Peers on one picture: alpha from the model's matte, colours from the true alpha."""
    picture, foreground, truth, truth_gradient = item
    full = np.asarray(Image.fromarray(matte).resize(picture.shape[1::-1], Image.BILINEAR))
    mattes = {refine: tool.cut(picture, matte, refine, True)[0][..., 3] / np.float32(255) for refine in REFINES} if kinds else {}
    for peer, work in edges_peers.ALPHAS.items() if kinds else ():
        start = time.process_time()
        mattes[peer] = work(picture, full, matte).astype(np.float32)
        table.times[peer].append(time.process_time() - start)
    for method, alpha in mattes.items():
        table.add("peer", method, kinds, alpha_errors(alpha, truth, truth_gradient), base)
    colours["ours beside peers, true"].append(colours["true"][-1])
    for peer, work in edges_peers.COLOURS.items():
        start = time.process_time()
        estimated = work(picture, truth)
        table.times[peer].append(time.process_time() - start)
        colours[f"{peer}, true"].append((*colour_errors(np.dstack([estimated, truth * 255]), picture, foreground, truth), True))


class Table:
    """Sums of errors by method and kind of picture, shown as shares of the first method's."""

    def __init__(self):
        self.sums, self.worst = collections.defaultdict(lambda: np.zeros(2)), collections.defaultdict(float)
        self.times = collections.defaultdict(list)
        self.shares = collections.defaultdict(list)

    def add(self, part, method, kinds, errors, first):
        for kind in kinds:
            self.sums[part, method, kind] += errors
            self.shares[part, method, kind].append(np.array(errors) / np.maximum(first, 1))
        if "hard" in kinds:
            self.worst[part, method] = max(self.worst[part, method], errors[0] / max(first[0], 1))

    def text(self, part, methods, kinds):
        lines = ["| " + " | ".join(["method", *kinds, "worst with hard edges"]) + " |", "|---" * (len(kinds) + 2) + "|"]
        for method in methods:
            row = []
            for kind in kinds:
                base = self.sums[part, methods[0], kind]
                of_sums = self.sums[part, method, kind] / np.maximum(base, 1e-9)
                of_pictures = np.mean(self.shares[part, method, kind] or [[0, 0]], 0)
                row.append(" / ".join(f"{v:.2f}" for v in of_sums) + (f" ({of_pictures[0]:.2f} / {of_pictures[1]:.2f})" if base.any() else ""))
            lines.append("| " + " | ".join([method, *row, f"{self.worst[part, method]:.2f}"]) + " |")
        return "\n".join(lines)


def large_picture(item, megapixels):
    """A composite enlarged: for time alone."""
    _, picture, _, _, matte = item
    zoom = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
    size = round(picture.shape[1] * zoom), round(picture.shape[0] * zoom)
    return np.asarray(Image.fromarray(picture).resize(size, Image.BICUBIC)), matte


def times(tool, item, sizes, root):
    """Rows of a table: milliseconds after the network, natively and in Node's WebAssembly, whose bytes are compared."""
    lines = ["| megapixels | refine | native, 1 thread | 2 threads | its processor time | WebAssembly, 1 thread | 2 threads | its processor time | "
             "memory beside the picture |", "|---|---|---|---|---|---|---|---|---|"]
    for megapixels in sizes:
        picture, matte = large_picture(item, megapixels)
        path, width, height = tool.put(picture)
        matte.tofile(tool.folder / "matte")
        command = ["node", root / "bench/edges_wasm.mjs", path, width, height, tool.folder / "matte", matte.shape[1], matte.shape[0]]
        built = (root / "web/dist/node.js").exists()
        told = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout if built else ""
        wasm = {(entry["refine"], entry["threads"]): entry for entry in map(json.loads, told.splitlines())}
        for refine in REFINES:
            runs = {threads: [tool.cut(picture, matte, refine, refine != "off", threads) for _ in range(5)] for threads in (1, 2)}
            row = [f"{min(took for _, (took, _) in runs[threads]):.0f} ms" for threads in (1, 2)]
            row.append(f"{min(spent for _, (_, spent) in runs[1]):.0f} ms")
            if wasm:
                one, two = wasm[refine, 1], wasm[refine, 2]
                digest = hashlib.sha256(runs[1][0][0].tobytes()).hexdigest()
                if not one["sha256"] == two["sha256"] == digest:
                    raise SystemExit(f"WebAssembly's bytes differ: {megapixels} megapixels, {refine}")
                row += [f"{one['ms']:.0f} ms", f"{two['ms']:.0f} ms", f"{one['processorMs']:.0f} ms", f"{one['memory'] / 1e6:.0f} MB"]
            else:
                row += ["not built"] * 4
            lines.append(f"| {megapixels} | {refine}{'' if refine == 'off' else ' and colours'} | " + " | ".join(row) + " |")
    picture, _ = large_picture(item, 1)
    network = []
    for _ in range(3):
        start = time.perf_counter()
        tool.matte(picture)
        network.append(1e3 * (time.perf_counter() - start))
    return [*lines, "", f"The network and all around it, 1 megapixel, natively on 2 threads: {min(network):.0f} ms"]


def peer_times(item, folder, megapixels):
    """Milliseconds and megabytes of PyMatting at a size, each in a process of its own."""
    picture, matte = large_picture(item, megapixels)
    full = np.asarray(Image.fromarray(matte).resize(picture.shape[1::-1], Image.BILINEAR))
    np.savez(folder / "peer.npz", picture=picture, matte=full, small=matte)
    lines = []
    for work in ("alpha and colours", "colours"):
        told = subprocess.run([sys.executable, edges_peers.__file__, work, folder / "peer.npz"], capture_output=True, text=True, check=True).stdout
        took, spent, memory = map(float, told.split())
        lines.append(f"- PyMatting, {work}, {megapixels:g} megapixels: {took:.0f} ms, {spent:.0f} ms of processor time, {memory:.0f} MB")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
    parser.add_argument("--tool", type=pathlib.Path, default=root / "build/native/bench/decal_edges_tool")
    parser.add_argument("--work", type=pathlib.Path, default=root / "build/edges")
    parser.add_argument("--count", type=int, default=edges_data.COMPOSITES, help="composites")
    parser.add_argument("--sheets", type=int, default=24, help="pictures to show")
    parser.add_argument("--peers", type=int, default=10, help="composites on which peers run, too (they take seconds each)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 12, 50], help="megapixels to time")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    (arguments.work / "sheets").mkdir(exist_ok=True)
    tool = Tool(arguments.tool, arguments.work)
    table, colours = Table(), collections.defaultdict(list)
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
                errors = alpha_errors(rgba[..., 3] / np.float32(255), truth, truth_gradient)
                if refine == "off":
                    base[part] = errors
                    if part == "model":
                        good = overlap(rgba[..., 3] / np.float32(255), truth) > FOUND
                        found += good and index > 0
                    if part == "model" and good and index > 0:
                        of_part = [*kinds, "found", "found, " + kinds[1]]
                table.add(part, refine, of_part, errors, base[part])
                if part == "model" and refine == "fast":
                    colours["refined"].append((*colour_errors(rgba, picture, foreground, truth), good))
                    if index < arguments.sheets:
                        before, _ = tool.cut(picture, given, "off", False)
                        sheet(before, rgba, np.dstack([foreground, edges_data.bytes_of(truth * 255)]), arguments.work / "sheets" / f"{name}.png")
            if part == "model":
                rgba, _ = tool.cut(picture, tool.matte(picture, "best"), "best", True)
                table.add(part, TWICE, of_part, alpha_errors(rgba[..., 3] / np.float32(255), truth, truth_gradient), base[part])
        rgba, _ = tool.cut(picture, truth, "off", True)
        colours["true"].append((*colour_errors(rgba, picture, foreground, truth), True))
        if edges_peers.FOUND and index <= arguments.peers:
            beside(tool, table, colours, (picture, foreground, truth, truth_gradient), matte, base["model"], kinds if index == 0 or good else [])
        if index == 1:
            largest = (name, picture, foreground, truth, matte)
        count += index > 0
    lines = [f"{count} composites ({found} found by the network, IoU over {FOUND}) and the lemur photo; SAD / gradient error, as shares of "
             "bilinear enlargement: of the sums, and in brackets the mean of the pictures' shares.", "", "Given the default model's matte:", "",
             table.text("model", (*REFINES, TWICE), ["lemur photo", "composites", "found", "found, hard", "found, fur"]),
             "", f"Given the true matte reduced to {SIDE} x {SIDE}:", "", table.text("true", REFINES, PARTS), ""]
    for what, values in colours.items():
        values = np.array(values)
        good = values[values[:, 2] > 0]
        lines.append(f"- colours, {what} alpha: {good[:, 0].mean():.1f} of 255, {good[:, 0].sum() / good[:, 1].sum():.2f} of leaving them "
                     f"({len(good)} pictures); lemur photo {values[0, 0] / values[0, 1]:.2f}")
    if edges_peers.FOUND:
        methods = ["off", *REFINES[1:], *edges_peers.ALPHAS]
        lines += ["", f"Beside peers, on the lemur photo and those of the first {arguments.peers} composites that the network found:", "",
                  table.text("peer", methods, PARTS), ""]
        lines += [f"- {peer}: {np.median(took):.2f} s of processor time a picture" for peer, took in table.times.items()]
        lines += peer_times(largest, arguments.work, 1)
    lines += ["", *times(tool, largest, arguments.sizes, root)]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
