# SPDX-License-Identifier: MIT
"""PNG and TIFF files of the table."""
import struct
import subprocess

import reference as ref
from patches import COLOURS, GREYS, HEIGHT, SKIN, WIDTH, data, grey_patches, greys_to, pixels, rows
from writers import gamma_tag, iccp, lut16_tag, page, png, profile, tiff, xyz_tag

PNG3 = 'PNG third edition, 4.3'
SIZE = (WIDTH, HEIGHT)


def matrix_profile(primaries, gamma):
    to_d50 = ref.matmul(ref.adapt(ref.xyz(primaries[3]), ref.D50), ref.rgb_to_xyz(primaries))
    tags = {b'%cXYZ' % c: xyz_tag([to_d50[k][i] for k in range(3)]) for i, c in enumerate(b'rgb')}
    tags.update({b'%cTRC' % c: gamma_tag(gamma) for c in b'rgb'})
    return profile(tags)


def grey_profile(gamma):
    return profile({b'kTRC': gamma_tag(gamma)}, space=b'GRAY')


def chrm(primaries):
    order = [primaries[3], *primaries[:3]]
    return (b'cHRM', struct.pack('>8I', *(round(v * 100000) for xy in order for v in xy)))


def exif(orientation):
    return b'MM\0*\0\0\0\x08\0\1' + struct.pack('>HHIHH', 0x112, 3, 1, orientation, 0) + b'\0\0\0\0'


