// Packing of constants for the implicit GEMM, and the kernel that runs its tasks.
// SPDX-License-Identifier: MIT
#include "engine/cpu/indirect_conv_kernel.h"

#include <bit>
#include <cstring>
#include <utility>
#include <vector>

namespace decal {
namespace {

// First numbers of a packing id: one per format.
enum PackedFormat : int64_t { kPanels = 1, kColumns = 2, kHalfPanels = 4 };

uint64_t PanelsId(const cpu::IndirectConvShape& shape, const cpu::TileShape& packing, const cpu::WeightOrder& order,
                  bool half) {
  std::vector<int64_t> id = {half ? kHalfPanels : kPanels,
                             static_cast<int64_t>(packing.width),
                             static_cast<int64_t>(packing.lanes),
                             static_cast<int64_t>(shape.groups),
                             static_cast<int64_t>(shape.depth),
                             static_cast<int64_t>(shape.columns),
                             order.depth_stride,
                             order.column_stride,
                             order.group_stride,
                             std::bit_cast<int32_t>(order.scale)};
  for (const cpu::Phase& phase : shape.phases) id.push_back(static_cast<int64_t>(phase.taps));
  id.insert(id.end(), order.tap_offsets.begin(), order.tap_offsets.end());
  return PackingId(id);
}

class IndirectConvKernel final : public CpuKernel {
 public:
  cpu::IndirectConvPlan plan;
  PackedOperands operands;
  Buffer zeros;
  const char* name = "";
  std::string reason;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
    buffers.zeros = reinterpret_cast<const float*>(zeros.data());
    ParallelFor(context.runner, plan.tasks.size(), [&](size_t task, size_t thread) {
      cpu::RunIndirectConvTask(plan, buffers, task, context.scratch_of(thread));
    });
  }
  size_t scratch_bytes_per_thread() const override { return plan.scratch_bytes; }
  bool reads_input(size_t i) const override { return operands.reads_input(i); }
  const char* algorithm() const override { return name; }
  std::string choice() const override { return reason; }
  uint64_t multiply_adds() const override { return plan.multiply_adds; }
};

}  // namespace

cpu::IndirectConvBuffers PackedOperands::Panels() const {
  const auto floats = [](const std::shared_ptr<const Buffer>& buffer) {
    return buffer ? reinterpret_cast<const float*>(buffer->data()) : nullptr;
  };
  cpu::IndirectConvBuffers buffers;
  buffers.packed = floats(weights);
  if (half_weights) buffers.packed_half = reinterpret_cast<const uint16_t*>(half_weights->data());
  buffers.bias = floats(bias);
  buffers.slopes = floats(slopes);
  return buffers;
}

cpu::IndirectConvBuffers PackedOperands::Bind(std::span<const TensorView> in,
                                              std::span<const MutableTensorView> out) const {
  cpu::IndirectConvBuffers buffers = Panels();
  buffers.in = in[0].as<float>();
  if (residual < in.size()) buffers.residual = in[residual].as<float>();
  buffers.out = out[0].as<float>();
  return buffers;
}

bool IsConstantFloat(const KernelRequest& request, size_t i) {
  return request.has(i) && request.inputs[i].constant != nullptr && request.inputs[i].view.dtype == DType::kFloat32;
}

bool HasConstantWeights(const KernelRequest& request, size_t weight, size_t bias, const EpilogueInputs& extra) {
  return IsConstantFloat(request, weight) && (!request.has(bias) || IsConstantFloat(request, bias)) &&
         (extra.slope == EpilogueInputs::kAbsent || IsConstantFloat(request, extra.slope));
}

