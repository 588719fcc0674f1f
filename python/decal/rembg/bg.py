# SPDX-License-Identifier: MIT
"""remove() with the arguments of rembg 2.0."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from .. import _pictures
from .._errors import Error
from . import _edges
from .sessions import ArgumentError, BaseSession, PictureError, new_session

_ORIENTATION = 0x0112  # the EXIF tag

_default: BaseSession | None = None


def _default_session() -> BaseSession:
    global _default
    if _default is None:
        # No lock, which a fork could leave locked in the child: two threads may load it at first, and one of the two is kept.
        _default = _default or new_session()
    return _default


def _open(data: Any) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image
    except Image.DecompressionBombError as error:
        raise Error("limit-exceeded", str(error)) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError("corrupt-image", "not a picture we can decode") from error


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says. `exif_transpose` would copy one that is upright already: 22 ms at 11 megapixels."""
    return ImageOps.exif_transpose(image) if image.getexif().get(_ORIENTATION, 1) != 1 else image


def remove(
    data: Any,
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = 240,
    alpha_matting_background_threshold: int = 10,
    alpha_matting_erode_size: int = 10,
    session: BaseSession | None = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    decontaminate: bool = False,
    vitmatte: bool = False,
    vitmatte_model: str | None = None,
    bgcolor: tuple[int, int, int, int] | None = None,
    force_return_bytes: bool = False,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Removes the background of a picture: bytes, a PIL image or a numpy array, and the result is of the same kind.

    Args:
        data: the picture. EXIF orientation is applied, ICC profiles are not, as in rembg.
        alpha_matting: soft edges from the colours around them, and the subject's own colours there.
        alpha_matting_foreground_threshold, alpha_matting_background_threshold, alpha_matting_erode_size: what counts as
            surely subject (mask above) and surely background (below), both eroded by that many pixels.
        session: of `new_session`; left out, the model inside this package.
        only_mask: the mask itself, a grey picture.
        post_process_mask: a mask without specks, smoothed, of black and white.
        decontaminate: the subject's own colours where it is half transparent.
        vitmatte, vitmatte_model: not here; an error.
        bgcolor: RGBA behind the subject.
        force_return_bytes: bytes of a PNG file whatever was given.
        put_alpha, putalpha (keywords): colours stay as they are, the mask becomes alpha.
    """
    if vitmatte:
        raise ArgumentError("invalid-argument", "vitmatte is not supported; alpha_matting needs no further model")
    put_alpha = bool(kwargs.pop("putalpha", False)) | bool(kwargs.pop("put_alpha", False))
    if isinstance(data, Image.Image):
        image, kind = data, "image"
    elif isinstance(data, np.ndarray):
        image, kind = Image.fromarray(data), "array"
    elif isinstance(data, (bytes, bytearray, memoryview)):
        image, kind = _open(data), "bytes"
    else:
        raise ArgumentError("invalid-argument", f"data is bytes, a PIL image or a numpy array, not {type(data).__name__}")
    image = _upright(image)

    used = session or _default_session()
    changed = only_mask or post_process_mask or alpha_matting or put_alpha or decontaminate
    if changed or type(used).predict is not BaseSession.predict:  # a session of the caller's own class makes its own masks
        options = (alpha_matting_foreground_threshold, alpha_matting_background_threshold, alpha_matting_erode_size)
        cutouts = []
        for mask in used.predict(image, *args, **kwargs):
            if post_process_mask:
                mask = Image.fromarray(_edges.smooth_mask(np.asarray(mask)))
            if only_mask:
                cutouts.append(mask)
            elif alpha_matting:
                cutouts.append(_edges.cut_refined(image, mask, *options))
            elif put_alpha:
                cutout = image.copy()
                cutout.putalpha(mask)
                cutouts.append(cutout)
            elif decontaminate:
                cutouts.append(_edges.cut_decontaminated(image, mask))
            else:
                cutouts.append(_paste(image, mask))
        cutout = _stack(cutouts)
    else:
        parts = used.cut(image, **kwargs)
        array = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if bgcolor is None and kind == "array" and not force_return_bytes:
            return array
        if bgcolor is None and kind == "bytes" and _pictures.HAS_PNG:  # from the array itself: an image in between is copied
            return _pictures.png(array, "RGBA", {}, used.threads)
        cutout = Image.fromarray(array)
    if bgcolor is not None and not only_mask:
        cutout = Image.alpha_composite(Image.new("RGBA", cutout.size, tuple(bgcolor)), cutout.convert("RGBA"))
    if force_return_bytes or kind == "bytes":
        return _pictures.encode(cutout, "PNG", 100, threads=getattr(used, "threads", 1))
    return cutout if kind == "image" else np.asarray(cutout)


def _paste(image: Image.Image, mask: Image.Image) -> Image.Image:
    """As Image.composite with an empty picture, which would copy that one first."""
    cutout = Image.new("RGBA", image.size, 0)
    cutout.paste(image, None, mask)
    return cutout


def _stack(pictures: list[Image.Image]) -> Image.Image:
    """Several cut-outs (one for each class of clothing) become one picture, each below the last."""
    if len(pictures) == 1:
        return pictures[0]
    stacked = Image.new("RGBA", (pictures[0].width, sum(picture.height for picture in pictures)))
    y = 0
    for picture in pictures:
        stacked.paste(picture, (0, y))
        y += picture.height
    return stacked


def download_models(models: tuple[str, ...]) -> None:
    """Fetches the files of these models (of all, where none is named) that are not there yet."""
    from .sessions import sessions, sessions_names_downloadable

    for name in models or sessions_names_downloadable:
        if name not in sessions:
            raise ArgumentError("invalid-argument", "no session of that name", name)
        sessions[name].download_models()
