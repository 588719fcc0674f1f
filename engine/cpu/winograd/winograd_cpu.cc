// Choosing and running Winograd convolutions.
// SPDX-License-Identifier: MIT
#include "engine/cpu/winograd/winograd_cpu.h"

#include <algorithm>
#include <array>
#include <utility>

namespace decal {
namespace {

class WinogradKernel final : public CpuKernel {
 public:
  cpu::WinogradPlan plan;
  PackedOperands operands;
  std::string reason;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
    ParallelFor(context.runner, plan.tasks.size(), [&](size_t task, size_t thread) {
      cpu::RunWinogradTask(plan, buffers, task, context.scratch_of(thread));
    });
  }
  size_t scratch_bytes_per_thread() const override { return plan.scratch_bytes(); }
  bool reads_input(size_t i) const override { return operands.reads_input(i); }
  const char* algorithm() const override { return WinogradName(plan.variant); }
  std::string choice() const override { return reason; }
  uint64_t multiply_adds() const override { return plan.multiply_adds; }

  static const char* WinogradName(cpu::WinogradVariant variant) {
    switch (variant) {
      case cpu::WinogradVariant::kF6x3: return "Winograd F(6x6,3x3)";
      case cpu::WinogradVariant::kF4x3: return "Winograd F(4x4,3x3)";
      case cpu::WinogradVariant::kF2x3: return "Winograd F(2x2,3x3)";
      case cpu::WinogradVariant::kF4x5: return "Winograd F(4x4,5x5)";
    }
    return "";
  }
};

// Transformed filters are four times as large. They stay where that is little beside the layer's activations, which are
// many there, so that each filter would be transformed many times a run: at most this part of them.
constexpr size_t kResidentPart = 64;

bool FiltersMayStay(const cpu::WinogradShape& s, cpu::WinogradVariant variant) {
  const size_t activations = s.batch * (s.in_height * s.in_width * s.depth + s.out_height * s.out_width * s.columns);
  return cpu::WinogradFilterFloats(s, variant) <= activations / kResidentPart;
}

// Threads that the comparison of variants assumes.
constexpr size_t kUsualThreads = 4;

struct NamedCost {
  const char* name = nullptr;
  double cost = 0;
};

// "Winograd F(4x4,3x3) 12, implicit GEMM 40": thousands of vector instructions. Nothing where no command prints it.
std::string Describe([[maybe_unused]] std::span<NamedCost> candidates) {
  std::string text;
#ifndef __wasm__
  for (size_t i = 0; i < candidates.size(); ++i) {
    for (size_t j = i + 1; j < candidates.size(); ++j)
      if (candidates[j].cost < candidates[i].cost) std::swap(candidates[i], candidates[j]);
    if (i > 0) text += ", ";
    text += candidates[i].name;
    text += ' ';
    text += std::to_string(static_cast<uint64_t>(candidates[i].cost / 1000));
  }
#endif
  return text;
}

}  // namespace

WinogradChoice ChooseWinograd(const ConvGeometry& g, const cpu::ConvolutionMaps& maps,
                              const cpu::IndirectConvPlan& indirect_conv, size_t threads) {
  WinogradChoice choice;
  const bool square = g.kernel[0] == g.kernel[1] && (g.kernel[0] == 3 || g.kernel[0] == 5);
  const bool plain = g.group == 1 && g.stride[0] == 1 && g.stride[1] == 1;
  const bool empty = g.batch <= 0 || g.out[0] <= 0 || g.out[1] <= 0;
  // Positions of a tile's pixels must fit 32 bits; a hostile file may ask for more.
  constexpr int64_t kMaxReach = 1 << 20;
  for (size_t axis = 0; axis < 2; ++axis)
    if (g.dilation[axis] > kMaxReach || g.pad_begin[axis] > kMaxReach || g.pad_begin[axis] < -kMaxReach) return choice;
  if (!square || !plain || empty || indirect_conv.packing.width != indirect_conv.tile.width ||
      indirect_conv.shape.depth == 0)
    return choice;

  double best = cpu::IndirectConvCost(indirect_conv);
  std::array<NamedCost, 5> candidates = {{{"implicit GEMM", best}}};
  size_t count = 1;
  const cpu::WinogradShape shape{maps, indirect_conv.shape.depth, indirect_conv.shape.columns};
  using enum cpu::WinogradVariant;
  for (const auto variant : {kF6x3, kF4x3, kF2x3, kF4x5}) {
    if (static_cast<int64_t>(cpu::ExtentsOf(variant).taps) != g.kernel[0]) continue;
    const bool resident = FiltersMayStay(shape, variant);
    // Not by the threads there are: other variants round differently.
    const double cost =
        cpu::WinogradCost(cpu::MakeWinogradPlan(shape, variant, indirect_conv.epilogue, resident, kUsualThreads));
    candidates[count++] = {WinogradKernel::WinogradName(variant), cost};
    if (cost >= best) continue;
    best = cost;
    choice.plan = cpu::MakeWinogradPlan(shape, variant, indirect_conv.epilogue, resident, threads);
  }
  choice.text = Describe({candidates.data(), count});
  return choice;
}

KernelResult MakeWinogradKernel(WinogradChoice choice, PackedOperands operands, const KernelRequest& request) {
  auto kernel = std::make_unique<WinogradKernel>();
  cpu::WinogradPlan& plan = *choice.plan;
  if (plan.resident) {
    constexpr int64_t kTransformed = 5;  // beside the formats of the implicit GEMM
    const int64_t id[] = {kTransformed, static_cast<int64_t>(plan.variant), static_cast<int64_t>(plan.tile.width)};
    const cpu::IndirectConvBuffers panels = operands.Panels();
    const size_t gathered_bytes = AlignUp(cpu::WinogradGatheredFloats(plan) * sizeof(float));
    DECAL_TRY_ASSIGN(Buffer gathered,
                     Buffer::Allocate(gathered_bytes * request.runner.thread_count(), "packed weights"));
    const auto transform = [&](std::byte* to) {
      ParallelFor(request.runner, plan.panels(), [&](size_t panel, size_t thread) {
        cpu::TransformWinogradFilters(plan, panels, panel,
                                      reinterpret_cast<float*>(gathered.data() + thread * gathered_bytes),
                                      reinterpret_cast<float*>(to));
      });
    };
    DECAL_TRY_ASSIGN(
        operands.weights,
        request.packed.Derive(request.inputs[1].constant, PackingId(id),
                              cpu::WinogradFilterFloats(plan.shape, plan.variant) * sizeof(float), transform));
    operands.half_weights.reset();
  }
  kernel->plan = std::move(plan);
  kernel->operands = std::move(operands);
  kernel->reason = std::move(choice.text);
  return kernel;
}

}  // namespace decal
