# SPDX-License-Identifier: MIT
"""JPEG, GIF, WebP, AVIF, HEIC and the small formats of the table."""
import io
import struct
import subprocess

from PIL import Image

import reference as ref
from patches import COLOURS, GREYS, HEIGHT, PATCH, WIDTH, data, grey_patches, greys_to, pixels, rows, turned
from table_png_tiff import exif, grey_profile, matrix_profile
from writers import anmf, bmp, gif, iccp, lut16_tag, png, profile, qoi, webp_animation, with_nclx

SIZE = (WIDTH, HEIGHT)


def shown(orientation):
    return SIZE[::-1] if orientation >= 5 else SIZE


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def swapped_profile(pcs_white=ref.D50):
    """Red and green change places: a table alone (A2B0), Lab, of 9 points an axis. Values are sRGB's."""
    def lab(place):
        return ref.xyz_to_lab(ref.bytes_to_xyz([255 * place[i] for i in (1, 0, 2)], pcs_white), pcs_white)
    return profile({b'A2B0': lut16_tag(3, 9, lab)}, pcs=b'Lab ')


def ink_profile(tags=(b'A2B0', b'A2B1', b'B2A0'), black=5):
    """Inks whose table gives L = 100 - 95 x their mean, grey: the darkest has L = 5."""
    def lab(place):
        return (100 - (100 - black) * sum(place) / 4, 0, 0)
    tables = {name: lut16_tag(4, 5, lab) for name in tags if name.startswith(b'A')}
    if b'B2A0' in tags:
        tables[b'B2A0'] = b2a_tag(black)
    return profile(tables, space=b'CMYK', pcs=b'Lab ', device=b'prtr')


def b2a_tag(black):
    """Lab to inks, as far as a black point needs it: all alike, by L."""
    grid = 21
    head = b'mft2\0\0\0\0' + struct.pack('>BBBB', 3, 4, grid, 0)
    head += struct.pack('>9i', 65536, 0, 0, 0, 65536, 0, 0, 0, 65536) + struct.pack('>HH', 2, 2)
    identity = struct.pack('>HH', 0, 65535)
    body = b''
    for index in range(grid ** 3):
        # Version 2 counts L to 100 at 65280.
        light = min(index // grid ** 2 / (grid - 1) * 65535 / 652.8, 100)
        body += struct.pack('>4H', *[round(65535 * min(max((100 - light) / (100 - black), 0), 1))] * 4)
    return head + identity * 3 + body + identity * 4


def jpeg(image, **more):
    out = io.BytesIO()
    image.save(out, 'JPEG', quality=100, subsampling=0, **more)
    return out.getvalue()


def insert(content, *segments):
    """Segments (marker, body) behind a JPEG's first marker."""
    return content[:2] + b''.join(struct.pack('>BBH', 255, m, len(b) + 2) + b for m, b in segments) + content[2:]


def image_of(patches=COLOURS, mode='RGB'):
    return Image.frombytes(mode, SIZE, data('B', patches))


def ycc(c):
    """JFIF's YCbCr of a colour."""
    values = (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2], 128 - 0.168736 * c[0] - 0.331264 * c[1] + 0.5 * c[2], 128 + 0.5 * c[0] - 0.418688 * c[1] - 0.081312 * c[2])
    return tuple(round(min(255, max(0, v))) for v in values)


