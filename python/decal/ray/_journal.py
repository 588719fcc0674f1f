# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""The journal of `decal batch`, in Python: names of results, shards, and a line for each picture (docs/scaling.md)."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import _decal
from .._colour import parse_colour
from .._errors import Error
from .._models import model_fields
from .._options import parse_aspect_ratio, parse_frame_size

# The same bytes fail in the same way.
FINAL = {"corrupt-image", "unsupported", "invalid-argument"}
_LOCK_SECONDS = 120
_MASK = (1 << 64) - 1


def options_hash(options: Mapping[str, str]) -> str:
    """Of the options that shape results and are not the default."""
    text = json.dumps(dict(options), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_DEFAULTS: dict[str, Any] = {"format": "png", "refine": "fast", "profile": "srgb", "quality": 90, "scale": 1}
_DEFAULTS.update(dict.fromkeys(("remove_islands", "fill_holes", "smooth", "grow", "shadow"), 0))


def canonical_options(options: Mapping[str, Any], session: Mapping[str, Any]) -> dict[str, str]:
    """The options of `Session.remove` and `Session` that shape results and are not the default, as the command names them."""
    found: dict[str, str] = {}
    is_png = (options.get("format") or "png") == "png"
    for name, value in options.items():
        plain = value is None or value is False or value == _DEFAULTS.get(name) or name in ("max_memory", "output")
        if plain or (name == "quality" and is_png):
            continue
        if name == "background":
            colour = parse_colour(value)
            found[name] = "#" + bytes(colour or ()).hex()
        elif name == "aspect_ratio":
            found["aspect-ratio"] = _text(float(np.float32(parse_aspect_ratio(value))))
        elif name == "size":
            found[name] = "x".join(str(side or "") for side in parse_frame_size(value))
        else:
            found[name.replace("_", "-")] = _text(value)
    for name in ("model", "model_file"):
        if session.get(name) is not None:
            found[name.replace("_", "-")] = os.fspath(session[name])
    fields, inputs = model_fields(session.get("spec"), "")
    for name, text in fields.items():
        found[name] = ",".join(_text(float(part)) for part in text.split(",")) if name in ("mean", "std") else text
    found.update({f"model-value.{name}": _text(value) for name, value in inputs.items()})
    return found


def _text(value: Any) -> str:
    return "true" if value is True else value if isinstance(value, str) else f"{value:g}"


def part_of(output: str, shards: int) -> int:
    """Which shard a result belongs to: FNV-1a and the last step of MurmurHash3."""
    value = 0xCBF29CE484222325
    for byte in output.encode(errors="surrogateescape"):
        value = (value ^ byte) * 0x100000001B3 & _MASK
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return (value ^ value >> 33) % shards


def parse_shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 0 <= int(match[1]) < int(match[2]):
        raise Error("invalid-argument", f"a shard is i/n, i from 0 to n - 1, not {text!r}")
    return int(match[1]), int(match[2])


class Known(NamedTuple):
    """What the journal says of a result."""

    outcome: str
    options: str
    version: str
    hash: str
    size: int
    code: str
    message: str


class Journal:
    """One process's file in the folder of the journal. Use as a context: it is locked while it is open."""

    def __init__(self, folder: str, shard: tuple[int, int]) -> None:
        self.folder = folder
        self.shard = shard
        self.path = os.path.join(folder, f"journal-{shard[0]}-of-{shard[1]}.jsonl")
        self._known: dict[int, Known] = {}
        self._file: Any = None

    def __enter__(self) -> Journal:
        try:
            os.makedirs(self.folder, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)
            self._lock()
            self._read()
            self._file.seek(0, os.SEEK_END)
            if self._file.tell() > 0:
                self._file.seek(-1, os.SEEK_END)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")  # a run before this one was cut off within a line
        except OSError as error:
            raise Error("io", f"cannot write the journal: {error.strerror}", self.path) from error
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def _lock(self) -> None:
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Error("io", "another process works on this shard", self.path) from None
                time.sleep(0.2)

    def _read(self) -> None:
        own = os.path.basename(self.path)
        # Those of another number of shards, and of other programs: between files there is no order, and what is done counts.
        ending = f"-of-{self.shard[1]}.jsonl"
        others = [name for name in sorted(os.listdir(self.folder)) if name.endswith(".jsonl") and not name.endswith(ending)]
        for name in others:
            for line in _lines(os.path.join(self.folder, name)):
                if part_of(line["output"], self.shard[1]) == self.shard[0]:
                    self._remember(self._known, line, keep_done=True)
        mine: dict[int, Known] = {}
        for line in _lines(os.path.join(self.folder, own)):
            self._remember(mine, line, keep_done=False)
        for key, known in mine.items():
            if known.outcome == "done" or self._known.get(key, known).outcome != "done":
                self._known[key] = known

    @staticmethod
    def _remember(into: dict[int, Known], line: Mapping[str, Any], keep_done: bool) -> None:
        key = _key(line["output"])
        if keep_done and line["outcome"] == "failed" and into.get(key) is not None and into[key].outcome == "done":
            return
        size, text = line.get("size", -1), line.get
        into[key] = Known(
            line["outcome"], sys.intern(str(text("options", ""))), str(text("version", "")), str(text("hash", "")),
            size if isinstance(size, int) else -1, sys.intern(str(text("code", ""))), str(text("message", "")),
        )

    def known(self, output: str) -> Known | None:
        return self._known.get(_key(output))

    def begin(self, source: str, options: Mapping[str, str]) -> None:
        run = {"version": _decal.version(), "shard": f"{self.shard[0]}/{self.shard[1]}", "from": source, "host": socket.gethostname()}
        self._append({"run": {**run, "options": dict(options)}})

    def add(self, line: Mapping[str, Any]) -> None:
        """One line with one write: a killed process leaves whole lines, and half of one at most."""
        self._append(line)

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(_printable(line), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise Error("io", f"cannot write the journal: {error.strerror}", self.path) from error


def _key(output: str) -> int:
    return int.from_bytes(hashlib.blake2b(_printable(output).encode(), digest_size=8).digest(), "big")


def _printable(value: Any) -> Any:
    """Bytes of a path that are not UTF-8 as the text \\xNN."""
    if isinstance(value, str):
        return re.sub("[\udc80-\udcff]", lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", value)
    if isinstance(value, Mapping):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    return value


def _lines(path: str) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and line.get("outcome") in ("done", "failed") and isinstance(line.get("output"), str):
                yield line
