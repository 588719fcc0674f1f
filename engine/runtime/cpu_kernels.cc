// Which family makes the CPU kernel of an operator.
#include "engine/runtime/cpu_kernels.h"

#include "engine/ops/attention/attention_cpu.h"
#include "engine/ops/conv/conv_cpu.h"
#include "engine/ops/deform_conv/deform_conv_cpu.h"
#include "engine/ops/elementwise/elementwise_cpu.h"
#include "engine/ops/matmul/matmul_cpu.h"
#include "engine/ops/movement/movement_cpu.h"
#include "engine/ops/norm/norm_cpu.h"
#include "engine/ops/pool/pool_cpu.h"
#include "engine/ops/quant/quant_cpu.h"
#include "engine/ops/reduce/reduce_cpu.h"
#include "engine/ops/resize/resize_cpu.h"

namespace decal {

KernelResult MakeKernel(const Op& op, const KernelRequest& request) {
  return std::visit(
      [&]<class T>(const T& o) -> KernelResult {
        if constexpr (OpTraits<T>::kFacts.on_cpu) {
          return MakeCpuKernel(o, request);
        } else {
          static_assert(!requires { MakeCpuKernel(o, request); }, "the traits deny a kernel that exists");
          return nullptr;
        }
      },
      op);
}

}  // namespace decal
