// Import of quantisation. QLinearConv and QLinearMatMul become Conv and MatMul in float32 between Dequantize and Quantize:
// the sums are those of their definition but for float32 rounding, and passes/lower_quantized.cc joins neighbours.
// SPDX-License-Identifier: MIT
#include "engine/onnx/op_rows.h"

namespace decal {
namespace {

Result<std::optional<DType>> TypeAttribute(const NodeImporter& n, std::string_view name) {
  const int64_t type = n.Int(name, 0);
  if (type == 0) return std::nullopt;
  Result<DType> dtype = DTypeFromOnnx(type);
  if (!dtype) return n.Unsupported("to " + dtype.error().message);
  return *dtype;
}

Status ImportQuantize(NodeImporter& n) {
  Quantize op{.axis = n.Int("axis", 1), .block_size = n.Int("block_size", 0), .saturate = n.Int("saturate", 1) != 0};
  DECAL_TRY_ASSIGN(op.to, TypeAttribute(n, "output_dtype"));
  return n.Emit(op, {n.input(0), n.input(1), n.input(2)});
}

Status ImportDequantize(NodeImporter& n) {
  Dequantize op{.axis = n.Int("axis", 1), .block_size = n.Int("block_size", 0)};
  DECAL_TRY_ASSIGN(op.to, TypeAttribute(n, "output_dtype"));
  return n.Emit(op, {n.input(0), n.input(1), n.input(2)});
}

Status ImportDynamicQuantize(NodeImporter& n) { return n.Emit(DynamicQuantize{}, {n.input(0)}, 3); }

Status ImportMatMulInteger(NodeImporter& n) {
  return n.Emit(MatMulInteger{}, {n.input(0), n.input(1), n.input(2), n.input(3)});
}

Status ImportConvInteger(NodeImporter& n) {
  ConvInteger op{.group = n.Int("group", 1)};
  DECAL_TRY_ASSIGN(op.window, ImportWindow(n));
  return n.Emit(op, {n.input(0), n.input(1), n.input(2), n.input(3)});
}

// The float32 values of codes in input `first`, whose scale and zero point follow it.
ValueId EmitDequantized(NodeImporter& n, size_t first, int64_t axis) {
  return n.EmitTemporary(Dequantize{.axis = axis, .to = DType::kFloat32},
                         {n.input(first), n.input(first + 1), n.input(first + 2)});
}

// inputs: a, scale, zero point, b, scale, zero point, scale of y, zero point of y.
Status ImportQLinearMatMul(NodeImporter& n) {
  const ValueId a = EmitDequantized(n, 0, -2), b = EmitDequantized(n, 3, -1);
  const ValueId y = n.EmitTemporary(MatMul{}, {a, b, kNoValue});
  return n.Emit(Quantize{.axis = -2}, {y, n.input(6), n.input(7)});
}

// inputs: as above with x and w for a and b, then an i32 bias of scale x_scale * w_scale.
Status ImportQLinearConv(NodeImporter& n) {
  Conv conv{.group = n.Int("group", 1)};
  DECAL_TRY_ASSIGN(conv.window, ImportWindow(n));
  const ValueId x = EmitDequantized(n, 0, 1), w = EmitDequantized(n, 3, 0);
  ValueId bias = kNoValue;
  if (n.input(8) != kNoValue) {
    const ValueId scale = n.EmitTemporary(Binary{BinaryKind::kMul}, {n.input(1), n.input(4)});
    bias = n.EmitTemporary(Dequantize{.axis = 0}, {n.input(8), scale, kNoValue});
  }
  const ValueId y = n.EmitTemporary(conv, {x, w, bias});
  return n.Emit(Quantize{}, {y, n.input(6), n.input(7)});
}

constexpr OpRow kQuantRows[] = {
    {"ConvInteger", ImportConvInteger},
    {"DequantizeLinear", ImportDequantize},
    {"DynamicQuantizeLinear", ImportDynamicQuantize},
    {"MatMulInteger", ImportMatMulInteger},
    {"QLinearConv", ImportQLinearConv},
    {"QLinearMatMul", ImportQLinearMatMul},
    {"QuantizeLinear", ImportQuantize},
};
static_assert(IsSorted(kQuantRows));

}  // namespace

std::span<const OpRow> QuantRows() { return kQuantRows; }

}  // namespace decal
