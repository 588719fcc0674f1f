# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""What to make of a picture: the options of the command, checked before anything is decoded, and results of the kind that was given."""

from __future__ import annotations

import os
import time
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from . import _metadata, _pictures
from ._colour import Colour, own_colour, parse_colour, without_alpha
from ._errors import Error
from ._results import CutoutBytes, CutoutFile, CutoutPath, Execution, as_array
from ._rules import RULES

BY_EXTENSION = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg"}


class RemoveOptions(TypedDict, total=False):
    """The keywords of `decal.remove` that say what to make of a picture; its docstring explains them."""

    background: Any
    mask: bool
    background_only: bool
    refine: str
    keep_colours: bool
    threshold: float | None
    remove_islands: float
    fill_holes: float
    smooth: float
    grow: float
    shadow: float
    crop: float | None
    aspect_ratio: str | float | None
    size: str | tuple[int | None, int | None] | None
    scale: float
    format: str | None
    quality: int
    output: str | os.PathLike[str] | None
    keep_metadata: bool
    profile: str
    max_memory: int | str | None


class Laps:
    """Milliseconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        ms, self._start = (now - self._start) * 1000, now
        return ms


def _number(value: Any, name: str) -> float:
    return float(RULES[name].check(value))


def parse_aspect_ratio(value: Any) -> float:
    """Width to height; 0 if none is asked for."""
    if value is None:
        return 0.0
    try:
        width, _, height = value.partition(":") if isinstance(value, str) else (value, "", "")
        ratio = float(width) / float(height or 1)
    except (TypeError, ValueError, ZeroDivisionError):
        ratio = 0.0
    rule = RULES["aspect_ratio"]
    if isinstance(value, bool) or not rule.allows(ratio):
        raise Error("invalid-argument", f"aspect_ratio is {rule.message}, as a number or as 4:5, not {value!r}")
    return ratio


def parse_frame_size(value: Any) -> tuple[int, int]:
    """Pixels of the result, 0 where a side follows from the other."""
    if value is None:
        return 0, 0
    sides = value.split("x") if isinstance(value, str) else value
    try:
        if isinstance(value, str):
            sides = tuple(int(side) if side else None for side in sides)
        width, height = sides
        good = (width is not None or height is not None) and all(
            side is None or RULES[rule].allows(side) for side, rule in ((width, "size_width"), (height, "size_height"))
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise Error("invalid-argument", f'size is "800x600", "800x", "x600" or a pair, each side {RULES["size_width"].message}, not {value!r}')
    return int(width or 0), int(height or 0)


class Plan:
    """The options of one call. Errors: "invalid-argument", which names the option and what it may be."""

    def __init__(
        self,
        *,
        background: Any = None,
        mask: bool = False,
        background_only: bool = False,
        refine: str = "fast",
        keep_colours: bool = False,
        threshold: float | None = None,
        remove_islands: float = 0,
        fill_holes: float = 0,
        smooth: float = 0,
        grow: float = 0,
        shadow: float = 0,
        crop: float | None = None,
        aspect_ratio: str | float | None = None,
        size: str | tuple[int | None, int | None] | None = None,
        scale: float = 1,
        format: str | None = None,
        quality: int = 90,
        output: str | os.PathLike[str] | None = None,
        keep_metadata: bool = False,
        profile: str = "srgb",
        max_memory: int | str | None = None,
    ) -> None:
        self.output = os.fspath(output) if output is not None else None
        self.mask = bool(mask)
        if self.output is not None and (os.path.isdir(self.output) or self.output.endswith(("/", os.sep))):
            self.folder: str | None = self.output
            self.output = None
        else:
            self.folder = None
        self.format = _format(format, self.output)
        self.quality = int(RULES["quality"].check(quality))
        self.background = parse_colour(background)
        if self.format == "JPEG" and not self.mask:
            # JPEG cannot be transparent: white unless the caller says otherwise.
            self.background = without_alpha(self.background)
        if profile not in ("srgb", "keep"):
            raise Error("invalid-argument", f"profile is srgb or keep, not {profile!r}")
        self._frame = {
            "crop": None if crop is None else _number(crop, "crop"),
            "aspect_ratio": parse_aspect_ratio(aspect_ratio),
            "size": parse_frame_size(size),
            "scale": _number(scale, "scale"),
        }
        if size is not None and scale != 1:
            raise Error("invalid-argument", "size and scale exclude each other")
        if aspect_ratio is not None and all(self._frame["size"]):
            raise Error("invalid-argument", "aspect_ratio and a size with both sides exclude each other")
        self._edges: dict[str, Any] = {
            "mask": self.mask,
            "refine": RULES["refine"].check(refine),
            "decontaminate": not keep_colours,
            "background_only": bool(background_only),
            "remove_islands": _number(remove_islands, "remove_islands"),
            "fill_holes": _number(fill_holes, "fill_holes"),
            "smooth": _number(smooth, "smooth"),
            "grow": _number(grow, "grow"),
            "shadow": _number(shadow, "shadow"),
        }
        if threshold is not None:
            self._edges["threshold"] = _number(threshold, "threshold")
        self.reading = _pictures.Reading(
            max_memory=_pictures.parse_size(max_memory),
            # For arrays and images, which are not written, the file's limits do not count.
            target=self.format,
            metadata=bool(keep_metadata) and not self.mask,
            own_colours=profile == "keep" and not self.mask,
        )

    def reading_of(self, source: Any) -> _pictures.Reading:
        """How `source` is read."""
        in_memory = isinstance(source, (np.ndarray, Image.Image)) and self.output is None and self.folder is None
        return self.reading._replace(target=None) if in_memory else self.reading

    def engine_options(self) -> dict[str, Any]:
        options = dict(self._edges)
        if self.background is not None:
            options["background"] = self.background
        return options

    def own_background(self, profile: bytes) -> Colour | None:
        return own_colour(profile, self.background)

    def framed(self, engine: Any, pixels: np.ndarray, visible: tuple[int, int, int, int] | None, background: Colour | None) -> np.ndarray:
        """The part of a result [H,W,4] that `crop` and its like ask for, resized; all of it without them."""
        if self._frame == {"crop": None, "aspect_ratio": 0, "size": (0, 0), "scale": 1}:
            return pixels
        height, width = pixels.shape[:2]
        source, extent = engine.choose_frame(width, height, visible, **self._frame)
        out = np.empty((extent[1], extent[0], 4), np.uint8)
        engine.take_frame(pixels, source, (0, 0, 0, 255) if self.mask else background or (0, 0, 0, 0), out)
        return out

    def finish(
        self, source: Any, given: _pictures.Picture, out: np.ndarray, execution: Execution, ms: dict[str, float]
    ) -> Any:
        """The result of the kind that was given; its encoding and writing are the stage `encode`."""
        laps = Laps()
        ms["encode"] = 0.0
        if self.mask:
            out = out[:, :, 0]
        elif self.background is not None and self.background[3] == 255:
            out = out[:, :, :3]
        out = np.ascontiguousarray(out)
        to_file = self.output is not None or self.folder is not None
        if given.kind == "array" and not to_file:
            return as_array(out, execution)
        image = Image.fromarray(out)
        facts = given.facts if not self.mask else _metadata.Facts(given.facts.dpi)
        if given.kind == "image" and not to_file:
            _metadata.attach(image, facts)
            image.execution = execution  # type: ignore[attr-defined]
            return image
        data = _pictures.encode(image, self.format, self.quality, facts, execution.threads)
        if not to_file and given.kind != "path":
            result = CutoutBytes(data) if given.kind == "bytes" else CutoutFile(data)
            result.execution = execution
            ms["encode"] = laps.lap()
            return result
        path = self._path(source, given)
        if given.kind == "path" and os.path.exists(path) and os.path.samefile(path, source):
            raise Error("invalid-argument", "would overwrite the picture", str(path))
        _pictures.write_file(path, data)
        written = CutoutPath(path)
        written.execution = execution
        ms["encode"] = laps.lap()
        return written

    def _path(self, source: Any, given: _pictures.Picture) -> str:
        if self.output is not None:
            return self.output
        path = self.place(given.where if given.kind in ("path", "file") else "")
        if self.folder is not None:
            try:
                os.makedirs(self.folder, exist_ok=True)
            except OSError as error:
                raise Error("io", f"cannot create folder: {error.strerror}", self.folder) from error
        return path

    def place(self, source: str, number: int = 1) -> str:
        """Beside `source`, or in the folder: photo.jpg -> photo.decal.png, and photo-2.decal.png for number 2."""
        stem = os.path.splitext(source or "picture")[0] + (f"-{number}" if number > 1 else "")
        path = stem + (".decal-mask" if self.mask else ".decal") + _EXTENSIONS[self.format]
        return path if self.folder is None else os.path.join(self.folder, os.path.basename(path))


def _format(format: str | None, output: str | None) -> str:
    if format is not None:
        try:
            return _pictures.FORMATS[format.lower()]
        except (KeyError, AttributeError):
            raise Error("invalid-argument", f"format is {RULES['format'].message}, not {format!r}") from None
    extension = os.path.splitext(output)[1].lower() if output is not None else ""
    if not extension:
        return "PNG"
    if extension not in BY_EXTENSION:
        raise Error("invalid-argument", f"cannot write {extension} files: png, webp and jpeg only", output or "")
    return BY_EXTENSION[extension]
