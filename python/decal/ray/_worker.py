# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""What one process does with one picture: read it by its address, cut it out, write the result, say what happened."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from .._errors import Error
from .._options import Plan
from .._pictures import default_max_memory, encode
from .._session import Session
from . import _store
from ._journal import FINAL, Known

T = TypeVar("T")


class Item(NamedTuple):
    """A picture of the list."""

    input: str
    output: str
    """Relative to the destination."""
    version: str = ""
    """As the listing says; empty: not asked yet."""
    known: Known | None = None
    attempt: int = 0
    """How many processes have ended while they had this picture."""


class Settings(NamedTuple):
    """What every worker of a run gets: everything in it goes to other machines."""

    destination: str
    session: Mapping[str, Any]
    """The arguments of `Session`."""
    options: Mapping[str, Any]
    """Those of `Session.remove`."""
    options_hash: str
    retries: int = 3
    retry_failed: bool = False


class Cutter:
    """A session and what goes with it. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limit = Plan(**settings.options).reading.max_memory or default_max_memory()
        self.session = Session(**settings.session)

    def cut(self, item: Item) -> dict[str, Any]:
        """The line of the journal; one with `"skipped"` where nothing was to be done."""
        line: dict[str, Any] = {"input": item.input, "output": item.output}
        self._timed(line, lambda: self._cut(item, line), item.input)
        return line

    def _timed(self, line: dict[str, Any], work: Callable[[], None], name: str) -> None:
        start = time.perf_counter()
        try:
            work()
        except Error as error:
            message = f"{error.where}: {error.message}" if error.where and error.where != name else error.message
            line.update(outcome="failed", code=error.code, message=message)
        except MemoryError:
            line.update(outcome="failed", code="out-of-memory", message="no memory for it")
        except Exception as error:  # one picture never ends a run
            line.update(outcome="failed", code="internal", message=f"{type(error).__name__}: {error}".splitlines()[0])
        line["ms"] = round((time.perf_counter() - start) * 1000, 1)

    def cut_here(self, picture: Any) -> dict[str, Any]:
        """Of an address, a file's bytes or pixels; the result is the line's `"cutout"`, the bytes of a file."""
        line: dict[str, Any] = {}

        def work() -> None:
            data = self._again(lambda: _store.read(picture, self._limit)) if isinstance(picture, str) else picture
            if isinstance(data, np.ndarray):
                data = Image.fromarray(data)
            result = self.session.remove(data, **self._settings.options)
            if isinstance(result, Image.Image):
                plan = Plan(**self._settings.options)
                line["cutout"] = encode(result, plan.format, plan.quality)
            else:
                line["cutout"] = bytes(result)
            line.update(outcome="done", coverage=float(result.execution.coverage or 0))

        self._timed(line, work, picture if isinstance(picture, str) else "")
        return line

    def _cut(self, item: Item, line: dict[str, Any]) -> None:
        settings, known = self._settings, item.known
        version = item.version or self._again(lambda: _store.state(item.input)[0])
        if version:
            line["version"] = version
        line["options"] = settings.options_hash
        same = known is not None and known.options == settings.options_hash
        if same and known is not None and known.outcome == "failed":
            if known.code in FINAL and version and known.version == version and not settings.retry_failed:
                line.update(skipped=True, outcome="failed", code=known.code, message=known.message)
                return
            same = False
        place = _store.join(settings.destination, item.output)
        there = same and known is not None and self._has(place, known.size)
        if there and known is not None and version and known.version == version:
            line.update(skipped=True, outcome="done")
            return
        data = self._again(lambda: _store.read(item.input, self._limit))
        line["hash"] = hashlib.sha256(data).hexdigest()[:32]
        if there and known is not None and known.hash == line["hash"]:
            line.update(skipped=True, outcome="done")
            return
        result = self.session.remove(data, **settings.options)
        self._again(lambda: _store.write(place, result, item.attempt))
        line.update(outcome="done", size=len(result), coverage=round(float(result.execution.coverage or 0), 4))

    def _has(self, place: str, size: int) -> bool:
        try:
            return self._again(lambda: _store.state(place)[1]) == size
        except Error as error:
            if error.code == "not-found":
                return False
            raise

    def _again(self, call: Callable[[], T]) -> T:
        """Stores refuse and connections end: such calls are made again, later and later."""
        for attempt in range(self._settings.retries + 1):
            try:
                return call()
            except Error as error:
                lasting = isinstance(error.__cause__, (PermissionError, IsADirectoryError, NotADirectoryError, ValueError))
                if error.code != "io" or lasting or attempt == self._settings.retries:
                    raise
            time.sleep(0.2 * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError
