# SPDX-License-Identifier: MIT
"""Bad input: one line, a code, and the next call works."""

from __future__ import annotations

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

import decal


def code(call, *arguments, **keywords) -> str:
    with pytest.raises(decal.Error) as caught:
        call(*arguments, **keywords)
    error = caught.value
    assert error.message and "\n" not in str(error) and str(error).endswith(f"({error.code})")
    return error.code


def jpeg(rgb) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.tile(rgb, (3, 3, 1))).save(file, "JPEG")
    return file.getvalue()


def test_pictures(session, rgb, png, tmp_path):
    data = jpeg(rgb)
    for bad in (b"", b"x", b"\xff\xd8\xff", data[: len(data) // 2], png[: len(png) // 2], png[:30], data[:200] + data[300:600]):
        assert code(session.remove, bad) == "corrupt-image"
    for seed in range(60):
        random = np.random.default_rng(seed)
        broken = bytearray(png if seed % 2 else data)
        for place in random.integers(4, len(broken), 12):
            broken[place] = random.integers(256)
        try:
            session.remove(bytes(broken))
        except decal.Error as error:
            assert error.code in ("corrupt-image", "limit-exceeded")
    assert code(lambda: session.remove(tmp_path / "none.png")) == "not-found"
    assert code(lambda: session.remove(tmp_path)) == "io"
    assert code(lambda: session.remove(io.StringIO("text"))) == "invalid-argument"
    for bad in (None, 7, rgb.astype(np.float32), rgb[:, :, :2], rgb[:0], rgb[None], np.zeros((3,), np.uint8), [[1]]):
        assert code(session.remove, bad) == "invalid-argument"
    assert session.remove(rgb).shape == (90, 120, 4)


def test_a_picture_over_the_limit_is_refused_by_its_header(session):
    file = io.BytesIO()
    Image.new("L", (10, 10)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    assert code(lambda: session.remove(bytes(data))) == "limit-exceeded"
    huge = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (20000, 20000, 3))
    assert code(lambda: session.remove(huge)) == "limit-exceeded"


def test_options(session, rgb, png, tmp_path):
    for options in (
        {"background": "reddish"}, {"background": "#12"}, {"background": "1,2"}, {"background": (1, 2)}, {"background": (1, 2, 300)},
        {"background": 5}, {"format": "gif"}, {"format": 3}, {"quality": 0}, {"quality": 101}, {"quality": "high"},
        {"output": tmp_path / "out.bmp"},
    ):
        assert code(session.remove, png, **options) == "invalid-argument"
    with pytest.raises(TypeError):
        session.remove(png, sharpness=1)
    path = tmp_path / "photo.png"
    path.write_bytes(png)
    assert code(lambda: session.remove(path, output=path)) == "invalid-argument"
    assert path.read_bytes() == png
    assert code(lambda: session.remove(path, output=tmp_path / "none" / "out.png")) == "io"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png"]
    for matte in (np.zeros((2, 2, 3)), np.zeros((0, 4)), np.zeros((2, 2), int), "matte"):
        assert code(session.apply_matte, rgb, matte) == "invalid-argument"


def test_models(tmp_path, tiny):
    assert code(lambda: decal.Session("u3net")) == "not-found"
    assert code(lambda: decal.Session("u2netp")) == "not-found"
    assert code(lambda: decal.Session(tmp_path / "none.onnx")) == "not-found"
    assert code(lambda: decal.Session("u2netp", model_file=tmp_path)) == "io"
    for threads in (0, -1, 1000):
        assert code(decal.Session, threads=threads) == "invalid-argument"
    bad = tmp_path / "bad.onnx"
    for data in (b"", b"no model", pathlib.Path(tiny).read_bytes()[:40]):
        bad.write_bytes(data)
        assert code(decal.Session, bad) in ("corrupt-model", "shape-mismatch")
    assert code(lambda: decal.remove(b"x", session=decal.Session(tiny), threads=2)) == "invalid-argument"


def test_wrong_output(tmp_path, rgb):
    from tiny_model import write_tiny_model

    model = write_tiny_model(tmp_path / "four.onnx", channels=4)
    assert code(lambda: decal.Session(model).segment(rgb)) == "invalid-argument"  # which of the four is the subject?
    nan = write_tiny_model(tmp_path / "nan.onnx", weights=[float("nan")] * 3)
    assert code(lambda: decal.Session(nan).segment(rgb)) == "internal"
