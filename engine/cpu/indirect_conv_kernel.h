// The CPU kernel over packed constant weights that convolutions and matrix products share.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/simd/indirect_conv.h"
#include "engine/cpu/epilogue_cpu.h"
#include "engine/cpu/kernel.h"

namespace decal {

// Input positions of a product's constants.
struct ProductInputs {
  size_t weight = 1;
  size_t bias = 2;
  float bias_scale = 1;
  EpilogueInputs extra{Epilogue{}, 0};
};

// What the kernel is to compute, in the SIMD layer's terms, and where its operands come from.
struct IndirectConvSpec {
  cpu::IndirectConvShape shape;
  cpu::WeightOrder order;
  float bias_scale = 1;
  EpilogueInputs extra;
  const char* algorithm = "implicit GEMM";
  std::string choice = {};  // see CpuKernel
};

// True if input i is a float32 constant.
bool IsConstantFloat(const KernelRequest& request, size_t i);

// True if weight, and bias and slope where present, are constants: then they can be packed.
bool HasConstantWeights(const KernelRequest& request, size_t weight, size_t bias, const EpilogueInputs& extra);

// Padded per-channel values of input i, or null if it is absent.
Result<std::shared_ptr<const Buffer>> PackColumns(const KernelRequest& request, size_t i,
                                                  const cpu::IndirectConvShape& shape, const cpu::TileShape& tile,
                                                  float scale = 1);

// The operands of a kernel over packed constants, as it keeps them between runs.
struct PackedOperands {
  std::shared_ptr<const Buffer> weights, half_weights, bias, slopes;  // one of the first two
  size_t residual = EpilogueInputs::kAbsent;  // input position

  // The packed constants alone.
  cpu::IndirectConvBuffers Panels() const;
  // Everything but the zero row.
  cpu::IndirectConvBuffers Bind(std::span<const TensorView> in, std::span<const MutableTensorView> out) const;
  bool reads_input(size_t i) const { return i == 0 || i == residual; }
};

// The weight (input 1) is stored as float16: its panels should be too.
bool HasHalfWeights(const KernelRequest& request);

// Packs weights, bias and slopes for `plan`.
Result<PackedOperands> PackOperands(const KernelRequest& request, const cpu::IndirectConvPlan& plan,
                                    const cpu::WeightOrder& order, const ProductInputs& inputs);

// The caller has checked HasConstantWeights and the strides.
KernelResult MakeIndirectConvKernel(IndirectConvSpec spec, const Epilogue& epilogue, const KernelRequest& request);
// The same in two steps: the plan is `PlanIndirectConv(spec, epilogue, request)`.
cpu::IndirectConvPlan PlanIndirectConv(const IndirectConvSpec& spec, const Epilogue& epilogue,
                                       const KernelRequest& request);
KernelResult MakeIndirectConvKernel(const IndirectConvSpec& spec, cpu::IndirectConvPlan plan, PackedOperands operands);

}  // namespace decal
