// All operator families behind four calls on the Op variant.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

// Output types of `op`; kShapeMismatch or kUnsupportedOperator where its inputs do not fit.
InferResult InferOp(const Op& op, const InferContext& context);

// The specification: plain loops over any strides, used by tests, by constant folding and where no fast
// kernel exists.
Status RunReference(const Op& op, std::span<const TensorView> in, std::span<const MutableTensorView> out);

// About how many elements the specification touches in computing `outputs`: multiply-adds for products, what is read
// and written for the rest. For refusing work that would never end.
double ReferenceWork(const Op& op, std::span<const InferInput> inputs, std::span<const TensorType> outputs);

LayoutNeed LayoutOfOp(const Op& op);

KernelResult MakeKernel(const Op& op, const KernelRequest& request);

}  // namespace decal
