#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stores the weights of a float32 ONNX model as float16, each followed by a Cast back to float32.

Halves the file and changes nothing else: arithmetic stays float32, and any runtime that knows Cast can read it.
For maintainers; needs Debian's python3-onnx.

    models/to_float16.py first-default.onnx models/decal-default.onnx "provenance in one sentence"
"""
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

def to_float16(model):
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        # Biases and scales stay exact: they are few bytes, and a Cast each would cost about as many.
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = numpy_helper.to_array(tensor)
        if numpy.abs(values).max() > numpy.finfo(numpy.float16).max:
            sys.exit(f"{tensor.name}: a weight is too large for float16")
        name = tensor.name
        half = numpy_helper.from_array(values.astype(numpy.float16), name + "_f16")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], name="Cast_" + name, to=TensorProto.FLOAT))
    # Nodes are in execution order: the casts come before everything that reads them.
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def main():
    source, target, provenance = sys.argv[1:]
    model = onnx.load(source)
    to_float16(model)
    helper.set_model_props(model, {"provenance": provenance, "weights": "float16"})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


if __name__ == "__main__":
    main()
