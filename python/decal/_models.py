# SPDX-License-Identifier: MIT
"""From what a caller calls a model to an entry of the registry and a file."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _decal
from ._errors import Error

REGISTRY: dict[str, dict[str, Any]] = {model["name"]: model for model in _decal.models()}
DEFAULT = next(iter(REGISTRY))


def models() -> list[dict[str, Any]]:
    """The models that are known by name, the default first.

    Each is a dictionary with name, description, licence (of the weights), url (where to fetch them), sha256, bytes and
    embedded (True: part of this package).
    """
    return [dict(model) for model in REGISTRY.values()]


def find_model(
    model: str | os.PathLike[str] | None, model_file: str | os.PathLike[str] | None, models_dir: str | os.PathLike[str] | None
) -> tuple[str, str, str]:
    """The registry's name ("" for a file that it does not know), the file ("" for embedded weights), what to call it."""
    text = os.fspath(model) if model is not None else DEFAULT
    if os.sep in text or text.endswith(".onnx"):
        stem = os.path.splitext(os.path.basename(text))[0]
        return stem if stem in REGISTRY else "", text, os.path.basename(text)
    entry = REGISTRY.get(text)
    if entry is None:
        raise Error("not-found", "no model of that name; there are " + ", ".join(REGISTRY), text)
    hint = f": fetch it from {entry['url']}" if entry["url"] else ""
    if model_file is not None:
        return text, os.fspath(model_file), text
    if entry["embedded"]:
        return text, "", text
    folder = os.fspath(models_dir) if models_dir is not None else os.environ.get("DECAL_MODELS_DIR", "")
    if not folder:
        raise Error("not-found", f"not part of decal, needs model_file or models_dir{hint}", text)
    path = os.path.join(folder, f"{text}.onnx")
    try:
        size = os.path.getsize(path)
    except OSError as error:
        raise Error("not-found", f"no such file{hint}", path) from error
    if entry["bytes"] and size != entry["bytes"]:
        raise Error("corrupt-model", f"has {size} bytes, not the {entry['bytes']} of {text}: an interrupted download?", path)
    return text, path, text


# Of an entry in the registry's form: what says how pictures are prepared and the output is read.
_FIELDS = ("input", "mean", "std", "activation", "output", "foregroundClass", "inputs")
# And what says where it comes from, which takes no part here.
_ORIGIN = ("name", "description", "licence", "file", "url", "sha256", "bytes", "training")


def model_fields(spec: Mapping[str, Any] | None) -> tuple[dict[str, str], dict[str, float]]:
    """The fields as texts, those of `input` as "input.width", and the values of inputs besides the picture."""
    fields: dict[str, str] = {}
    inputs: dict[str, float] = {}
    for name, value in (spec or {}).items():
        if name in _ORIGIN:
            continue
        if name not in _FIELDS:
            raise Error("invalid-argument", "a model has no such field", f"spec: {name}")
        if name in ("input", "inputs") and not isinstance(value, Mapping):
            raise Error("invalid-argument", "a dictionary", f"spec: {name}")
        if name == "input":
            fields.update({f"input.{key}": str(inner) for key, inner in value.items()})
        elif name == "inputs":
            for key, number in value.items():
                if not isinstance(number, numbers.Real):
                    raise Error("invalid-argument", "a number for each input besides the picture", f"spec: inputs: {key}")
                inputs[str(key)] = float(number)
        elif name in ("mean", "std"):
            fields[name] = ",".join(str(float(number)) for number in value) if _are_numbers(value) else ""
        elif value is not None:
            fields[name] = str(value)
    return fields, inputs


def _are_numbers(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(one, numbers.Real) for one in value)
