// The dispatch from the Op variant to its family: the only file that sees all of them.
#include "engine/ops/ops.h"

#include "engine/ops/attention/attention.h"
#include "engine/ops/conv/conv.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/elementwise/elementwise.h"
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

InferResult InferOp(const Op& op, const InferContext& context) {
  return std::visit([&](const auto& o) { return Infer(o, context); }, op);
}

Status RunReference(const Op& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  return std::visit([&](const auto& o) { return Reference(o, in, out); }, op);
}

LayoutNeed LayoutOfOp(const Op& op) {
  return std::visit([](const auto& o) { return LayoutOf(o); }, op);
}

KernelResult MakeKernel(const Op& op, const KernelRequest& request) {
  return std::visit([&](const auto& o) { return MakeCpuKernel(o, request); }, op);
}

}  // namespace decal
