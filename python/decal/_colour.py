# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Colours: the words for them, and pictures of any mode and profile as sRGB, through Pillow's Little CMS as the command asks it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageColor

from ._errors import Error

Colour = tuple[int, int, int, int]
WHITE: Colour = (255, 255, 255, 255)
_SRGB: ImageCms.ImageCmsProfile | None = None


def parse_colour(colour: Any) -> Colour | None:
    """ "#rrggbb", "#rrggbbaa", "#rgb", "#rgba", "r,g,b", a CSS name, or three or four numbers 0..255; None for none."""
    if colour is None:
        return None
    wrong = Error(
        "invalid-argument",
        f"a colour is #rrggbb, #rrggbbaa, r,g,b, a CSS name or three or four numbers 0..255, not {colour!r}",
    )
    if isinstance(colour, str):
        values = _from_text(colour)
        if values is None:
            raise wrong
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


def _from_text(text: str) -> list[int] | None:
    if "," in text:
        parts = text.split(",")
        return [int(part) for part in parts] if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts) else None
    name = text.lower()
    if name == "transparent":
        return [0, 0, 0, 0]
    if not text.startswith("#") and name in ImageColor.colormap:
        name = str(ImageColor.colormap[name])
    digits = name.removeprefix("#")
    if len(digits) not in (3, 4, 6, 8) or not set(digits) <= set("0123456789abcdef"):
        return None
    size = 1 if len(digits) < 5 else 2
    return [int(digits[i : i + size], 16) * (17 if size == 1 else 1) for i in range(0, len(digits), size)]


def without_alpha(colour: Colour | None) -> Colour:
    """What a format without transparency shows: the colour, and white through it."""
    red, green, blue, alpha = colour or (0, 0, 0, 0)
    return (*((value * alpha + 255 * (255 - alpha) + 127) // 255 for value in (red, green, blue)), 255)  # type: ignore[return-value]


def _srgb() -> ImageCms.ImageCmsProfile:
    global _SRGB
    if _SRGB is None:  # two threads at first make two, which are the same
        _SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return _SRGB


def own_colour(profile: bytes, colour: Colour | None) -> Colour | None:
    """An sRGB colour in the values of an RGB profile, as the command turns it."""
    if colour is None:
        return None
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(_srgb(), own, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
        turned = ImageCms.applyTransform(Image.new("RGB", (1, 1), colour[:3]), transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return colour  # a profile for one direction
    values = turned.getpixel((0, 0)) if turned is not None else colour
    return (values[0], values[1], values[2], colour[3])  # type: ignore[index,return-value]


def _to_8bit(image: Image.Image) -> Image.Image:
    """Modes with more than eight bits, rounded."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode == "I":  # 16-bit PNG in older versions of Pillow
        return Image.fromarray(((np.clip(np.asarray(image), 0, 65535) + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray(np.clip(np.nan_to_num(np.asarray(image)), 0, 255).astype(np.uint8))
    return image


def to_srgb(image: Image.Image, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """RGB or RGBA in sRGB: the embedded profile applied, if there is one that fits. The second is an RGB picture in its own colours,
    where these are others."""
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
        return image, None
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    own = None
    if icc:
        applied = _apply_profile(image, icc, notes)
        if applied is not None:
            own = image if image.mode == "RGB" else None
            image = applied
    if image.mode == "CMYK":
        notes.append("CMYK without a usable colour profile: converted by the simple formula of CSS, as in browsers")
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        image = Image.merge("RGBA", (*image.split(), alpha))
        own = Image.merge("RGBA", (*own.split(), alpha)) if own is not None else None
    return image, own


def _apply_profile(image: Image.Image, icc: bytes, notes: list[str]) -> Image.Image | None:
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        # As the command: without the first flag a level is lost here and there.
        flags = ImageCms.Flags.HIGHRESPRECALC
        if image.mode == "CMYK":
            flags |= ImageCms.Flags.BLACKPOINTCOMPENSATION
        transform = ImageCms.buildTransform(
            profile, _srgb(), image.mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags
        )
        return ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile that does not fit its picture says nothing; the command and every browser ignore it too.
        notes.append("colour profile ignored: it is damaged, or not for such a picture")
        return None
