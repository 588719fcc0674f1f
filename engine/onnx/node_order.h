// Puts a model's nodes into an order in which they can run.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "decal/result.h"
#include "engine/onnx/onnx_model.h"

namespace decal {

// Moves every node behind those that make its inputs and changes the order no further: nodes that are in order stay as they are. ONNX
// asks for sorted nodes, but float16 converters append their Casts at the end of the list, and onnxruntime sorts. Inputs that
// no node makes are left to the importer. Error: kCorruptModel where nodes need each other, naming one of them.
Status SortNodes(std::vector<OnnxNode>& nodes);

}  // namespace decal
