# SPDX-License-Identifier: MIT
"""Picture files byte by byte, as far as the table needs them: what tools do not write is written here."""
import struct
import zlib


def png_chunk(name, body):
    return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))


def png(width, height, rows, bits=8, kind=2, before=(), end=True):
    """`rows`: raw bytes of each row; `before`: (name, body) of chunks between header and data."""
    data = zlib.compress(b''.join(b'\0' + row for row in rows))
    parts = [b'\x89PNG\r\n\x1a\n', png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, bits, kind, 0, 0, 0))]
    parts += [png_chunk(name, body) for name, body in before]
    parts.append(png_chunk(b'IDAT', data))
    return b''.join(parts) + (png_chunk(b'IEND', b'') if end else b'')


def iccp(profile):
    return (b'iCCP', b'p\0\0' + zlib.compress(profile))


TIFF_TYPES = {'B': 1, 'a': 2, 'H': 3, 'I': 4, 'r': 5, 'Q': 18}


def rows_of(pixel_rows):
    """Bytes of rows of pixels, as patches.pixels gives them."""
    return [bytes(v for pixel in row for v in pixel) for row in pixel_rows]


def tiff(pages, order='<', sub_pages=(), exif=None, gps=None, big=False):
    """`pages`: lists of {tag: (type, values)} and the key 'data': bytes of one strip (or a list of them, one for each plane; none for
    directories without pixels). The first page links `sub_pages` as SubIFDs and the directories `exif` and `gps`. `big`: BigTIFF."""
    number, room, link = ('Q', 8, 8) if big else ('I', 4, 4)
    header = struct.pack(order + 'HHHQ', 43, 8, 0, 0) if big else struct.pack(order + 'HI', 42, 0)
    out = bytearray((b'II' if order == '<' else b'MM') + header)

    def add_directory(page, sub_offsets):
        tags = {tag: value for tag, value in page.items() if tag != 'data'}
        if 'data' in page:
            strips = page['data'] if isinstance(page['data'], list) else [page['data']]
            offsets = []
            for strip in strips:
                offsets.append(len(out))
                out.extend(strip + b'\0' * (len(strip) % 2))
            tags.setdefault(278, ('I', [tags[257][1][0]]))
            tags[273] = ('I', offsets)
            tags[279] = ('I', [len(strip) for strip in strips])
        if sub_offsets:
            tags[330] = ('I', sub_offsets)
        entries = []
        for tag in sorted(tags):
            kind, values = tags[tag]
            if kind in 'aB':
                raw, count = bytes(values), len(values)
            elif kind == 'r':
                raw, count = b''.join(struct.pack(order + 'II', *pair) for pair in values), len(values)
            else:
                raw, count = struct.pack(order + kind * len(values), *values), len(values)
            if len(raw) > room:
                place = len(out)
                out.extend(raw + b'\0' * (len(raw) % 2))
                raw = struct.pack(order + number, place)
            entries.append(struct.pack(order + 'HH' + number, tag, TIFF_TYPES[kind], count) + raw.ljust(room, b'\0'))
        at = len(out)
        out.extend(struct.pack(order + ('Q' if big else 'H'), len(entries)) + b''.join(entries) + b'\0' * room)
        return at

    subs = [add_directory(page, []) for page in sub_pages]
    below = {tag: (number, [add_directory(tags, [])]) for tag, tags in ((0x8769, exif), (0x8825, gps)) if tags}
    pages = [{**pages[0], **below}, *pages[1:]]
    for i, page in enumerate(pages):
        at = add_directory(page, subs if i == 0 else [])
        struct.pack_into(order + number, out, link, at)
        link = len(out) - room
    return bytes(out)


def page(width, height, data, bits, photometric, channels, sample_format=1, extra=None, more=None):
    tags = {256: ('I', [width]), 257: ('I', [height]), 258: ('H', [bits] * channels), 259: ('H', [1]),
            262: ('H', [photometric]), 277: ('H', [channels]), 339: ('H', [sample_format] * channels), 'data': data}
    if extra is not None:
        tags[338] = ('H', extra)
    tags.update(more or {})
    return tags


