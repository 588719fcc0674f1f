# SPDX-License-Identifier: MIT
"""sRGB as a table profile: with it Little CMS gives the same bytes here as in the command, whose libvips has sRGB in this form."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import ImageCms

# Red, green and blue of IEC 61966-2-1 under D65, adapted to D50, and the white point, in 65536ths.
_RED, _GREEN, _BLUE = (28564, 14574, 912), (25253, 46992, 6366), (9373, 3971, 46782)
_WHITE = (62269, 65536, 71320)
# With curves of formulas (ImageCms.createProfile) half a percent of the bytes come out one off.
_CURVE_POINTS = 1024


def srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(_profile_bytes()))


def _profile_bytes() -> bytes:
    x = np.linspace(0, 1, _CURVE_POINTS)
    values = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    curve = b"curv" + struct.pack(">II", 0, _CURVE_POINTS) + np.round(values * 65535).astype(">u2").tobytes()
    name = b"desc" + struct.pack(">II", 0, 5) + b"sRGB\0" + bytes(11 + 67 + 1)
    tags = [(b"desc", name), (b"cprt", b"text\0\0\0\0none\0\0\0\0"), (b"wtpt", _xyz(_WHITE))]
    tags += [(b"rXYZ", _xyz(_RED)), (b"gXYZ", _xyz(_GREEN)), (b"bXYZ", _xyz(_BLUE))]
    tags += [(b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, data in tags:
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag, start + len(body), len(data))
        body += data
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02300000, b"mntr", b"RGB ", b"XYZ ") + date + b"acsp"
    header += bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header + bytes(128 - len(header)) + table + body


def _xyz(values: tuple[int, int, int]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *values)
