# SPDX-License-Identifier: MIT
"""Session: one loaded model for many pictures and many threads."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from . import _decal, _pictures
from ._errors import Error
from ._models import find_model, model_fields
from ._results import CutoutArray, CutoutBytes, CutoutFile, CutoutPath, Execution, as_array

MAX_THREADS = 256  # as the command: far above any machine this runs on; catches typing errors
_BY_EXTENSION = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg"}
Colour = tuple[int, int, int, int]

# A fork waits until no engine is in the middle of a picture, and the child's engines start threads of their own.
os.register_at_fork(
    before=_decal.before_fork,
    after_in_parent=_decal.after_fork_in_parent,
    after_in_child=_decal.after_fork_in_child,
)


class _Laps:
    """Milliseconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        ms, self._start = (now - self._start) * 1000, now
        return ms


class Session:
    """A loaded model. Threads may share it: calls wait for each other inside the network and overlap outside.

    Args:
        model: a name that `decal.models()` lists, or the path of an .onnx file; left out, the model inside this package.
        model_file: the weights of `model`, where they are not part of this package.
        models_dir: a folder to look for `<model>.onnx` in; otherwise the environment's DECAL_MODELS_DIR.
        threads: to compute with; left out, one for each core.
        spec: how pictures are prepared for `model` and what its output means, in the form of models/registry.json: any of
            "input" ({"rule", "width", "height", "multiple"}), "mean", "std", "activation" ("none", "sigmoid", "softmax",
            "bytes", "auto"), "output" (the name of the one with the matte), "foregroundClass", and "inputs" ({name: number}
            for inputs besides the picture). The rest is as MODEL.onnx.json or MODEL.json beside the weights says, in the same
            form; then as the registry says, or RGB in 0..1 and a matte for other files.

    Raises:
        decal.Error: the model is not known ("not-found"), or its file is missing, damaged or of no use here.

    A session survives `fork`, which waits until its picture is done. Sent to another process (pickle), it is loaded anew there.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        model_file: str | os.PathLike[str] | None = None,
        models_dir: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> None:
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise Error("invalid-argument", f"threads is a number from 1 to {MAX_THREADS}, not {threads}")
        self._arguments = (model, model_file, models_dir, threads, spec)
        name, file, self.model = find_model(model, model_file, models_dir)
        fields, inputs = model_fields(spec, file)
        laps = _Laps()
        self._engine = _decal.Engine(name, file, threads or 0, fields, inputs)
        self._unreported_load = laps.lap()  # belongs to the first picture

    @property
    def threads(self) -> int:
        """How many threads compute."""
        return self._engine.threads

    def __repr__(self) -> str:
        return f"<decal.Session {self.model}, {self.threads} threads>"

    def __reduce__(self) -> Any:
        return _restore, self._arguments

    def remove(
        self,
        picture: Any,
        *,
        background: Any = None,
        mask: bool = False,
        format: str | None = None,
        quality: int = 90,
        output: str | os.PathLike[str] | None = None,
    ) -> Any:
        """Removes the background of one picture; see `decal.remove`, whose other arguments are the session's."""
        plan = _Plan(background, mask, format, quality, output)
        laps = _Laps()
        given = _pictures.read(picture)
        ms = {"load": 0.0, "decode": laps.lap()}
        out, report = self._run(given.pixels, plan.engine_options(), ms)
        return plan.finish(picture, given, out, self._execution(ms, report), ms)

    def segment(self, picture: Any) -> CutoutArray:
        """The matte: uint8 [H,W] of the picture's size, 255 where the subject is. The picture's own alpha takes no part.

        Edit it and hand it to `apply_matte`.
        """
        laps = _Laps()
        given = _pictures.read(picture)
        ms = {"load": 0.0, "decode": laps.lap()}
        out, report = self._run(given.pixels[:, :, :3], {"mask": True}, ms)
        ms["encode"] = 0.0
        return as_array(np.ascontiguousarray(out[:, :, 0]), self._execution(ms, report))

    def apply_matte(
        self,
        picture: Any,
        matte: Any,
        *,
        background: Any = None,
        format: str | None = None,
        quality: int = 90,
        output: str | os.PathLike[str] | None = None,
    ) -> Any:
        """The cut-out by a matte of one's own: [H,W] of any size, uint8 or floats 0..1, or a grey PIL image.

        The other arguments and the result are those of `remove`.
        """
        plan = _Plan(background, False, format, quality, output)
        values = _matte(matte)
        laps = _Laps()
        given = _pictures.read(picture)
        ms = {"load": 0.0, "decode": laps.lap(), "preprocess": 0.0, "inference": 0.0}
        out = np.empty((*given.pixels.shape[:2], 4), np.uint8)
        self._engine.compose(given.pixels, values, out, plan.engine_options())
        ms["postprocess"] = laps.lap()
        return plan.finish(picture, given, out, self._execution(ms, {}), ms)

    def _run(self, pixels: np.ndarray, options: dict[str, Any], ms: dict[str, float]) -> tuple[np.ndarray, dict[str, Any]]:
        height, width = pixels.shape[:2]
        load, self._unreported_load = self._unreported_load, 0.0  # the first picture tells of it
        if load:
            laps = _Laps()
            self._engine.prepare(width, height)
            ms["load"] = load + laps.lap()
        out = np.empty((height, width, 4), np.uint8)
        report = self._engine.run(pixels, out, options)
        for stage in ("preprocess", "inference", "postprocess"):
            ms[stage] = report[stage]
        return out, report

    def _execution(self, ms: dict[str, float], report: dict[str, Any]) -> Execution:
        return Execution(
            provider="native",
            dtype="fp32",
            threads=self.threads,
            simd=_decal.simd_target(),
            model=self.model,
            ms=ms,
            memory_bytes=report.get("memory_bytes", 0),
            coverage=report.get("coverage"),
        )


