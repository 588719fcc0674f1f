# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""What options may be: border/fields.json, which is part of this package and which the command keeps to as well."""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

import numpy as np

from ._errors import Error


class Rule(NamedTuple):
    """Of one option."""

    name: str
    message: str
    whole: bool
    least: float
    most: float
    words: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        if self.words:
            return isinstance(value, str) and value in self.words
        kinds = (int, np.integer) if self.whole else (int, float, np.integer, np.floating)
        return isinstance(value, kinds) and not isinstance(value, (bool, np.bool_)) and bool(self.least <= value <= self.most)

    def check(self, value: Any) -> Any:
        """The value itself. Errors: "invalid-argument", which names the option and what it may be."""
        if not self.allows(value):
            raise Error("invalid-argument", f"{self.name} is {self.message}, not {value!r}")
        return value


def _load() -> dict[str, Rule]:
    folder = os.path.dirname(__file__)
    tables = {}
    for table in ("limits", "fields"):
        with open(os.path.join(folder, f"{table}.json"), "rb") as file:
            tables[table] = json.load(file)
    limits = {one["name"]: one["value"] for one in tables["limits"]["limits"]}
    rules = {}
    # The command's rules come last: they go before those that only the npm package has ("threads").
    for row in [*tables["fields"]["options"], *tables["fields"]["command"]]:
        name = re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", row["name"].removeprefix("output.")).replace(".", "_").replace("-", "_")
        bounds = {key: limits.get(row[key], row[key]) for key in ("least", "most") if key in row}
        message = row["message"].format(**bounds)
        least, most = bounds.get("least", float("-inf")), bounds.get("most", float("inf"))
        rules[name] = Rule(name, message, row["type"] == "whole", least, most, tuple(row.get("words", ())))
    return rules


RULES = _load()
"""By the name that the option has in Python; the sides of `size` are size_width and size_height."""