def add_png(table):
    def add(name, title, right, before=(), source=PNG3, **more):
        table.add(f'png-{name}.png', 'PNG', title, right, source, content=png(*SIZE, rows('B'), before=before), **more)

    gamma = lambda g: (b'gAMA', struct.pack('>I', g))
    power = lambda e: [ref.to_bytes([(v / 255) ** e for v in c]) for c in COLOURS]
    p3 = lambda decode: [ref.rgb_in(ref.P3, decode, c) for c in COLOURS]
    add('plain', 'no colour chunk', COLOURS, tolerance=0)
    add('gama-1', 'gAMA 1.0', power(1), [gamma(100000)])
    add('gama-srgb', 'gAMA 0.45455 and sRGB’s cHRM, no sRGB chunk', power(2.2), [gamma(45455), chrm(ref.SRGB)])
    add('gama-p3', 'gAMA 0.45455 and Display P3’s cHRM', p3(lambda v: v ** 2.2), [gamma(45455), chrm(ref.P3)])
    add('srgb-gama', 'sRGB chunk beside gAMA 1.0', COLOURS, [(b'sRGB', b'\0'), gamma(100000)], tolerance=0)
    add('cicp-p3', 'cICP Display P3', p3(ref.srgb_decode), [(b'cICP', bytes([12, 13, 0, 1]))])
    add('cicp-first', 'cICP Display P3 beside iCCP, sRGB and gAMA', p3(ref.srgb_decode),
        [(b'cICP', bytes([12, 13, 0, 1])), iccp(matrix_profile(ref.PROPHOTO, 1.8)), (b'sRGB', b'\0'), gamma(100000)])
    add('cicp-linear', 'cICP sRGB primaries, linear', power(1), [(b'cICP', bytes([1, 8, 0, 1]))])
    add('cicp-pq', 'cICP BT.2020 PQ', [ref.pq(c) for c in COLOURS], [(b'cICP', bytes([9, 16, 0, 1]))],
        source='SMPTE ST 2084; BT.2408: white at 203 nits', note='PQ.*tone-mapped')
    add('cicp-hlg', 'cICP BT.2020 HLG', [ref.hlg(c) for c in COLOURS], [(b'cICP', bytes([9, 18, 0, 1]))],
        source='BT.2100, display of 1,000 nits; BT.2408: white at 203 nits', note='HLG.*tone-mapped')
    prophoto = [ref.rgb_in(ref.PROPHOTO, lambda v: v ** 1.8, c) for c in COLOURS]
    add('srgb-iccp', 'sRGB chunk, then an iCCP with ProPhoto’s primaries', prophoto,
        [(b'sRGB', b'\0'), iccp(matrix_profile(ref.PROPHOTO, 1.8))], tolerance=2)
    add('grey-profile', 'RGB with a profile for grey', COLOURS, [iccp(grey_profile(1.0))], tolerance=0, note='profile ignored.*grey')
    add('link-profile', 'a device link profile', COLOURS, [iccp(profile({}, device=b'link'))], tolerance=0, note='profile ignored')
    add('apng', 'animated', COLOURS, [(b'acTL', struct.pack('>II', 2, 0))], tolerance=0, note='animated PNG: its default picture')
    turned = [COLOURS[i] for i in (4, 0, 5, 1, 6, 2, 7, 3)]
    add('exif', 'eXIf orientation 6', turned, [(b'eXIf', exif(6))], tolerance=0, size=SIZE[::-1], source='EXIF 2.32')
    table.refuse('png-no-end.png', 'PNG', 'without IEND', 'corrupt-image', 'PNG third edition, 5.6', png(*SIZE, rows('B'), end=False))
    deep = [tuple(v * 257 for v in c) for c in COLOURS]
    table.add('png-16.png', 'PNG', '16 bits', COLOURS, PNG3, content=png(*SIZE, rows('H', deep, '>'), bits=16))
    small = [(0x0180, 0x00ff, 1000)] * 8
    table.add('png-16-round.png', 'PNG', '16 bits, values that round up', [(1, 1, 4)] * 8, 'value / 257, rounded', 0,
              content=png(*SIZE, rows('H', small, '>'), bits=16))
    both = [(v, 200) for v in GREYS]
    table.add('png-grey-alpha.png', 'PNG', 'grey with alpha and gAMA 1.0', greys_to(lambda v: v), PNG3,
              content=png(*SIZE, rows('B', both), kind=4, before=[gamma(100000)]), alpha=200)


    p3_profile = iccp(matrix_profile(ref.P3, 2.2))
    one = lambda name, title, right, code, patches, **more: table.add(f'png-{name}.png', 'PNG', title, right, PNG3, more.pop('tolerance', 1), alpha=more.pop('alpha', 255), note=None,
                                                                      content=png(*SIZE, rows(code, patches, '>'), **more))
    one('grey-rgb-profile', 'grey with an RGB profile (Display P3’s)', [ref.rgb_in(ref.P3, lambda v: v ** (563 / 256), (v,) * 3) for v in GREYS], 'B', grey_patches(), kind=0, before=[p3_profile])
    palette = [gamma(100000), (b'PLTE', b''.join(bytes(c) for c in COLOURS)), (b'tRNS', bytes([0, 200, 255]))]
    one('palette', 'palette with transparency and gAMA 1.0', power(1), 'B', [(i,) for i in range(8)], kind=3, before=palette, alpha=[0, 200] + [255] * 6)
    one('transparent-value', 'RGB with one transparent colour (tRNS)', COLOURS, 'B', COLOURS, before=[(b'tRNS', struct.pack('>3H', *SKIN))], alpha=[255] * 6 + [0, 255], tolerance=0)
    one('deep-value', '16-bit grey whose transparent value (tRNS) differs from a used value only in the low byte', [(v,) * 3 for v in GREYS], 'H', [(v * 257,) for v in GREYS],
        bits=16, kind=0, before=[(b'tRNS', struct.pack('>H', 128 * 257 + 1))])


def pack_bits(values, bits):
    number = 0
    for v in values:
        number = number << bits | v
    length = (len(values) * bits + 7) // 8
    return (number << (length * 8 - len(values) * bits)).to_bytes(length, 'big')


def lab_patches(white):
    return [ref.xyz_to_lab(ref.bytes_to_xyz(c, white), white) for c in COLOURS]


