// The operators of the intermediate form: one std::variant of plain attribute structs.
//
// Each family's header (ops/<family>/) has the structs, their traits, shape rules and references. Input and output order
// is that of the ONNX operator of the same name (opset 17), unless the struct says otherwise. Adding an operator: its
// family, a place in `OpVariant` below, and a row in onnx/import_<part>.cc. What is missing does not compile.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <variant>

#include "engine/ops/attention/attention.h"
#include "engine/ops/conv/conv.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/elementwise/elementwise.h"
#include "engine/ops/grid_sample/grid_sample.h"
#include "engine/ops/indexing/indexing.h"
#include "engine/ops/matmul/matmul.h"
#include "engine/ops/movement/movement.h"
#include "engine/ops/norm/norm.h"
#include "engine/ops/pool/pool.h"
#include "engine/ops/quant/quant.h"
#include "engine/ops/reduce/reduce.h"
#include "engine/ops/resize/resize.h"
#include "engine/ops/shape/shape_ops.h"

namespace decal {

using OpVariant =
    std::variant<Unary, Binary, Where, Cast, Conv, ConvTranspose, DeformConv, MatMul, Gemm, Attention, WindowPartition,
                 WindowMerge, Quantize, Dequantize, RoundToGrid, DynamicQuantize, MatMulInteger, ConvInteger, Pool,
                 GlobalPool, Resize, GridSample, BatchNorm, InstanceNorm, LayerNorm, Softmax, Reduce, View, Reshape,
                 Flatten, Squeeze, Unsqueeze, Transpose, Concat, Split, Slice, Expand, Tile, Pad, Gather, GatherNd,
                 ScatterNd, GatherElements, ScatterElements, DepthToSpace, SpaceToDepth, TopK, ArgReduce, CumSum,
                 NonZero, Einsum, ShapeOf, ConstantOfShape, Range, Strided, Relayout>;

// Where T stands among the alternatives; their number if it is none.
template <class T, class Variant>
inline constexpr size_t kAlternative = 0;
template <class T, class... Operators>
inline constexpr size_t kAlternative<T, std::variant<Operators...>> = [] {
  constexpr std::array<bool, sizeof...(Operators)> same = {std::is_same_v<T, Operators>...};
  return static_cast<size_t>(std::ranges::find(same, true) - same.begin());
}();

// One operator, for std::visit, std::get_if and std::holds_alternative. A class of its own, so that op.cc alone compiles how its
// alternatives are copied, moved and destroyed: every file that has nodes did, which took half of the time it took to compile.
class Op : public OpVariant {
 public:
  Op() noexcept;
  template <class T>
    requires(kAlternative<T, OpVariant> < std::variant_size_v<OpVariant>)
  Op(T op) : Op() {
    Take(kAlternative<T, OpVariant>, &op);
  }
  Op(const Op&);
  Op(Op&&) noexcept;
  Op& operator=(const Op&);
  Op& operator=(Op&&) noexcept;
  ~Op();

 private:
  // Moves `op`, the alternative of that index, into this. Without its type, so that callers compile nothing of the variant.
  void Take(size_t index, void* op);
};

// "Conv", "Relu", "Add": the ONNX spelling if there is one.
const char* OpName(const Op& op);

const OpFacts& FactsOf(const Op& op);

// ---- what every family implements ------------------------------------------------------------

// Output types of `op`; kShapeMismatch or kUnsupportedOperator where its inputs do not fit.
InferResult InferOp(const Op& op, const InferContext& context);

// The specification: plain loops over any strides, used by tests, by constant folding and where no fast
// kernel exists.
Status RunReference(const Op& op, std::span<const TensorView> in, std::span<const MutableTensorView> out);

// About how many elements the specification touches in computing `outputs`: MACs for matrix products, what is read
// and written for the rest. For refusing work that would never end.
double ReferenceWork(const Op& op, std::span<const InferInput> inputs, std::span<const TensorType> outputs);

}  // namespace decal
