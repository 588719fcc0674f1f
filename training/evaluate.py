#!/usr/bin/python3
"""Measures a model as users get it: the decal command cuts out every validation picture.

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


def table(measures):
    lines = ["| set | pictures | IoU | MAE | F-beta max | boundary IoU |", "|---|---|---|---|---|---|"]
    rows = [*measures.items(), ("all", [m for values in measures.values() for m in values])]
    for name, values in rows:
        iou, error, f_beta, edge, _ = zip(*values)
        lines.append(f"| {name} | {len(values)} | {np.mean(iou):.3f} | {np.mean(error):.3f} | "
                     f"{np.mean(f_beta, 0).max():.3f} | {np.mean(edge):.3f} |")
    return "\n".join(lines)


def emptiness_table(measures):
    lines = ["| set | pictures | mean coverage | under 1 % | over 20 % |", "|---|---|---|---|---|"]
    for name, values in sorted(measures.items(), reverse=True):
        coverage = np.array([value[4] for value in values])
        lines.append(f"| {name} | {len(values)} | {100 * coverage.mean():.1f} % | {(coverage < 0.01).sum()} | {(coverage > 0.2).sum()} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="ONNX file")
    parser.add_argument("--name", default="decal-default", help="what the registry calls it, which is how pictures are prepared")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with val.tar and backgrounds.tar")
    parser.add_argument("--decal", default="../build/bin/decal", help="the command")
    parser.add_argument("--sheets", type=pathlib.Path, default=pathlib.Path("sheets"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("RESULTS.md"))
    parser.add_argument("--title", default="the committed default model")
    arguments = parser.parse_args()
    arguments.sheets.mkdir(parents=True, exist_ok=True)
    command = [arguments.decal, "--model", arguments.name, "--model-file", arguments.model]
    pairs = list(read_pairs(tar_or_folder(arguments.data, "val")))
    measures, seen = evaluate(command, pairs)
    without, nothing = evaluate(command, [*strips(pairs), *read_pairs(tar_or_folder(arguments.data, "backgrounds"))])
    text = f"""# Results of {arguments.title}

Written by `evaluate.py`: the `decal` command on every picture of `val.tar`, its matte compared with the mask at the
picture's size, threshold 0.5. The training of this folder sees no picture of it, and nothing is chosen by it.

SHA-256 of the model: `{hashlib.sha256(pathlib.Path(arguments.model).read_bytes()).hexdigest()}`

{table(measures)}

Where there is no subject, mattes should be empty:

{emptiness_table(without)}

`strips` are the parts of these pictures, from edge to edge, that no subject reaches into. `backgrounds` are Caltech-101's pictures of
no class, most of which do show subjects; this training sees all but every 25th and those that show one plainly (`SHOW_SUBJECTS` in
`data.py`) as empty, so that they say little about others.
"""
    arguments.out.write_text(text)
    print(text)
    for pictures, name in ((seen, "worst"), (nothing, "worst-empty")):
        worst = sorted(pictures, key=lambda picture: picture[0])[:40]
        sheet([(f"{p[1]}  {p[0]:.2f}", *p[2:]) for p in worst], arguments.sheets / f"{name}.png")


if __name__ == "__main__":
    main()
