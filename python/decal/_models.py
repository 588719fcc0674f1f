# SPDX-License-Identifier: MIT
"""From what a caller calls a model to an entry of the registry and a file."""

from __future__ import annotations

import json
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
_FIELDS = ("input", "mean", "std", "activation", "output", "foregroundClass", "passes", "inputs")
# And what says where it comes from, which takes no part here.
_ORIGIN = ("name", "description", "licence", "file", "url", "sha256", "bytes", "parts", "training")
_OPTIONAL = ("output", "foregroundClass", "passes", "inputs")
_MAX_JSON_BYTES = 1 << 20


def model_fields(spec: Mapping[str, Any] | None, file: str) -> tuple[dict[str, str], dict[str, float]]:
    """The fields as texts, those of `input` as "input.width", and the values of inputs besides the picture.

    What `spec` says goes before what the JSON file beside `file` says ("" for embedded weights, which have none).
    """
    fields, inputs = _read_json(file) if file else ({}, {})
    more, values = _fields_of(spec or {}, "spec")
    return {**fields, **more}, {**inputs, **values}


def _read_json(file: str) -> tuple[dict[str, str], dict[str, float]]:
    """Of MODEL.onnx.json or else MODEL.json beside MODEL.onnx."""
    path = next((one for one in (f"{file}.json", f"{os.path.splitext(file)[0]}.json") if os.path.isfile(one)), None)
    if path is None:
        return {}, {}
    try:
        with open(path, "rb") as stream:
            content = stream.read(_MAX_JSON_BYTES + 1)
    except OSError as error:
        raise Error("io", f"cannot read: {error.strerror}", path) from error
    if len(content) > _MAX_JSON_BYTES:
        raise Error("invalid-argument", "larger than 1 MiB: no description of a model", path)
    try:
        model = json.loads(content.decode())
    except ValueError as error:
        line = f", in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ": it is not UTF-8"
        raise Error("invalid-argument", f"not valid JSON{line}", path) from error
    if not isinstance(model, dict):
        raise Error("invalid-argument", "an object, as an entry of models/registry.json", path)
    fields, inputs = _fields_of(model, path)
    for name, text in fields.items():
        _check(path, name, {name: text}, {})
    for name, value in inputs.items():
        _check(path, f"inputs.{name}", {}, {name: value})
    return fields, inputs


def _check(path: str, key: str, fields: dict[str, str], inputs: dict[str, float]) -> None:
    try:
        _decal.check_fields(fields, inputs)
    except Error as error:
        raise Error(error.code, error.message, f"{path}: {key}") from None


def _fields_of(spec: Mapping[str, Any], where: str) -> tuple[dict[str, str], dict[str, float]]:
    fields: dict[str, str] = {}
    inputs: dict[str, float] = {}
    for name, value in spec.items():
        if name in _ORIGIN or (name in _OPTIONAL and value is None):
            continue
        if name not in _FIELDS:
            raise Error("invalid-argument", "a model has no such field", f"{where}: {name}")
        if name in ("input", "inputs") and not isinstance(value, Mapping):
            raise Error("invalid-argument", "a dictionary", f"{where}: {name}")
        if name == "input":
            fields.update({f"input.{key}": str(inner) for key, inner in value.items()})
        elif name == "inputs":
            for key, number in value.items():
                if not isinstance(number, numbers.Real) or isinstance(number, bool):
                    raise Error("invalid-argument", "a number for each input besides the picture", f"{where}: inputs.{key}")
                inputs[str(key)] = float(number)
        elif name in ("mean", "std"):
            fields[name] = ",".join(str(float(number)) for number in value) if _are_numbers(value) else ""
        else:
            fields[name] = str(value)
    return fields, inputs


def _are_numbers(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(one, numbers.Real) for one in value)
