// Shape and type rules of quantisation.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/base/element.h"
#include "engine/ops/conv/conv.h"
#include "engine/ops/matmul/matmul.h"
#include "engine/ops/quant/quant.h"
#include "engine/ops/quant/scale_map.h"

namespace decal {
namespace {

// Types of codes: integers up to 16 bits and the narrow floats.
bool IsCode(DType dtype) {
  return (IsInteger(dtype) && BitsOf(dtype) <= 16) || (IsFloating(dtype) && BitsOf(dtype) <= 8);
}

bool IsScale(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

// The zero point, if any, is a scalar or goes with the scales one by one.
Status CheckZeroPoint(const char* op, const InferContext& context, DType codes) {
  if (!context.has(2)) return {};
  if (context[2].dtype != codes)
    return Fail(ErrorCode::kShapeMismatch,
                std::string(op) + ": a zero point of " + Name(context[2].dtype) + " for codes of " + Name(codes));
  if (context[2].shape.elements() != 1 && !(context[2].shape == context[1].shape))
    return Fail(ErrorCode::kShapeMismatch, std::string(op) + ": zero points " + context[2].shape.ToString() +
                                               " for scales " + context[1].shape.ToString());
  return {};
}

// Factors and zero points of an integer product; zero points have their factor's type.
Status CheckFactors(const char* op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 2, op));
  for (size_t i = 0; i < 2; ++i) {
    const DType dtype = context[i].dtype;
    if (dtype != DType::kUint8 && dtype != DType::kInt8) return BadType(op, dtype);
    if (context.has(2 + i) && context[2 + i].dtype != dtype)
      return Fail(ErrorCode::kShapeMismatch, std::string(op) + ": a zero point of " + Name(context[2 + i].dtype));
  }
  return {};
}

Status CheckZeroPoints(const char* op, const InferContext& context, size_t i, int64_t channels) {
  if (!context.has(i)) return {};
  const Shape& shape = context[i].shape;
  if (shape.elements() == 1 || (shape.rank() == 1 && shape[0] == channels)) return {};
  return Fail(ErrorCode::kUnsupportedOperator, std::string(op) + " with zero points of " + shape.ToString());
}

}  // namespace

Result<ScaleMap> MapScales(const Shape& x, const Shape& scale, int64_t axis, int64_t block_size) {
  ScaleMap map;
  map.strides = Dims::Filled(x.rank(), 0);
  const auto mismatch = [&] {
    return Fail(ErrorCode::kShapeMismatch, "scales " + scale.ToString() + " for " + x.ToString());
  };
  if (block_size == 0 && scale.elements() == 1) return map;
  if (x.rank() == 0) return mismatch();
  DECAL_TRY_ASSIGN(map.axis, NormalizeAxis(axis, x.rank()));
  if (block_size == 0) {
    if (scale.rank() != 1 || scale[0] != x[map.axis]) return mismatch();
    map.strides[map.axis] = 1;
    return map;
  }
  if (block_size < 0 || block_size > kMaxTensorElements)
    return Fail(ErrorCode::kShapeMismatch, "a block size of " + std::to_string(block_size));
  map.block = block_size;
  if (scale.rank() != x.rank()) return mismatch();
  for (size_t d = 0; d < x.rank(); ++d) {
    const int64_t expected = d == map.axis ? (x[d] + block_size - 1) / block_size : x[d];
    if (scale[d] != expected) return mismatch();
  }
  map.strides = DenseStrides(scale, Layout::kRowMajor);
  return map;
}

InferResult Infer(const Quantize& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 2, "QuantizeLinear"));
  const DType from = context[0].dtype;
  if (!IsScale(from) && from != DType::kInt32) return BadType("QuantizeLinear", from);
  if (!IsScale(context[1].dtype)) return BadType("QuantizeLinear with a scale", context[1].dtype);
  const DType to = op.to ? *op.to : context.has(2) ? context[2].dtype : DType::kUint8;
  if (!IsCode(to)) return BadType("QuantizeLinear with codes", to);
  DECAL_TRY(CheckZeroPoint("QuantizeLinear", context, to));
  DECAL_TRY(MapScales(context[0].shape, context[1].shape, op.axis, op.block_size));
  return std::vector<TensorType>{{to, context[0].shape}};
}

InferResult Infer(const Dequantize& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 2, "DequantizeLinear"));
  const DType from = context[0].dtype;
  if (!IsCode(from) && from != DType::kInt32) return BadType("DequantizeLinear", from);
  if (!IsScale(context[1].dtype)) return BadType("DequantizeLinear with a scale", context[1].dtype);
  const DType to = op.to.value_or(context[1].dtype);
  if (!IsScale(to)) return BadType("DequantizeLinear to", to);
  DECAL_TRY(CheckZeroPoint("DequantizeLinear", context, from));
  DECAL_TRY(MapScales(context[0].shape, context[1].shape, op.axis, op.block_size));
  return std::vector<TensorType>{{to, context[0].shape}};
}

InferResult Infer(const RoundToGrid&, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "RoundToGrid"));
  if (context[0].dtype != DType::kFloat32) return BadType("RoundToGrid", context[0].dtype);
  return std::vector<TensorType>{{DType::kFloat32, context[0].shape}};
}

InferResult Infer(const DynamicQuantize&, const InferContext& context) {
  if (!context.has(0) || context.outputs != 3)
    return Fail(ErrorCode::kShapeMismatch, "DynamicQuantizeLinear needs one input and three outputs");
  if (context[0].dtype != DType::kFloat32) return BadType("DynamicQuantizeLinear", context[0].dtype);
  return std::vector<TensorType>{
      {DType::kUint8, context[0].shape}, {DType::kFloat32, Shape{}}, {DType::kUint8, Shape{}}};
}

InferResult Infer(const MatMulInteger&, const InferContext& context) {
  DECAL_TRY(CheckFactors("MatMulInteger", context));
  InferInput factors[2] = {context[0], context[1]};
  for (InferInput& factor : factors) factor.dtype = DType::kFloat32;
  DECAL_TRY_ASSIGN(std::vector<TensorType> product, Infer(MatMul{}, InferContext{factors, 1}));
  const Shape &a = context[0].shape, &b = context[1].shape;
  DECAL_TRY(CheckZeroPoints("MatMulInteger", context, 2, a.rank() > 1 ? a[a.rank() - 2] : 1));
  DECAL_TRY(CheckZeroPoints("MatMulInteger", context, 3, b.rank() > 1 ? b.back() : 1));
  product[0].dtype = DType::kInt32;
  return product;
}

InferResult Infer(const ConvInteger& op, const InferContext& context) {
  DECAL_TRY(CheckFactors("ConvInteger", context));
  if (context[0].shape.rank() > 4)
    return Fail(ErrorCode::kUnsupportedOperator, "ConvInteger of an input of shape " + context[0].shape.ToString());
  InferInput factors[2] = {context[0], context[1]};
  for (InferInput& factor : factors) factor.dtype = DType::kFloat32;
  DECAL_TRY_ASSIGN(std::vector<TensorType> product,
                   Infer(Conv{.window = op.window, .group = op.group}, InferContext{factors, 1}));
  DECAL_TRY(CheckZeroPoints("ConvInteger", context, 2, 1));
  DECAL_TRY(CheckZeroPoints("ConvInteger", context, 3, context[1].shape[0]));
  product[0].dtype = DType::kInt32;
  return product;
}

}  // namespace decal
