# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Every option of the command, beside the command: the same pixels, the same facts about the file, the same report."""

from __future__ import annotations

import inspect
import io
import json
import re
import subprocess

import numpy as np
import pytest
from PIL import Image

import decal
from conftest import ROOT, SHARED
from test_command import COMMAND, wide_profile

command_only = {
    # Folders and streams are the caller's in Python, SVG is not read, and what a terminal shows is no matter of a library.
    "--help", "--version", "--keep-tree", "--svg-size", "--json", "--quiet", "--fail-if-empty",
}
of_models = {
    "--mean", "--std", "--size-rule", "--size-multiple", "--activation", "--model-output", "--foreground-class", "--passes", "--input-size",
    "--model-value",
}
needs_command = pytest.mark.skipif(not COMMAND.exists(), reason="build/bin/decal is not built")


@pytest.fixture(scope="module")
def disc(tmp_path_factory) -> str:
    """A soft disc with an island and a hole, on a busy ground: every option changes something."""
    y, x = np.mgrid[0:150, 0:200]
    noise = np.random.default_rng(4).integers(-20, 21, (150, 200, 3))
    subject = np.clip((45 - np.hypot(x - 90, y - 80)) / 6 + 0.5, 0, 1) - np.clip((7 - np.hypot(x - 85, y - 85)) / 3 + 0.5, 0, 1)
    subject = np.maximum(subject, np.clip((6 - np.hypot(x - 180, y - 20)) / 3 + 0.5, 0, 1))[..., None]
    picture = subject * (225, 70, 40) + (1 - subject) * (30, 60, 200) + noise
    path = tmp_path_factory.mktemp("disc") / "disc.png"
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)
    return str(path)


def by_command(path, model, *options, suffix=".png") -> tuple[str, dict]:
    """The file that the command writes, and its line of JSON."""
    out = re.sub(r"\.\w+$", ".command" + suffix, str(path))
    done = subprocess.run([COMMAND, path, "-o", out, "--model", model, "--json", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


@needs_command
@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ([], {}),
        (["--refine", "best"], {"refine": "best"}),
        (["--refine", "off"], {"refine": "off"}),
        (["--keep-colours"], {"keep_colours": True}),
        (["--refine", "off", "--keep-colours"], {"refine": "off", "keep_colours": True}),
        (["--background-only"], {"background_only": True}),
        (["--threshold", "0.4"], {"threshold": 0.4}),
        (["--remove-islands", "0.2"], {"remove_islands": 0.2}),
        (["--fill-holes", "0.3"], {"fill_holes": 0.3}),
        (["--smooth", "3"], {"smooth": 3}),
        (["--grow", "-1.5"], {"grow": -1.5}),
        (["--shadow", "0.6"], {"shadow": 0.6}),
        (["--crop", "5"], {"crop": 5}),
        (["--crop", "0", "--aspect-ratio", "4:5"], {"crop": 0, "aspect_ratio": "4:5"}),
        (["--size", "90x40", "--background", "teal"], {"size": (90, 40), "background": "teal"}),
        (["--size", "x50", "--mask"], {"size": "x50", "mask": True}),
        (["--scale", "0.5"], {"scale": 0.5}),
        (["--crop", "12.5", "--mask"], {"crop": 12.5, "mask": True}),
        (["--mask", "--refine", "best", "--threshold", "0.6"], {"mask": True, "refine": "best", "threshold": 0.6}),
        (["--background", "rebeccapurple"], {"background": "rebeccapurple"}),
        (["--background", "#00ff0080"], {"background": "#00ff0080"}),
        (["--background", "#0f08", "--background-only"], {"background": "#0f08", "background_only": True}),
    ],
)
def test_pixels_are_the_commands(session, tiny, disc, options, keywords):
    written, line = by_command(disc, tiny, *options)
    expected = np.asarray(Image.open(written))
    got = session.remove(Image.open(disc), **keywords)
    assert np.array_equal(np.asarray(got), expected)
    box = line["boundingBox"]
    assert got.execution.bounding_box == (box["x"], box["y"], box["width"], box["height"])
    assert round(got.execution.coverage, 4) == line["coverage"]
    assert list(got.execution.notes) == line["notes"]


