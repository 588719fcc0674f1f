#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes all files of the table in a folder, table.json with what is right for each, and matte-one.onnx, whose matte is 1 everywhere.
    python3 make.py FOLDER
    python3 make.py --model FILE     the model alone"""
import json
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

import table_damage
import table_other
import table_png_tiff
from patches import Table


def matte_one(path):
    """The mean over the channels, and a softmax over the one that is left."""
    nodes = [helper.make_node('ReduceMean', ['input'], ['mean'], axes=[1], keepdims=1), helper.make_node('Softmax', ['mean'], ['matte'], axis=1)]
    tensor = lambda name, channels: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 32, 32])
    graph = helper.make_graph(nodes, 'one', [tensor('input', 3)], [tensor('matte', 1)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
    model.ir_version = 8
    onnx.save(model, path)


def main(folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    table = Table(folder)
    table_png_tiff.add_png(table)
    table_other.add_jpeg(table)
    table_png_tiff.add_tiff(table)
    table_other.add_gif_webp(table)
    table_other.add_heif(table)
    table_other.add_bitmaps(table)
    table_other.add_small(table)
    table_other.add_unsupported(table)
    table_damage.add_damage(table)
    matte_one(table.path('matte-one.onnx'))
    table.write('table.json', json.dumps(table.entries).encode())


if __name__ == '__main__':
    if sys.argv[1] == '--model':
        matte_one(sys.argv[2])
    else:
        main(sys.argv[1])
