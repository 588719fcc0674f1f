# SPDX-License-Identifier: MIT
"""Right colours by the formulas of the standards, in plain Python: nothing of libvips, Little CMS or the command is asked."""
import math

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290))
PROPHOTO = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105), (0.345704, 0.358540))
D50 = (0.9642, 1.0, 0.8249)  # ICC.1, the white of the profile connection space
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def times(m, v):
    return tuple(sum(row[k] * v[k] for k in range(3)) for row in m)


def matmul(a, b):
    return tuple(tuple(sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)) for i in range(3))


def inverse(m):
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (((e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det),
            ((f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det),
            ((d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det))


def xyz(xy):
    return (xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1])


def rgb_to_xyz(primaries):
    """SMPTE RP 177: columns are the XYZ of full red, green and blue."""
    columns = [xyz(p) for p in primaries[:3]]
    m = tuple(tuple(columns[j][i] for j in range(3)) for i in range(3))
    scale = times(inverse(m), xyz(primaries[3]))
    return tuple(tuple(m[i][j] * scale[j] for j in range(3)) for i in range(3))


def adapt(source, target):
    a, b = times(BRADFORD, source), times(BRADFORD, target)
    scale = tuple(tuple(b[i] / a[i] if i == j else 0.0 for j in range(3)) for i in range(3))
    return matmul(inverse(BRADFORD), matmul(scale, BRADFORD))


def srgb_decode(v):
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def srgb_encode(light):
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def to_bytes(linear):
    return tuple(round(255 * srgb_encode(v)) for v in linear)


def pq_nits(v):
    """SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    p = v ** (1 / m2)
    return 10000 * (max(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1)


def hlg_scene(v):
    """ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return v * v / 3 if v <= 0.5 else (math.exp((v - c) / a) + b) / 12


def hlg_display(rgb):
    """BT.2100's OOTF for a display of 1,000 nits, in units of 203 nits (BT.2408)."""
    luminance = 0.2627 * rgb[0] + 0.6780 * rgb[1] + 0.0593 * rgb[2]
    gain = 1000 / 203 * luminance ** 0.2 if luminance > 0 else 0
    return tuple(gain * v for v in rgb)


def tone_map(linear):
    """Beyond white the hue stays: the largest component becomes 1."""
    top = max(linear)
    return tuple(v / top for v in linear) if top > 1 else linear


def rgb_in(primaries, decode, rgb):
    """Bytes of an RGB space to bytes of sRGB."""
    m = matmul(inverse(rgb_to_xyz(SRGB)), matmul(adapt(xyz(primaries[3]), xyz(SRGB[3])), rgb_to_xyz(primaries)))
    return to_bytes(times(m, tuple(decode(v / 255) for v in rgb)))


def pq(rgb):
    m = matmul(inverse(rgb_to_xyz(SRGB)), rgb_to_xyz(BT2020))
    return to_bytes(tone_map(times(m, tuple(pq_nits(v / 255) / 203 for v in rgb))))


def hlg(rgb):
    m = matmul(inverse(rgb_to_xyz(SRGB)), rgb_to_xyz(BT2020))
    return to_bytes(tone_map(times(m, hlg_display(tuple(hlg_scene(v / 255) for v in rgb)))))


def lab_to_xyz(lab, white):
    """CIE 15."""
    fy = (lab[0] + 16) / 116
    f = (fy + lab[1] / 500, fy, fy - lab[2] / 200)
    return tuple(w * (t ** 3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29)) for w, t in zip(white, f))


def xyz_to_lab(value, white):
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (v / w for v, w in zip(value, white))]
    return (116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2]))


def xyz_to_bytes(value, white):
    return to_bytes(times(matmul(inverse(rgb_to_xyz(SRGB)), adapt(white, xyz(SRGB[3]))), value))


def bytes_to_xyz(rgb, white):
    """XYZ of an sRGB colour, adapted to that white."""
    return times(matmul(adapt(xyz(SRGB[3]), white), rgb_to_xyz(SRGB)), tuple(srgb_decode(v / 255) for v in rgb))


def naive_cmyk(inks):
    """CSS Color 4, device-cmyk without a profile; inks 0..255."""
    return tuple(round(255 * (1 - v / 255) * (1 - inks[3] / 255)) for v in inks[:3])