def add_tiff(table):
    def add(name, title, right, content, source='TIFF 6.0', **more):
        table.add(f'tiff-{name}.tif', 'TIFF', title, right, source, content=content, **more)

    def one(code, patches, bits, photometric=2, sample_format=1, extra=None, more=None, order='<'):
        made = page(*SIZE, data(code, patches, order), bits, photometric, len(patches[0]), sample_format, extra, more)
        return tiff([made], order)

    light = [tuple(ref.srgb_decode(v / 255) for v in c) for c in COLOURS]
    grey_light = [(ref.srgb_decode(v / 255),) for v in GREYS]
    greys = [(v,) * 3 for v in GREYS]
    linear = 'convention: float TIFF is linear light'
    for code, bits, name in (('e', 16, 'half'), ('f', 32, 'float'), ('d', 64, 'double')):
        add(name, f'{name} RGB', COLOURS, one(code, light, bits, sample_format=3), linear, note='float samples')
        add(f'{name}-grey', f'{name} grey', greys, one(code, grey_light, bits, 1, 3), linear)
        for kind, factor in ((1, 0.5), (2, 1)):
            patches = [tuple(v * factor for v in c) + (0.5,) for c in light]
            add(f'{name}-alpha-{kind}', f'{name} RGBA, ExtraSamples {kind}', COLOURS, one(code, patches, bits, 2, 3, [kind]), linear, alpha=128)
    gamma = [tuple((v / 255) for v in c) for c in COLOURS]
    right = [ref.rgb_in(ref.P3, lambda v: v ** 1.8, c) for c in COLOURS]
    icc = list(matrix_profile(ref.P3, 1.8))
    add('float-profile', 'float RGB with a profile', right, one('f', gamma, 32, 2, 3, more={34675: ('B', icc)}), 'the profile', tolerance=2)
    for bits, code in ((32, 'I'), (64, 'Q')):
        scaled = lambda c, b=bits: tuple(round(v / 255 * (2 ** b - 1)) if v < 255 else 2 ** b - 1 for v in c)
        add(f'uint{bits}', f'{bits}-bit unsigned RGB', COLOURS, one(code, [scaled(c) for c in COLOURS], bits))
        add(f'uint{bits}-grey', f'{bits}-bit unsigned grey', greys, one(code, [scaled(c) for c in grey_patches()], bits, 1))
        add(f'uint{bits}-alpha', f'{bits}-bit unsigned RGBA', COLOURS, one(code, [scaled(c + (200,)) for c in COLOURS], bits, extra=[2]), alpha=200)
    for bits, code in ((8, 'b'), (16, 'h'), (32, 'i')):
        signed = [tuple(round(v / 255 * (2 ** (bits - 1) - 1)) for v in c) for c in grey_patches()]
        add(f'int{bits}', f'{bits}-bit signed grey', greys, one(code, signed, bits, 1, 2), 'TIFF 6.0: 0 is black', note='signed')
    negative = [(-20000,)] * 8
    add('int16-negative', '16-bit signed grey, negative values', [(0, 0, 0)] * 8, one('h', negative, 16, 1, 2), 'TIFF 6.0: 0 is black', tolerance=0)
    for bits in (10, 12, 14):
        packed = b''.join(pack_bits([round(v / 255 * (2 ** bits - 1)) for c in row for v in c], bits) for row in pixels())
        add(f'packed{bits}', f'{bits} bits, packed', COLOURS, tiff([page(*SIZE, packed, bits, 2, 3)]))
    for bits in (1, 4):
        values = [round(v / 255 * (2 ** bits - 1)) for v in GREYS]
        packed = b''.join(pack_bits([v for (v,) in row], bits) for row in pixels([(v,) for v in values]))
        stretched = [(round(v * 255 / (2 ** bits - 1)),) * 3 for v in values]
        add(f'grey{bits}', f'{bits}-bit grey', stretched, tiff([page(*SIZE, packed, bits, 1, 1)]), tolerance=0)
    add('big-endian', '16 bits, big endian', COLOURS, one('H', [tuple(v * 257 for v in c) for c in COLOURS], 16, order='>'))
    add('white-is-zero', 'white is zero', greys, one('B', [(255 - v,) for v in GREYS], 8, 0), tolerance=0)
    colour_map = [c[k] * 257 for k in range(3) for c in COLOURS + [(0, 0, 0)] * 248]
    add('palette', 'palette', COLOURS, one('B', [(i,) for i in range(8)], 8, 3, more={320: ('H', colour_map)}), tolerance=0)
    planes = [data('B', [(c[k] + i * 0,) for i, c in enumerate(COLOURS)]) for k in range(3)]
    for k in range(3):
        planes[k] = b''.join(bytes(c[k] for c in row) for row in pixels())
    add('planar', 'planar: one plane for each channel', COLOURS, tiff([page(*SIZE, planes, 8, 2, 3, more={284: ('H', [2])})]), tolerance=0)

    # Channels beside the colours.
    extra = 'TIFF 6.0, ExtraSamples'
    add('unspecified', 'RGB and an unspecified extra channel', COLOURS, one('B', [c + (77,) for c in COLOURS], 8, extra=[0]), extra, tolerance=0, note='1 extra channel ignored')
    add('unmarked', 'four channels without ExtraSamples', COLOURS, one('B', [c + (77,) for c in COLOURS], 8), extra, tolerance=0, note='ignored')
    add('alpha-and-more', 'RGB, alpha and an extra channel', COLOURS, one('B', [c + (200, 9) for c in COLOURS], 8, extra=[2, 0]), extra, tolerance=0, alpha=200, note='ignored')
    add('more-and-alpha', 'RGB, an extra channel, then alpha', COLOURS, one('B', [c + (9, 200) for c in COLOURS], 8, extra=[0, 2]), extra, tolerance=0, alpha=200)
    premultiplied = [tuple(round(v * 200 / 255) for v in c) + (200,) for c in COLOURS]
    add('associated', 'associated alpha', COLOURS, one('B', premultiplied, 8, extra=[1]), extra, alpha=200)
    inks = [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128), (100, 50, 0, 30), (0, 0, 0, 0), (255, 255, 255, 255)]
    naive = [ref.naive_cmyk(c) for c in inks]
    add('cmyk', 'CMYK without a profile', naive, one('B', inks, 8, 5), 'CSS Color 4, device-cmyk', note='CMYK without')
    add('cmyk-spot', 'CMYK and a spot colour', naive, one('B', [c + (90,) for c in inks], 8, 5, extra=[0]), 'CSS Color 4, device-cmyk', note='ignored')
    add('cmyk-16', 'CMYK, 16 bits', naive, one('H', [tuple(v * 257 for v in c) for c in inks], 16, 5), 'CSS Color 4, device-cmyk')

    # Six inks whose profile gives L = 100 - 95 x their mean, in 3 steps an axis. Little CMS knows the black point of four inks at most.
    six = profile({b'A2B0': lut16_tag(6, 3, lambda place: (100 - 95 * sum(place) / 6, 0, 0))}, space=b'6CLR', pcs=b'Lab ', device=b'prtr')
    means = [0, 255, 127.5, 51, 204, 153, 25.5, 76.5]
    shade = lambda mean: ref.to_bytes([ref.lab_to_xyz((100 - 95 * mean / 255, 0, 0), ref.D50)[1]] * 3)
    spread = lambda mean: tuple(round(min(255, max(0, 6 * mean - 255 * k))) for k in range(6))
    multi = {332: ('H', [2]), 334: ('H', [6])}
    patches = [spread(m) for m in means]
    right = [shade(sum(p) / 6) for p in patches]
    add('inks', 'six inks with a matching profile', right, one('B', patches, 8, 5, more={**multi, 34675: ('B', list(six))}), 'the profile', tolerance=2)
    for name, more in (('inks-alone', multi), ('inks-profile', {**multi, 34675: ('B', list(matrix_profile(ref.P3, 2.2)))})):
        table.refuse(f'tiff-{name}.tif', 'TIFF', 'six inks without a profile' if name == 'inks-alone' else 'six inks with a profile for RGB', 'unsupported',
                     'without a matching profile, the colours of inks are unknown', one('B', patches, 8, 5, more=more), '6 inks')
    add('float-inks', 'CMYK, floats', naive, one('f', [tuple(v / 255 for v in c) for c in inks], 32, 5, 3), 'CSS Color 4, device-cmyk')
    ycc = lambda c: [round(min(255, max(0, v))) for v in (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2], 128 - 0.168736 * c[0] - 0.331264 * c[1] + 0.5 * c[2], 128 + 0.5 * c[0] - 0.418688 * c[1] - 0.081312 * c[2])]
    units = b''.join(bytes([ycc(c)[0]] * 4 + ycc(c)[1:]) for row in pixels()[::2] for c in row[::2])
    add('ycbcr', 'YCbCr, chroma subsampled 2 x 2', COLOURS, tiff([page(*SIZE, units, 8, 6, 3, more={530: ('H', [2, 2])})]), 'TIFF 6.0', tolerance=3)
    add('white-alpha', 'white is zero, with alpha', greys, one('B', [(255 - v, 200) for v in GREYS], 8, 0, extra=[2]), 'TIFF 6.0', tolerance=0, alpha=200)

    # CIELAB. What does not fit 8 bits is off by their steps.
    d65 = lab_patches(ref.xyz(ref.SRGB[3]))
    lab8 = lambda patches: [(round(l * 2.55), round(a), round(b)) for l, a, b in patches]
    unlab = lambda patches, white: [ref.xyz_to_bytes(ref.lab_to_xyz((l / 2.55, a, b), white), white) for l, a, b in patches]
    signed = lambda patches: [(l, a & 255, b & 255) for l, a, b in patches]
    clip = lambda patches: [(l, max(-128, min(127, a)), max(-128, min(127, b))) for l, a, b in patches]
    eight = clip(lab8(d65))
    add('lab8', 'CIELAB, 8 bits', unlab(eight, ref.xyz(ref.SRGB[3])), one('B', signed(eight), 8, 8), 'CIE 15; without a white point: D65', tolerance=2, note='CIELAB')
    sixteen = [(round(l * 655.35), round(a * 256), round(b * 256)) for l, a, b in d65]
    words = [(l, max(-32768, min(32767, a)) & 65535, max(-32768, min(32767, b)) & 65535) for l, a, b in sixteen]
    add('lab16', 'CIELAB, 16 bits', COLOURS, one('H', words, 16, 8), 'CIE 15; without a white point: D65', tolerance=2)
    d50 = lab_patches(ref.D50)
    icc8 = clip(lab8(d50))
    add('icclab8', 'ICC Lab, 8 bits', unlab(icc8, ref.D50), one('B', [(l, a + 128, b + 128) for l, a, b in icc8], 8, 9), 'ICC.1: D50', tolerance=2)
    point = {318: ('r', [(3457, 10000), (3585, 10000)])}
    add('lab8-d50', 'CIELAB, 8 bits, WhitePoint D50', unlab(icc8, ref.D50), one('B', signed(icc8), 8, 8, more=point), 'CIE 15', tolerance=2)

    # Directories.
    full = page(*SIZE, data('B'), 8, 2, 3)
    thumb = lambda: page(16, 8, b'\x50' * 384, 8, 2, 3, more={254: ('I', [1])})
    other = page(16, 8, b'\x50' * 384, 8, 2, 3)
    add('thumbnail-first', 'a thumbnail before the picture', COLOURS, tiff([thumb(), full]), 'TIFF 6.0, NewSubfileType', tolerance=0, note='not the thumbnail')
    add('below', 'the picture in a SubIFD of its thumbnail', COLOURS, tiff([thumb()], sub_pages=[full]), 'TIFF 6.0, NewSubfileType', tolerance=0, note='not the thumbnail')
    old = page(16, 8, b'\x50' * 384, 8, 2, 3, more={255: ('H', [2])})
    add('old-thumbnail', 'a thumbnail marked by the old SubfileType', COLOURS, tiff([old, full]), 'TIFF 6.0, SubfileType', tolerance=0, note='not the thumbnail')
    add('pages', 'three pages', COLOURS, tiff([full, other, other]), 'the first page is used', tolerance=0, note='first of 3 pages')
    add('pyramid', 'smaller versions after the picture', COLOURS, tiff([full, thumb()]), 'TIFF 6.0, NewSubfileType', tolerance=0)
    turned = [COLOURS[i] for i in (4, 0, 5, 1, 6, 2, 7, 3)]
    add('orientation', 'Orientation 6', turned, one('B', COLOURS, 8, more={274: ('H', [6])}), tolerance=0, size=SIZE[::-1])
    raw = page(*SIZE, data('B', grey_patches()), 8, 32803, 1)
    dng = thumb()
    dng[50706] = ('B', [1, 4, 0, 0])
    table.refuse('tiff-dng.tif', 'TIFF', 'DNG', 'unsupported', 'raw photos are not supported', tiff([dng], sub_pages=[raw]), 'DNG')
    table.refuse('tiff-raw.tif', 'TIFF', 'raw samples in a SubIFD of a thumbnail', 'unsupported', 'raw photos are not supported', tiff([thumb()], sub_pages=[raw]))
    table.refuse('tiff-complex.tif', 'TIFF', 'complex samples', 'unsupported', 'complex numbers are not colours', one('d', [(1,)] * 8, 64, 1, 6))
    plain = table.path('tiff-plain.tif')
    table.write('tiff-plain.tif', tiff([full]))
    add('plain', '8 bits', COLOURS, None, tolerance=0)
    for name, options in (('tiled', ['-t', '-w', '32', '-l', '16', '-c', 'lzw']), ('zip', ['-c', 'zip']), ('jpeg', ['-c', 'jpeg:100'])):
        subprocess.run(['tiffcp', *options, plain, table.path(f'tiff-{name}.tif')], check=True)
        add(name, f'{name}, written by tiffcp', COLOURS, None, tolerance=3 if name == 'jpeg' else 0)