def gif(width, height, frames, palette):
    """`frames`: (x, y, width, height, indices below 64, transparent index or None). Codes are never compressed: every 60 pixels the
    table starts anew."""
    size = 64
    table = b''.join(bytes(palette[i] if i < len(palette) else (0, 0, 0)) for i in range(size))
    out = b'GIF89a' + struct.pack('<HHBBB', width, height, 0x80 | 5, 0, 0) + table
    for x, y, w, h, indices, transparent in frames:
        out += b'\x21\xf9\x04' + struct.pack('<BHB', 0 if transparent is None else 1, 10, transparent or 0) + b'\0'
        out += b'\x2c' + struct.pack('<HHHHB', x, y, w, h, 0) + b'\x06'
        bits = count = 0
        data = bytearray()

        def put(code, data=data):
            nonlocal bits, count
            bits |= code << count
            count += 7
            while count >= 8:
                data.append(bits & 255)
                bits >>= 8
                count -= 8

        for i, index in enumerate(indices):
            if i % 60 == 0:
                put(64)
            put(index)
        put(65)
        if count:
            data.append(bits & 255)
        for i in range(0, len(data), 255):
            out += bytes([len(data[i:i + 255])]) + bytes(data[i:i + 255])
        out += b'\0'
    return out + b'\x3b'


