// Which family makes the CPU kernel of an operator.
// SPDX-License-Identifier: MIT
#include "engine/runtime/cpu_kernels.h"

#include "engine/cpu/attention/attention_cpu.h"
#include "engine/cpu/conv/conv_cpu.h"
#include "engine/cpu/deform_conv/deform_conv_cpu.h"
#include "engine/cpu/elementwise/elementwise_cpu.h"
#include "engine/cpu/matmul/matmul_cpu.h"
#include "engine/cpu/movement/movement_cpu.h"
#include "engine/cpu/norm/norm_cpu.h"
#include "engine/cpu/pool/pool_cpu.h"
#include "engine/cpu/quant/quant_cpu.h"
#include "engine/cpu/reduce/reduce_cpu.h"
#include "engine/cpu/resize/resize_cpu.h"

namespace decal {

KernelResult MakeKernel(const Op& op, const KernelRequest& request) {
  return std::visit(
      [&]<class T>(const T& o) -> KernelResult {
        if constexpr (OpTraits<T>::kFacts.on_cpu) {
          return MakeCpuKernel(o, request);
        } else {
          static_assert(!requires { MakeCpuKernel(o, request); }, "the operator's traits deny a kernel that exists");
          return nullptr;
        }
      },
      op);
}

}  // namespace decal
