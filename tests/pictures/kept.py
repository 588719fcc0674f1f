# SPDX-License-Identifier: MIT
"""Files for what outputs keep of their sources: densities, metadata and colours.
    python3 kept.py FOLDER     makes them, and matte-one.onnx"""
import struct
import sys
from pathlib import Path

import reference as ref
from make import matte_one
from patches import GREYS, data, grey_patches, pixels
from table_other import image_of, insert, jpeg, profile, run, swapped_profile
from table_png_tiff import SIZE, grey_profile, lab_patches, matrix_profile
from writers import iccp, lut16_tag, page, png, rows_of, tiff

DPI = 300
PER_METRE = round(DPI / 0.0254)
COPYRIGHT = b'Somebody\0'
IPTC = b'\x1c\x02\x74\x00\x08Somebody'  # record 2, data set 116: a copyright notice
RESOURCES = b'8BIM\x04\x04\0\0' + struct.pack('>I', len(IPTC)) + IPTC + b'\0' * (len(IPTC) % 2)
THUMBNAIL = b'/9j/' * 20
XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="6" tiff:Copyright="Somebody">'
       b'<xmp:Thumbnails><rdf:Alt><rdf:li>' + THUMBNAIL + b'</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>')
GPS = {0: ('B', [2, 3, 0, 0]), 1: ('a', b'N\0'), 2: ('r', [(51, 1), (30, 1), (0, 1)])}


def exif_block(orientation=1, order='>'):
    """Copyright, density, a camera's numbers with maker notes, and a place."""
    camera = {0x8827: ('H', [400]), 0x927c: ('B', list(b'notes of the maker')), 0xa002: ('I', [64])}
    tags = {0x112: ('H', [orientation]), 0x11a: ('r', [(DPI, 1)]), 0x11b: ('r', [(DPI, 1)]), 0x128: ('H', [2]), 0x8298: ('a', COPYRIGHT)}
    return tiff([tags], order, exif=camera, gps=GPS)


def box(name, body):
    return struct.pack('>I', len(body) + 8) + name + body


def add_densities(folder):
    path = lambda name: str(folder / name)
    source = lambda **more: png(*SIZE, rows_of(pixels()), **more)
    (folder / 'exif.bin').write_bytes(exif_block())
    (folder / 'plain.png').write_bytes(source())
    (folder / 'dense.jpg').write_bytes(insert(jpeg(image_of()), (0xe1, b'Exif\0\0' + exif_block())))
    (folder / 'dense-exif.png').write_bytes(source(before=[(b'eXIf', exif_block())]))
    run('avifenc', '-s', '10', '--exif', path('exif.bin'), path('plain.png'), path('dense.avif'))
    run('avifenc', '-s', '10', path('plain.png'), path('none.avif'))
    run('heif-enc', '-q', '50', '-o', path('dense.heic'), path('dense.jpg'))
    run('heif-enc', '-q', '50', '-o', path('none.heic'), path('plain.png'))
    run('cjxl', path('dense.jpg'), path('dense.jxl'), '--container=1')
    run('cjxl', path('plain.png'), path('none.jxl'))
    run('opj_compress', '-i', path('plain.png'), '-o', path('none.jp2'))
    plain = (folder / 'none.jp2').read_bytes()
    at = plain.index(b'jp2h') - 4
    size = struct.unpack_from('>I', plain, at)[0]
    # 11,811 a metre, as 11811 / 1 x 10^0, and a place for metadata (ITU-T T.801, annex N, and Adobe's).
    res = box(b'res ', box(b'resc', struct.pack('>HHHHbb', PER_METRE, 1, PER_METRE, 1, 0, 0)))
    uuids = b''.join(box(b'uuid', id + body) for id, body in (
        (b'JpgTiffExif->JP2', exif_block()), (bytes.fromhex('be7acfcb97a942e89c71999491e3afac'), XMP), (bytes.fromhex('33c7a4d2b81d4723a0baf1a3e097ad38'), IPTC)))
    header = struct.pack('>I', size + len(res)) + plain[at + 4:at + size] + res
    (folder / 'dense.jp2').write_bytes(plain[:at] + header + uuids + plain[at + size:])
    bgr = b''.join(b''.join(bytes(p[::-1]) for p in row) for row in reversed(pixels()))
    for name, density in (('dense.bmp', PER_METRE), ('none.bmp', 0)):
        (folder / name).write_bytes(b'BM' + struct.pack('<IHHI', 54 + len(bgr), 0, 0, 54) + struct.pack('<IiiHHIIiiII', 40, *SIZE, 1, 24, 0, len(bgr), density, density, 0, 0) + bgr)
    per_inch = {282: ('r', [(DPI, 1)]), 283: ('r', [(DPI, 1)]), 296: ('H', [2])}
    for name, more in (('dense.tif', per_inch), ('none.tif', {**per_inch, 296: ('H', [1])})):
        (folder / name).write_bytes(tiff([page(*SIZE, data('B'), 8, 2, 3, more=more)]))
    for name, more in (('dense.webp', {'exif': exif_block()}), ('none.webp', {})):
        image_of().save(path(name), lossless=True, **more)