Result<std::shared_ptr<const Buffer>> PackColumns(const KernelRequest& request, size_t i,
                                                  const cpu::IndirectConvShape& shape, const cpu::TileShape& tile,
                                                  float scale) {
  if (!request.has(i)) return std::shared_ptr<const Buffer>();
  const int64_t id[] = {kColumns, static_cast<int64_t>(tile.lanes), static_cast<int64_t>(shape.groups),
                        static_cast<int64_t>(shape.columns), std::bit_cast<int32_t>(scale)};
  return request.packed.Get(request.inputs[i].constant, PackingId(id),
                            shape.groups * cpu::PaddedColumns(shape.columns, tile) * sizeof(float),
                            [&](const TensorView& source, std::byte* packed) {
                              cpu::PadColumns(shape, tile, source.as<float>(), scale, reinterpret_cast<float*>(packed));
                            });
}

Result<PackedOperands> PackOperands(const KernelRequest& request, const cpu::IndirectConvPlan& plan,
                                    const cpu::WeightOrder& order, const ProductInputs& inputs) {
  PackedOperands operands;
  const cpu::IndirectConvShape& shape = plan.shape;
  const ConstantPtr& weight = request.inputs[inputs.weight].constant;
  const size_t floats = cpu::PackedFloats(shape, plan.packing);
  const uint64_t id = PanelsId(shape, plan.packing, order, plan.half_weights);
  if (plan.half_weights) {
    const auto pack = [&](const TensorView& source, std::byte* packed) {
      cpu::PackPanels(shape, plan.packing, order, static_cast<const uint16_t*>(source.data),
                      reinterpret_cast<uint16_t*>(packed), request.runner);
    };
    DECAL_TRY_ASSIGN(operands.half_weights, request.packed.Get(weight, id, floats * sizeof(uint16_t), pack, true));
  } else {
    const auto pack = [&](const TensorView& source, std::byte* packed) {
      cpu::PackPanels(shape, plan.packing, order, source.as<float>(), reinterpret_cast<float*>(packed), request.runner);
    };
    DECAL_TRY_ASSIGN(operands.weights, request.packed.Get(weight, id, floats * sizeof(float), pack));
  }
  DECAL_TRY_ASSIGN(operands.bias, PackColumns(request, inputs.bias, shape, plan.tile, inputs.bias_scale));
  DECAL_TRY_ASSIGN(operands.slopes, PackColumns(request, inputs.extra.slope, shape, plan.tile));
  operands.residual = inputs.extra.residual;
  return operands;
}

bool HasHalfWeights(const KernelRequest& request) { return request.inputs[1].constant->dtype == DType::kFloat16; }

cpu::IndirectConvPlan PlanIndirectConv(const IndirectConvSpec& spec, const Epilogue& epilogue,
                                       const KernelRequest& request) {
  // A scaled weight is no binary16 number any more.
  return cpu::MakeIndirectConvPlan(spec.shape, ToCpuEpilogue(epilogue),
                                   HasHalfWeights(request) && spec.order.scale == 1);
}

KernelResult MakeIndirectConvKernel(const IndirectConvSpec& spec, const Epilogue& epilogue,
                                    const KernelRequest& request) {
  cpu::IndirectConvPlan plan = PlanIndirectConv(spec, epilogue, request);
  DECAL_TRY_ASSIGN(PackedOperands operands,
                   PackOperands(request, plan, spec.order, {.bias_scale = spec.bias_scale, .extra = spec.extra}));
  return MakeIndirectConvKernel(spec, std::move(plan), std::move(operands));
}

KernelResult MakeIndirectConvKernel(const IndirectConvSpec& spec, cpu::IndirectConvPlan plan, PackedOperands operands) {
  auto kernel = std::make_unique<IndirectConvKernel>();
  const size_t zero_bytes = plan.shape.depth * sizeof(float);
  DECAL_TRY_ASSIGN(kernel->zeros, Buffer::Allocate(zero_bytes, "padding"));
  std::memset(kernel->zeros.data(), 0, zero_bytes);
  kernel->plan = std::move(plan);
  kernel->operands = std::move(operands);
  kernel->name = spec.algorithm;
  kernel->reason = spec.choice;
  return kernel;
}

}  // namespace decal
