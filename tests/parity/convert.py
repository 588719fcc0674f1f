#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the float16 and int8 versions of a float32 ONNX model that exporters and quantisers write.

    convert.py --half-weights | --half | --int8-weights [--per-channel] | --int8 [--per-channel]  IN.onnx OUT.onnx
    convert.py --scale-last FACTOR | --scale NAME=FACTOR..  IN.onnx OUT.onnx

--half-weights  weights stored in float16, cast to float32 where they are used
--half          all float32 arithmetic in float16 but what computes shapes, as onnxconverter-common does it;
                inputs and outputs stay float32
--int8-weights  weights stored in int8, DequantizeLinear where they are used
--int8          DynamicQuantizeLinear before MatMulInteger and ConvInteger, as onnxruntime's quantize_dynamic
--scale-last F  multiplies weights and bias of the convolution before the last Sigmoid by F: for models of random
                weights, whose sigmoid is saturated
--scale N=F ..  multiplies weights (not biases) whose name contains N by F
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Float inputs that stay float32 in a float16 graph: scales and regions of Resize, and whatever counts.
FLOAT32_OPS = {"Range", "Upsample", "CumSum"}
FLOAT32_INPUTS = {"Resize": (1, 2)}


def float_initializers(graph):
    return {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT}


def constants_to_initializers(graph):
    """So that weights are found wherever the exporter has put them."""
    rest = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if node.op_type == "Constant" and a.name == "value"), None)
        if value is None:
            rest.append(onnx.NodeProto.FromString(node.SerializeToString()))
        else:
            graph.initializer.append(value)
            graph.initializer[-1].name = node.output[0]
    # An exporter writes a weight that two layers share as an Identity of the first one's.
    names = {t.name for t in graph.initializer}
    ends = {v.name for v in graph.output}
    same, nodes = {}, []
    for node in rest:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
        if node.op_type == "Identity" and node.input[0] in names and node.output[0] not in ends:
            same[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def replace(repeated, messages):
    """The messages may be of `repeated` itself, whose clearing would empty them."""
    copies = [type(m).FromString(m.SerializeToString()) for m in messages]
    del repeated[:]
    repeated.extend(copies)


def as_half(values):
    limit = np.finfo(np.float16).max
    return np.clip(values, -limit, limit).astype(np.float16)


def half_weights(model):
    graph, casts = model.graph, []
    for tensor in float_initializers(graph).values():
        values = numpy_helper.to_array(tensor)
        if values.size < 16:  # scalars that steer an operator: nothing to gain
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(as_half(values), name + "_half"))
        casts.append(helper.make_node("Cast", [name + "_half"], [name], name=name + "_cast", to=TensorProto.FLOAT))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + rest)


def half(model):
    """Casts at the border, float16 between, float32 islands around FLOAT32_OPS."""
    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    types = {v.name: v.type.tensor_type.elem_type for v in list(graph.value_info) + list(graph.input) + list(graph.output)}
    types.update({t.name: t.data_type for t in graph.initializer})
    is_float = lambda name: types.get(name) == TensorProto.FLOAT

    kept = set()  # float values needed in float32
    for node in graph.node:
        for i, name in enumerate(node.input):
            if node.op_type in FLOAT32_OPS or i in FLOAT32_INPUTS.get(node.op_type, ()):
                kept.add(name)
    # What computes a kept value, back to integers, is shape arithmetic.
    for node in reversed(graph.node):
        if any(o in kept for o in node.output) and any(is_float(o) for o in node.output):
            kept.update(n for n in node.input if is_float(n))

    nodes = []
    renamed = {v.name: v.name + "_half" for v in graph.input if is_float(v.name) and v.name not in kept}
    for name, new in renamed.items():
        nodes.append(helper.make_node("Cast", [name], [new], name=new, to=TensorProto.FLOAT16))
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            tensor.CopyFrom(numpy_helper.from_array(as_half(numpy_helper.to_array(tensor)), tensor.name))
    ends = {v.name for v in graph.output if is_float(v.name)}
    in_half = lambda name: is_float(name) and name not in kept
    casts = {}

    def as_type(name, want_half, at):
        """`name` in the wanted precision; the cast is made on first use."""
        if not is_float(name) or in_half(name) == want_half:
            return renamed.get(name, name)
        if (name, want_half) not in casts:
            casts[name, want_half] = f"{name}_{'half' if want_half else 'float'}_cast"
            at.append(helper.make_node("Cast", [renamed.get(name, name)], [casts[name, want_half]],
                                       to=TensorProto.FLOAT16 if want_half else TensorProto.FLOAT))
        return casts[name, want_half]

    for node in graph.node:
        float32 = node.op_type in FLOAT32_OPS or any(o in kept for o in node.output)
        for i, name in enumerate(node.input):
            if name:
                node.input[i] = as_type(name, not float32 and i not in FLOAT32_INPUTS.get(node.op_type, ()), nodes)
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT and not float32:
                attribute.i = TensorProto.FLOAT16
            if node.op_type == "ConstantOfShape" and attribute.t.data_type == TensorProto.FLOAT and not float32:
                attribute.t.CopyFrom(numpy_helper.from_array(as_half(numpy_helper.to_array(attribute.t)), ""))
        for i, name in enumerate(node.output):
            if name in ends and in_half(name):
                renamed[name] = name + "_half"
                node.output[i] = renamed[name]
        nodes.append(node)
    for name in sorted(ends):
        if in_half(name):
            nodes.append(helper.make_node("Cast", [renamed[name]], [name], name=name + "_float", to=TensorProto.FLOAT))
    replace(graph.node, nodes)
    del graph.value_info[:]
    return model


