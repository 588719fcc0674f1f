// Convolutions by Winograd's algorithm: the candidates for a convolution, and the kernel that runs one.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "engine/cpu/winograd/winograd.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/cpu/indirect_conv_kernel.h"

namespace decal {

struct WinogradChoice {
  std::optional<cpu::WinogradPlan> plan;  // absent: the implicit GEMM is cheaper, or no variant fits
  std::string text;                       // see CpuKernel::choice
};

// Compares all variants that can run `g`, whose tensors are `maps`, with `indirect_conv`, the plan of the same convolution.
WinogradChoice ChooseWinograd(const ConvGeometry& g, const cpu::ConvolutionMaps& maps,
                              const cpu::IndirectConvPlan& indirect_conv, size_t threads);

// `operands` are those of the implicit GEMM.
KernelResult MakeWinogradKernel(WinogradChoice choice, PackedOperands operands, const KernelRequest& request);

}  // namespace decal
