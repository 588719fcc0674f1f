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

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from . import _decal
from ._batch import BatchItem, run_batch
from ._errors import Error
from ._models import models
from ._results import CutoutArray, CutoutBytes, CutoutFile, CutoutPath, Execution
from ._session import Session

__version__ = _decal.version()
__all__ = [
    "BatchItem",
    "CutoutArray",
    "CutoutBytes",
    "CutoutFile",
    "CutoutPath",
    "Error",
    "Execution",
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


def _session_for(session: Session | None, model: Any, model_file: Any, models_dir: Any, threads: int | None) -> Session:
    if session is not None:
        if any(value is not None for value in (model, model_file, models_dir, threads)):
            raise Error("invalid-argument", "a session has its model and threads already")
        return session
    key = (model, model_file, models_dir, threads)
    with _sessions_lock:
        found = _sessions.get(key)
        if found is None:
            found = Session(model, model_file=model_file, models_dir=models_dir, threads=threads)
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
    session: Session | None = None,
    threads: int | None = None,
    background: Any = None,
    mask: bool = False,
    format: str | None = None,
    quality: int = 90,
    output: str | os.PathLike[str] | None = None,
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
    arrays are sRGB as they are. Alpha is straight; the picture's own alpha is kept, times the matte.

    Args:
        picture: see above.
        model, model_file, models_dir, threads: see `Session`. The session is kept for the next call.
        session: instead of those.
        background: a colour behind the subject: "#rrggbb", "r,g,b", or three or four numbers 0..255.
        mask: the matte itself, as a grey picture.
        format: of files: "png" (as `output` ends, or else the default), "webp" or "jpeg" (white background by default).
        quality: 1 to 100, of webp and jpeg.
        output: a path to write to, whatever was given; the result is this path.

    Raises:
        decal.Error: see its `code`. Nothing is half-written.
    """
    chosen = _session_for(session, model, model_file, models_dir, threads)
    return chosen.remove(picture, background=background, mask=mask, format=format, quality=quality, output=output)


def remove_batch(
    pictures: Iterable[Any],
    *,
    model: str | os.PathLike[str] | None = None,
    model_file: str | os.PathLike[str] | None = None,
    models_dir: str | os.PathLike[str] | None = None,
    session: Session | None = None,
    threads: int | None = None,
    workers: int = 2,
    background: Any = None,
    mask: bool = False,
    format: str | None = None,
    quality: int = 90,
) -> Iterator[BatchItem]:
    """Removes the background of many pictures: yields (source, result, error) for each, in order.

    `pictures` is read as results are taken, so a million of them take the memory of `workers` + 1. A picture that fails has an
    `error` (`decal.Error`) instead of a `result`, and the others go on. The other arguments are those of `remove`.
    """
    chosen = _session_for(session, model, model_file, models_dir, threads)
    options = {"background": background, "mask": mask, "format": format, "quality": quality}
    return run_batch(chosen, pictures, workers, options)