def quantize_weight(values, axis):
    """Symmetric int8; one scale, or one for each index of `axis`."""
    others = None if axis is None else tuple(d for d in range(values.ndim) if d != axis % values.ndim)
    top = np.maximum(np.abs(values).max(axis=others, keepdims=axis is not None), 1e-12)
    scale = (top / 127).astype(np.float32)
    return np.clip(np.rint(values / scale), -127, 127).astype(np.int8), scale


def int8_weights(model, per_channel):
    graph = model.graph
    weights, nodes, added = float_initializers(graph), [], {}
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("Conv", "MatMul") else None
        if weight is None or len(weight.dims) < 2 or weight.name in added:
            continue
        name, axis = weight.name, 0 if node.op_type == "Conv" else len(weight.dims) - 1
        q, scale = quantize_weight(numpy_helper.to_array(weight), axis if per_channel else None)
        added[name] = [numpy_helper.from_array(q, name + "_codes"),
                       numpy_helper.from_array(np.reshape(scale, [-1] if per_channel else []), name + "_scale")]
        nodes.append(helper.make_node("DequantizeLinear", [name + "_codes", name + "_scale"], [name], axis=axis))
    replace(graph.node, nodes + list(graph.node))
    replace(graph.initializer, [t for t in graph.initializer if t.name not in added] + sum(added.values(), []))


def int8(model, per_channel):
    graph = model.graph
    weights = float_initializers(graph)
    uses = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    nodes, added, removed, ranges, codes = [], [], set(), {}, {}
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("Conv", "MatMul") else None
        if weight is None or len(weight.dims) < 2 or node.input[0] in weights:
            nodes.append(node)
            continue
        conv, x, y = node.op_type == "Conv", node.input[0], node.output[0]
        if x not in ranges:
            ranges[x] = [x + suffix for suffix in ("_codes", "_scale", "_zero")]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [x], ranges[x], name=x + "_quantize"))
        key = weight.name
        if key not in codes:
            values = numpy_helper.to_array(weight)
            q, scale = quantize_weight(values, (0 if conv else -1) if per_channel else None)
            # [M,1,..] broadcasts along a convolution's product, [N] along a matrix product's.
            scale = scale.reshape([-1] + [1] * (values.ndim - 2) if per_channel and conv else [-1])
            zero = np.zeros([], np.int8)
            added += [numpy_helper.from_array(q, key + "_codes"), numpy_helper.from_array(scale, key + "_scale"),
                      numpy_helper.from_array(zero, key + "_zero")]
            codes[key] = True
        uses[key] -= 1
        if uses[key] == 0:
            removed.add(key)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        nodes.append(helper.make_node("ConvInteger" if conv else "MatMulInteger",
                                      [ranges[x][0], key + "_codes", ranges[x][2], key + "_zero"], [y + "_sums"],
                                      name=y + "_product", **attributes))
        nodes.append(helper.make_node("Cast", [y + "_sums"], [y + "_cast"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [ranges[x][1], key + "_scale"], [y + "_factor"]))
        bias = conv and len(node.input) > 2 and node.input[2]
        nodes.append(helper.make_node("Mul", [y + "_cast", y + "_factor"], [y + "_scaled" if bias else y]))
        if bias:
            shaped = y + "_bias"
            values = numpy_helper.to_array(weights[bias])
            added.append(numpy_helper.from_array(values.reshape([-1] + [1] * (len(weight.dims) - 2)), shaped))
            nodes.append(helper.make_node("Add", [y + "_scaled", shaped], [y]))
    replace(graph.node, nodes)
    replace(graph.initializer, [t for t in graph.initializer if t.name not in removed] + added)


def scale_last(graph, factor):
    makers = {name: node for node in graph.node for name in node.output}
    sigmoid = makers[graph.output[0].name]
    conv = makers[sigmoid.input[0]]
    if (sigmoid.op_type, conv.op_type) != ("Sigmoid", "Conv"):
        raise SystemExit(f"the model ends in {conv.op_type} and {sigmoid.op_type}, not in Conv and Sigmoid")
    for tensor in graph.initializer:
        if tensor.name in conv.input[1:]:
            values = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def scale_named(graph, part, factor):
    found = 0
    for tensor in graph.initializer:
        if part in tensor.name and len(tensor.dims) >= 2:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
            found += 1
    if not found:
        raise SystemExit(f"no weight is named {part}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--half-weights", action="store_true")
    kind.add_argument("--half", action="store_true")
    kind.add_argument("--int8-weights", action="store_true")
    kind.add_argument("--int8", action="store_true")
    kind.add_argument("--scale-last", type=float, metavar="F")
    kind.add_argument("--scale", nargs="+", metavar="N=F")
    parser.add_argument("--per-channel", action="store_true", help="with --int8: a weight scale for each output channel")
    parser.add_argument("source")
    parser.add_argument("result")
    args = parser.parse_args()
    model = onnx.load(args.source)
    if args.scale_last or args.scale:
        if args.scale_last:
            scale_last(model.graph, args.scale_last)
        for part, factor in (scale.rsplit("=", 1) for scale in args.scale or []):
            scale_named(model.graph, part, float(factor))
        onnx.save(model, args.result)
        return
    constants_to_initializers(model.graph)
    if args.half_weights:
        half_weights(model)
    elif args.half:
        model = half(model)
    elif args.int8_weights:
        int8_weights(model, args.per_channel)
    else:
        int8(model, args.per_channel)
    onnx.save(model, args.result)


if __name__ == "__main__":
    main()
