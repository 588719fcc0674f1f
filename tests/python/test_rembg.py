# SPDX-License-Identifier: MIT
"""decal.rembg: rembg's calls, arguments, names and files. bench/python.py compares with the package itself."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import pathlib
import pickle
import threading

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import decal
import decal.rembg as rembg
from conftest import ROOT, SHARED
from decal.rembg import _catalogue, _edges
from decal.rembg.sessions import BaseSession, sessions, sessions_names
from tiny_model import write_tiny_model


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    for name in ("REMBG_HOME", "XDG_DATA_HOME", "DECAL_MODELS_DIR", "OMP_NUM_THREADS", "MODEL_CHECKSUM_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("DECAL_OFFLINE", "1")


@pytest.fixture
def custom(tmp_path):
    path = write_tiny_model(tmp_path / "mine.onnx", size=32)
    return rembg.new_session("u2net_custom", model_path=path)


def test_kinds(custom, rgb, png):
    image = Image.fromarray(rgb)
    cutout = rembg.remove(image, session=custom)
    assert cutout.mode == "RGBA" and cutout.size == image.size and type(cutout) is Image.Image
    array = rembg.remove(rgb, session=custom)
    assert type(array) is np.ndarray and np.array_equal(array, np.asarray(cutout))
    data = rembg.remove(png, session=custom)
    assert type(data) is bytes and np.array_equal(np.asarray(Image.open(io.BytesIO(data))), array)
    assert rembg.remove(png, session=custom, force_return_bytes=True) == data
    assert rembg.remove(image, session=custom, force_return_bytes=True) == data
    for bad in ("photo.jpg", None, 3):
        with pytest.raises(ValueError):
            rembg.remove(bad, session=custom)
    for bad in (b"no picture", b""):
        with pytest.raises(decal.Error) as caught:
            rembg.remove(bad, session=custom)
        assert isinstance(caught.value, UnidentifiedImageError) and caught.value.code == "corrupt-image"  # as in rembg
        assert str(caught.value) == "not a picture we can decode (corrupt-image)"


def test_options(custom, rgb):
    image = Image.fromarray(rgb)
    mask = rembg.remove(image, session=custom, only_mask=True)
    assert mask.mode == "L" and mask.size == image.size and mask.getextrema()[1] > 240
    assert rembg.remove(rgb, session=custom, only_mask=True).shape == rgb.shape[:2]
    smooth = rembg.remove(image, session=custom, only_mask=True, post_process_mask=True)
    assert set(np.unique(smooth)) == {0, 255}
    for name in ("put_alpha", "putalpha"):
        put = rembg.remove(image, session=custom, **{name: True})
        assert np.array_equal(np.asarray(put)[:, :, :3], rgb) and np.array_equal(np.asarray(put)[:, :, 3], mask)
    assert image.mode == "RGB"
    backed = np.asarray(rembg.remove(image, session=custom, bgcolor=(0, 255, 0, 255)))
    assert backed[:, :, 3].min() == 255 and backed[0, 0, 1] > 200
    assert rembg.remove(image, session=custom, only_mask=True, bgcolor=(0, 255, 0, 255)).mode == "L"
    turned = image.copy()
    turned.getexif()[0x0112] = 6
    assert rembg.remove(turned, session=custom).size == image.size[::-1]
    with pytest.raises(ValueError):
        rembg.remove(image, session=custom, vitmatte=True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK"])
def test_cutout_is_image_composite(custom, rgb, mode):
    image = Image.fromarray(rgb).convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    before = image.tobytes()
    mask = rembg.remove(image, session=custom, only_mask=True)
    wanted = Image.composite(image, Image.new("RGBA", image.size, 0), mask)  # what rembg does
    for orientation in (None, 1, 6):
        given = image.copy()
        if orientation:
            given.getexif()[0x0112] = orientation
        if orientation == 6:
            mask = rembg.remove(given, session=custom, only_mask=True)
            wanted = Image.composite(image.transpose(Image.Transpose.ROTATE_270), Image.new("RGBA", mask.size, 0), mask)
        assert np.array_equal(np.asarray(rembg.remove(given, session=custom)), np.asarray(wanted)), orientation
        assert given.tobytes() == before and given.mode == mode  # the caller's picture stays as it is


def test_enlarging_is_pillows_to_the_byte(custom):
    random = np.random.default_rng(28)
    sizes = [((1, 1), (5, 3)), ((320, 320), (321, 320)), ((320, 320), (1500, 1000)), ((9, 200), (9, 231)), ((2, 1), (2, 1))]
    for _ in range(30):
        width, height = random.integers(1, 200, 2).tolist()
        sizes.append(((width, height), (width + int(random.integers(0, 300)), height + int(random.integers(0, 300)))))
    for (width, height), wanted in sizes:
        # Noise with sharp edges: the filter overshoots, and the result is cut off at 0 and 255.
        noise = np.where(random.random((height, width, 4)) < 0.5, random.integers(0, 256, (height, width, 4)), 255).astype(np.uint8)
        for array in (noise[:, :, 0].copy(), noise[:, :, :3].copy()):
            pillows = np.asarray(Image.fromarray(array).resize(wanted, Image.Resampling.LANCZOS))
            assert np.array_equal(custom._engine.resize(array, *wanted), pillows), ((width, height), wanted)


@pytest.mark.parametrize("size", [(200, 20), (20, 200), (31, 31), (32, 40), (33, 32), (500, 300)])
def test_masks_of_any_size_are_pillows(custom, size):
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    picture = np.stack([x * 7 % 256, y * 5 % 256, (x + y) % 256], 2).astype(np.uint8)
    image = Image.fromarray(picture)
    (small,) = custom._masks(image)
    mask = Image.fromarray(small).resize(size, Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(rembg.remove(image, session=custom, only_mask=True)), np.asarray(mask))
    assert np.array_equal(rembg.remove(picture, session=custom), np.asarray(Image.composite(image, Image.new("RGBA", size, 0), mask)))


def test_bad_shapes_of_the_compiled_part(custom, rgb):
    engine, grey = custom._engine, rgb[:, :, 0].copy()
    out = np.zeros((*rgb.shape[:2], 4), np.uint8)
    for call in (
        lambda: engine.resize(rgb[:, :, :2].copy(), 4, 4),
        lambda: engine.resize(grey[:0].copy(), 4, 4),
        lambda: engine.resize(grey, 0, 4),
        lambda: engine.resize(grey, 4, -1),
        lambda: engine.paste(grey, grey, out),
        lambda: engine.paste(rgb, rgb, out),
        lambda: engine.paste(rgb, grey, out[1:].copy()),
    ):
        with pytest.raises(decal.Error) as caught:
            call()
        assert caught.value.code == "invalid-argument"


def test_a_session_of_ones_own_makes_its_own_masks(rgb):
    class Half(BaseSession):
        def _open(self):
            pass

        def predict(self, img, *args, **kwargs):
            mask = Image.new("L", img.size, 0)
            mask.paste(255, (0, 0, img.width // 2, img.height))
            return [mask]

    image = Image.fromarray(rgb)
    cutout = np.asarray(rembg.remove(image, session=Half("half")))
    assert np.array_equal(cutout[:, :60, :3], rgb[:, :60]) and not cutout[:, 60:].any()
    data = rembg.remove(image, session=Half("half"), force_return_bytes=True)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), cutout)


def test_soft_edges(custom, rgb):
    image = Image.fromarray(rgb)
    mask = np.asarray(rembg.remove(image, session=custom, only_mask=True))
    plain = np.asarray(rembg.remove(image, session=custom, decontaminate=True))
    matted = np.asarray(rembg.remove(image, session=custom, alpha_matting=True, alpha_matting_erode_size=5))
    assert np.array_equal(plain[:, :, 3], mask)
    edge = (mask > 60) & (mask < 200)
    # Blue comes from the background alone: red's share must be higher there than in the picture.
    assert plain[edge][:, 2].mean() < rgb[edge][:, 2].mean()
    assert matted[45, 60, 3] == 255 and matted[0, 0, 3] == 0
    everything = Image.fromarray(np.full((20, 20, 3), (255, 0, 0), np.uint8))
    assert rembg.remove(everything, session=custom, alpha_matting=True).size == (20, 20)


def test_cloth_has_a_picture_for_each_class(tmp_path, rgb):
    folder = tmp_path / "models" / "u2net_cloth_seg"
    folder.mkdir(parents=True)
    weights = [0.0, 9.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 9.0, -9.0, -9.0, -9.0]
    write_tiny_model(folder / "u2net_cloth_seg.onnx", size=48, channels=4, weights=weights)
    session = rembg.new_session("u2net_cloth_seg")
    image = Image.fromarray(rgb)
    assert rembg.remove(image, session=session).size == (120, 270)
    stacked = rembg.remove(image, session=session, only_mask=True)
    assert stacked.size == (120, 270)
    for category, where in (("upper", (60, 45)), ("lower", (2, 2))):
        mask = rembg.remove(image, session=session, only_mask=True, cloth_category=category)
        assert mask.size == (120, 90) and mask.mode == "L" and mask.getpixel(where) == 255
    # The overshoot of the LANCZOS filter between two classes can look like a third, as in rembg.
    assert np.mean(rembg.remove(image, session=session, only_mask=True, cc="full")) < 25


def test_names_of_rembg_are_entries_of_the_registry():
    registry = {model["name"]: model for model in json.loads((ROOT / "models/registry.json").read_text())["models"]}
    fetched = [model for model in _catalogue.CATALOGUE.values() if model.url]
    assert [model.name for model in fetched if not model.registry] == ["bria-rmbg"]
    assert {f"birefnet-{kind}" for kind in ("dis", "hrsod", "cod", "massive", "portrait")} <= set(registry)
    for model in fetched:
        if not model.registry:
            continue
        entry = registry[model.registry]
        assert (model.licence, model.size, list(model.mean), list(model.std)) == (
            entry["licence"], entry["input"]["height"], entry["mean"], entry["std"]), model.name
        assert model.sigmoid == (entry["activation"] == "sigmoid") and len(entry["sha256"]) == 64 and entry["bytes"] > 1e6, model.name


def test_sessions_and_files(tmp_path, monkeypatch, rgb):
    assert {"u2net", "u2netp", "silueta", "isnet-anime", "birefnet-portrait", "bria-rmbg"} <= set(sessions_names)
    assert all(issubclass(kind, BaseSession) and kind.name() == name for name, kind in sessions.items())
    for name in ("sam", "withoutbg", "nonsense"):
        with pytest.raises(ValueError) as caught:
            rembg.new_session(name)
        assert caught.value.code == "invalid-argument" and name in str(caught.value)
    with pytest.raises(decal.Error) as caught:
        rembg.new_session("silueta")
    assert caught.value.code == "not-found" and "https://" in str(caught.value)
    for folder, name in ((tmp_path, "silueta"), (tmp_path / "models" / "u2net", "u2net")):
        folder.mkdir(parents=True, exist_ok=True)
        write_tiny_model(folder / f"{name}.onnx")
        assert rembg.remove(rgb, session=rembg.new_session(name)).shape == (90, 120, 4)
    write_tiny_model(tmp_path / "isnet-general.onnx")
    monkeypatch.setenv("DECAL_MODELS_DIR", str(tmp_path))
    assert sessions["isnet-general-use"].download_models().endswith("isnet-general.onnx")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert rembg.new_session("silueta")._network.threads == 3
    copy = pickle.loads(pickle.dumps(rembg.new_session("silueta")))
    assert copy.name() == "silueta" and rembg.remove(rgb, session=copy).shape == (90, 120, 4)
    with pytest.raises(ValueError):
        rembg.new_session("u2net_custom")
    with pytest.raises(ValueError):
        rembg.new_session("u2net_custom", model_path="/etc/model.onnx")
    with pytest.raises(ValueError):
        rembg.new_session("dis_custom", model_path=str(tmp_path / ".." / "model.onnx"))


def test_without_a_session_nothing_is_fetched(rgb):
    assert rembg.remove(rgb).shape == (90, 120, 4)
    assert rembg.new_session().name() == "decal-default"


def test_downloads_are_whole_and_checked(tmp_path, monkeypatch, capsys):
    served = tmp_path / "served"
    served.mkdir()
    data = pathlib.Path(write_tiny_model(served / "u2net.onnx")).read_bytes()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.delenv("DECAL_OFFLINE")
        url = f"http://127.0.0.1:{server.server_port}/"
        good = "md5:" + hashlib.md5(data).hexdigest()
        place = tmp_path / "models" / "u2net" / "u2net.onnx"

        def serve(checksum, file="u2net.onnx"):
            model = _catalogue.CATALOGUE["u2net"]._replace(url=url + file, checksum=checksum)
            monkeypatch.setattr(sessions["u2net"], "model", model)

        for checksum, file, code in (("md5:0", "u2net.onnx", "corrupt-model"), (good, "none.onnx", "io")):
            serve(checksum, file)
            with pytest.raises(decal.Error) as caught:
                rembg.new_session("u2net")
            assert caught.value.code == code and list(place.parent.iterdir()) == []
        serve(good)
        assert rembg.new_session("u2net").name() == "u2net"
        assert place.read_bytes() == data and [place] == list(place.parent.iterdir())
        assert "Apache-2.0" in capsys.readouterr().err
    finally:
        server.shutdown()
        server.server_close()


def test_the_filters_are_what_they_say():
    rng = np.random.default_rng(5)
    mask = rng.random((37, 41)) < 0.8
    for size in (1, 2, 5):
        for outside in (False, True):
            before = size // 2
            padded = np.pad(mask, ((before, size), (before, size)), constant_values=outside)
            slow = np.array([[padded[y : y + size, x : x + size].all() for x in range(41)] for y in range(37)])
            assert np.array_equal(_edges.erode(mask, size, outside), slow)
    values = rng.integers(0, 256, (30, 33), np.uint8)
    flat = _edges.smooth_mask(np.full((30, 33), 200, np.uint8))
    assert (flat == 255).all() and set(np.unique(_edges.smooth_mask(values))) <= {0, 255}
    means = _edges._mean(values.astype(float), 3)
    assert np.isclose(means[10, 12], values[7:14, 9:16].mean()) and np.isclose(means[0, 0], values[:4, :4].mean())


@pytest.mark.skipif(not (SHARED / "models/real/u2netp.onnx").exists(), reason="no shared/models/real/u2netp.onnx")
def test_u2netp_finds_the_cat(monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(SHARED / "models/real"))
    mask = np.asarray(rembg.remove(Image.open(SHARED / "photos/chelsea.png"), session=rembg.new_session("u2netp"), only_mask=True))
    assert mask.min() == 0 and mask.max() == 255 and 0.2 < (mask > 127).mean() < 0.9
