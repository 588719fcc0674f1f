# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""What a file says beside its picture, and what of it results keep: density, EXIF, XMP, IPTC, as the command has it."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from PIL import Image, PngImagePlugin

_EXIF = b"Exif\0\0"
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_THUMBNAIL_OFFSET, _THUMBNAIL_SIZE = 0x0201, 0x0202
_SEGMENT_BYTES = 65533
"""A segment of a JPEG file holds no more, its two bytes of length aside."""


class Metadata(NamedTuple):
    """Blocks as files of any format hold them; EXIF begins with its TIFF header. Empty: none."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""


class Facts(NamedTuple):
    """What goes along with a result."""

    dpi: tuple[float, float] | None = None
    metadata: Metadata = Metadata()
    profile: bytes = b""
    """ICC; empty: sRGB."""


def _exif_of(image: Image.Image) -> bytes:
    exif = image.info.get("exif", b"")
    return exif.removeprefix(_EXIF) if isinstance(exif, bytes) else b""


def density_of(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, as stored, before the orientation. Of JPEG files not Pillow's own, which are 72 where the file says nothing."""
    if "jfif_density" in image.info or image.format in ("JPEG", "MPO"):
        unit = {1: 1.0, 2: 2.54}.get(image.info.get("jfif_unit", 0), 0.0)
        x, y = (value * unit for value in image.info.get("jfif_density", (0, 0)))
        if x > 0 and y > 0:
            return x, y
        exif = image.getexif()
        unit = {2: 1.0, 3: 2.54}.get(exif.get(_UNIT, 2), 0.0)
        values = exif.get(_X_RESOLUTION, 0), exif.get(_Y_RESOLUTION, 0)
    else:
        unit, values = 1.0, image.info.get("dpi", (0, 0))
    try:
        x, y = (float(value) * unit for value in values)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # NaN is not more than 0: a fraction over 0 is no density.
    return (x, y) if 0 < x < 1e7 and 0 < y < 1e7 else None


def metadata_of(image: Image.Image) -> Metadata:
    """EXIF upright and without its thumbnail, XMP and IPTC."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    photoshop = image.info.get("photoshop")
    iptc = photoshop.get(0x0404, b"") if isinstance(photoshop, dict) else b""
    return Metadata(
        _upright(_exif_of(image)),
        xmp.encode() if isinstance(xmp, str) else bytes(xmp),
        iptc if isinstance(iptc, bytes) else b"",
    )


def _upright(exif: bytes) -> bytes:
    """The block with orientation 1 and no thumbnail, nothing else moved; empty if it makes no sense."""
    if exif[:2] not in (b"II", b"MM"):
        return b""
    order = "<" if exif[:2] == b"II" else ">"
    kept = bytearray(exif)

    def clear(start: int, size: int) -> None:
        end = min(start + size, len(kept))
        kept[start:end] = bytes(max(0, end - start))

    def entries(place: int) -> tuple[list[tuple[int, int]], int]:
        (count,) = struct.unpack_from(order + "H", exif, place)
        places = [place + 2 + 12 * i for i in range(count)]
        return [(struct.unpack_from(order + "H", exif, at)[0], at) for at in places], place + 2 + 12 * count

    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        found, link = entries(first)
        (thumbnail,) = struct.unpack_from(order + "I", exif, link)
        for tag, at in found:
            if tag == _ORIENTATION:
                clear(at + 8, 4)
                kept[at + (9 if order == ">" else 8)] = 1
        if thumbnail:
            found, end = entries(thumbnail)
            values = {tag: struct.unpack_from(order + "I", exif, at + 8)[0] for tag, at in found}
            if values.get(_THUMBNAIL_OFFSET):
                clear(values[_THUMBNAIL_OFFSET], values.get(_THUMBNAIL_SIZE, 0))
            clear(thumbnail, end + 4 - thumbnail)
            clear(link, 4)
    except (struct.error, IndexError):
        return b""
    return bytes(kept)


def attach(image: Image.Image, facts: Facts) -> None:
    """To a PIL image, where `save` finds some of it and callers all."""
    for name, value in (("dpi", facts.dpi), ("icc_profile", facts.profile), ("exif", facts.metadata.exif), ("xmp", facts.metadata.xmp)):
        if value:
            image.info[name] = _EXIF + value if name == "exif" else value


def save_arguments(format: str, facts: Facts) -> dict[str, Any]:
    """What Image.save takes for a file of "PNG", "WEBP" or "JPEG"."""
    exif, xmp, iptc = facts.metadata
    arguments: dict[str, Any] = {}
    if facts.dpi and format != "WEBP":
        arguments["dpi"] = facts.dpi
    if facts.profile:
        arguments["icc_profile"] = facts.profile
    if exif and not (format == "JPEG" and len(exif) + len(_EXIF) > _SEGMENT_BYTES):
        arguments["exif"] = _EXIF + exif
    if format == "PNG":
        if xmp:
            info = PngImagePlugin.PngInfo()
            info.add(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
            arguments["pnginfo"] = info
        return arguments
    if xmp and not (format == "JPEG" and len(xmp) + 29 > _SEGMENT_BYTES):
        arguments["xmp"] = xmp
    if iptc and format == "JPEG":
        body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
        if len(body) <= _SEGMENT_BYTES:
            arguments["extra"] = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    return arguments
