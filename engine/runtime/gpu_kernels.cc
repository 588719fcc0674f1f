// Which family makes the WebGPU kernels of an operator.
// SPDX-License-Identifier: MIT
#include "engine/runtime/gpu_kernels.h"

#include "engine/gpu/attention/attention_gpu.h"
#include "engine/gpu/conv/conv_gpu.h"
#include "engine/gpu/deform_conv/deform_conv_gpu.h"
#include "engine/gpu/elementwise/elementwise_gpu.h"
#include "engine/gpu/grid_sample/grid_sample_gpu.h"
#include "engine/gpu/matmul/matmul_gpu.h"
#include "engine/gpu/movement/movement_gpu.h"
#include "engine/gpu/norm/norm_gpu.h"
#include "engine/gpu/pool/pool_gpu.h"
#include "engine/gpu/reduce/reduce_gpu.h"
#include "engine/gpu/resize/resize_gpu.h"

namespace decal {

Status MakeGpuKernels(const Op& op, const GpuRequest& request) {
  for (const std::span<const GpuOperand> operands : {request.inputs, request.outputs})
    for (const GpuOperand& operand : operands)
      if (operand.present && operand.constant == nullptr && operand.dtype != DType::kFloat32)
        return Fail(ErrorCode::kUnsupportedOperator,
                    std::string("no WebGPU kernel for ") + OpName(op) + " of " + Name(operand.dtype));
  return std::visit(
      [&]<class T>(const T& o) -> Status {
        if constexpr (OpTraits<T>::kFacts.on_gpu) {
          return MakeGpuKernel(o, request);
        } else {
          static_assert(!requires { MakeGpuKernel(o, request); }, "the operator's traits deny a kernel that exists");
          return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for ") + OpName(op));
        }
      },
      op);
}

}  // namespace decal
