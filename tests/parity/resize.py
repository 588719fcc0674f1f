#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Exports an ONNX model again for square pictures of another size, without the framework that it came from.

    resize.py SIZE IN.onnx [LARGER.onnx] OUT.onnx

Models whose graph computes its shapes only need another input, and what Resize gives where that is written down. Where the
exporter has written the size of the picture into other constants, LARGER tells which: the same graph for twice IN's size. What
differs between the two grows with the size or with its square, and grids of positions begin alike: SIZE is half, a quarter, ..
of IN's.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def halved(small, large, name):
    """The constant as it would be at half of `small`'s size."""
    if small.ndim == 6:  # sampling grids, [.., y, x]
        h, w = small.shape[-2:]
        if large.shape[-2:] != (2 * h, 2 * w) or not np.array_equal(large[..., :h, :w], small):
            raise SystemExit(f"{name}: not a grid that begins as its larger one does")
        return small[..., : h // 2, : w // 2]
    if small.shape != large.shape:
        raise SystemExit(f"{name}: {small.shape} and {large.shape}")
    if small.dtype != np.int64:
        if not np.allclose(large, 2 * small, rtol=1e-6):
            raise SystemExit(f"{name}: {small} and {large} are not as 1 to 2")
        return small / small.dtype.type(2)
    areas = (large == 4 * small) & (small != large)
    lengths = small - (large - small) // 2
    return np.where(small == large, small, np.where(areas, small // 4, lengths))


def constants(graph):
    """(name, tensor) of every constant that is no weight."""
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                yield node.name or node.output[0], attribute.t


def halve_constants(model, larger):
    graphs = [list(constants(m.graph)) for m in (model, larger)]
    if [n for n, _ in graphs[0]] != [n for n, _ in graphs[1]]:
        raise SystemExit("these are not two sizes of one graph")
    changed = 0
    for (name, tensor), (_, other) in zip(*graphs):
        small, large = numpy_helper.to_array(tensor), numpy_helper.to_array(other)
        if small.shape == large.shape and np.array_equal(small, large):
            continue
        result = np.ascontiguousarray(halved(small, large, name))
        other.CopyFrom(tensor)  # for the next halving, this is the larger one
        tensor.CopyFrom(numpy_helper.from_array(result.reshape(small.shape if small.ndim < 6 else result.shape), tensor.name))
        changed += 1
    return changed


def scale_resizes(graph, given, size):
    """Height and width that Resize is told as constants, rounded up as pooling does that keeps what is left over.

    Those that do not come of halving the model's size are views of another size within the model: these become the multiple of 32
    that is next.
    """
    halves = {-(-given // 2**k) for k in range(10)}
    made_by = {output: node for node in graph.node for output in node.output}
    tensors = {}  # by name: several Resize may share one
    for node in graph.node:
        shape = made_by.get(node.input[3]) if node.op_type == "Resize" and len(node.input) > 3 else None
        if shape is None or shape.op_type != "Concat":
            continue
        last = made_by.get(shape.input[-1])
        if last is not None and last.op_type == "Constant":
            tensors[last.output[0]] = last.attribute[0].t
    for tensor in tensors.values():
        extents = numpy_helper.to_array(tensor)
        scaled = -(-extents * size // given)
        if not set(extents.flat) <= halves:
            scaled = (scaled + 16) // 32 * 32
        tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))


def set_extents(value, shape):
    for dim, extent in zip(value.type.tensor_type.shape.dim, shape):
        dim.dim_value = extent


def main(size, source, *rest):
    larger, result = rest if len(rest) == 2 else (None, rest[0])
    model = onnx.load(source)
    given = whole = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    if larger:
        larger = onnx.load(larger)
        while given > size:
            print(f"{halve_constants(model, larger)} constants hold the size {given}")
            given //= 2
        if given != size:
            raise SystemExit(f"{size} is not a half, a quarter, .. of the model's size")
    else:
        scale_resizes(model.graph, given, size)
    for value in list(model.graph.input)[:1] + list(model.graph.output):
        dims = value.type.tensor_type.shape.dim
        extent = dims[2].dim_value * size // whole  # an output may be smaller than the picture
        set_extents(value, [1, dims[1].dim_value, extent, extent])
    del model.graph.value_info[:]
    onnx.save(model, result)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(int(sys.argv[1]), *sys.argv[2:])
