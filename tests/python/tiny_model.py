# SPDX-License-Identifier: MIT
"""Writes ONNX files of one convolution and a sigmoid, byte by byte: no package for ONNX is needed."""

from __future__ import annotations

import struct


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _value_info(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1, extent)) for extent in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def _tensor(name: str, shape: tuple[int, ...], values: list[float], external: tuple[str, int] | None) -> bytes:
    dims = b"".join(_field(1, extent) for extent in shape)
    if external:
        entries = (("location", external[0]), ("offset", str(external[1])))
        places = b"".join(_field(13, _field(1, key) + _field(2, value)) for key, value in entries)
        return dims + _field(2, 1) + _field(8, name) + places + _field(14, 1)
    return dims + _field(2, 1) + _field(8, name) + _field(9, struct.pack(f"<{len(values)}f", *values))


def _node(op: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, op)


def write_tiny_model(
    path,
    size: int = 64,
    channels: int = 1,
    weights: list[float] | None = None,
    layers: int = 1,
    external: tuple[str, int] | None = None,
) -> str:
    """[1,3,size,size] -> [1,channels,size,size]; channel c is the sigmoid of 8 * (red - blue), or of `weights`, taken `layers` times.

    `external`: a file beside the model and an offset, where the weights lie instead.
    """
    weights = weights or [8.0, 0.0, -8.0] * channels
    names = [f"y{layer}" for layer in range(layers)] + ["matte"]
    graph = _field(1, _node("Conv", ["x", "w"], names[0])) + _field(2, "tiny")
    graph += b"".join(_field(1, _node("Sigmoid", [a], b)) for a, b in zip(names, names[1:]))
    graph += _field(5, _tensor("w", (channels, 3, 1, 1), weights, external))
    graph += _field(11, _value_info("x", (1, 3, size, size))) + _field(12, _value_info("matte", (1, channels, size, size)))
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
    return str(path)
