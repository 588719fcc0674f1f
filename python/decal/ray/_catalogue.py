# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""The list of a run: a folder, a file with a picture a line, or standard input, read as it is needed and never held."""

from __future__ import annotations

import json
import posixpath
import sys
from collections.abc import Iterator
from typing import Any

from .._errors import Error
from . import _store
from ._journal import Journal, part_of
from ._worker import Item


def _lines(source: str) -> Iterator[bytes]:
    if source == "-":
        yield from sys.stdin.buffer
        return
    place = _store.place_of(source)
    with _store.as_errors(source), place.fs.open(place.path, "rb") as file:
        yield from file


# What those begin with that are most often given instead of a list.
_PICTURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n": "PNG", b"RIFF": "WebP"}


def _refuse_picture(source: str) -> None:
    """Errors: "invalid-argument" where a list is a picture."""
    place = _store.place_of(source)
    with _store.as_errors(source), place.fs.open(place.path, "rb") as file:
        begin = file.read(64)
    for magic, name in _PICTURES.items():
        if begin.startswith(magic) and b"\0" in begin:
            raise Error("invalid-argument", f"{name}, not a list: --from takes a folder, or a file with a picture's path a line", source)


def is_folder(source: str) -> bool:
    """Errors: "not-found", "io"."""
    if source == "-":
        return False
    place = _store.place_of(source)
    with _store.as_errors(source):
        if place.fs.isdir(place.path):
            return True
        if not place.fs.exists(place.path):
            raise Error("not-found", "no such file or folder", source)
        return False


class Catalogue:
    """Pictures and where their results go.

    Args:
        source: a folder, a list, or "-".
        base: what outputs are relative to; by default the folder, or "" (the whole path) for a list.
        suffix: of outputs: ".decal.png".
    """

    def __init__(self, source: str, destination: str, base: str | None, suffix: str, journal: Journal) -> None:
        self._source = source
        self._destination = destination
        self._suffix = suffix
        self._journal = journal
        self._folder = is_folder(source)
        if not self._folder and source != "-":
            _refuse_picture(source)
        self._base = base if base is not None else source if self._folder else "."
        # Lists may name an output twice; a folder cannot. By the output's hash, that of its input.
        self._seen: dict[int, int] = {}

    def __iter__(self) -> Iterator[tuple[Item, Error | None]]:
        """Each picture of the shard; with an error where the list is wrong."""
        shard, shards = self._journal.shard
        for item, error in self._walk() if self._folder else self._read():
            if error is not None:
                if shard == 0 or item.output and part_of(item.output, shards) == shard:
                    yield item, error
                continue
            if part_of(item.output, shards) != shard:
                continue
            if not self._folder:
                first = self._seen.setdefault(hash(item.output), hash(item.input))
                if first != hash(item.input):
                    yield item, Error("invalid-argument", f"another picture becomes {item.output}", item.input)
                    continue
                if hash((item.output, item.input)) in self._seen:
                    continue  # the same line again
                self._seen[hash((item.output, item.input))] = 0
            yield item._replace(known=self._journal.known(item.output)), None

    def _walk(self) -> Iterator[tuple[Item, Error | None]]:
        for address, version in _store.walk(self._source, self._destination):
            yield Item(address, _store.relative_to(address, self._base) + self._suffix, version), None

    def _read(self) -> Iterator[tuple[Item, Error | None]]:
        for number, raw in enumerate(_lines(self._source), 1):
            text = raw.rstrip(b"\n").rstrip(b"\r").decode(errors="surrogateescape")
            if not text:
                continue
            try:
                yield self._item(text), None
            except Error as error:
                error.where = f"line {number}"
                yield Item(f"line {number}", ""), error

    def _item(self, text: str) -> Item:
        if not text.startswith("{"):
            return Item(text, _store.relative_to(text, self._base) + self._suffix)
        try:
            line: Any = json.loads(text)
        except ValueError as error:
            raise Error("invalid-argument", f"no JSON object: {error}") from error
        source, output = line.get("input"), line.get("output")
        if not isinstance(source, str) or not source:
            raise Error("invalid-argument", "no input, which is the address of a picture")
        if output is None:
            return Item(source, _store.relative_to(source, self._base) + self._suffix)
        if not isinstance(output, str) or not output:
            raise Error("invalid-argument", "output is not a path")
        clean = posixpath.normpath(output)
        if clean.startswith(("/", "../")) or clean in (".", "..") or "\0" in clean:
            raise Error("invalid-argument", f"output {output} is not within the destination")
        if posixpath.splitext(clean)[1].lower() not in self._extensions():
            raise Error("invalid-argument", f"output {output} does not end in {self._extensions()[0]}")
        return Item(source, clean)

    def _extensions(self) -> tuple[str, ...]:
        extension = posixpath.splitext(self._suffix)[1]
        return (".jpg", ".jpeg") if extension == ".jpg" else (extension,)
