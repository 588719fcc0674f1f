# SPDX-License-Identifier: MIT
"""Pictures between files and arrays, through Pillow: upright, sRGB, straight alpha, as the command has them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import threading
import zlib
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from . import _decal
from ._colour import to_srgb
from ._errors import Error
from ._metadata import Facts, Metadata, density_of, metadata_of, save_arguments

MAX_PIXELS = 1 << 28
"""The command's limit: 1 GiB as RGBA. Pillow's own (Image.MAX_IMAGE_PIXELS, twice that number) is lower, and comes first."""

HAS_PNG = hasattr(_decal, "pack_png")
"""Whether this build has an encoder of its own."""

FORMATS = {"png": "PNG", "webp": "WEBP", "jpeg": "JPEG", "jpg": "JPEG"}
# The longest sides that libwebp and libjpeg write.
_LONGEST_SIDES = {"WEBP": 16383, "JPEG": 65500}
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class Reading(NamedTuple):
    """How pictures are read."""

    max_memory: int | None = None
    """Bytes that a decoded picture may take; None: `default_max_memory`."""
    target: str | None = None
    """The format that the result is written in."""
    metadata: bool = False
    own_colours: bool = False


READING = Reading()
NO_FACTS = Facts()


class Picture(NamedTuple):
    pixels: np.ndarray
    """[H,W,3] or [H,W,4], uint8."""
    kind: str
    """What was given: "array", "image", "bytes", "path" or "file"."""
    where: str
    """Its name in errors."""
    own: np.ndarray | None = None
    """With `Reading.own_colours`: the picture in the colours of `facts.profile`."""
    facts: Facts = NO_FACTS
    notes: tuple[str, ...] = ()


def default_max_memory() -> int:
    """2 GiB, or a quarter of this machine's memory if that is less."""
    usual = 2 << 30
    try:
        return min(usual, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4)
    except (AttributeError, ValueError, OSError):
        return usual


def parse_size(size: Any) -> int | None:
    """Bytes from a number, or from a text as the command takes it: "500M", "2G", "1GiB"."""
    if size is None:
        return None
    bytes_ = size
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+)\s*([kmgt]?)(i?)b?\s*", size.lower())
        bytes_ = int(match[1]) * (1024 if match[3] else 1000) ** _UNITS[match[2]] if match else 0
    if isinstance(bytes_, bool) or not isinstance(bytes_, (int, np.integer)) or bytes_ < 1:
        raise Error("invalid-argument", f"max_memory is a number of bytes, or a text such as '500M', not {size!r}")
    return int(bytes_)


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def read(source: Any, how: Reading = READING) -> Picture:
    """Decodes whatever a picture may be given as."""
    if isinstance(source, np.ndarray):
        return Picture(_from_array(source, how), "array", "")
    if isinstance(source, Image.Image):
        return _from_image(source, "image", "", how)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(source, "bytes", "", how)
    if is_path(source):
        where = str(os.fspath(source))
        try:
            with open(source, "rb") as file:
                data = file.read()
        except FileNotFoundError as error:
            raise Error("not-found", "no such file", where) from error
        except (OSError, ValueError) as error:
            raise Error("io", getattr(error, "strerror", None) or str(error), where) from error
        return _decode(data, "path", where, how)
    if hasattr(source, "read"):
        where = str(getattr(source, "name", ""))
        data = source.read()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise Error("invalid-argument", "the file was not opened in binary mode", where)
        return _decode(data, "file", where, how)
    raise Error(
        "invalid-argument",
        f"a picture is bytes, a path, a binary file, a PIL image or a numpy array, not {type(source).__name__}",
    )


