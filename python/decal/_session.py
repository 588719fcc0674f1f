# SPDX-License-Identifier: MIT
"""Session: one loaded model for many pictures and many threads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from PIL import Image

from . import _decal, _pictures
from ._errors import Error
from ._models import find_model, model_fields
from ._options import Laps, Plan, RemoveOptions
from ._results import Box, CutoutArray, Execution, as_array
from ._rules import RULES

MAX_THREADS = int(RULES["threads"].most)  # far above any machine this runs on; catches typing errors

# A fork waits until no engine is in the middle of a picture, and the child's engines start threads of their own.
os.register_at_fork(
    before=_decal.before_fork,
    after_in_parent=_decal.after_fork_in_parent,
    after_in_child=_decal.after_fork_in_child,
)


class Session:
    """A loaded model. Threads may share it: calls wait for each other inside the network and overlap outside.

    Args:
        model: a name that `decal.models()` lists, or the path of an .onnx file; left out, the model inside this package.
        model_file: the weights of `model`, where they are not part of this package.
        models_dir: a folder to look for `<model>.onnx` in; otherwise the environment's DECAL_MODELS_DIR.
        threads: to compute with; left out, one for each core.
        spec: how pictures are prepared for `model` and what its output means, in the form of models/registry.json: any of
            "input" ({"rule", "width", "height", "multiple"}), "mean", "std", "activation" ("none", "sigmoid", "softmax",
            "bytes", "auto"), "output" (the name of the one with the matte), "foregroundClass", "passes", and "inputs"
            ({name: number} for inputs besides the picture). The rest is as MODEL.onnx.json or MODEL.json beside the weights says, in the same
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
        if threads is not None:
            RULES["threads"].check(threads)
        self._arguments = (model, model_file, models_dir, threads, spec)
        name, file, self.model = find_model(model, model_file, models_dir)
        fields, inputs = model_fields(spec, file)
        laps = Laps()
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

    def remove(self, picture: Any, **options: Unpack[RemoveOptions]) -> Any:
        """Removes the background of one picture; see `decal.remove`, whose options these are."""
        plan = _plan(options)
        laps = Laps()
        given = _pictures.read(picture, plan.reading_of(picture))
        ms = {"load": 0.0, "decode": laps.lap()}
        out, report = self._run(given, plan, ms)
        out = self._framed(plan, out, report["visible"], given, ms)
        return plan.finish(picture, given, out, self._execution(ms, report, given.notes), ms)

    def segment(
        self,
        picture: Any,
        *,
        refine: str = "fast",
        threshold: float | None = None,
        remove_islands: float = 0,
        fill_holes: float = 0,
        smooth: float = 0,
        grow: float = 0,
        max_memory: int | str | None = None,
    ) -> CutoutArray:
        """The matte: uint8 [H,W] of the picture's size, 255 where the subject is. The picture's own alpha takes no part.

        Edit it and hand it to `apply_matte`. The options are those of `decal.remove`.
        """
        plan = Plan(
            mask=True,
            refine=refine,
            threshold=threshold,
            remove_islands=remove_islands,
            fill_holes=fill_holes,
            smooth=smooth,
            grow=grow,
            max_memory=max_memory,
        )
        laps = Laps()
        given = _pictures.read(picture, plan.reading._replace(target=None))
        ms = {"load": 0.0, "decode": laps.lap()}
        out, report = self._run(given._replace(pixels=given.pixels[:, :, :3]), plan, ms)
        ms["encode"] = 0.0
        return as_array(np.ascontiguousarray(out[:, :, 0]), self._execution(ms, report, given.notes))

    def apply_matte(self, picture: Any, matte: Any, **options: Unpack[RemoveOptions]) -> Any:
        """The cut-out by a matte of one's own: [H,W] of any size, uint8 or floats 0..1, or a grey PIL image.

        The options and the result are those of `decal.remove`. `refine` is "off" unless given: the matte is taken as it is.
        """
        plan = _plan({"refine": "off", **options})  # type: ignore[typeddict-item]
        values = _matte(matte)
        laps = Laps()
        given = _pictures.read(picture, plan.reading_of(picture))
        ms = {"load": 0.0, "decode": laps.lap(), "preprocess": 0.0, "inference": 0.0}
        height, width = given.pixels.shape[:2]
        out = np.empty((height, width, 4), np.uint8)
        composed = plan.engine_options()
        pixels = given.pixels
        if given.own is not None:
            pixels = given.own
            if plan.background is not None:
                composed["background"] = plan.own_background(given.facts.profile)
        visible = self._engine.compose(pixels, values, out, composed)
        ms["postprocess"] = laps.lap()
        out = self._framed(plan, out, visible, given, ms)
        return plan.finish(picture, given, out, self._execution(ms, {}, given.notes), ms)

    def _framed(
        self, plan: Plan, out: np.ndarray, visible: tuple[int, int, int, int] | None, given: _pictures.Picture, ms: dict[str, float]
    ) -> np.ndarray:
        laps = Laps()
        background = plan.background if given.own is None else plan.own_background(given.facts.profile)
        framed = plan.framed(self._engine, out, visible, background)
        ms["postprocess"] += laps.lap()
        return framed

    def _run(self, given: _pictures.Picture, plan: Plan, ms: dict[str, float]) -> tuple[np.ndarray, dict[str, Any]]:
        height, width = given.pixels.shape[:2]
        load, self._unreported_load = self._unreported_load, 0.0  # the first picture tells of it
        if load:
            laps = Laps()
            self._engine.prepare(width, height)
            ms["load"] = load + laps.lap()
        out = result = np.empty((height, width, 4), np.uint8)
        own = None
        if given.own is not None:
            result = np.empty_like(out)
            own = (given.own, result, plan.own_background(given.facts.profile))
        report = self._engine.run(given.pixels, out, plan.engine_options(), own)
        for stage in ("preprocess", "inference", "postprocess"):
            ms[stage] = report[stage]
        return result, report

    def _execution(self, ms: dict[str, float], report: Mapping[str, Any], notes: tuple[str, ...]) -> Execution:
        found = report.get("found_subject", True)
        box = report.get("bounding_box")
        return Execution(
            provider="native",
            dtype="fp32",
            threads=self.threads,
            simd=_decal.simd_target(),
            model=self.model,
            ms=ms,
            memory_bytes=report.get("memory_bytes", 0),
            passes=report.get("passes", 1),
            coverage=report.get("coverage"),
            bounding_box=Box(*box) if box else None,
            found_subject=found,
            notes=notes if found else (*notes, "no subject found"),
        )


def _plan(options: RemoveOptions) -> Plan:
    unknown = set(options) - RemoveOptions.__optional_keys__
    if unknown:
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
    return Plan(**options)


def _restore(model: Any, model_file: Any, models_dir: Any, threads: int | None, spec: Any) -> Session:
    return Session(model, model_file=model_file, models_dir=models_dir, threads=threads, spec=spec)


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
