#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures a model as users get it, and others beside it: the decal command cuts out every picture of the validation sets.

Writes RESULTS.md and sheets of the worst pictures, to be looked at.
"""
import argparse
import collections
import hashlib
import io
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageDraw

from data import free_strip, read_pairs, tar_or_folder

OWN = "decal-default"
EMPTY = 0.001  # a matte that covers less shows nothing
# Who was trained on other pictures of the same sets.
SEEN = {(OWN, "val"): " (sets seen in training)"}
BETA_SQUARED = 0.3  # of the F-measure, as is usual for salient objects (Achanta et al. 2009)


def mattes(command, folder, names):
    """The mattes 0..1 of pictures in a folder, by name; `command` is a list, of decal and the model it is to run."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([*command, folder, "--mask", "--quiet", "-o", out], check=True)
        written = {path.name.split(".")[0]: path for path in pathlib.Path(out).iterdir()}
        return {name: np.asarray(Image.open(written[name]).convert("L"), np.float32) / 255 for name in names}


def boundary(mask, width):
    """The part of a mask within `width` pixels of its outline; the picture's edge is no outline."""
    inside = np.pad(mask, width, mode="edge")
    size = 2 * width + 1
    # An erosion by a square, as running minima along rows, then columns.
    for axis in (0, 1):
        inside = np.lib.stride_tricks.sliding_window_view(inside, size, axis=axis).min(-1)
    return mask & ~inside


def overlap(a, b):
    either = (a | b).sum()
    return (a & b).sum() / either if either else 1.0


def measure(matte, truth):
    """IoU at 0.5, mean absolute error, F-beta at 255 thresholds, boundary IoU (Cheng et al. 2021, 2 % of the diagonal)."""
    found, wanted = matte > 0.5, truth > 0.5
    width = max(1, round(0.02 * np.hypot(*truth.shape)))
    levels = np.arange(1, 256)
    counts, _ = np.histogram(matte[wanted] * 255, np.arange(257))
    hits = counts[::-1].cumsum()[::-1][levels]
    counts, _ = np.histogram(matte * 255, np.arange(257))
    claimed = counts[::-1].cumsum()[::-1][levels]
    precision, recall = hits / np.maximum(claimed, 1), hits / max(wanted.sum(), 1)
    f_beta = (1 + BETA_SQUARED) * precision * recall / np.maximum(BETA_SQUARED * precision + recall, 1e-9)
    return (overlap(found, wanted), np.abs(matte - truth).mean(), f_beta,
            overlap(boundary(found, width), boundary(wanted, width)))