def _restore(model: Any, model_file: Any, models_dir: Any, threads: int | None, spec: Any) -> Session:
    return Session(model, model_file=model_file, models_dir=models_dir, threads=threads, spec=spec)


class _Plan:
    """What to make of the pixels: checked before anything is decoded."""

    def __init__(self, background: Any, mask: bool, format: str | None, quality: int, output: Any) -> None:
        self.output = os.fspath(output) if output is not None else None
        self.mask = bool(mask)
        self.format = _format(format, self.output)
        if isinstance(quality, bool) or not isinstance(quality, (int, np.integer)) or not 1 <= quality <= 100:
            raise Error("invalid-argument", f"quality is a number from 1 to 100, not {quality!r}")
        self.quality = int(quality)
        self.background = parse_colour(background)
        if self.format == "JPEG" and not self.mask:
            # JPEG cannot be transparent: white unless the caller says otherwise.
            self.background = self.background or (255, 255, 255, 255)
            if self.background[3] != 255:
                raise Error("invalid-argument", "jpeg has no transparency: the background's alpha is 255")

    def engine_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"mask": self.mask}
        if self.background is not None:
            options["background"] = self.background
        return options

    def finish(
        self, source: Any, given: _pictures.Picture, out: np.ndarray, execution: Execution, ms: dict[str, float]
    ) -> Any:
        """The result of the kind that was given; its encoding and writing are the stage `encode`."""
        laps = _Laps()
        ms["encode"] = 0.0
        if self.mask:
            out = np.ascontiguousarray(out[:, :, 0])
        elif self.background is not None and self.background[3] == 255:
            out = np.ascontiguousarray(out[:, :, :3])
        to_file = self.output is not None
        if given.kind == "array" and not to_file:
            return as_array(out, execution)
        image = Image.fromarray(out)
        if given.kind == "image" and not to_file:
            image.execution = execution  # type: ignore[attr-defined]
            return image
        data = _pictures.encode(image, self.format, self.quality)
        if not to_file and given.kind != "path":
            result = CutoutBytes(data) if given.kind == "bytes" else CutoutFile(data)
            result.execution = execution
            ms["encode"] = laps.lap()
            return result
        path = self.output if self.output is not None else self._beside(os.fspath(source))
        if given.kind == "path" and os.path.exists(path) and os.path.samefile(path, source):
            raise Error("invalid-argument", "would overwrite the picture", str(path))
        _pictures.write_file(path, data)
        written = CutoutPath(path)
        written.execution = execution
        ms["encode"] = laps.lap()
        return written

    def _beside(self, source: str) -> str:
        stem = os.path.splitext(source)[0]
        return stem + (".decal-mask" if self.mask else ".decal") + _EXTENSIONS[self.format]


def _format(format: str | None, output: str | None) -> str:
    if format is not None:
        try:
            return _pictures.FORMATS[format.lower()]
        except (KeyError, AttributeError):
            raise Error("invalid-argument", f"format is png, webp or jpeg, not {format!r}") from None
    extension = os.path.splitext(output)[1].lower() if output is not None else ""
    if not extension:
        return "PNG"
    if extension not in _BY_EXTENSION:
        raise Error("invalid-argument", f"cannot write {extension} files: png, webp and jpeg only", output or "")
    return _BY_EXTENSION[extension]


def _matte(matte: Any) -> np.ndarray:
    values = np.asarray(matte.convert("L") if isinstance(matte, Image.Image) else matte)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 or values.size == 0:
        raise Error("invalid-argument", f"a matte has the shape [H,W], not {list(values.shape)}")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values, np.float32) / np.float32(255)
    if values.dtype == bool or np.issubdtype(values.dtype, np.floating):
        return np.ascontiguousarray(values, np.float32)
    raise Error("invalid-argument", f"a matte's values are uint8, or floats from 0 to 1, not {values.dtype}")


def parse_colour(colour: Any) -> Colour | None:
    """"#rrggbb", "rrggbb", "#rgb", "r,g,b", or three or four numbers 0..255; None for none."""
    if colour is None:
        return None
    wrong = Error("invalid-argument", f"a colour is #rrggbb, #rgb, r,g,b or three or four numbers 0..255, not {colour!r}")
    if isinstance(colour, str):
        digits = colour.removeprefix("#")
        try:
            if "," in colour:
                values = [int(part) for part in colour.split(",")]
                if len(values) != 3:
                    raise wrong
            elif len(digits) in (3, 6) and digits.isalnum():
                size = len(digits) // 3
                values = [int(digits[i : i + size], 16) * (17 if size == 1 else 1) for i in range(0, len(digits), size)]
            else:
                raise wrong
        except ValueError:
            raise wrong from None
    else:
        try:
            values = [int(value) for value in colour]
        except (TypeError, ValueError):
            raise wrong from None
    if len(values) == 3:
        values.append(255)
    if len(values) != 4 or not all(0 <= value <= 255 for value in values):
        raise wrong
    return (values[0], values[1], values[2], values[3])
