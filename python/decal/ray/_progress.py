# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""What a run tells on standard error: a line that moves on a terminal, one a minute elsewhere, failures, and a summary."""

from __future__ import annotations

import collections
import contextlib
import sys
import time
from collections.abc import Iterable
from typing import Any

_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 60.0


class Progress:
    """Counts pictures."""

    def __init__(self, quiet: bool) -> None:
        self.done = self.skipped = self.failed = 0
        self.causes: collections.Counter[str] = collections.Counter()
        self._total: int | None = None
        self._quiet = quiet
        self._start = time.monotonic()
        self._shown = self._start if not sys.stderr.isatty() else 0.0
        self._visible = False

    def count(self, pictures: Iterable[Any]) -> None:
        """In a thread of its own: how many there are, which tells the time that is left."""
        with contextlib.suppress(Exception):  # other workers fail in the same way
            self._total = sum(1 for _ in pictures)

    def add(self, line: dict[str, Any]) -> None:
        if line["outcome"] == "failed":
            self.failed += 1
            self.causes[line["code"]] += 1
            if not self._quiet and not line.get("skipped"):
                self.say(f"{line['input']}: {line['message']} ({line['code']})")
        elif line.get("skipped"):
            self.skipped += 1
        else:
            self.done += 1

    def say(self, text: str) -> None:
        self._clear()
        print(f"decal: {' '.join(text.split())}".encode(errors="backslashreplace").decode(), file=sys.stderr)

    def show(self, workers: int) -> None:
        terminal = sys.stderr.isatty()
        now = time.monotonic()
        if self._quiet or now - self._shown < (_TERMINAL_SECONDS if terminal else _LOG_SECONDS):
            return
        self._shown = now
        text = self._text(workers)
        if terminal:
            print(f"\r\033[K{text[:119]}", end="", file=sys.stderr, flush=True)
            self._visible = True
        else:
            self.say(text)

    def _text(self, workers: int) -> str:
        count = self.done + self.failed + self.skipped
        rate = (self.done + self.failed) / max(time.monotonic() - self._start, 1e-3)
        text = f"{count:,}" + (f" of {self._total:,}" if self._total is not None else "") + f" pictures, {self.failed:,} failed, {rate:.1f} a second"
        if self._total is not None and rate > 0:
            left = max(0, self._total - count) / rate
            text += f", {int(left // 3600)} h {int(left % 3600 // 60):02} min left" if left >= 60 else f", {left:.0f} s left"
        return text + f", {workers} worker{'s' if workers != 1 else ''}"

    def _clear(self) -> None:
        if self._visible:
            print("\r\033[K", end="", file=sys.stderr)
            self._visible = False

    def end(self) -> None:
        self._clear()
        seconds = time.monotonic() - self._start
        parts = [f"{self.done:,} done"]
        if self.skipped:
            parts.append(f"{self.skipped:,} were done before")
        if self.failed:
            causes = ", ".join(f"{count:,} {code}" for code, count in self.causes.most_common())
            parts.append(f"{self.failed:,} failed ({causes})")
        if not self._quiet or self.failed:
            self.say(f"{'; '.join(parts)}; {seconds:.1f} s")
