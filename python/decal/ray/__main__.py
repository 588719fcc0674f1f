# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""python -m decal.ray: a catalogue of pictures through a Ray cluster, by the options and the journal of `decal batch`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .._errors import Error

_EPILOG = """examples:
  python -m decal.ray --from photos/ --to cutouts/
  python -m decal.ray --from s3://shop/photos --to s3://shop/cutouts --journal journal --address auto
  python -m decal.ray --from list.jsonl --to cutouts/ --workers 64 --threads 2 --address ray://head:10001
Run it again and it continues where it stopped. Exit status: 0 all done, 1 something failed (the rest is done), 2 wrong usage,
130 interrupted."""

# Options that shape results, as the command and the journal call them: those with a value, and flags.
_VALUES = {
    "format": (str, "png, webp or jpeg (default: png)"),
    "quality": (int, "Quality of webp and jpeg, 1 to 100 (default: 90)"),
    "background": (str, "colour behind the subject: #rrggbb, #rrggbbaa, r,g,b or a CSS name"),
    "refine": (str, "how precisely edges follow the picture: off, fast or best (default: fast)"),
    "threshold": (float, "hard edges: alpha from this value on becomes 1, below 0; 0 to 1"),
    "remove-islands": (float, "remove parts smaller than this share of the largest part, 0 to 1"),
    "fill-holes": (float, "fill holes smaller than this share of the subject, 0 to 1"),
    "smooth": (float, "smooth the outline: removes jags up to about this many pixels, 0 to 50"),
    "grow": (float, "move the outline outwards by this many pixels, or inwards if negative"),
    "shadow": (float, "add a soft shadow on the ground below the subject, 0 to 1"),
    "crop": (float, "crop to the subject, with a margin in percent of its longer side"),
    "aspect-ratio": (str, "extend the result to this aspect ratio: 4:5, or a number"),
    "size": (str, "size of the result in pixels: 800x600, or one side: 800x, x600"),
    "scale": (float, "scale the result instead of --size, 0.01 to 8"),
    "profile": (str, "srgb, or keep: the picture's own colours with their profile"),
}
_FLAGS = {
    "mask": "write the matte as a grey picture instead",
    "background-only": "keep the background and remove the subject",
    "keep-colours": "do not remove the old background's colours from soft edges",
    "keep-metadata": "keep EXIF, XMP and IPTC",
}
# By the option: the field of Session's spec.
_MODEL_FIELDS = {
    "mean": "mean", "std": "std", "size-rule": "input.rule", "size-multiple": "input.multiple", "activation": "activation",
    "model-output": "output", "foreground-class": "foregroundClass", "passes": "passes",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        print(f"decal: {message} (invalid-argument); see python -m decal.ray --help", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m decal.ray", description="Removes the background of many pictures on a Ray cluster.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    parser.add_argument("--from", dest="source", required=True, help="folder, file with a picture a line, or - for such a list on standard input")
    parser.add_argument("--to", required=True, help="folder for the results: a path, or an address of a store such as s3://bucket/folder")
    parser.add_argument("--base", help="what the names of results are relative to (default: the folder, or the current one)")
    parser.add_argument("--journal", help="folder on this machine (default: .decal in --to, where that is on this machine too)")
    parser.add_argument("--shard", default="0/1", help="i/n: take one part of n")
    parser.add_argument("--retry-failed", action="store_true", help="try again what cannot be read or is refused")
    parser.add_argument("--on-error", choices=["continue", "stop"], default="continue")
    parser.add_argument("--address", help="of the Ray cluster: auto, ray://head:10001 (default: a cluster of this machine alone)")
    parser.add_argument("--workers", type=int, default=0, help="actors at most (default: as the cluster's cores hold)")
    parser.add_argument("--threads", type=int, default=1, help="cores and threads of an actor (default: 1)")
    parser.add_argument("--chunk", type=int, default=4, help="pictures a call (default: 4)")
    parser.add_argument("--retries", type=int, default=3, help="of a store that fails (default: 3)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that a picture may take (default: 600)")
    parser.add_argument("--max-memory", help="limit of a decoded picture, as 500M or 4G")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only at the end")
    shape = parser.add_argument_group("the cut-out, as decal has it")
    for name, (kind, text) in _VALUES.items():
        shape.add_argument(f"--{name}", type=kind, help=text)
    for name, text in _FLAGS.items():
        shape.add_argument(f"--{name}", action="store_true", help=text)
    model = parser.add_argument_group("model")
    model.add_argument("--model", help="name (see decal.models()) or path of an .onnx file, the same on all machines")
    model.add_argument("--model-file", help="the weights of --model")
    model.add_argument("--models-dir", help="folder to look for weights")
    for name in _MODEL_FIELDS:
        model.add_argument(f"--{name}")
    model.add_argument("--input-size", help="WxH: pixels of the model's input, where they are dynamic")
    model.add_argument("--model-value", action="append", metavar="NAME=NUMBER", help="for an input besides the picture; once for each")
    return parser


def _spec(given: dict[str, Any]) -> dict[str, Any]:
    """The model's fields as Session takes them. Errors: "invalid-argument"."""
    spec: dict[str, Any] = {}
    for option, field in _MODEL_FIELDS.items():
        text = given[option.replace("-", "_")]
        if text is None:
            continue
        if option in ("mean", "std"):
            try:
                spec[field] = [float(part) for part in text.split(",")]
            except ValueError:
                raise Error("invalid-argument", f"three numbers R,G,B, not {text}", f"--{option}") from None
        elif field.startswith("input."):
            spec.setdefault("input", {})[field.partition(".")[2]] = text
        else:
            spec[field] = text
    if given["input_size"]:
        width, _, height = given["input_size"].partition("x")
        spec.setdefault("input", {}).update(width=width, height=height or width)
    for text in given["model_value"] or []:
        name, equals, number = text.rpartition("=")
        try:
            spec.setdefault("inputs", {})[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise Error("invalid-argument", f"NAME=NUMBER, not {text}", "--model-value")
    return spec


def _arguments(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `Session.remove` and `Session` get."""
    shaping = {name.replace("-", "_"): given[name.replace("-", "_")] for name in [*_VALUES, *_FLAGS]}
    options = {name: value for name, value in shaping.items() if value is not None and value is not False}
    if given["max_memory"]:
        options["max_memory"] = given["max_memory"]
    session = {name: given[name] for name in ("model", "model_file", "models_dir") if given[name] is not None}
    spec = _spec(given)
    return options, {**session, "spec": spec} if spec else session


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    given = vars(_parser().parse_args(arguments))
    try:
        from ._run import run

        options, session = _arguments(given)
        progress = run(
            given["source"], given["to"], options=options, session=session,
            **{name: given[name] for name in ("base", "journal", "shard", "retry_failed", "on_error", "address", "workers", "threads",
                                              "chunk", "retries", "timeout", "quiet")},
        )
    except Error as error:
        print(f"decal: {error}", file=sys.stderr)
        return 2 if error.code == "invalid-argument" else 1
    except KeyboardInterrupt:
        print("decal: interrupted (cancelled)", file=sys.stderr)
        return 130
    return 1 if progress.failed else 0


if __name__ == "__main__":
    sys.exit(main())
