# SPDX-License-Identifier: MIT
"""Damaged files, and whole ones that look damaged: every host gives the same answer."""
import io
import struct
import zlib

from PIL import Image

from patches import COLOURS, HEIGHT, WIDTH, pixels, rows
from writers import bmp, gif, png, png_chunk

SIZE = (WIDTH, HEIGHT)
TRUNCATED = 'truncated pictures are refused'


def png_of(data, before=(), between=b'', kind=2, bits=8):
    """A PNG of that compressed data."""
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', *SIZE, bits, kind, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + b''.join(before) + data + between + png_chunk(b'IEND', b'')


def wrong_sum(chunk):
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


def add_png(table):
    raw = b''.join(b'\0' + row for row in rows('B'))
    data = zlib.compress(raw)
    idat = lambda content: png_chunk(b'IDAT', content)
    third = 'PNG third edition'
    broken = lambda name, title, content: table.refuse(f'png-{name}.png', 'damaged PNG', title, 'corrupt-image', third, content)
    whole = lambda name, title, content, **more: table.add(f'png-{name}.png', 'damaged PNG', title, COLOURS, third, 0, content, **more)
    broken('data-sum', 'wrong checksum of the data (IDAT)', png_of(wrong_sum(idat(data))))
    broken('header-sum', 'wrong checksum of the header (IHDR)', png(*SIZE, rows('B'))[:32] + b'\0' + png(*SIZE, rows('B'))[33:])
    broken('short-data', 'data for half of the rows, checksums correct', png_of(idat(zlib.compress(raw[:len(raw) // 2]))))
    broken('cut-data', 'compressed data cut short, checksums correct', png_of(idat(data[:len(data) // 2])))
    broken('filter', 'an unknown filter', png_of(idat(zlib.compress(raw[:193 * 16] + b'\x09' + raw[193 * 16 + 1:]))))
    broken('critical', 'an unknown critical chunk', png_of(png_chunk(b'ABCD', b'') + idat(data)))
    broken('no-data', 'no data', png_of(b''))
    broken('no-palette', 'palette indices without a palette', png_of(idat(zlib.compress(b''.join(b'\0' + bytes(i[0] for i in row) for row in pixels([(i,) for i in range(8)])))), kind=3))
    broken('cut', 'truncated at 60 %', png(*SIZE, rows('B'))[:len(png(*SIZE, rows('B'))) * 6 // 10])
    whole('extra-sum', 'wrong checksum of gAMA, which is then ignored', png_of(wrong_sum(png_chunk(b'gAMA', struct.pack('>I', 100000))) + idat(data)))
    whole('parts', 'data in three chunks, one of them empty', png_of(idat(data[:20]) + idat(b'') + idat(data[20:])))
    whole('behind', 'extra bytes after the end', png(*SIZE, rows('B')) + b'something else')
    noise = Image.effect_noise(SIZE, 80).convert('RGB')
    out = io.BytesIO()
    noise.save(out, 'PNG')
    table.refuse('png-noise-cut.png', 'damaged PNG', 'noise, truncated at 60 %', 'corrupt-image', TRUNCATED, out.getvalue()[:len(out.getvalue()) * 6 // 10])


def add_jpeg(table):
    noise = Image.effect_noise((256, 256), 80).convert('RGB')

    def jpeg(**more):
        out = io.BytesIO()
        noise.save(out, 'JPEG', quality=90, **more)
        return out.getvalue()

    broken = lambda name, title, content: table.refuse(f'jpeg-{name}.jpg', 'damaged JPEG', title, 'corrupt-image', TRUNCATED, content)
    plain, progressive = jpeg(), jpeg(progressive=True)
    broken('cut-97', 'truncated at 97 %, then an end marker', plain[:len(plain) * 97 // 100] + b'\xff\xd9')
    broken('progressive-cut', 'progressive, truncated at 60 %, then an end marker', progressive[:len(progressive) * 6 // 10] + b'\xff\xd9')
    # DRI of 4 MCUs without a single restart marker.
    at = plain.index(b'\xff\xda')
    broken('restarts', 'restart markers declared but missing', plain[:at] + b'\xff\xdd\0\4\0\4' + plain[at:])
    broken('no-scan', 'a header and an end marker, no scan', plain[:at] + b'\xff\xd9')
    broken('segment', 'a segment longer than the file', plain[:at] + b'\xff\xee\xff\xff' + b'\0' * 40)


def add_others(table):
    indices = [i for row in pixels([(i,) for i in range(8)]) for (i,) in row]
    frame = lambda some: (0, 0, WIDTH, HEIGHT, some, None)
    whole = gif(*SIZE, [frame(indices)], COLOURS)
    table.refuse('gif-cut.gif', 'other damage', 'GIF truncated at 60 %', 'corrupt-image', TRUNCATED, whole[:len(whole) * 6 // 10])
    table.refuse('gif-short.gif', 'other damage', 'GIF with half the pixels', 'corrupt-image', TRUNCATED, gif(*SIZE, [frame(indices[:len(indices) // 2])], COLOURS))
    table.add('gif-no-trailer.gif', 'other damage', 'GIF without its trailer', COLOURS, 'all pixels are present', 0, whole[:-1])
    image = Image.effect_noise(SIZE, 80).convert('RGB')

    def webp(**more):
        out = io.BytesIO()
        image.save(out, 'WEBP', **more)
        return out.getvalue()

    for name, content in (('lossy', webp(quality=90)), ('lossless', webp(lossless=True))):
        table.refuse(f'webp-{name}-cut.webp', 'other damage', f'WebP, {name}, truncated at 60 %', 'corrupt-image', TRUNCATED, content[:len(content) * 6 // 10])
        # Its sizes say that all is there.
        short = (len(content) - 20) * 6 // 10 & ~1
        closed = b'RIFF' + struct.pack('<I', short + 12) + content[8:16] + struct.pack('<I', short) + content[20:20 + short]
        table.refuse(f'webp-{name}-short.webp', 'other damage', f'WebP, {name}, data truncated at 60 %, sizes adjusted', 'corrupt-image', TRUNCATED, closed)
    data = b''.join(b''.join(bytes(p[::-1]) for p in row) for row in reversed(pixels()))
    cut = bmp(*SIZE, 24, data)
    table.refuse('bmp-cut.bmp', 'other damage', 'BMP truncated at 60 %', 'corrupt-image', TRUNCATED, cut[:len(cut) * 6 // 10])
    avif = (table.folder / 'avif-plain.avif').read_bytes()
    table.refuse('avif-cut.avif', 'other damage', 'AVIF without its last 20 bytes', 'corrupt-image', TRUNCATED, avif[:-20])
    table.refuse('avif-half.avif', 'other damage', 'AVIF truncated at 60 %', 'corrupt-image', TRUNCATED, avif[:len(avif) * 6 // 10])


def add_damage(table):
    add_png(table)
    add_jpeg(table)
    add_others(table)