def _from_array(array: np.ndarray, how: Reading) -> np.ndarray:
    if array.dtype != np.uint8:
        raise Error("invalid-argument", f"a picture's values are uint8, not {array.dtype}")
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise Error("invalid-argument", f"a picture has the shape [H,W,3] or [H,W,4], not {list(array.shape)}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise Error("invalid-argument", "the picture is empty")
    _check_size(array.shape[1], array.shape[0], array.shape[2], "", how)
    return np.broadcast_to(array, (*array.shape[:2], 3)) if array.shape[2] == 1 else array


def _byte_text(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _check_size(width: int, height: int, sample_bytes: int, where: str, how: Reading) -> None:
    """Before anything of the picture's size is allocated: its samples as the file holds them, and 4 bytes a pixel for ours."""
    if width * height > MAX_PIXELS:
        raise Error("limit-exceeded", f"{width} x {height} pixels are over the limit of {MAX_PIXELS}", where)
    limit = how.max_memory or default_max_memory()
    needed = width * height * (sample_bytes + 4)
    if needed > limit:
        text = f"{width} x {height} pixels take {_byte_text(needed)} decoded, over the limit of {_byte_text(limit)} (max_memory)"
        raise Error("limit-exceeded", text, where)
    side = _LONGEST_SIDES.get(how.target or "")
    if side and max(width, height) > side:
        name = "WebP" if how.target == "WEBP" else "JPEG"
        text = f"{width} x {height} pixels do not fit into {name}, which holds {side} a side: choose png"
        raise Error("invalid-argument", text, where)


def _decode(data: bytes | bytearray | memoryview, kind: str, where: str, how: Reading) -> Picture:
    if len(data) == 0:
        raise Error("corrupt-image", "the file is empty", where)
    limit = how.max_memory or default_max_memory()
    if len(data) > limit:
        raise Error("limit-exceeded", f"the file has more than {limit} bytes (max_memory)", where)
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise Error("corrupt-image", "not a picture we can decode", where) from error
    except Image.DecompressionBombError as error:
        raise Error("limit-exceeded", str(error), where) from error
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise Error("corrupt-image", f"damaged picture: {_line(error)}", where) from error
    with image:
        return _from_image(image, kind, where, how)


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _sample_bytes(image: Image.Image) -> int:
    mode = image.mode
    if mode in ("P", "PA"):
        return 4 if mode == "PA" or "transparency" in image.info else 3
    return len(image.getbands()) * (2 if mode.startswith("I;16") else 4 if mode in ("I", "F") else 1)


def _frames(image: Image.Image, format: str | None) -> list[str]:
    """A note where the file holds further pictures."""
    try:
        count = int(getattr(image, "n_frames", 1))
    except (OSError, ValueError, SyntaxError, EOFError, struct.error):
        return []  # they are damaged, and are not wanted
    if count < 2:
        return []
    if format == "PNG":
        return ["animated PNG: its default picture used"]
    if format == "TIFF":
        return [f"TIFF: first of {count} pages used"]
    name = {"GIF": "GIF", "WEBP": "WebP"}.get(format or "")
    return [f"animated {name}: first of {count} frames used"] if name else []


def _from_image(image: Image.Image, kind: str, where: str, how: Reading) -> Picture:
    if image.width == 0 or image.height == 0:
        raise Error("invalid-argument", "the picture is empty", where)
    _check_size(image.width, image.height, _sample_bytes(image), where, how)
    opened, format = image, image.format
    try:
        image.load()
        dpi = density_of(image)
        metadata = metadata_of(image) if how.metadata else Metadata()
        orientation = image.getexif().get(0x0112, 1)
        if orientation != 1:
            image = ImageOps.exif_transpose(image)
            if dpi and orientation in (5, 6, 7, 8):
                dpi = dpi[::-1]
        notes: list[str] = []
        srgb, own = to_srgb(image, notes)
        pixels = np.asarray(srgb)
        if format == "GIF" and pixels.shape[2] == 4:
            # What is transparent has no colour in a GIF: black, as the command's decoder has it. The network sees it.
            pixels = pixels * (pixels[:, :, 3:] != 0)
        if kind != "image":  # somebody else's image stays at the frame that it shows
            notes += _frames(opened, format)
        profile = image.info.get("icc_profile", b"") if own is not None and how.own_colours else b""
        return Picture(
            pixels, kind, where, np.asarray(own) if profile else None, Facts(dpi, metadata, profile), tuple(notes)
        )
    except Image.DecompressionBombError as error:
        raise Error("limit-exceeded", str(error), where) from error
    except MemoryError as error:
        raise Error("out-of-memory", f"no memory for {image.width} x {image.height} pixels", where) from error
    # What Pillow's decoders throw at damaged files is not one family.
    except (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, EOFError, struct.error) as error:
        raise Error("corrupt-image", f"damaged picture: {_line(error)}", where) from error


def encode(image: Image.Image, format: str, quality: int, facts: Facts = NO_FACTS, threads: int = 1) -> bytes:
    """A file of an RGBA, RGB or grey picture. PNG files are made by so many threads."""
    file = io.BytesIO()
    arguments = save_arguments(format, facts)
    if format == "PNG":
        if image.mode in ("RGB", "RGBA") and HAS_PNG:
            return _png(image, arguments, threads)
        # Level 6 makes files 7 % smaller in three times the time.
        image.save(file, "PNG", compress_level=3, **arguments)
    elif format == "WEBP":
        # As the command, method included: what the file holds are the same pixels, given the same libwebp.
        image.save(file, "WEBP", quality=quality, method=2, **arguments)
    else:
        # libvips' rule: chroma at half the resolution below 90.
        image.save(file, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, **arguments)
    return file.getvalue()


def _png(image: Image.Image, arguments: dict[str, Any], threads: int) -> bytes:
    rgba = np.asarray(image.convert("RGBX") if image.mode == "RGB" else image)
    return png(rgba, image.mode, arguments, threads)


def png(rgba: np.ndarray, mode: str, arguments: dict[str, Any], threads: int) -> bytes:
    """A file of [H,W,4] with dense rows, as RGB or RGBA, by the command's encoder: 6 megapixels take 0.11 s of processor time, Pillow's
    level 3 0.36 s. The other chunks are Pillow's."""
    stream = _decal.pack_png(rgba, len(mode), threads)
    around = io.BytesIO()
    Image.new(mode, (1, 1)).save(around, "PNG", **arguments)
    small = around.getvalue()
    parts = [small[:8], _chunk(b"IHDR", struct.pack(">II", rgba.shape[1], rgba.shape[0]) + small[24:29])]
    at = 33  # behind the signature and the header
    while at < len(small):
        (length,) = struct.unpack_from(">I", small, at)
        end = at + 12 + length
        parts.append(_chunk(b"IDAT", stream) if small[at + 4 : at + 8] == b"IDAT" else small[at:end])
        at = end
    return b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))))


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