@needs_command
def test_every_option_changes_something(session, disc):
    plain = np.asarray(session.remove(Image.open(disc)))
    for keywords in ({"refine": "best"}, {"refine": "off"}, {"keep_colours": True}, {"background_only": True}, {"threshold": 0.4},
                     {"remove_islands": 0.2}, {"fill_holes": 0.3}, {"smooth": 4}, {"grow": 2}, {"shadow": 1}, {"crop": 5}, {"aspect_ratio": 3},
                     {"size": "30x"}, {"scale": 2}, {"mask": True}, {"background": "red"}):
        assert not np.array_equal(np.asarray(session.remove(Image.open(disc), **keywords)), plain), keywords


@needs_command
@pytest.mark.parametrize(("suffix", "keywords"), [
    (".jpg", {}), (".jpg", {"quality": 60}), (".jpg", {"background": "#00ff0080"}), (".webp", {"quality": 70}),
    (".webp", {"background": "teal"}), (".png", {"background": "teal"}),
])
def test_other_formats_hold_what_the_commands_hold(session, tiny, disc, tmp_path, suffix, keywords):
    """The same colours go to the encoder; encoders of other versions round in other ways, a few levels."""
    options = [text for name, value in keywords.items() for text in (f"--{name}", str(value))]
    written, _ = by_command(disc, tiny, *options, suffix=suffix)
    got = session.remove(disc, output=tmp_path / ("got" + suffix), **keywords)
    expected, pixels = Image.open(written), Image.open(got)
    assert (pixels.mode, pixels.size, pixels.format) == (expected.mode, expected.size, expected.format)
    difference = np.abs(np.asarray(pixels).astype(int) - np.asarray(expected).astype(int))
    assert difference.max() <= (0 if suffix == ".png" else 12) and difference.mean() < 0.3


def photo_with_everything(path, format="JPEG"):
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    iptc = b"\x1c\x02\x78\x00\x07caption"
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc
    extra = b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body
    p3 = wide_profile(2.2, [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)])
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>title</x:xmpmeta>"
    more = {"extra": extra, "xmp": xmp, "quality": 95} if format == "JPEG" else {}
    image.save(path, format, exif=exif, dpi=(200, 100), icc_profile=p3, **more)
    return path


def facts_of(path) -> dict:
    image = Image.open(path)
    image.load()
    exif = {tag: value for tag, value in image.getexif().items() if tag != 0x8769}
    photoshop = image.info.get("photoshop") or {}
    dpi = image.info.get("dpi")
    return {
        "exif": exif, "taken": image.getexif().get_ifd(0x8769).get(0x9003), "xmp": image.info.get("xmp"),
        "iptc": photoshop.get(0x0404), "profile": image.info.get("icc_profile"),
        "dpi": dpi and tuple(round(value, 1) for value in dpi), "size": image.size,
    }


@needs_command
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("kept", ["nothing", "metadata", "profile", "both"])
def test_metadata_density_and_profile(session, tiny, tmp_path, suffix, kept):
    path = photo_with_everything(tmp_path / "photo.jpg")
    options, keywords = [], {}
    if kept in ("metadata", "both"):
        options, keywords = ["--keep-metadata"], {"keep_metadata": True}
    if kept in ("profile", "both"):
        options, keywords = [*options, "--profile", "keep"], {**keywords, "profile": "keep"}
    written, _ = by_command(path, tiny, *options, suffix=suffix)
    got = session.remove(path, output=tmp_path / ("got" + suffix), **keywords)
    expected, facts = facts_of(written), facts_of(got)
    assert facts == expected
    assert (facts["profile"] is not None) == (kept in ("profile", "both"))
    if kept in ("metadata", "both"):
        assert facts["exif"][0x010F] == "Maker" and facts["exif"][0x0112] == 1 and facts["taken"] == "2026:01:02 03:04:05"
        assert facts["xmp"] and (facts["iptc"] is not None) == (suffix == ".jpg")
    else:
        assert not facts["exif"] and not facts["xmp"]
    if suffix == ".png":
        assert np.array_equal(np.asarray(Image.open(got)), np.asarray(Image.open(written)))


@needs_command
def test_a_background_in_own_colours(session, tiny, tmp_path):
    path = photo_with_everything(tmp_path / "photo.png", "PNG")
    written, _ = by_command(path, tiny, "--profile", "keep", "--background", "#c03020")
    got = session.remove(path, profile="keep", background="#c03020")
    assert np.array_equal(np.asarray(Image.open(got)), np.asarray(Image.open(written)))
    image = session.remove(Image.open(path), profile="keep", keep_metadata=True, background="#c03020")
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(written))) and image.info["icc_profile"]
    assert image.info["dpi"][0] == pytest.approx(100, abs=0.1)  # turned with the picture


