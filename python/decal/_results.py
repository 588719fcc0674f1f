# SPDX-License-Identifier: MIT
"""Results of the kind that was given, each with the report of what ran as `.execution`."""

from __future__ import annotations

import io
import pathlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Box(NamedTuple):
    """A part of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Execution:
    """What ran and what it took: the same report as the command's `--json`."""

    provider: str
    """"native": the engine in this process."""
    dtype: str
    threads: int
    simd: str
    """The instruction set of the kernels: "AVX2", "AVX3", "NEON"."""
    model: str
    ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage: load, decode, preprocess, inference, postprocess, encode."""
    memory_bytes: int = 0
    """Weights, activations and working memory of the engine, without the picture itself."""
    passes: int = 1
    """2 where the model saw the subject's surroundings again, closer (refine="best"); otherwise 1."""
    coverage: float | None = None
    """The mean of the matte, 0..1: near 0 there is no subject, near 1 no background. None where no network ran."""
    bounding_box: Box | None = None
    """Around the subject, in the pixels of the whole picture; None if there is none, or no network ran."""
    found_subject: bool = True
    """False where the result shows nothing: coverage under a thousandth."""
    notes: tuple[str, ...] = ()
    """What of the file was interpreted or left out, a sentence each, and "no subject found"."""


class CutoutBytes(bytes):
    """An encoded picture, with its `execution`."""

    execution: Execution


class CutoutFile(io.BytesIO):
    """An encoded picture to read, with its `execution`."""

    execution: Execution


class CutoutPath(type(pathlib.Path())):  # type: ignore[misc]
    """The path of a written picture, with its `execution`."""

    execution: Execution


class CutoutArray(np.ndarray):
    """Pixels, with their `execution`."""

    execution: Execution | None

    def __array_finalize__(self, source: Any) -> None:
        self.execution = getattr(source, "execution", None)


def as_array(pixels: np.ndarray, execution: Execution) -> CutoutArray:
    array = pixels.view(CutoutArray)
    array.execution = execution
    return array
