# SPDX-License-Identifier: MIT
"""Pictures between files and arrays, through Pillow: upright, sRGB, straight alpha, as the command has them."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ._errors import Error

MAX_PIXELS = 1 << 28
"""The command's limit: 1 GiB as RGBA. Pillow's own (Image.MAX_IMAGE_PIXELS, twice that number) is lower, and comes first."""

FORMATS = {"png": "PNG", "webp": "WEBP", "jpeg": "JPEG", "jpg": "JPEG"}
_SRGB: ImageCms.ImageCmsProfile | None = None


class Picture(NamedTuple):
    pixels: np.ndarray
    """[H,W,3] or [H,W,4], uint8."""
    kind: str
    """What was given: "array", "image", "bytes", "path" or "file"."""
    where: str
    """Its name in errors."""


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def read(source: Any) -> Picture:
    """Decodes whatever a picture may be given as."""
    if isinstance(source, np.ndarray):
        return Picture(_from_array(source), "array", "")
    if isinstance(source, Image.Image):
        return Picture(_from_image(source, ""), "image", "")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Picture(_decode(source, ""), "bytes", "")
    if is_path(source):
        where = os.fspath(source)
        try:
            with open(source, "rb") as file:
                data = file.read()
        except FileNotFoundError as error:
            raise Error("not-found", "no such file", str(where)) from error
        except OSError as error:
            raise Error("io", error.strerror or str(error), str(where)) from error
        return Picture(_decode(data, str(where)), "path", str(where))
    if hasattr(source, "read"):
        where = str(getattr(source, "name", ""))
        data = source.read()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise Error("invalid-argument", "the file was not opened in binary mode", where)
        return Picture(_decode(data, where), "file", where)
    raise Error(
        "invalid-argument",
        f"a picture is bytes, a path, a binary file, a PIL image or a numpy array, not {type(source).__name__}",
    )


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8:
        raise Error("invalid-argument", f"a picture's values are uint8, not {array.dtype}")
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise Error("invalid-argument", f"a picture has the shape [H,W,3] or [H,W,4], not {list(array.shape)}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise Error("invalid-argument", "the picture is empty")
    _check_pixels(array.shape[1], array.shape[0], "")
    return np.broadcast_to(array, (*array.shape[:2], 3)) if array.shape[2] == 1 else array


def _check_pixels(width: int, height: int, where: str) -> None:
    if width * height > MAX_PIXELS:
        raise Error("limit-exceeded", f"{width} x {height} pixels are over the limit of {MAX_PIXELS}", where)


def _decode(data: bytes | bytearray | memoryview, where: str) -> np.ndarray:
    if len(data) == 0:
        raise Error("corrupt-image", "the file is empty", where)
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise Error("corrupt-image", "not a picture we can decode", where) from error
    except Image.DecompressionBombError as error:
        raise Error("limit-exceeded", str(error), where) from error
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise Error("corrupt-image", f"damaged picture: {_line(error)}", where) from error
    with image:
        return _from_image(image, where)


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _from_image(image: Image.Image, where: str) -> np.ndarray:
    _check_pixels(image.width, image.height, where)
    if image.width == 0 or image.height == 0:
        raise Error("invalid-argument", "the picture is empty", where)
    format = image.format
    try:
        image.load()
        if image.getexif().get(0x0112, 1) != 1:
            image = ImageOps.exif_transpose(image)
        pixels = np.asarray(_to_srgb(image))
        if format == "GIF" and pixels.shape[2] == 4:
            # What is transparent has no colour in a GIF: black, as the command's decoder has it. The network sees it.
            pixels = pixels * (pixels[:, :, 3:] != 0)
        return pixels
    except Image.DecompressionBombError as error:
        raise Error("limit-exceeded", str(error), where) from error
    except MemoryError as error:
        raise Error("out-of-memory", f"no memory for {image.width} x {image.height} pixels", where) from error
    # What Pillow's decoders throw at damaged files is not one family.
    except (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, EOFError, struct.error) as error:
        raise Error("corrupt-image", f"damaged picture: {_line(error)}", where) from error


def _to_8bit(image: Image.Image) -> Image.Image:
    """Modes with more than eight bits, rounded."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode == "I":  # 16-bit PNG in older versions of Pillow
        return Image.fromarray(((np.clip(np.asarray(image), 0, 65535) + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray(np.clip(np.nan_to_num(np.asarray(image)), 0, 255).astype(np.uint8))
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    """RGB or RGBA in sRGB: the embedded profile applied, where there is one that fits."""
    icc = image.info.get("icc_profile")
    alpha = None
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    elif "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("RGBA" if image.mode == "RGB" else "LA")
    image = _to_8bit(image)
    if not icc and image.mode in ("RGB", "RGBA"):
        return image
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    if icc:
        image = _apply_profile(image, icc)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        image = Image.merge("RGBA", (*image.split(), alpha))
    return image


def _apply_profile(image: Image.Image, icc: bytes) -> Image.Image:
    global _SRGB
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        return image
    try:
        if _SRGB is None:
            _SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        # As the command: without the first flag a level is lost here and there.
        flags = ImageCms.Flags.HIGHRESPRECALC
        if image.mode == "CMYK":
            flags |= ImageCms.Flags.BLACKPOINTCOMPENSATION
        transform = ImageCms.buildTransform(
            profile, _SRGB, image.mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags
        )
        return ImageCms.applyTransform(image, transform) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile that does not fit its picture says nothing; the command and every browser ignore it too.
        return image


def encode(image: Image.Image, format: str, quality: int) -> bytes:
    """A file of an RGBA, RGB or grey picture."""
    file = io.BytesIO()
    if format == "PNG":
        # As the command: level 6 makes files 7 % smaller in three times the time.
        image.save(file, "PNG", compress_level=3)
    else:
        image.save(file, format, quality=quality)
    return file.getvalue()


def write_file(path: str, data: bytes) -> None:
    """All of it or nothing: written beside its place, then renamed."""
    part = f"{path}.{os.getpid()}-{threading.get_ident()}.part"
    try:
        with open(part, "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise Error("io", error.strerror or str(error), path) from error
