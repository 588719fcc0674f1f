# SPDX-License-Identifier: MIT
"""The picture of all files of the table: eight flat patches, 64 x 32 pixels, and how a file of it becomes an entry of the table."""
import struct
from pathlib import Path

import reference as ref

WIDTH, HEIGHT, PATCH = 64, 32, 16
RED, GREEN, BLUE, WHITE, GREY, DARK, SKIN, ORANGE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128), (20, 30, 40), (200, 150, 120), (250, 120, 10)
COLOURS = [RED, GREEN, BLUE, WHITE, GREY, DARK, SKIN, ORANGE]
GREYS = [0, 255, 29, 235, 128, 28, 160, 60]


def pixels(patches=COLOURS):
    """Rows of pixels, a patch's value for each."""
    return [[patches[y // PATCH * 4 + x // PATCH] for x in range(WIDTH)] for y in range(HEIGHT)]


def rows(code, patches=COLOURS, order='<'):
    """Bytes of each row; `code`: struct's letter for a sample."""
    packed = {p: struct.pack(order + code * len(p), *p) for p in patches}
    return [b''.join(packed[p] for p in row) for row in pixels(patches)]


def data(code, patches=COLOURS, order='<'):
    return b''.join(rows(code, patches, order))


def turned(orientation, patches=COLOURS):
    """The patches of a picture as EXIF's orientation has it shown, row after row."""
    grid = [patches[:4], patches[4:]]
    if orientation >= 5:
        grid = [list(row) for row in zip(*grid)]  # 5: rows and columns change places
    if orientation in (2, 3, 6, 7):
        grid = [row[::-1] for row in grid]
    if orientation in (3, 4, 7, 8):
        grid = grid[::-1]
    return [patch for row in grid for patch in row]


def grey_patches(values=GREYS):
    return [(v,) for v in values]


class Table:
    """Files in a folder, and what is right for each of them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.entries = []

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, content):
        (self.folder / name).write_bytes(content)

    def add(self, name, kind, title, right, source, tolerance=1, content=None, alpha=255, size=(WIDTH, HEIGHT), note=None):
        """`right`: the eight colours as bytes; `alpha`: one for all or eight; `note`: what the command has to say."""
        if content is not None:
            self.write(name, content)
        alphas = alpha if isinstance(alpha, list) else [alpha] * 8
        self.entries.append({'file': name, 'kind': kind, 'title': title, 'source': source, 'tolerance': tolerance, 'size': size,
                             'right': [list(c) + [a] for c, a in zip(right, alphas)], 'note': note})

    def refuse(self, name, kind, title, code, source, content=None, message=None):
        if content is not None:
            self.write(name, content)
        self.entries.append({'file': name, 'kind': kind, 'title': title, 'source': source, 'code': code, 'message': message})


def greys_to(function, values=GREYS):
    """Grey bytes by a function from value 0..1 to light."""
    return [(round(255 * ref.srgb_encode(function(v / 255))),) * 3 for v in values]