def sheet(rows, path, columns=4, edge=150):
    """Picture, truth and result of each row, with a caption."""
    lines = -(-len(rows) // columns)
    page = Image.new("RGB", (columns * (3 * edge + 10), lines * (edge + 16)), "white")
    draw = ImageDraw.Draw(page)
    for i, (caption, photo, truth, matte) in enumerate(rows):
        x, y = i % columns * (3 * edge + 10), i // columns * (edge + 16)
        picture = Image.open(io.BytesIO(photo)).convert("RGB")
        tiles = [picture, Image.fromarray((truth * 255).astype(np.uint8)),
                 Image.composite(picture, Image.new("RGB", picture.size, (0, 160, 60)),
                                 Image.fromarray((matte * 255).astype(np.uint8)))]
        for k, tile in enumerate(tiles):
            page.paste(tile.convert("RGB").resize((edge, edge)), (x + k * edge, y + 12))
        draw.text((x, y), caption, fill="black")
    page.save(path)


def strips(pairs):
    """What lies beside the subjects of pairs, where there is enough of it, as pictures without a subject."""
    for stem, photo, mask in pairs:
        picture = Image.open(io.BytesIO(photo)).convert("RGB")
        strip = free_strip(np.asarray(Image.open(io.BytesIO(mask)).convert("L").resize(picture.size)))
        if strip:
            stored = io.BytesIO()
            Image.fromarray(np.asarray(picture)[strip]).save(stored, "webp", lossless=True)
            yield f"strips/{stem.replace('/', '-')}", stored.getvalue(), None


def evaluate(command, pairs):
    """Measures by set, and (IoU or coverage, name, photo, truth, matte) of every picture."""
    by_set = collections.defaultdict(list)
    for stem, photo, mask in pairs:
        by_set[stem.split("/")[0]].append((stem.split("/")[1], photo, mask))
    measures, seen = {}, []
    for name, pairs in sorted(by_set.items()):
        with tempfile.TemporaryDirectory() as folder:
            for stem, photo, _ in pairs:
                (pathlib.Path(folder) / f"{stem}.webp").write_bytes(photo)
            found = mattes(command, folder, [stem for stem, _, _ in pairs])
        for stem, photo, mask in pairs:
            matte = found[stem]
            truth = np.zeros_like(matte)
            if mask is not None:
                truth = np.asarray(Image.open(io.BytesIO(mask)).convert("L"), np.float32) / 255
            result = measure(matte, truth)
            measures.setdefault(name, []).append((*result, matte.mean()))
            seen.append((result[0] if mask is not None else 1 - matte.mean(), f"{name}/{stem}", photo, truth, matte))
    return measures, seen


def everything(measures):
    return [each for values in measures.values() for each in values]


def columns(values):
    """Means of a set's measures, as text: IoU, error, F-beta, boundary IoU, and how many are under 0.5 and come out empty."""
    iou, error, f_beta, edge, coverage = (np.array(each) for each in zip(*values))
    return [f"{iou.mean():.3f}", f"{error.mean():.3f}", f"{f_beta.mean(0).max():.3f}", f"{edge.mean():.3f}",
            str((iou < 0.5).sum()), str((coverage < EMPTY).sum())]


HEAD = "| pictures | IoU | MAE | F-beta max | boundary IoU | under 0.5 | empty |"


def table(measures):
    lines = ["| set " + HEAD, "|---" * 8 + "|"]
    rows = list(measures.items())
    if len(rows) > 1:
        rows.append(("all", everything(measures)))
    for name, values in rows:
        lines.append("| " + " | ".join([name, str(len(values)), *columns(values)]) + " |")
    return "\n".join(lines)


def beside_table(by_model):
    """Every model on every folder of pictures: {model: {folder: measures by set}}."""
    lines = ["| pictures of | model " + HEAD, "|---" * 9 + "|"]
    for folder in next(iter(by_model.values())):
        for model, folders in by_model.items():
            values = everything(folders[folder])
            seen = SEEN.get((model, folder), "")
            lines.append("| " + " | ".join([folder, model + seen, str(len(values)), *columns(values)]) + " |")
    return "\n".join(lines)


def emptiness_table(measures):
    lines = ["| set | pictures | mean coverage | under 1 % | over 20 % |", "|---|---|---|---|---|"]
    for name, values in sorted(measures.items(), reverse=True):
        coverage = np.array([value[4] for value in values])
        lines.append(f"| {name} | {len(values)} | {100 * coverage.mean():.1f} % | {(coverage < 0.01).sum()} | {(coverage > 0.2).sum()} |")
    return "\n".join(lines)


def named(text):
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"{text}: should be NAME=FILE")
    return name, path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="ONNX file")
    parser.add_argument("--name", default=OWN, help="what the registry calls it, which is how pictures are prepared")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with the sets, and with backgrounds.tar")
    parser.add_argument("--sets", nargs="+", default=["val", "other"], help="tars or folders there to measure on; missing ones are left out")
    parser.add_argument("--beside", type=named, action="append", default=[], metavar="NAME=FILE", help="another model of the registry to measure")
    parser.add_argument("--decal", default="../build/bin/decal", help="the command")
    parser.add_argument("--sheets", type=pathlib.Path, default=pathlib.Path("sheets"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("RESULTS.md"))
    parser.add_argument("--title", default="the committed default model")
    arguments = parser.parse_args()
    arguments.sheets.mkdir(parents=True, exist_ok=True)
    sets = {name: list(read_pairs(tar_or_folder(arguments.data, name))) for name in arguments.sets
            if tar_or_folder(arguments.data, name).exists()}
    scenes = list(strips(sets["val"])) if "val" in sets else []
    by_model, coverage, tables = {}, {}, []
    for name, path in [(arguments.name, arguments.model), *arguments.beside]:
        command = [arguments.decal, "--model", name, "--model-file", path]
        measured = {folder: evaluate(command, pairs) for folder, pairs in sets.items()}
        by_model[name] = {folder: measures for folder, (measures, _) in measured.items()}
        coverage[name], nothing = evaluate(command, scenes)
        for folder, (_, seen) in [*measured.items(), ("empty", (None, nothing))]:
            worst = sorted(seen, key=lambda picture: picture[0])[:48]
            if worst:
                sheet([(f"{p[1]}  {p[0]:.2f}", *p[2:]) for p in worst], arguments.sheets / f"worst-{folder}-{name}.png")
        if name == arguments.name:
            tables = [f"## {folder}\n\n{table(measures)}" for folder, measures in by_model[name].items()]
    empty = emptiness_table({f"strips, {name}": values for name, measures in coverage.items() for values in measures.values()})
    text = f"""# Results of {arguments.title}

Written by `evaluate.py`: the `decal` command on every picture, its matte compared with the mask at the picture's size, threshold
0.5; empty is what covers less than a thousandth. The training of this folder sees no picture of `val` or `other`. But `val` is drawn
from the sets that the default model is trained on, so that there it is at home, and `other` is not: salient objects from a published
benchmark that nothing here was trained on. U-2-Net-p was trained on salient objects, too; whether on some like these is not known here.

SHA-256 of the model: `{hashlib.sha256(pathlib.Path(arguments.model).read_bytes()).hexdigest()}`

{beside_table(by_model)}

Where there is no subject, mattes should be empty. `strips` are the parts of the pictures of `val`, from edge to edge, that no subject
reaches into:

{empty}

{(chr(10) * 2).join(tables)}
"""
    arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
