// CPU kernels of data movement: every operator here becomes a few strided copies of 4-byte elements.
#include <algorithm>
#include <cstring>

#include "engine/cpu/strided_copy.h"
#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/slice_spec.h"

namespace decal {
namespace {

// One strided copy of a kernel: offsets in elements from the operands' own data.
struct Move {
  size_t input = 0, output = 0;
  int64_t from_offset = 0, to_offset = 0;
  StridedCopy copy;
};

class MoveKernel final : public CpuKernel {
 public:
  MoveKernel(std::vector<Move> moves, size_t parameters_from) : moves_(std::move(moves)), parameters_from_(parameters_from) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out, const CpuContext& context) const override {
    for (const Move& move : moves_) {
      const uint32_t* from = in[move.input].as<uint32_t>() + move.from_offset;
      uint32_t* to = out[move.output].as<uint32_t>() + move.to_offset;
      // The planner let the producer write in place: nothing is left to move.
      if (from != to) move.copy.Run(from, to, context.runner);
    }
  }
  bool reads_input(size_t i) const override { return i < parameters_from_; }
  const char* algorithm() const override { return "strided copy"; }

 private:
  std::vector<Move> moves_;
  size_t parameters_from_;  // inputs from here on (bounds, shapes) were read while making the kernel
};

bool FourBytes(const Operand& operand) { return SizeOf(operand.view.dtype) == 4; }

KernelResult SingleMove(const TensorView& from, int64_t from_offset, const Operand& to) {
  std::vector<Move> moves(1);
  moves[0].from_offset = from_offset;
  moves[0].copy = StridedCopy(from.shape, from.strides, to.view.strides);
  return std::make_unique<MoveKernel>(std::move(moves), 1);
}

// Inputs and outputs that are consecutive windows of one tensor along `axis`: Concat and Split.
KernelResult WindowMoves(const KernelRequest& request, std::span<const Operand> parts, const Operand& whole, int64_t raw_axis,
                         bool concat) {
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(raw_axis, whole.view.shape.rank()));
  std::vector<Move> moves;
  int64_t start = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int64_t offset = start * whole.view.strides[axis];
    start += parts[i].view.shape[axis];
    Move move;
    (concat ? move.input : move.output) = i;
    (concat ? move.to_offset : move.from_offset) = offset;
    const TensorView& part = parts[i].view;
    move.copy = concat ? StridedCopy(part.shape, part.strides, whole.view.strides)
                       : StridedCopy(part.shape, whole.view.strides, part.strides);
    moves.push_back(move);
  }
  return std::make_unique<MoveKernel>(std::move(moves), concat ? request.inputs.size() : 1);
}

// Views of equal element order: copy through the row-major walk when one side is not dense.
KernelResult MakeView(const KernelRequest& request) {
  const Operand &x = request.inputs[0], &y = request.outputs[0];
  if (!FourBytes(x)) return nullptr;
  // With a dense source (or target) the other side's shape describes both.
  if (x.view.strides == DenseStrides(x.view.shape, Layout::kRowMajor)) {
    TensorView from = x.view;
    from.shape = y.view.shape;
    from.strides = DenseStrides(from.shape, Layout::kRowMajor);
    return SingleMove(from, 0, y);
  }
  if (y.view.strides == DenseStrides(y.view.shape, Layout::kRowMajor)) {
    Operand to = y;
    to.view.shape = x.view.shape;
    to.view.strides = DenseStrides(to.view.shape, Layout::kRowMajor);
    return SingleMove(x.view, 0, to);
  }
  return nullptr;
}

// Pads with a constant: the interior is a copy, the border is filled first.
class PadKernel final : public CpuKernel {
 public:
  PadKernel(uint32_t value, const Shape& shape, const Strides& strides, StridedCopy interior, int64_t to_offset, int64_t from_offset)
      : value_(value), fill_(shape, Dims::Filled(shape.rank(), 0), strides), interior_(interior), to_offset_(to_offset),
        from_offset_(from_offset) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out, const CpuContext& context) const override {
    fill_.Run(&value_, out[0].as<uint32_t>(), context.runner);
    interior_.Run(in[0].as<uint32_t>() + from_offset_, out[0].as<uint32_t>() + to_offset_, context.runner);
  }
  bool reads_input(size_t i) const override { return i == 0; }
  const char* algorithm() const override { return "fill and strided copy"; }

 private:
  uint32_t value_;
  StridedCopy fill_, interior_;
  int64_t to_offset_, from_offset_;
};

}  // namespace

