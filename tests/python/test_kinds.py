# SPDX-License-Identifier: MIT
"""What goes in comes out as the same kind, and every kind gives the same pixels."""

from __future__ import annotations

import io
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

import decal


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_arrays(session, rgb):
    cutout = session.remove(rgb)
    assert cutout.shape == (90, 120, 4) and cutout.dtype == np.uint8 and isinstance(cutout, np.ndarray)
    assert cutout[45, 60, 3] > 200 and cutout[0, 0, 3] < 50
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    assert np.array_equal(session.remove(opaque), cutout)


def test_arrays_of_any_layout(session, rgb):
    cutout = session.remove(rgb)
    wide = np.zeros((90, 240, 3), np.uint8)
    wide[:, ::2] = rgb
    reversed_channels = np.ascontiguousarray(rgb[:, :, ::-1])
    frozen = rgb.copy()
    frozen.flags.writeable = False
    for array in (wide[:, ::2], reversed_channels[:, :, ::-1], np.asfortranarray(rgb), rgb[::-1][::-1], frozen):
        before = array.copy()
        assert np.array_equal(session.remove(array), cutout)
        assert np.array_equal(array, before)
    padded = np.zeros((90, 130, 4), np.uint8)
    padded[:, :120, :3], padded[:, :120, 3] = rgb, 255
    assert np.array_equal(session.remove(padded[:, :120]), cutout)


def test_grey_arrays(session, rgb):
    grey = rgb[:, :, 0].copy()
    expected = session.remove(np.repeat(grey[:, :, None], 3, 2))
    assert np.array_equal(session.remove(grey), expected)
    assert np.array_equal(session.remove(grey[:, :, None]), expected)


def test_alpha_is_kept_times_the_matte(session, rgb):
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:30], alpha[30:60] = 0, 128
    rgba = np.dstack([rgb, alpha])
    for matte in (255, 100):
        applied = session.apply_matte(rgba, np.full(alpha.shape, matte, np.uint8))[:, :, 3]
        assert np.abs(applied - alpha * (matte / 255)).max() <= 1
    cutout = session.remove(rgba)
    kept = cutout[:, :, 3]
    assert not kept[:30].any() and kept[30:60].max() <= 128 and kept.any()
    assert not cutout[kept == 0].any()


def test_bytes_files_and_paths(session, rgb, png, tmp_path):
    expected = session.remove(rgb)
    data = session.remove(png)
    assert isinstance(data, bytes) and data.startswith(b"\x89PNG") and np.array_equal(pixels(data), expected)
    assert np.array_equal(pixels(session.remove(bytearray(png))), expected)
    file = session.remove(io.BytesIO(png))
    assert np.array_equal(np.asarray(Image.open(file)), expected)
    path = tmp_path / "photo.v1.png"
    path.write_bytes(png)
    with path.open("rb") as opened:
        assert np.array_equal(np.asarray(Image.open(session.remove(opened))), expected)
    for given in (path, str(path)):
        written = session.remove(given)
        assert isinstance(written, os.PathLike) and pathlib.Path(written) == tmp_path / "photo.v1.decal.png"
        assert np.array_equal(np.asarray(Image.open(written)), expected)
    assert pathlib.Path(session.remove(path, mask=True)).name == "photo.v1.decal-mask.png"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.v1.decal-mask.png", "photo.v1.decal.png", "photo.v1.png"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16", "La", "RGBa", "RGBX"])
def test_pil_modes(session, rgb, mode):
    image = Image.fromarray(rgb)
    if mode == "I;16":
        image = Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 257)
    elif mode in ("La", "RGBa"):
        image = image.convert("LA" if mode == "La" else "RGBA").convert(mode)
    elif mode == "LAB":
        from PIL import ImageCms

        image = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    elif mode in ("I", "F"):
        image = image.convert("L").convert(mode)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    cutout = session.remove(image)
    assert cutout.mode == "RGBA" and cutout.size == image.size


def test_the_given_pil_image_stays_as_it_is(session, rgb):
    image = Image.fromarray(rgb)
    image.getexif()[0x0112] = 6
    cutout = session.remove(image)
    assert cutout.size == (90, 120) and image.size == (120, 90) and np.array_equal(np.asarray(image), rgb)
    assert np.array_equal(np.asarray(cutout), np.asarray(session.remove(np.ascontiguousarray(np.rot90(rgb, -1)))))


def test_backgrounds(session, rgb):
    red = session.remove(rgb, background="#f00")
    assert red.shape == (90, 120, 3)
    for same in ("ff0000", "#FF0000", "255,0,0", (255, 0, 0), [255, 0, 0, 255], np.array([255, 0, 0])):
        assert np.array_equal(session.remove(rgb, background=same), red)
    half = session.remove(rgb, background=(0, 0, 255, 128))
    assert half.shape == (90, 120, 4) and half[:, :, 3].min() >= 128
    assert session.remove(Image.fromarray(rgb), background="#fff").mode == "RGB"


