// The table of ONNX operators, in parts: each import file lists the operators it knows how to read.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "engine/onnx/node_importer.h"

namespace decal {

struct OpRow {
  std::string_view op_type;
  ImportFn import;
};

// FindImporter searches every part in halves.
constexpr bool IsSorted(std::span<const OpRow> rows) {
  return std::is_sorted(rows.begin(), rows.end(), [](const OpRow& a, const OpRow& b) { return a.op_type < b.op_type; });
}

std::span<const OpRow> ElementwiseRows();
std::span<const OpRow> ComputeRows();
std::span<const OpRow> MovementRows();
std::span<const OpRow> QuantRows();

// kernel_shape, strides, dilations, pads and auto_pad.
Result<Window> ImportWindow(const NodeImporter& n);

inline std::vector<ValueId> AllInputs(const NodeImporter& n, size_t at_most = SIZE_MAX) {
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < std::min(at_most, n.input_count()); ++i) inputs.push_back(n.input(i));
  return inputs;
}

}  // namespace decal