def test_a_plain_picture_says_no_density(session, png, tmp_path):
    assert "dpi" not in Image.open(io.BytesIO(session.remove(png, keep_metadata=True, profile="keep"))).info
    plain = io.BytesIO()
    Image.open(io.BytesIO(png)).save(plain, "JPEG")
    assert "dpi" not in Image.open(io.BytesIO(session.remove(plain.getvalue()))).info


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_left_out(session, rgb):
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x01\0", b"Exif\0\0nonsense"):
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "JPEG", exif=exif)
        result = session.remove(file.getvalue(), keep_metadata=True)
        assert "exif" not in Image.open(io.BytesIO(result)).info


def test_memory_has_a_limit(session, rgb, png):
    with pytest.raises(decal.Error) as caught:
        session.remove(png, max_memory="50K")
    assert caught.value.code == "limit-exceeded" and "max_memory" in str(caught.value)
    for size in (2_000_000, "2M", "2MiB", "2mb", np.int64(2_000_000)):
        assert session.remove(png, max_memory=size)
    with pytest.raises(decal.Error) as caught:
        session.remove(rgb, max_memory=90 * 120 * 7 - 1)
    assert caught.value.code == "limit-exceeded"
    assert session.remove(rgb, max_memory=90 * 120 * 7).shape == (90, 120, 4)


def test_too_large_for_a_format(session):
    wide = np.broadcast_to(np.full((1, 1, 3), 200, np.uint8), (1, 16384, 3))
    assert session.remove(wide, format="webp").shape == (1, 16384, 4)  # nothing is written
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(wide)).save(file, "PNG")
    with pytest.raises(decal.Error, match="choose png") as caught:
        session.remove(file.getvalue(), format="webp")
    assert caught.value.code == "invalid-argument"


def test_bad_values_say_what_may_be(session, rgb):
    for name, values in {
        "refine": ("better", None, 1), "threshold": (-0.1, 1.1, "much", float("nan"), True), "remove_islands": (2, None),
        "fill_holes": (-1, "x"), "crop": (-1, 101, "5"), "smooth": (-1, 51), "grow": (-51, 51, None), "shadow": (2,), "scale": (0, 9),
        "aspect_ratio": (0, "4:0", "wide", True), "size": (0, "x", "0x5", (1, 2, 3), (None, None), "40000x1"),
        "profile": ("adobe", None), "max_memory": (0, -5, "lots", 1.5, True),
        "background": ("reddish", "#12345", "1,2", "1,2,x", "#ggg", (1, 2), (1, 2, 300)), "quality": (0, 101, 5.5, True),
    }.items():
        for value in values:
            with pytest.raises(decal.Error) as caught:
                session.remove(rgb, **{name: value})
            assert caught.value.code == "invalid-argument" and "\n" not in str(caught.value)
            assert name in str(caught.value) or name == "background"


def test_nothing_found_is_said(session):
    blue = np.zeros((50, 60, 3), np.uint8)
    blue[:, :, 2] = 255
    execution = session.remove(blue, crop=5).execution
    assert not execution.found_subject and execution.bounding_box is None and "no subject found" in execution.notes
    assert session.remove(blue, crop=5).shape == (50, 60, 4)


def test_notes_tell_of_frames(session, rgb):
    frames = [Image.fromarray(np.roll(rgb, shift, 1)) for shift in (0, 9, 18)]
    for format, note in (("GIF", "animated GIF: first of 3 frames used"), ("TIFF", "TIFF: first of 3 pages used"),
                         ("WEBP", "animated WebP: first of 3 frames used"), ("PNG", "animated PNG: its default picture used")):
        file = io.BytesIO()
        frames[0].save(file, format, save_all=True, append_images=frames[1:])
        assert session.remove(file.getvalue()).execution.notes == (note,), format
    image = Image.open(io.BytesIO(file.getvalue()))
    image.seek(1)
    session.remove(image)
    assert image.tell() == 1


def test_mattes_are_shaped_too(session, disc):
    image = Image.open(disc)
    matte = session.segment(image, refine="off", threshold=0.5)
    assert set(np.unique(matte)) == {0, 255}
    whole = session.apply_matte(image, matte, crop=0)
    assert whole.size[0] < image.size[0] and whole.size[1] < image.size[1]
    assert session.apply_matte(image, np.zeros((5, 5)), crop=0).size == image.size
    rest = np.asarray(session.apply_matte(image, matte, background_only=True, keep_colours=True))
    assert np.abs(rest[:, :, 3].astype(int) + matte - 255).max() <= 1
    islands = session.segment(image, remove_islands=0.3)
    assert islands[20, 180] == 0 and session.segment(image)[20, 180] > 200


