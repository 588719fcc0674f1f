# SPDX-License-Identifier: MIT
"""The one exception of the package."""

from __future__ import annotations


class Error(Exception):
    """Something failed, and the next call works.

    Attributes:
        code: a stable reason: "invalid-argument", "not-found", "io", "corrupt-model", "unsupported-operator",
            "shape-mismatch", "corrupt-image", "out-of-memory", "limit-exceeded", "cancelled" or "internal".
        message: one line that says what happened.
        where: the file, model or tensor that it happened to; may be empty.
    """

    code: str
    message: str
    where: str

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(code, message, where)
        self.code = code
        self.message = message
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message} ({self.code})"