def test_masks_and_mattes(session, rgb):
    mask = session.remove(rgb, mask=True)
    assert mask.shape == (90, 120) and np.array_equal(mask, session.remove(rgb)[:, :, 3])
    assert session.remove(Image.fromarray(rgb), mask=True).mode == "L"
    matte = session.segment(rgb)
    assert np.array_equal(matte, mask)
    transparent = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    assert np.array_equal(session.segment(transparent), matte)
    assert np.array_equal(session.apply_matte(rgb, matte), session.remove(rgb))
    assert np.array_equal(session.apply_matte(rgb, np.ones((1, 1)))[:, :, :3], rgb)
    assert session.apply_matte(rgb, np.zeros((7, 5), bool), background=(1, 2, 3))[3, 3].tolist() == [1, 2, 3]
    image = session.apply_matte(Image.fromarray(rgb), Image.fromarray(np.asarray(matte)))
    assert np.array_equal(np.asarray(image), session.remove(rgb))


def test_formats(session, rgb, png, tmp_path):
    jpeg = Image.open(io.BytesIO(session.remove(png, format="jpeg")))
    assert jpeg.format == "JPEG" and min(jpeg.getpixel((0, 0))) > 200  # white unless told otherwise
    assert Image.open(io.BytesIO(session.remove(png, format="WebP"))).format == "WEBP"
    assert len(session.remove(png, format="jpg", quality=20)) < len(session.remove(png, format="jpg", quality=95))
    for source in (rgb, png, Image.fromarray(rgb), io.BytesIO(png)):
        written = session.remove(source, output=tmp_path / "out.webp")
        assert Image.open(written).format == "WEBP" and pathlib.Path(written) == tmp_path / "out.webp"
    assert Image.open(session.remove(png, output=str(tmp_path / "mask.jpg"), mask=True)).mode == "L"


@pytest.mark.parametrize(
    ("mode", "size"), [("RGBA", (1, 1)), ("RGBA", (1, 300)), ("RGB", (300, 1)), ("RGBA", (1000, 700)), ("RGB", (700, 1001)), ("L", (40, 30))]
)
def test_png_files_hold_the_pixels(mode, size):
    from decal import _pictures
    from decal._metadata import Facts, Metadata

    channels = len(mode)
    made = np.random.default_rng(3).integers(0, 256, (size[1], size[0], channels), np.uint8)
    made[: size[1] // 2] = 0  # long runs beside noise, which does not get smaller
    image = Image.fromarray(made if channels > 1 else made[:, :, 0])
    facts = Facts((300.0, 300.0), Metadata(b"", b"<x:xmpmeta/>", b""))
    data = _pictures.encode(image, "PNG", 90, facts)
    read = Image.open(io.BytesIO(data))
    read.load()  # checksums, too
    assert read.mode == mode and read.size == size and np.array_equal(np.asarray(read), np.asarray(image))
    assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1) and read.info["xmp"] == b"<x:xmpmeta/>"
    assert data[-8:-4] == b"IEND"
    # More threads than strips, and strips that end anywhere.
    assert {_pictures.encode(image, "PNG", 90, facts, threads) for threads in (2, 3, 16)} == {data}


def test_every_result_says_what_ran(session, rgb, png, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(png)
    results = [session.remove(source) for source in (rgb, png, io.BytesIO(png), path, Image.fromarray(rgb))]
    results += [session.segment(rgb), session.apply_matte(rgb, np.ones((4, 4)))]
    for result in results:
        execution = result.execution
        assert execution.provider == "native" and execution.model == "tiny.onnx" and execution.threads == 2
        assert set(execution.ms) == {"load", "decode", "preprocess", "inference", "postprocess", "encode"}
        assert execution.simd and all(value >= 0 for value in execution.ms.values())
    assert 0 < results[0].execution.coverage < 1 and results[0].execution.memory_bytes > 0
    assert results[0][1:].execution is results[0].execution  # numpy's views keep it


def test_the_model_inside_the_package(png):
    data = decal.remove(png)
    assert data.execution.model == "decal-default" and data.execution.ms["load"] > 0
    assert decal.remove(png) == data and decal.remove(png).execution.ms["load"] == 0
    names = [model["name"] for model in decal.models()]
    assert names[0] == "decal-default" and "u2netp" in names
    assert all(model["licence"] and model["description"] for model in decal.models())


def test_models_by_name_and_folder(tiny, rgb, tmp_path, monkeypatch):
    by_path = decal.Session(tiny).segment(rgb, refine="off")
    named = decal.Session("u2netp", model_file=tiny).segment(rgb, refine="off")
    assert not np.array_equal(named, by_path)  # it is prepared as u2netp wants it
    (tmp_path / "u2netp.onnx").write_bytes(pathlib.Path(tiny).read_bytes())
    with pytest.raises(decal.Error) as caught:
        decal.Session("u2netp", models_dir=tmp_path)
    assert caught.value.code == "corrupt-model" and "interrupted download" in caught.value.message
    monkeypatch.setenv("DECAL_MODELS_DIR", str(tmp_path / "none"))
    with pytest.raises(decal.Error) as caught:
        decal.Session("u2netp")
    assert caught.value.code == "not-found" and "fetch it from https://" in caught.value.message
