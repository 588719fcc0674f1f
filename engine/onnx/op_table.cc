// Finds the function that imports an ONNX operator.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/onnx/op_rows.h"

namespace decal {

ImportFn FindImporter(std::string_view op_type) {
  for (const std::span<const OpRow> rows : {ElementwiseRows(), ComputeRows(), MovementRows(), QuantRows()}) {
    const auto row = std::lower_bound(rows.begin(), rows.end(), op_type,
                                      [](const OpRow& r, std::string_view name) { return r.op_type < name; });
    if (row != rows.end() && row->op_type == op_type) return row->import;
  }
  return nullptr;
}

}  // namespace decal