def test_batches_take_the_options_too(session, png, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(png)
    paths = [tmp_path / "a/x.png", tmp_path / "b/x.png", io.BytesIO(png)]
    items = list(decal.remove_batch(paths, session=session, output=tmp_path / "out/", mask=True, crop=1))
    assert [item.result.name for item in items] == ["x.decal-mask.png", "x-2.decal-mask.png", "picture.decal-mask.png"]
    assert all(Image.open(item.result).mode == "L" for item in items)
    with pytest.raises(decal.Error, match="output is a folder"):
        decal.remove_batch(paths, session=session, output=tmp_path / "one.png")
    with pytest.raises(decal.Error, match="refine"):
        decal.remove_batch(paths, session=session, refine="more")
    with pytest.raises(TypeError, match="sharpness"):
        session.remove(png, sharpness=1)


def test_a_spec_without_a_session(tiny, rgb):
    inverted = decal.remove(rgb, model=tiny, spec={"mean": [0.5, 0.5, 0.5]})
    assert np.array_equal(inverted, decal.Session(tiny, spec={"mean": [0.5, 0.5, 0.5]}).remove(rgb))
    with pytest.raises(decal.Error) as caught:
        decal.remove(rgb, session=decal.Session(tiny), spec={"mean": [0, 0, 0]})
    assert caught.value.code == "invalid-argument"


def test_what_options_may_be_is_what_the_border_says(session, rgb):
    fields, limits = (json.loads((ROOT / f"border/{name}.json").read_text()) for name in ("fields", "limits"))
    number = {limit["name"]: limit["value"] for limit in limits["limits"]}
    compared = set()
    for row in [*fields["options"], *fields["command"]]:
        name = re.sub("([A-Z])", lambda big: "_" + big[1].lower(), row["name"].removeprefix("output."))
        if row["type"] not in ("whole", "number") or name not in {*decal.RemoveOptions.__optional_keys__, "threads"}:
            continue
        if row in fields["options"] and name in ("threads", "quality"):
            continue  # the command's hold here
        least, most = (number.get(row[key], row[key]) for key in ("least", "most"))
        message = row["message"].format(least=least, most=most)
        for value in (least - 1, most + 1, float("nan"), "much", True):
            with pytest.raises(decal.Error) as caught:
                decal.Session(threads=value) if name == "threads" else session.remove(rgb, **{name: value})
            assert caught.value.code == "invalid-argument" and message in str(caught.value), (name, value)
        compared.add(name)
    assert {"quality", "threshold", "grow", "crop", "scale", "aspect_ratio", "threads"} <= compared


def test_help_lists_every_option_with_its_default():
    parameters = inspect.signature(decal.remove).parameters
    assert (parameters["grow"].default, parameters["quality"].default, parameters["profile"].default) == (0, 90, "srgb")
    assert not any(one.kind == inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    with pytest.raises(TypeError, match="sharpness"):
        decal.remove(b"", sharpness=1)


@needs_command
def test_every_option_of_the_command_is_here_or_named_above():
    text = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^\s+(?:-\w,)?(--[a-z-]+)", text, re.M))
    arguments = {"--" + name.replace("_", "-") for name in inspect.signature(decal.remove).parameters}
    assert len(names) > 25
    assert names - command_only - of_models - arguments == set()
    assert decal.RemoveOptions.__optional_keys__ <= set(inspect.signature(decal.remove).parameters)
    for name in decal.RemoveOptions.__optional_keys__:
        assert re.search(rf"\b{name}\b", decal.remove.__doc__), name


@needs_command
@pytest.mark.skipif(not (SHARED / "photos/astronaut.png").exists(), reason="no shared/photos")
def test_a_photo_by_the_model_inside_the_package(tmp_path):
    image = Image.open(SHARED / "photos/astronaut.png").convert("RGB")
    image.save(tmp_path / "photo.png")
    written, _ = by_command(tmp_path / "photo.png", "decal-default", "--refine", "best")
    assert np.array_equal(np.asarray(decal.remove(image, refine="best")), np.asarray(Image.open(written)))