KernelResult MakeCpuKernel(const View&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Reshape&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Flatten&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Squeeze&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Unsqueeze&, const KernelRequest& r) { return MakeView(r); }

KernelResult MakeCpuKernel(const Transpose& op, const KernelRequest& r) {
  const TensorView& x = r.inputs[0].view;
  if (!FourBytes(r.inputs[0])) return nullptr;
  TensorView permuted = x;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    const size_t from = op.perm.empty() ? x.shape.rank() - 1 - i : static_cast<size_t>(op.perm[i]);
    permuted.shape[i] = x.shape[from];
    permuted.strides[i] = x.strides[from];
  }
  return SingleMove(permuted, 0, r.outputs[0]);
}

KernelResult MakeCpuKernel(const Concat& op, const KernelRequest& r) {
  if (!FourBytes(r.outputs[0])) return nullptr;
  return WindowMoves(r, r.inputs, r.outputs[0], op.axis, true);
}

KernelResult MakeCpuKernel(const Split& op, const KernelRequest& r) {
  if (!FourBytes(r.inputs[0])) return nullptr;
  return WindowMoves(r, r.outputs, r.inputs[0], op.axis, false);
}

KernelResult MakeCpuKernel(const Slice&, const KernelRequest& r) {
  if (!FourBytes(r.inputs[0])) return nullptr;
  TensorView parameters[4];
  for (size_t i = 1; i < 5 && i < r.inputs.size(); ++i) {
    if (!r.inputs[i].present) continue;
    if (r.inputs[i].constant == nullptr) return nullptr;
    parameters[i - 1] = r.inputs[i].constant->view();
  }
  DECAL_TRY_ASSIGN(SliceSpec spec, ResolveSlice(r.inputs[0].view.shape, parameters));
  TensorView from = SliceView(r.inputs[0].view, spec);
  int64_t offset = 0;
  for (size_t i = 0; i < spec.start.rank(); ++i) offset += spec.start[i] * r.inputs[0].view.strides[i];
  if (from.shape.elements() == 0) offset = 0;
  return SingleMove(from, offset, r.outputs[0]);
}

KernelResult MakeCpuKernel(const Expand&, const KernelRequest& r) {
  if (!FourBytes(r.inputs[0])) return nullptr;
  return SingleMove(BroadcastTo(r.inputs[0].view, r.outputs[0].view.shape), 0, r.outputs[0]);
}

KernelResult MakeCpuKernel(const Pad& op, const KernelRequest& r) {
  if (op.mode != PadMode::kConstant || !FourBytes(r.inputs[0]) || r.inputs[1].constant == nullptr) return nullptr;
  uint32_t value = 0;
  if (r.has(2)) {
    if (r.inputs[2].constant == nullptr) return nullptr;
    std::memcpy(&value, r.inputs[2].constant->view().data, sizeof(value));
  }
  const TensorView &x = r.inputs[0].view, &y = r.outputs[0].view;
  const int64_t* pads = r.inputs[1].constant->view().as<int64_t>();
  Shape inner = x.shape;
  int64_t from_offset = 0, to_offset = 0;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    const int64_t begin = pads[i], end = pads[x.shape.rank() + i];
    inner[i] += std::min<int64_t>(begin, 0) + std::min<int64_t>(end, 0);
    if (inner[i] <= 0) return nullptr;
    from_offset += std::max<int64_t>(-begin, 0) * x.strides[i];
    to_offset += std::max<int64_t>(begin, 0) * y.strides[i];
  }
  return std::make_unique<PadKernel>(value, y.shape, y.strides, StridedCopy(inner, x.strides, y.strides), to_offset, from_offset);
}

KernelResult MakeCpuKernel(const Tile&, const KernelRequest&) { return nullptr; }
KernelResult MakeCpuKernel(const Gather&, const KernelRequest&) { return nullptr; }

KernelResult MakeCpuKernel(const Relayout&, const KernelRequest& r) {
  if (!FourBytes(r.inputs[0])) return nullptr;
  return SingleMove(r.inputs[0].view, 0, r.outputs[0]);
}

}  // namespace decal
