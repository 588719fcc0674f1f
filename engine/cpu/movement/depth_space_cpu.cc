// DepthToSpace and SpaceToDepth: one strided copy between the maps seen as [N, block, block, C, H, W].
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/strided_copy.h"
#include "engine/ops/movement/blocks.h"
#include "engine/cpu/movement/movement_cpu.h"

namespace decal {
namespace {

class BlockCopy final : public CpuKernel {
 public:
  explicit BlockCopy(StridedCopy copy) : copy_(copy) {}
  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    copy_.Run(in[0].data, out[0].data, context.runner);
  }
  const char* algorithm() const override { return "strided copy"; }

 private:
  StridedCopy copy_;
};

KernelResult MakeBlockCopy(const Shape& shape, const Strides& from, const Strides& to, DType dtype) {
  return std::make_unique<BlockCopy>(StridedCopy(shape, from, to, SizeOf(dtype)));
}

}  // namespace

KernelResult MakeCpuKernel(const DepthToSpace& op, const KernelRequest& r) {
  const TensorView &x = r.inputs[0].view, &y = r.outputs[0].view;
  const Blocks blocks = BlocksOf(op.block, op.crd, y.shape, x.strides, y.strides);
  return MakeBlockCopy(blocks.shape, blocks.deep, blocks.wide, x.dtype);
}

KernelResult MakeCpuKernel(const SpaceToDepth& op, const KernelRequest& r) {
  const TensorView &x = r.inputs[0].view, &y = r.outputs[0].view;
  const Blocks blocks = BlocksOf(op.block, false, x.shape, y.strides, x.strides);
  return MakeBlockCopy(blocks.shape, blocks.wide, blocks.deep, x.dtype);
}

}  // namespace decal
