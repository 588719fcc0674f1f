// The dispatch from the Op variant to its family: the only file that sees all of them.
#include "engine/ops/ops.h"

#include <algorithm>

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

namespace {

// True for what moves elements or compares them for equality: all that is defined on strings.
template <class O>
constexpr bool kTakesStrings =
    std::is_same_v<O, Binary> || std::is_same_v<O, Where> || std::is_same_v<O, View> || std::is_same_v<O, Reshape> ||
    std::is_same_v<O, Flatten> || std::is_same_v<O, Squeeze> || std::is_same_v<O, Unsqueeze> ||
    std::is_same_v<O, Transpose> || std::is_same_v<O, Concat> || std::is_same_v<O, Split> || std::is_same_v<O, Slice> ||
    std::is_same_v<O, Expand> || std::is_same_v<O, Tile> || std::is_same_v<O, Gather> || std::is_same_v<O, GatherNd> ||
    std::is_same_v<O, GatherElements> || std::is_same_v<O, ShapeOf> || std::is_same_v<O, Strided> ||
    std::is_same_v<O, Relayout>;

}  // namespace

InferResult InferOp(const Op& op, const InferContext& context) {
  const auto refuse = [&] { return Fail(ErrorCode::kUnsupportedOperator, std::string(OpName(op)) + " of strings"); };
  const bool takes_strings = std::visit([]<class O>(const O&) { return kTakesStrings<O>; }, op);
  for (const InferInput& input : context.inputs)
    if (!takes_strings && input.present && input.dtype == DType::kString) return refuse();
  InferResult types = std::visit([&](const auto& o) { return Infer(o, context); }, op);
  if (!types || takes_strings) return types;
  for (const TensorType& type : *types)
    if (type.dtype == DType::kString) return refuse();
  return types;
}

Status RunReference(const Op& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  return std::visit([&](const auto& o) { return Reference(o, in, out); }, op);
}

double ReferenceWork(const Op& op, std::span<const InferInput> inputs, std::span<const TensorType> outputs) {
  const auto elements = [](const Shape& shape) {
    double n = 1;  // shapes that do not fit 64 bits have not been refused yet
    for (int64_t extent : shape) n *= static_cast<double>(extent);
    return n;
  };
  double read = 0, written = 0;
  for (const InferInput& input : inputs)
    if (input.present) read += elements(input.shape);
  for (const TensorType& output : outputs) written += elements(*output.shape);
  // What each output element is a sum over.
  double terms = 1;
  const auto share = [&](size_t i, size_t dimension) {  // elements of an input for one index of that dimension
    const Shape& shape = inputs[i].shape;
    return dimension < shape.rank() ? elements(shape) / std::max<double>(1, static_cast<double>(shape[dimension])) : 1;
  };
  if (std::holds_alternative<Conv>(op) || std::holds_alternative<DeformConv>(op)) {
    terms = share(1, 0);
  } else if (std::holds_alternative<Attention>(op)) {
    return read + written + (elements(inputs[0].shape) + written) * static_cast<double>(inputs[1].shape[1]);
  } else if (std::holds_alternative<ConvTranspose>(op)) {
    // Every output element looks at every tap, most of which a stride or dilation may leave without an input.
    const Shape& weight = inputs[1].shape;
    const double taps = weight.rank() < 2 ? 1 : share(1, 0) / std::max<double>(1, static_cast<double>(weight[1]));
    return read + written * taps + elements(inputs[0].shape) * share(1, 0);
  } else if (std::holds_alternative<MatMul>(op)) {
    terms = inputs[0].shape.empty() ? 1 : static_cast<double>(inputs[0].shape.back());
  } else if (const auto* gemm = std::get_if<Gemm>(&op)) {
    terms = inputs[0].shape.rank() == 2 ? static_cast<double>(inputs[0].shape[gemm->trans_a ? 0 : 1]) : 1;
  } else if (const auto* pool = std::get_if<Pool>(&op)) {
    terms = elements(pool->window.kernel);
  }
  return read + written * terms;
}

LayoutNeed LayoutOfOp(const Op& op) {
  return std::visit([](const auto& o) { return LayoutOf(o); }, op);
}

KernelResult MakeKernel(const Op& op, const KernelRequest& request) {
  return std::visit([&](const auto& o) { return MakeCpuKernel(o, request); }, op);
}

}  // namespace decal
