# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""decal.ray in short, where Ray is installed; tests/ray has what happens to clusters (`make test-ray`)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: make test-ray tests decal.ray")


def test_a_folder_on_this_machine(session, tiny, png, tmp_path):
    (tmp_path / "in/below").mkdir(parents=True)
    for name in ("a.png", "below/b.png", "broken.jpg"):
        (tmp_path / "in" / name).write_bytes(b"\xff\xd8" if name == "broken.jpg" else png)
    arguments = ["--from", tmp_path / "in", "--to", tmp_path / "out", "--model", tiny, "--workers", "1", "--crop", "3"]
    for told in ("2 done; 1 failed (1 corrupt-image)", "2 were done before; 1 failed"):
        done = subprocess.run([sys.executable, "-P", "-m", "decal.ray", *map(str, arguments)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1 and told in done.stderr, done.stderr
    expected = np.asarray(session.remove(Image.open(tmp_path / "in/a.png"), crop=3))
    for name in ("a.png", "below/b.png"):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / (name + ".decal.png"))), expected)