def anmf(x, y, width, height, chunks):
    """A frame of an animated WebP: at even places, of a still picture's chunks."""
    body = b''.join(struct.pack('<I', v)[:3] for v in (x // 2, y // 2, width - 1, height - 1, 100)) + b'\2' + chunks
    return b'ANMF' + struct.pack('<I', len(body)) + body


def webp_animation(width, height, frames):
    canvas = b'VP8X' + struct.pack('<II', 10, 0x12) + struct.pack('<I', width - 1)[:3] + struct.pack('<I', height - 1)[:3]
    body = b'WEBP' + canvas + b'ANIM' + struct.pack('<IIH', 6, 0, 0) + b''.join(frames)
    return b'RIFF' + struct.pack('<I', len(body)) + body


def bmp(width, height, bits, data, header_size=40, compression=0, masks=b'', palette=b'', top_down=False):
    header = struct.pack('<IiiHHIIiiII', header_size, width, -height if top_down else height, 1, bits, compression, len(data),
                         0, 0, len(palette) // 4, 0)
    if header_size > 40:
        header += masks.ljust(header_size - 40, b'\0')
        if header_size >= 108:
            header = header[:56] + b'BGRs' + header[60:]
    else:
        header += masks
    offset = 14 + len(header) + len(palette)
    return b'BM' + struct.pack('<IHHI', offset + len(data), 0, 0, offset) + header + palette + data


def qoi(width, height, rgba, space=0):
    """Every pixel whole."""
    body = b''.join(b'\xff' + bytes(pixel) for pixel in rgba)
    return b'qoif' + struct.pack('>IIBB', width, height, 4, space) + body + b'\0' * 7 + b'\1'


def profile(tags, space=b'RGB ', pcs=b'XYZ ', device=b'mntr', version=0x02400000):
    """An ICC profile of `tags` {name: data}."""
    tags = dict(tags)
    tags.setdefault(b'desc', b'desc\0\0\0\0' + struct.pack('>I', 2) + b't\0' + b'\0' * 79)
    tags.setdefault(b'cprt', b'text\0\0\0\0CC0\0')
    tags.setdefault(b'wtpt', xyz_tag((0.9642, 1.0, 0.8249)))
    place = 128 + 4 + 12 * len(tags)
    table, body = b'', b''
    for name, data in tags.items():
        table += name + struct.pack('>II', place + len(body), len(data))
        body += data + b'\0' * (-len(data) % 4)
    header = struct.pack('>I4sI4s4s4s', place + len(body), b'none', version, device, space, pcs)
    header += struct.pack('>6H', 2024, 1, 1, 0, 0, 0) + b'acsp' + b'\0' * 28 + struct.pack('>iii', 63190, 65536, 54061)
    return header.ljust(128, b'\0') + struct.pack('>I', len(tags)) + table + body


def xyz_tag(value):
    return b'XYZ \0\0\0\0' + struct.pack('>iii', *(round(v * 65536) for v in value))


def gamma_tag(gamma):
    return b'curv\0\0\0\0' + struct.pack('>IH', 1, round(gamma * 256))


def lut16_tag(channels, grid, lab_of):
    """mft2 with `grid` points an axis; `lab_of(device values 0..1)` gives L, a, b (version 2's encoding)."""
    identity = struct.pack('>HH', 0, 65535)
    head = b'mft2\0\0\0\0' + struct.pack('>BBBB', channels, 3, grid, 0)
    head += struct.pack('>9i', 65536, 0, 0, 0, 65536, 0, 0, 0, 65536) + struct.pack('>HH', 2, 2)
    points = []
    for index in range(grid ** channels):
        place = [index // grid ** (channels - 1 - k) % grid / (grid - 1) for k in range(channels)]
        light, a, b = lab_of(place)
        for value in (light * 652.8, (a + 128) * 256, (b + 128) * 256):
            points.append(min(max(round(value), 0), 65535))
    return head + identity * channels + struct.pack(f'>{len(points)}H', *points) + identity * 3


def boxes(content, begin, end):
    """(type, begin, end) of the boxes of an ISO media file between two places."""
    while begin + 8 <= end:
        size = struct.unpack_from('>I', content, begin)[0]
        yield content[begin + 4:begin + 8], begin, begin + size
        begin += size


def with_nclx(heif, primaries, transfer, matrix):
    """The file with a colour box of H.273's numbers for its first item, full range; for files as libheif's heif-enc writes them."""
    out = bytearray(heif)
    meta = next(box for box in boxes(out, 0, len(out)) if box[0] == b'meta')
    iprp = next(box for box in boxes(out, meta[1] + 12, meta[2]) if box[0] == b'iprp')
    ipco, ipma = list(boxes(out, iprp[1] + 8, iprp[2]))
    colr = struct.pack('>I4s4sHHHB', 19, b'colr', b'nclx', primaries, transfer, matrix, 0x80)
    count = len(list(boxes(out, ipco[1] + 8, ipco[2])))
    # One more association of one byte for the first item: version 0, flags 0.
    assert out[ipma[1] + 8:ipma[1] + 12] == b'\0\0\0\0'
    number = ipma[1] + 18
    out[number] += 1
    out[number + out[number]:number + out[number]] = bytes([count + 1])
    out[ipco[2]:ipco[2]] = colr
    for box, grown in ((ipma[1] + len(colr), 1), (ipco[1], len(colr)), (iprp[1], len(colr) + 1), (meta[1], len(colr) + 1)):
        struct.pack_into('>I', out, box, struct.unpack_from('>I', out, box)[0] + grown)
    iloc = next(box for box in boxes(out, meta[1] + 12, meta[2] + len(colr) + 1) if box[0] == b'iloc')
    version, sizes = out[iloc[1] + 8], out[iloc[1] + 12]
    assert version in (0, 1) and sizes == 0x44
    base = out[iloc[1] + 13] >> 4
    at = iloc[1] + 16
    for _ in range(struct.unpack_from('>H', out, iloc[1] + 14)[0]):
        method = struct.unpack_from('>H', out, at + 2)[0] & 15 if version == 1 else 0
        at += (6 if version == 1 else 4) + base
        extents = struct.unpack_from('>H', out, at)[0]
        at += 2
        for _ in range(extents):
            if method == 0:
                struct.pack_into('>I', out, at, struct.unpack_from('>I', out, at)[0] + len(colr) + 1)
            at += 8
    return bytes(out)