def add_metadata(folder):
    """TIFF in both byte orders; IPTC by its own tag, as turned longs, and among Photoshop's resources."""
    camera = {0x8827: ('H', [400]), 0x927c: ('B', list(b'notes of the maker'))}
    own = {700: ('B', list(XMP)), 0x8298: ('a', COPYRIGHT), 0x112: ('H', [6])}
    longs = IPTC + b'\0' * (-len(IPTC) % 4)
    turned = b''.join(longs[i:i + 4][::-1] for i in range(0, len(longs), 4))
    for name, order, iptc in (('tag', '<', {33723: ('B', list(IPTC))}), ('longs', '<', {33723: ('B', list(turned))}), ('resources', '>', {34377: ('B', list(RESOURCES))})):
        full = page(*SIZE, data('B'), 8, 2, 3, more={**own, **iptc})
        (folder / f'meta-{name}.tif').write_bytes(tiff([full], order, exif=camera, gps=GPS))
    big = page(*SIZE, data('B'), 8, 2, 3, more={**own, 33723: ('B', list(IPTC))})
    (folder / 'meta-big.tif').write_bytes(tiff([big], '>', exif=camera, gps=GPS, big=True))
    thumbnail = page(16, 8, b'\x50' * 384, 8, 2, 3, more={254: ('I', [1]), **own, 33723: ('B', list(IPTC))})
    (folder / 'meta-thumbnail.tif').write_bytes(tiff([thumbnail, page(*SIZE, data('B'), 8, 2, 3)], exif=camera, gps=GPS))
    photoshop = b'Photoshop 3.0\0' + RESOURCES
    xmp = b'http://ns.adobe.com/xap/1.0/\0' + XMP
    (folder / 'meta.jpg').write_bytes(insert(jpeg(image_of()), (0xe1, b'Exif\0\0' + exif_block(6)), (0xe1, xmp), (0xed, photoshop)))
    run('cjxl', str(folder / 'meta.jpg'), str(folder / 'meta.jxl'), '--container=1')
    # Photoshop's resources as text, as ImageMagick keeps them in PNG.
    digits = b'\niptc\n%8d\n' % len(RESOURCES) + RESOURCES.hex().encode() + b'\n'
    text = [(b'tEXt', b'Raw profile type iptc\0' + digits), (b'iTXt', b'XML:com.adobe.xmp\0\0\0\0\0' + XMP), (b'eXIf', exif_block(6))]
    (folder / 'meta.png').write_bytes(png(*SIZE, rows_of(pixels()), before=text))
    large = b'\0' * 70000
    (folder / 'large.png').write_bytes(png(*SIZE, rows_of(pixels()), before=[(b'iTXt', b'XML:com.adobe.xmp\0\0\0\0\0' + XMP + large)]))


def add_colours(folder):
    def write(name, content):
        (folder / name).write_bytes(content)

    p3 = matrix_profile(ref.P3, 2.2)
    write('rgb.png', png(*SIZE, rows_of(pixels()), before=[iccp(p3)]))
    write('cicp.png', png(*SIZE, rows_of(pixels()), before=[(b'cICP', bytes([12, 13, 0, 1]))]))
    write('linear.png', png(*SIZE, rows_of(pixels()), before=[(b'cICP', bytes([12, 8, 0, 1]))]))
    write('pq.png', png(*SIZE, rows_of(pixels()), before=[(b'cICP', bytes([9, 16, 0, 1]))]))
    write('srgb.png', png(*SIZE, rows_of(pixels())))
    write('one-way.png', png(*SIZE, rows_of(pixels()), before=[iccp(swapped_profile())]))
    write('grey.png', png(*SIZE, rows_of(pixels(grey_patches())), kind=0, before=[iccp(grey_profile(1.0))]))
    inks = [(v, 0, 0, 0) for v in GREYS]
    write('cmyk.tif', tiff([page(*SIZE, data('B', inks), 8, 5, 4, more={34675: ('B', list(green_inks()))})]))
    write('naive.tif', tiff([page(*SIZE, data('B', inks), 8, 5, 4)]))
    lab = [(round(l * 655.35), round(a * 256) & 65535, round(b * 256) & 65535) for l, a, b in lab_patches(ref.xyz(ref.SRGB[3]))]
    lab[1] = (round(86 * 655.35), round(-115 * 256) & 65535, round(81 * 256))  # Display P3's green, about
    write('lab.tif', tiff([page(*SIZE, data('H', lab), 16, 8, 3)]))


def green_inks():
    """The first ink makes a green that sRGB does not hold."""
    def lab(place):
        return (100 - 25 * place[0] - 60 * place[3], -100 * place[0], 70 * place[0])
    return profile({b'A2B0': lut16_tag(4, 3, lab)}, space=b'CMYK', pcs=b'Lab ', device=b'prtr')


if __name__ == '__main__':
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    add_densities(target)
    add_metadata(target)
    add_colours(target)
    matte_one(str(target / 'one.onnx'))