def add_jpeg(table):
    def add(name, title, right, content, source, tolerance=3, **more):
        table.add(f'jpeg-{name}.jpg', 'JPEG', title, right, source, tolerance, content, **more)

    plain = jpeg(image_of())
    add('plain', 'no profile', COLOURS, plain, 'JFIF')
    icc = lambda p: jpeg(image_of(), icc_profile=p)
    swapped = [(c[1], c[0], c[2]) for c in COLOURS]
    # Grid points of the table are exact; between them the curve of nine points is.
    add('table-profile', 'a profile with a lookup table only (A2B0), which swaps red and green', swapped[:4], icc(swapped_profile()), 'ICC.1: A2B0 serves every intent')
    add('grey-profile', 'RGB with a profile for grey', COLOURS, icc(grey_profile(1.0)), 'ICC.1: the profile is for another colour space', note='profile ignored')
    add('p3-profile', 'Display P3’s primaries, gamma 2.2', [ref.rgb_in(ref.P3, lambda v: v ** (563 / 256), c) for c in COLOURS], icc(matrix_profile(ref.P3, 2.2)), 'the profile')
    grey = jpeg(image_of(grey_patches(), 'L'), icc_profile=grey_profile(1.0))
    add('grey', 'grey with a grey profile, gamma 1.0', greys_to(lambda v: v), grey, 'the profile', tolerance=5)
    half = matrix_profile(ref.P3, 1.8)
    add('half-profile', 'a profile in two segments, the second missing', COLOURS, insert(plain, (0xe2, b'ICC_PROFILE\0\1\2' + half[:300])), 'ICC.1, annex B', note='parts of it are missing')
    for orientation in (6, 3):
        add('exif' + str(orientation), f'EXIF orientation {orientation}', turned(orientation), insert(plain, (0xe1, b'Exif\0\0' + exif(orientation))), 'EXIF 2.32', size=shown(orientation))
    inks = [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128), (100, 50, 0, 30), (0, 0, 0, 0), (255, 255, 255, 255)]
    cmyk = Image.frombytes('CMYK', SIZE, data('B', inks))
    add('cmyk', 'CMYK without a profile', [ref.naive_cmyk(c) for c in inks], jpeg(cmyk), 'CSS Color 4, device-cmyk', note='CMYK without')
    light = lambda mean, low, black: ref.to_bytes([((ref.lab_to_xyz((100 - (100 - black) * mean, 0, 0), ref.D50)[1]) - low) / (1 - low)] * 3)
    black_y = ref.lab_to_xyz((5, 0, 0), ref.D50)[1]
    points = [(0, 0, 0, 0), (0, 0, 0, 255), (255, 255, 255, 255), (255, 0, 0, 0), (0, 0, 0, 191), (0, 0, 0, 128), (64, 64, 64, 64), (0, 128, 0, 0)]
    at = Image.frombytes('CMYK', SIZE, data('B', points))
    steps = [sum(c) / 1020 for c in points]
    add('cmyk-profile', 'CMYK with a profile whose black is L* = 5', [light(s, black_y, 5) for s in steps], jpeg(at, icc_profile=ink_profile()), 'the profile, with black point compensation')
    add('cmyk-table', 'CMYK with a profile whose only table is A2B0', [light(s, black_y, 5) for s in steps], jpeg(at, icc_profile=ink_profile((b'A2B0',))), 'the profile, with black point compensation')
    # Adobe's marker (transform 0: as they are, 2: YCCK) decides over four components; without it inks are not inverted.
    adobe = cmyk_bytes = jpeg(cmyk)
    at_adobe = adobe.index(b'\xff\xee')
    adobe_end = at_adobe + 2 + struct.unpack_from('>H', adobe, at_adobe + 2)[0]
    add('cmyk-plain', 'CMYK without Adobe’s marker', [ref.naive_cmyk(c) for c in inks], cmyk_bytes[:at_adobe] + adobe[adobe_end:], 'libjpeg', note='CMYK without')
    ycck = bytearray(jpeg(Image.frombytes('CMYK', SIZE, data('B', [tuple(255 - v for v in ycc(c[:3])) + c[3:] for c in inks]))))
    ycck[ycck.index(b'Adobe') + 11] = 2
    add('ycck', 'YCCK', [ref.naive_cmyk(c) for c in inks], bytes(ycck), 'Adobe technical note 5116', tolerance=5, note='CMYK without')
    as_rgb = jpeg(Image.frombytes('YCbCr', SIZE, data('B')))
    add('adobe-rgb', 'RGB, according to Adobe’s marker', COLOURS, as_rgb[:2] + b'\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0' + as_rgb[20:], 'Adobe technical note 5116')
    p3 = matrix_profile(ref.P3, 2.2)
    halves = [(0xe2, b'ICC_PROFILE\0\2\2' + p3[300:]), (0xe2, b'ICC_PROFILE\0\1\2' + p3[:300])]
    add('profile-order', 'a profile in two segments, in reverse order', [ref.rgb_in(ref.P3, lambda v: v ** (563 / 256), c) for c in COLOURS], insert(plain, *halves), 'ICC.1, annex B')
    table.write('source.ppm', b'P6\n64 32\n255\n' + data('B'))
    run('cjpeg', '-arithmetic', '-quality', '100', '-sample', '1x1', '-outfile', table.path('jpeg-arithmetic.jpg'), table.path('source.ppm'))
    add('arithmetic', 'arithmetic coding', COLOURS, None, 'ITU-T T.81', tolerance=4)
    stray = plain[:20] + b'\0\0\0' + plain[20:]  # behind the first segment
    add('stray', 'stray bytes between segments', COLOURS, stray, 'libjpeg: harmless')
    add('padded', 'padding between the scan and the end marker, as some cameras write', COLOURS, plain[:-2] + b'\0' * 9 + plain[-2:], 'libjpeg: harmless')
    noise = Image.effect_noise((256, 256), 80).convert('RGB')
    whole = jpeg(noise)
    table.refuse('jpeg-cut.jpg', 'JPEG', 'truncated at 60 %', 'corrupt-image', 'truncated pictures are refused', whole[:len(whole) * 6 // 10])
    table.refuse('jpeg-cut-eoi.jpg', 'JPEG', 'truncated at 60 %, then an end marker', 'corrupt-image', 'truncated pictures are refused', whole[:len(whole) * 6 // 10] + b'\xff\xd9')
    broken = bytearray(whole)
    broken[len(broken) // 2:len(broken) // 2 + 2] = b'\xff\xd9'
    table.refuse('jpeg-marker.jpg', 'JPEG', 'an end marker within the scan', 'corrupt-image', 'truncated pictures are refused', bytes(broken))


def add_gif_webp(table):
    indices = [i for row in pixels([(i,) for i in range(8)]) for (i,) in row]
    whole = (0, 0, WIDTH, HEIGHT, indices, None)
    part = (PATCH, 0, 2 * PATCH, PATCH, [i for row in pixels([(i,) for i in range(8)])[:PATCH] for (i,) in row[PATCH:3 * PATCH]], None)
    add = lambda name, title, frames, **more: table.add(f'gif-{name}.gif', 'GIF', title, COLOURS, 'GIF89a; transparent outside of frames, as in browsers', 0, gif(*SIZE, frames, COLOURS), **more)
    add('plain', 'one frame', [whole])
    add('part', 'a frame smaller than its canvas', [part], alpha=[0, 255, 255, 0, 0, 0, 0, 0])
    add('animated', 'two frames', [whole, part], note='first of 2 frames')

    image, other = image_of(), Image.new('RGB', SIZE, (9, 9, 9))

    def webp(name, title, right, frames, note=None, size=SIZE, **more):
        out = io.BytesIO()
        frames[0].save(out, 'WEBP', lossless=True, exact=True, **more)
        table.add(f'webp-{name}.webp', 'WebP', title, right, 'WebP container specification', 0, out.getvalue(), note=note, size=size)

    webp('plain', 'lossless', COLOURS, [image])
    webp('animated', 'two frames', COLOURS, [image], save_all=True, append_images=[other], note='first of 2 frames')
    p3 = [ref.rgb_in(ref.P3, lambda v: v ** (563 / 256), c) for c in COLOURS]
    webp('p3', 'Display P3’s primaries, gamma 2.2', p3, [image], icc_profile=matrix_profile(ref.P3, 2.2))
    table.entries[-1]['tolerance'] = 1
    out = io.BytesIO()
    image.crop((PATCH, 0, 3 * PATCH, PATCH)).save(out, 'WEBP', lossless=True, exact=True)
    first = anmf(PATCH, 0, 2 * PATCH, PATCH, out.getvalue()[12:])
    table.add('webp-small-first.webp', 'WebP', 'two frames, the first smaller than the canvas', COLOURS, 'WebP container specification', 0, webp_animation(*SIZE, [first, first]),
              alpha=[0, 255, 255, 0, 0, 0, 0, 0], note='first of 2 frames')
    for orientation in range(2, 9):
        webp(f'exif{orientation}', f'EXIF orientation {orientation}', turned(orientation), [image], exif=exif(orientation), size=shown(orientation))


def add_heif(table):
    def avif(name, title, right, source, options, tolerance=2, input_png=None, **more):
        table.write('source.png', input_png or png(*SIZE, rows('B')))
        run('avifenc', '--min', '0', '--max', '0', '-s', '8', *options, table.path('source.png'), table.path(f'avif-{name}.avif'))
        table.add(f'avif-{name}.avif', 'AVIF', title, right, source, tolerance, **more)

    exact = ['-y', '444', '--cicp', '1/13/0', '-r', 'full']
    avif('plain', 'RGB, stored without a matrix', COLOURS, 'AV1-ISOBMFF', exact)
    avif('p3', 'nclx Display P3', [ref.rgb_in(ref.P3, ref.srgb_decode, c) for c in COLOURS], 'ITU-T H.273', ['-y', '444', '--cicp', '12/13/0', '-r', 'full'])
    avif('linear', 'nclx linear', [ref.to_bytes([v / 255 for v in c]) for c in COLOURS], 'ITU-T H.273', ['-y', '444', '--cicp', '1/8/0', '-r', 'full'], tolerance=4)
    avif('pq', 'nclx BT.2020 PQ, 10 bits', [ref.pq(c) for c in COLOURS], 'SMPTE ST 2084; BT.2408', ['-d', '10', '-y', '444', '--cicp', '9/16/0', '-r', 'full'], tolerance=3, note='PQ.*tone-mapped')
    avif('hlg', 'nclx BT.2020 HLG, 10 bits', [ref.hlg(c) for c in COLOURS], 'BT.2100; BT.2408', ['-d', '10', '-y', '444', '--cicp', '9/18/0', '-r', 'full'], tolerance=3, note='HLG.*tone-mapped')
    grey = png(*SIZE, rows('B', grey_patches()), kind=0)
    greys = [(v,) * 3 for v in GREYS]
    for depth in ('8', '10'):
        for reach in ('limited', 'full'):
            avif(f'grey-{reach}-{depth}', f'grey, {reach} range, {depth} bits', greys, 'ITU-T H.273', ['-d', depth, '-y', '400', '--cicp', '1/13/1', '-r', reach], input_png=grey)
    rgba = png(*SIZE, rows('B', [c + (200,) for c in COLOURS]), kind=6)
    avif('alpha', 'straight alpha', COLOURS, 'HEIF', exact, alpha=200, input_png=rgba)
    avif('premultiplied', 'premultiplied alpha', COLOURS, 'HEIF, prem', [*exact, '-p'], tolerance=3, alpha=200, input_png=rgba)
    # irot counts a quarter turn against the clock: patch columns become rows from the bottom.
    turned_alpha = [COLOURS[i] for i in (3, 7, 2, 6, 1, 5, 0, 4)]
    for name, more in (('turned-alpha', []), ('turned-premultiplied', ['-p'])):
        avif(name, 'irot with ' + ('premultiplied alpha' if more else 'alpha'), turned_alpha, 'HEIF, irot', [*exact, *more, '--irot', '1'], tolerance=3, alpha=200, input_png=rgba, size=SIZE[::-1])
    avif('cropped-alpha', 'clap, imir 1, alpha', [COLOURS[2], COLOURS[1]], 'HEIF, clap', [*exact, '--crop', '16,0,32,16', '--imir', '1'], alpha=200, input_png=rgba, size=(32, 16))
    p3_source = png(*SIZE, rows('B'), before=[iccp(matrix_profile(ref.P3, 2.2))])
    avif('p3-profile', 'a profile: Display P3’s primaries, gamma 2.2', [ref.rgb_in(ref.P3, lambda v: v ** (563 / 256), c) for c in COLOURS], 'the profile', ['-y', '444', '-r', 'full'], tolerance=4, input_png=p3_source)
    avif('ycgco', 'YCgCo', COLOURS, 'ITU-T H.273', ['-y', '444', '--cicp', '1/13/8', '-r', 'full'], tolerance=4)
    half = lambda some: png(WIDTH, 64, [row for row in rows('B', some) for _ in range(2)])
    table.write('left.png', half(COLOURS))
    table.write('right.png', half(COLOURS[::-1]))
    run('avifenc', '--min', '0', '--max', '0', '-s', '8', *exact, '--grid', '2x1', table.path('left.png'), table.path('right.png'), table.path('avif-grid.avif'))
    grid = [c for i in (0, 0, 1, 1) for c in (COLOURS + COLOURS[::-1])[4 * i:4 * i + 4] + (COLOURS[::-1])[4 * i:4 * i + 4]]
    table.add('avif-grid.avif', 'AVIF', 'a grid of two tiles', grid, 'HEIF, grid', 2, size=(2 * WIDTH, 64))
    avif('turned', 'irot', [COLOURS[i] for i in (3, 7, 2, 6, 1, 5, 0, 4)], 'HEIF, irot', [*exact, '--irot', '1'], size=SIZE[::-1])
    for name, options, orientation in (('mirrored', ['--imir', '0'], 4), ('mirrored-1', ['--imir', '1'], 2), ('turned-2', ['--irot', '2'], 3),
                                       ('turned-3', ['--irot', '3'], 6), ('both', ['--irot', '1', '--imir', '0'], 5), ('both-3', ['--irot', '3', '--imir', '0'], 7),
                                       ('both-1', ['--irot', '1', '--imir', '1'], 7)):
        avif(name, ' '.join(options).replace('--', ''), turned(orientation), 'HEIF, irot then imir', [*exact, *options], size=shown(orientation))
    avif('cropped', 'clap', COLOURS[1:3], 'HEIF, clap', [*exact, '--crop', '16,0,32,16'], size=(32, 16))
    avif('cropped-turned', 'clap and irot', [COLOURS[2], COLOURS[1]], 'HEIF, clap', [*exact, '--crop', '16,0,32,16', '--irot', '1'], size=(16, 32))
    avif('limited', 'YCbCr 4:4:4, limited range', COLOURS, 'ITU-T H.273', ['-y', '444', '--cicp', '1/13/1', '-r', 'limited'], tolerance=4)
    table.write('frame0.png', png(*SIZE, rows('B')))
    table.write('frame1.png', png(*SIZE, rows('B', [(9, 9, 9)] * 8)))
    run('avifenc', '--min', '0', '--max', '0', '-s', '8', *exact, table.path('frame0.png'), table.path('frame1.png'), table.path('avif-animated.avif'))
    table.add('avif-animated.avif', 'AVIF', 'animated', COLOURS, 'the first frame is used', 2, note='animated')

    def heic(name, title, right, source, options, tolerance=3, input_png=None, **more):
        table.write('source.png', input_png or png(*SIZE, rows('B')))
        run('heif-enc', '-L', *options, '-o', table.path(f'heic-{name}.heic'), table.path('source.png'))
        table.add(f'heic-{name}.heic', 'HEIC', title, right, source, tolerance, **more)

    heic('plain', 'no colour box', COLOURS, 'HEIF', [])
    p3 = [ref.rgb_in(ref.P3, ref.srgb_decode, c) for c in COLOURS]
    nclx = with_nclx((table.folder / 'heic-plain.heic').read_bytes(), 12, 13, 6)
    table.add('heic-p3.heic', 'HEIC', 'nclx Display P3', p3, 'ITU-T H.273', 3, nclx)
    stream = [f'-px265:{option}' for option in ('colorprim=smpte432', 'transfer=iec61966-2-1')]
    heic('p3-stream', 'Display P3, signalled only in the HEVC stream', p3, 'ITU-T H.265, E.2.1', stream)
    heic('grey', 'grey', greys, 'HEIF', [], input_png=grey)
    heic('alpha', 'straight alpha', COLOURS, 'HEIF', [], input_png=rgba, alpha=200)
    heic('premultiplied', 'premultiplied alpha', COLOURS, 'HEIF, prem', ['--premultiplied-alpha'], tolerance=4, alpha=200, input_png=premultiplied_png())


def premultiplied_png():
    return png(*SIZE, rows('B', [tuple(round(v * 200 / 255) for v in c) + (200,) for c in COLOURS]), kind=6)


def bmp_rows(function):
    """Rows from the bottom, each padded to four bytes."""
    made = [b''.join(function(p) for p in row) for row in pixels()]
    return b''.join(row + b'\0' * (-len(row) % 4) for row in reversed(made))


def add_bitmaps(table):
    def add(name, title, right, content, source='Windows bitmap headers', tolerance=0, **more):
        table.add(name, 'BMP, ICO', title, right, source, tolerance, content, **more)

    bgr = lambda p: bytes(p[::-1])
    add('bmp-24.bmp', '24 bits', COLOURS, bmp(*SIZE, 24, bmp_rows(bgr)))
    down = b''.join(b''.join(bgr(p) for p in row) for row in pixels())
    add('bmp-top-down.bmp', 'top-down', COLOURS, bmp(*SIZE, 24, down, top_down=True))
    add('bmp-32.bmp', '32 bits, fourth byte unused', COLOURS, bmp(*SIZE, 32, bmp_rows(lambda p: bgr(p) + b'\x4d')))
    masks = struct.pack('<IIII', 0xff0000, 0xff00, 0xff, 0xff000000)
    v5 = lambda alpha: bmp(*SIZE, 32, bmp_rows(lambda p: bgr(p) + bytes([alpha])), 124, 3, masks)
    add('bmp-alpha.bmp', '32 bits with alpha, version 5', COLOURS, v5(200), alpha=200)
    add('bmp-no-alpha.bmp', '32 bits, version 5, alpha 0 everywhere', COLOURS, v5(0))
    word = lambda p: struct.pack('<H', round(p[0] * 31 / 255) << 11 | round(p[1] * 63 / 255) << 5 | round(p[2] * 31 / 255))
    stretched = [(round(round(c[0] * 31 / 255) * 255 / 31), round(round(c[1] * 63 / 255) * 255 / 63), round(round(c[2] * 31 / 255) * 255 / 31)) for c in COLOURS]
    add('bmp-565.bmp', '16 bits, 5-6-5', stretched, bmp(*SIZE, 16, bmp_rows(word), 40, 3, struct.pack('<III', 0xf800, 0x7e0, 0x1f)))
    palette = b''.join(bgr(c) + b'\0' for c in COLOURS)
    run_rows = b''.join(b''.join(bytes([PATCH, i]) for i in range(4 * r, 4 * r + 4)) + b'\0\0' for y in range(HEIGHT) for r in [1 - y // PATCH])
    add('bmp-rle8.bmp', 'run-length encoded, 8 bits', COLOURS, bmp(*SIZE, 8, run_rows + b'\0\1', 40, 1, palette=palette))
    run4 = b''.join(b''.join(bytes([PATCH, i * 17]) for i in range(4 * r, 4 * r + 4)) + b'\0\0' for y in range(HEIGHT) for r in [1 - y // PATCH])
    add('bmp-rle4.bmp', 'run-length encoded, 4 bits', COLOURS, bmp(*SIZE, 4, run4 + b'\0\1', 40, 2, palette=palette))
    out = io.BytesIO()
    Image.new('RGB', (64, 64), (9, 9, 9)).save(out, 'ICO', sizes=[(16, 16)])
    small = out.getvalue()
    dib = bmp(WIDTH, 2 * HEIGHT, 32, bmp_rows(lambda p: bgr(p) + b'\xc8') + b'\0' * (8 * HEIGHT))[14:]
    entry = lambda w, h, size, at: struct.pack('<BBBBHHII', w, h, 0, 0, 1, 32, size, at)
    png_small = small[22:]
    icon = struct.pack('<HHH', 0, 1, 2) + entry(16, 16, len(png_small), 38) + entry(WIDTH, HEIGHT, len(dib), 38 + len(png_small)) + png_small + dib
    add('icon.ico', 'icon with two sizes, 32 bits', COLOURS, icon, alpha=200, note='largest of 2')
    inside = png(*SIZE, rows('B'))
    bit_rows = lambda bits: b''.join(b''.join(int(''.join(map(str, bits(y)[x:x + 8])), 2).to_bytes(1, 'big') for x in range(0, WIDTH, 8)) for y in reversed(range(HEIGHT)))
    halves = bit_rows(lambda y: [x // PATCH % 2 for x in range(WIDTH)])
    left = bit_rows(lambda y: [int(x < PATCH) for x in range(WIDTH)])
    bits = bmp(WIDTH, 2 * HEIGHT, 1, halves + left, palette=b''.join(bgr(c) + b'\0' for c in COLOURS[:2]))[14:]
    add('icon-1.ico', 'icon, 1 bit and a mask', COLOURS[:2] * 4, struct.pack('<HHH', 0, 1, 1) + entry(WIDTH, HEIGHT, len(bits), 22) + bits, alpha=[0, 255, 255, 255] * 2)
    add('icon-png.ico', 'icon that contains a PNG', COLOURS, struct.pack('<HHH', 0, 1, 1) + entry(WIDTH, HEIGHT, len(inside), 22) + inside)
    mask_rows = b''.join(b'\xff\xff' + b'\0' * 6 for _ in range(HEIGHT))
    cursor = bmp(WIDTH, 2 * HEIGHT, 24, bmp_rows(bgr) + mask_rows)[14:]
    add('cursor.cur', 'cursor, 24 bits and a mask', COLOURS, struct.pack('<HHH', 0, 2, 1) + entry(WIDTH, HEIGHT, len(cursor), 22) + cursor, alpha=[0, 255, 255, 255] * 2)


def add_small(table):
    def add(name, kind, title, right, content, source, tolerance=0, **more):
        table.add(name, kind, title, right, source, tolerance, content, **more)

    netpbm = 'Netpbm'
    add('binary.ppm', 'PNM', 'PPM', COLOURS, b'P6\n# words\n64 32\n255\n' + data('B'), netpbm)
    add('deep.ppm', 'PNM', 'PPM, 16 bits', COLOURS, b'P6 64 32 65535\n' + data('H', [tuple(v * 257 for v in c) for c in COLOURS], '>'), netpbm)
    add('text.pgm', 'PNM', 'PGM, plain text', [(v,) * 3 for v in GREYS], b'P2\n64 32\n255\n' + b' '.join(b'%d' % v for row in pixels(grey_patches()) for (v,) in row), netpbm)
    bits = [[i % 2 for i in row] for row in [[p for (p,) in r] for r in pixels([(i,) for i in range(8)])]]
    add('bits.pbm', 'PNM', 'PBM', [(0, 0, 0) if i % 2 else (255, 255, 255) for i in range(8)], b'P4\n64 32\n' + b''.join(int(''.join(map(str, r)), 2).to_bytes(8, 'big') for r in bits), netpbm)
    add('alpha.pam', 'PNM', 'PAM with alpha', COLOURS, b'P7\nWIDTH 64\nHEIGHT 32\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n' + data('B', [c + (200,) for c in COLOURS]), netpbm, alpha=200)
    table.refuse('inks.pam', 'PNM', 'PAM with CMYK', 'unsupported', 'only grey and RGB are read, with or without alpha', b'P7\nWIDTH 64\nHEIGHT 32\nDEPTH 4\nMAXVAL 255\nTUPLTYPE CMYK\nENDHDR\n' + bytes(8192), 'CMYK')
    light = [tuple(ref.srgb_decode(v / 255) for v in c) for c in COLOURS]
    add('float.pfm', 'PNM', 'PFM', COLOURS, b'PF\n64 32\n-1.0\n' + b''.join(reversed(rows('f', light))), 'linear light', 1, note='float samples')
    rgba = [p + (200,) for row in pixels() for p in row]
    add('linear.qoi', 'QOI', 'linear light', [ref.to_bytes([v / 255 for v in c]) for c in COLOURS], qoi(*SIZE, [p + (255,) for row in pixels() for p in row], space=1), 'qoiformat.org', 1)
    add('picture.qoi', 'QOI', 'with alpha', COLOURS, qoi(*SIZE, rgba), 'qoiformat.org', alpha=200)
    table.write('source.ppm', b'P6\n64 32\n255\n' + data('B'))
    table.write('source.png', png(*SIZE, rows('B', [c + (200,) for c in COLOURS]), kind=6))
    run('cjxl', table.path('source.png'), table.path('lossless.jxl'), '-d', '0')
    table.add('lossless.jxl', 'JPEG XL', 'lossless with alpha', COLOURS, 'ISO/IEC 18181', 0, alpha=200)
    run('cjxl', table.path('source.ppm'), table.path('lossy.jxl'), '-d', '0.1')
    table.add('lossy.jxl', 'JPEG XL', 'lossy', COLOURS, 'ISO/IEC 18181', 4)
    run('cjxl', table.path('source.ppm'), table.path('p3.jxl'), '-d', '0', '-x', 'color_space=RGB_D65_DCI_Rel_SRG')
    table.add('p3.jxl', 'JPEG XL', 'Display P3', [ref.rgb_in(ref.P3, ref.srgb_decode, c) for c in COLOURS], 'ISO/IEC 18181', 2)
    table.write('source.png', png(*SIZE, rows('H', [tuple(v * 257 for v in c) for c in COLOURS], '>'), bits=16))
    run('cjxl', table.path('source.png'), table.path('pq.jxl'), '-d', '0', '-x', 'color_space=RGB_D65_202_Rel_PeQ')
    table.add('pq.jxl', 'JPEG XL', 'BT.2020 PQ, 16 bits', [ref.pq(c) for c in COLOURS], 'SMPTE ST 2084; BT.2408', 3, note='PQ.*tone-mapped')
    table.write('source.png', png(*SIZE, rows('B', [c + (200,) for c in COLOURS]), kind=6))
    add_jp2(table)
    rects = ''.join(f'<rect x="{i % 4 * 16}" y="{i // 4 * 16}" width="16" height="16" fill="rgb{c}"/>' for i, c in enumerate(COLOURS))
    svg = lambda size: f'<?xml version="1.0"?>\n<!-- words -->\n<svg xmlns="http://www.w3.org/2000/svg" {size}>{rects}</svg>'.encode()
    add('sized.svg', 'SVG', 'width and height', COLOURS, svg('width="64" height="32"'), 'SVG 2')
    add('view-box.svg', 'SVG', 'only a viewBox', COLOURS, svg('viewBox="0 0 64 32"'), 'SVG 2')
    table.refuse('huge.svg', 'SVG', '60,000 x 60,000 pixels', 'limit-exceeded', 'the limit on pixels', svg('width="60000" height="60000"'))


def add_jp2(table):
    kind, source = 'JPEG 2000', 'ITU-T T.800'
    run('opj_compress', '-i', table.path('source.ppm'), '-o', table.path('lossless.jp2'))
    table.add('lossless.jp2', kind, 'lossless', COLOURS, source, 0)
    run('opj_compress', '-i', table.path('source.png'), '-o', table.path('alpha.jp2'))
    table.add('alpha.jp2', kind, 'with alpha', COLOURS, source, 0, alpha=200)

    def raw(patches, bits=8):
        """Of planes of samples; OpenJPEG reads words as big endian."""
        code = 'B' if bits <= 8 else 'H'
        table.write('planes.raw', b''.join(data(code, [(p[k],) for p in patches], '>') for k in range(len(patches[0]))))
        run('opj_compress', '-i', table.path('planes.raw'), '-F', f'{WIDTH},{HEIGHT},{len(patches[0])},{bits},u', '-mct', '0', '-o', table.path('raw.jp2'))
        return (table.folder / 'raw.jp2').read_bytes()

    deep = raw([tuple(round(v * 4095 / 255) for v in c) for c in COLOURS], 12)
    table.add('deep.jp2', kind, '12 bits', COLOURS, source, 1, deep)
    table.add('shallow.jp2', kind, '4 bits, grey', [(round(v / 17) * 17,) * 3 for v in GREYS], source, 0, raw([(round(v / 17),) for v in GREYS], 4))
    table.add('four.jp2', kind, 'four channels, none marked as alpha', COLOURS, source, 0, raw([c + (77,) for c in COLOURS]), note='ignored')
    box = lambda name, body: struct.pack('>I', len(body) + 8) + name + body
    inks = [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128), (100, 50, 0, 30), (0, 0, 0, 0), (255, 255, 255, 255)]
    table.add('cmyk.jp2', kind, 'CMYK', [ref.naive_cmyk(c) for c in inks], 'CSS Color 4, device-cmyk', 0, with_header(raw(inks), space=12), note='CMYK without')
    meanings = struct.pack('>13H', 4, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 2, 0)  # the fourth channel is alpha that colours were multiplied with
    multiplied = [tuple(round(v * 200 / 255) for v in c) + (200,) for c in COLOURS]
    table.add('premultiplied.jp2', kind, 'premultiplied alpha', COLOURS, source, 2, with_header(raw(multiplied), more=box(b'cdef', meanings)), alpha=200)
    palette = box(b'pclr', struct.pack('>HB', 8, 3) + b'\7\7\7' + b''.join(bytes(c) for c in COLOURS)) + box(b'cmap', b''.join(struct.pack('>HBB', 0, 1, k) for k in range(3)))
    table.refuse('palette.jp2', kind, 'a palette', 'unsupported', 'libvips does not apply it', with_header(raw([(i,) for i in range(8)]), space=16, more=palette), 'palette')
    table.refuse('lab.jp2', kind, 'CIELAB', 'unsupported', 'libvips would read it as RGB', with_header(raw(COLOURS), space=14), 'colour space 14')


def with_header(jp2, space=None, more=b''):
    """The file with another enumerated colour space, and more in its header box."""
    at = jp2.index(b'jp2h') - 4
    size = struct.unpack_from('>I', jp2, at)[0]
    header = bytearray(jp2[at + 8:at + size])
    if space is not None:
        struct.pack_into('>I', header, header.index(b'colr') + 7, space)
    return jp2[:at] + struct.pack('>I', size + len(more)) + b'jp2h' + bytes(header) + more + jp2[at + size:]


def add_unsupported(table):
    for name, content, words in (('picture.psd', b'8BPS\0\1' + b'\0' * 20, 'PSD'), ('picture.hdr', b'#?RADIANCE\n', 'Radiance HDR'),
                                 ('picture.exr', b'v/1\1' + b'\0' * 20, 'OpenEXR'), ('paper.pdf', b'%PDF-1.4\n', 'PDF'),
                                 ('picture.xcf', b'gimp xcf v011\0', 'XCF'), ('stars.fits', b'SIMPLE  =                    T', 'FITS'),
                                 ('film.mp4', b'\0\0\0\x18ftypisom\0\0\2\0isomiso2', 'MP4'), ('photo.cr2', b'II*\0\x10\0\0\0CR\2\0', 'CR2'),
                                 ('page.html', b'<!doctype html><html></html>', 'HTML'), ('bundle.zip', b'PK\3\4' + b'\0' * 30, 'ZIP')):
        table.refuse(name, 'not read', words, 'unsupported', 'recognised, but not supported', content, words)
    table.refuse('text.jpg', 'not read', 'a text file', 'corrupt-image', 'not a picture', b'not a picture at all')
    table.refuse('empty.png', 'not read', 'an empty file', 'corrupt-image', 'not a picture', b'')
