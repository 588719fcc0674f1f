// Elementwise kernels: dimensions merged, tiles handed to the vector loops of engine/cpu.
// SPDX-License-Identifier: MIT
#include "engine/cpu/elementwise/elementwise_cpu.h"

#include <algorithm>
#include <optional>

#include "engine/cpu/simd/activation.h"
#include "engine/cpu/simd/elementwise.h"
#include "engine/cpu/simd/loop_nest.h"
#include "engine/cpu/row_kernel.h"

namespace decal {
namespace {

bool AllFloat32(const KernelRequest& request) {
  for (const Operand& operand : request.inputs)
    if (operand.view.dtype != DType::kFloat32) return false;
  return request.outputs[0].view.dtype == DType::kFloat32 && request.outputs[0].view.shape.elements() > 0;
}

using UnaryKernel = RowKernel<cpu::ActivationParams, cpu::ActivateRun>;

class BinaryKernel final : public CpuKernel {
 public:
  BinaryKernel(cpu::Arithmetic kind, bool square, const LoopNest<3>& nest)
      : kind_(kind), square_(square), nest_(nest) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const float* a = in[0].as<float>();
    const float* b = square_ ? a : in[1].as<float>();
    cpu::ForEachTile(nest_, /*work=*/1, context.runner, [&](const cpu::LoopTile<3>& tile, size_t) {
      cpu::RunArithmetic(kind_, {.a = a + tile.offset[1],
                                 .b = b + tile.offset[2],
                                 .out = out[0].as<float>() + tile.offset[0],
                                 .rows = tile.rows,
                                 .columns = tile.columns,
                                 .a_row = tile.row_stride[1],
                                 .b_row = tile.row_stride[2],
                                 .out_row = tile.row_stride[0],
                                 .a_column = tile.column_stride[1],
                                 .b_column = tile.column_stride[2],
                                 .out_column = tile.column_stride[0]});
    });
  }
  bool reads_input(size_t i) const override { return i == 0 || !square_; }
  const char* algorithm() const override { return square_ ? "elementwise square" : "elementwise"; }

 private:
  cpu::Arithmetic kind_;
  bool square_;
  LoopNest<3> nest_;
};

std::optional<cpu::Arithmetic> ArithmeticOf(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd: return cpu::Arithmetic::kAdd;
    case BinaryKind::kSub: return cpu::Arithmetic::kSub;
    case BinaryKind::kMul: return cpu::Arithmetic::kMul;
    case BinaryKind::kDiv: return cpu::Arithmetic::kDiv;
    case BinaryKind::kPow: return cpu::Arithmetic::kPow;
    case BinaryKind::kMin: return cpu::Arithmetic::kMin;
    case BinaryKind::kMax: return cpu::Arithmetic::kMax;
    case BinaryKind::kPRelu: return cpu::Arithmetic::kPRelu;
    default: return std::nullopt;
  }
}

// x ^ 2 is how exports spell a square (of a variance, for instance); a general power takes 20 times longer.
bool IsSquare(const Binary& op, const Operand& exponent) {
  return op.kind == BinaryKind::kPow && exponent.constant != nullptr && exponent.view.data != nullptr &&
         exponent.view.shape.elements() == 1 && *exponent.view.as<float>() == 2.0f;
}

}  // namespace

KernelResult MakeCpuKernel(const Unary& op, const KernelRequest& request) {
  if (op.kind == UnaryKind::kNot || !AllFloat32(request)) return nullptr;
  const TensorView& out = request.outputs[0].view;
  return std::make_unique<UnaryKernel>(op, Coalesce<2>(out.shape, {out.strides, request.inputs[0].view.strides}));
}

KernelResult MakeCpuKernel(const Binary& op, const KernelRequest& request) {
  const std::optional<cpu::Arithmetic> kind = ArithmeticOf(op.kind);
  if (!kind || !AllFloat32(request)) return nullptr;
  const TensorView& out = request.outputs[0].view;
  const bool square = IsSquare(op, request.inputs[1]);
  const Strides a = BroadcastTo(request.inputs[0].view, out.shape).strides;
  const Strides b = square ? a : BroadcastTo(request.inputs[1].view, out.shape).strides;
  return std::make_unique<BinaryKernel>(square ? cpu::Arithmetic::kMul : *kind, square,
                                        Coalesce<3>(out.shape, {out.strides, a, b}));
}

}  // namespace decal
