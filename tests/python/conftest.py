# SPDX-License-Identifier: MIT
"""Pictures and models that the tests share. The package is the installed wheel, never the source tree."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

import decal
from tiny_model import write_tiny_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("DECAL_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of one layer: the matte is a sigmoid of red minus blue. It runs in a millisecond."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="session")
def session(tiny: str) -> decal.Session:
    return decal.Session(tiny, threads=2)


@pytest.fixture(scope="session")
def rgb() -> np.ndarray:
    """A red disc before blue, with a gradient over both."""
    y, x = np.mgrid[0:90, 0:120]
    disc = (x - 60) ** 2 + (y - 45) ** 2 < 900
    picture = np.where(disc[..., None], (220, 60, 30), (20, 40, 210)) + (x % 30)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def png(rgb: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pictures") / "disc.png"
    Image.fromarray(rgb).save(path)
    return path.read_bytes()
