# SPDX-License-Identifier: MIT
"""Decal removes the background of pictures, on this machine.

    import decal

    png = decal.remove(open("photo.jpg", "rb").read())       # bytes in, PNG bytes out
    decal.remove("photo.jpg")                                # writes photo.decal.png, answers its path
    cutout = decal.remove(Image.open("photo.jpg"))           # PIL in, PIL out (RGBA)
    rgba = decal.remove(array)                               # [H,W,3|4] uint8 in, [H,W,4] out
    print(rgba.execution.ms, rgba.execution.memory_bytes)    # every result says what ran

    session = decal.Session("birefnet-lite", models_dir="models")    # a model for many pictures and threads
    matte = session.segment(array)                           # [H,W] uint8, 255 where the subject is
    cutout = session.apply_matte(array, matte)

    for source, result, error in decal.remove_batch(paths):  # in order, in bounded memory
        ...

The model inside the package is used unless another is named; nothing is downloaded and no picture leaves the machine.
Failures are `decal.Error` with a `code`. `decal.rembg` has the functions and arguments of the package rembg.
"""

from __future__ import annotations

import inspect
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Unpack

from . import _decal
from ._batch import BatchItem, run_batch
from ._errors import Error
from ._models import models
from ._options import Plan, RemoveOptions
from ._results import Box, CutoutArray, CutoutBytes, CutoutFile, CutoutPath, Execution
from ._session import Session

__version__ = _decal.version()
__all__ = [
    "BatchItem",
    "Box",
    "CutoutArray",
    "CutoutBytes",
    "CutoutFile",
    "CutoutPath",
    "Error",
    "Execution",
    "RemoveOptions",
    "Session",
    "models",
    "remove",
    "remove_batch",
]

# Sessions of calls that name none. Two, because a program that alternates between two models is thinkable, and each holds its
# weights until it is pushed out.
_KEPT_SESSIONS = 2
# By the arguments of Session, the last used at the end.
_sessions = OrderedDict()  # type: OrderedDict[Any, Session]
_sessions_lock = threading.Lock()


def _forget_lock() -> None:
    global _sessions_lock
    _sessions_lock = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_forget_lock)


def _session_for(
    session: Session | None, model: Any, model_file: Any, models_dir: Any, threads: int | None, spec: Mapping[str, Any] | None
) -> Session:
    if session is not None:
        if any(value is not None for value in (model, model_file, models_dir, threads, spec)):
            raise Error("invalid-argument", "a session has its model and threads already")
        return session
    key = (model, model_file, models_dir, threads, repr(spec))
    with _sessions_lock:
        found = _sessions.get(key)
        if found is None:
            found = Session(model, model_file=model_file, models_dir=models_dir, threads=threads, spec=spec)
            _sessions[key] = found
            while len(_sessions) > _KEPT_SESSIONS:
                _sessions.popitem(last=False)
        _sessions.move_to_end(key)
        return found


def remove(
    picture: Any,
    *,
    model: str | os.PathLike[str] | None = None,
    model_file: str | os.PathLike[str] | None = None,
    models_dir: str | os.PathLike[str] | None = None,
    spec: Mapping[str, Any] | None = None,
    session: Session | None = None,
    threads: int | None = None,
    **options: Unpack[RemoveOptions],
) -> Any:
    """Removes the background of one picture. The result is of the kind that was given.

    ==================================  ==========================================================================
    given                               result
    ==================================  ==========================================================================
    bytes                               bytes of a PNG file
    a path (str, os.PathLike)           the path of the file written beside it: photo.jpg -> photo.decal.png
    a binary file                       a file in memory, to read
    a PIL image, of any mode            a PIL image: RGBA; RGB before an opaque background; L with mask
    a numpy array, [H,W,3|4] uint8      an array: [H,W,4]; [H,W,3] before an opaque background; [H,W] with mask
    ==================================  ==========================================================================

    Each has the attribute `execution` (see `Execution`). EXIF orientation and ICC profiles of files and PIL images are applied;
    arrays are sRGB as they are. Alpha is straight; the picture's own alpha is kept, times the matte. Files keep the density (DPI).
    The options and their defaults are those of the command `decal`.

    Args:
        picture: see above.
        model, model_file, models_dir, spec, threads: see `Session`. The session is kept for the next call.
        session: instead of those.
        background: a colour behind the subject: "#rrggbb", "#rrggbbaa", "r,g,b", a CSS name, or three or four numbers 0..255.
        mask: return the matte as a grey picture instead.
        background_only: keep the background and remove the subject.
        refine: how precisely edges follow the picture: "off", "fast" or "best", which lets the
            default model look twice.
        keep_colours: do not remove the old background's colours from soft edges.
        threshold: hard edges: alpha from this value (0 to 1) on becomes 1, below 0.
        remove_islands: remove parts smaller than this share (0 to 1) of the largest part.
        fill_holes: fill holes smaller than this share (0 to 1) of the subject.
        smooth: smooth the outline: remove jags up to about this many pixels (0 to 50).
        grow: move the outline outwards by this many pixels, or inwards if negative (-50 to 50, fractions allowed).
        shadow: add a soft shadow on the ground below the subject, of this darkness (0 to 1).
        crop: crop to the subject, with a margin in percent (0 to 100) of its longer side.
        aspect_ratio: extend the result to this aspect ratio: "4:5", or width divided by height (0.01 to 100).
        size: size of the result in pixels: "800x600" or (800, 600); "800x" or (800, None) for one side.
        scale: scale the result instead of `size` (0.01 to 8).
        format: of files: "png" (as `output` ends, or else the default), "webp" or "jpeg" (white background by default).
        quality: 1 to 100, of webp and jpeg.
        output: a path to write to, whatever was given; the result is this path. A folder: photo.decal.png in it.
        keep_metadata: files keep EXIF, XMP and IPTC, which may tell where a photo was taken. PIL images have them in `info`.
        profile: "keep": the picture's own colours with their ICC profile, instead of "srgb".
        max_memory: bytes, or a text such as "500M", that a decoded picture may take; left out, 2 GiB, at most a quarter of
            the machine's memory. A picture over it is refused by its header ("limit-exceeded").

    Raises:
        decal.Error: see its `code`. Nothing is half-written.
    """
    return _session_for(session, model, model_file, models_dir, threads, spec).remove(picture, **options)


# What `help` and editors show: the options with their defaults, which stand in Plan.
_own = [one for one in inspect.signature(remove).parameters.values() if one.kind != inspect.Parameter.VAR_KEYWORD]
remove.__signature__ = inspect.Signature([*_own, *inspect.signature(Plan).parameters.values()], return_annotation="Any")  # type: ignore[attr-defined]


def remove_batch(
    pictures: Iterable[Any],
    *,
    model: str | os.PathLike[str] | None = None,
    model_file: str | os.PathLike[str] | None = None,
    models_dir: str | os.PathLike[str] | None = None,
    spec: Mapping[str, Any] | None = None,
    session: Session | None = None,
    threads: int | None = None,
    workers: int = 2,
    **options: Unpack[RemoveOptions],
) -> Iterator[BatchItem]:
    """Removes the background of many pictures: yields (source, result, error) for each, in order.

    `pictures` is read as results are taken, so a million of them take the memory of `workers` + 1. A picture that fails has an
    `error` (`decal.Error`) instead of a `result`, and the others go on. The other arguments are those of `remove`; `output` can
    only be a folder.
    """
    chosen = _session_for(session, model, model_file, models_dir, threads, spec)
    return run_batch(chosen, pictures, workers, options)
