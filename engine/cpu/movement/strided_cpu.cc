// Strided: one strided copy over the boxes of its digits.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/strided_copy.h"
#include "engine/cpu/movement/movement_cpu.h"
#include "engine/ops/movement/strided_map.h"

namespace decal {
namespace {

class StridedKernel final : public CpuKernel {
 public:
  StridedKernel(int64_t offset, StridedCopy copy) : offset_(offset), copy_(copy) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const int64_t bytes = offset_ * static_cast<int64_t>(SizeOf(in[0].dtype));
    copy_.Run(in[0].as<std::byte>() + bytes, out[0].data, context.runner);
  }
  const char* algorithm() const override { return "strided copy"; }

 private:
  int64_t offset_;
  StridedCopy copy_;
};

}  // namespace

KernelResult MakeCpuKernel(const Strided& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  if (x.shape.elements() == 0) return nullptr;
  const StridedBox box = InputBox(op, x.strides);
  const Strides to = OutputBox(op, request.outputs[0].view.strides);
  return std::make_unique<StridedKernel>(box.offset, StridedCopy(box.extents, box.strides, to, SizeOf(x.dtype)));
}

}  // namespace decal
