// CPU kernels of data movement: every operator here becomes a few strided copies.
// SPDX-License-Identifier: MIT
#include "engine/cpu/movement/movement_cpu.h"

#include <algorithm>
#include <cstring>

#include "engine/cpu/simd/strided_copy.h"
#include "engine/ops/any_element.h"
#include "engine/ops/movement/slice_spec.h"
#include "engine/cpu/maps.h"

namespace decal {
namespace {

const std::byte* At(const TensorView& view, int64_t offset) {
  return view.as<std::byte>() + offset * static_cast<int64_t>(SizeOf(view.dtype));
}

std::byte* At(const MutableTensorView& view, int64_t offset) {
  return view.as<std::byte>() + offset * static_cast<int64_t>(SizeOf(view.dtype));
}

// One strided copy of a kernel: offsets in elements from the operands' own data.
struct Move {
  size_t input = 0, output = 0;
  int64_t from_offset = 0, to_offset = 0;
  StridedCopy copy;
};

class MoveKernel final : public CpuKernel {
 public:
  MoveKernel(std::vector<Move> moves, size_t parameters_from)
      : moves_(std::move(moves)), parameters_from_(parameters_from) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    for (const Move& move : moves_) {
      const std::byte* from = At(in[move.input], move.from_offset);
      std::byte* to = At(out[move.output], move.to_offset);
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

KernelResult SingleMove(const TensorView& from, int64_t from_offset, const Operand& to) {
  std::vector<Move> moves(1);
  moves[0].from_offset = from_offset;
  moves[0].copy = StridedCopy(from.shape, from.strides, to.view.strides, SizeOf(from.dtype));
  return std::make_unique<MoveKernel>(std::move(moves), 1);
}

// Inputs and outputs that are consecutive windows of one tensor along `axis`: Concat and Split.
KernelResult WindowMoves(const KernelRequest& request, std::span<const Operand> parts, const Operand& whole,
                         int64_t raw_axis, bool concat) {
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
    move.copy = concat ? StridedCopy(part.shape, part.strides, whole.view.strides, SizeOf(part.dtype))
                       : StridedCopy(part.shape, whole.view.strides, part.strides, SizeOf(part.dtype));
    moves.push_back(move);
  }
  return std::make_unique<MoveKernel>(std::move(moves), concat ? request.inputs.size() : 1);
}

// Views of equal element order: copy through the row-major walk when one side is not dense.
KernelResult MakeView(const KernelRequest& request) {
  const Operand &x = request.inputs[0], &y = request.outputs[0];
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
  PadKernel(uint64_t value, StridedCopy fill, StridedCopy interior, int64_t from_offset, int64_t to_offset)
      : value_(value), fill_(fill), interior_(interior), from_offset_(from_offset), to_offset_(to_offset) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    fill_.Run(&value_, out[0].data, context.runner);
    interior_.Run(At(in[0], from_offset_), At(out[0], to_offset_), context.runner);
  }
  bool reads_input(size_t i) const override { return i == 0; }
  const char* algorithm() const override { return "fill and strided copy"; }

 private:
  uint64_t value_;  // its first bytes are the element
  StridedCopy fill_, interior_;
  int64_t from_offset_, to_offset_;
};

// Copies of slices whose places along one axis are read at run time. An index out of range takes the nearest
// slice: kernels cannot fail, and the reference reports it where the indices are known.
class GatherKernel final : public CpuKernel {
 public:
  // `outer`: the dimensions before the axis, for x and out; `slice_bytes` are contiguous on both sides.
  GatherKernel(int64_t outer, int64_t extent, int64_t indices, size_t slice_bytes)
      : outer_(outer), extent_(extent), indices_(indices), slice_bytes_(slice_bytes) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const size_t rows = static_cast<size_t>(outer_ * indices_);
    const RowTasks tasks(rows, slice_bytes_ / sizeof(float));
    ParallelFor(context.runner, tasks.count(), [&](size_t task, size_t) {
      for (size_t row = tasks.begin(task); row < tasks.end(task); ++row) {
        const int64_t block = static_cast<int64_t>(row) / indices_;
        int64_t index = IndexAt(in[1], static_cast<int64_t>(row) % indices_);
        if (index < 0) index += extent_;
        index = std::clamp<int64_t>(index, 0, extent_ - 1);
        std::memcpy(out[0].as<std::byte>() + row * slice_bytes_,
                    in[0].as<std::byte>() + static_cast<size_t>(block * extent_ + index) * slice_bytes_, slice_bytes_);
      }
    });
  }
  const char* algorithm() const override { return "copy of slices"; }

 private:
  int64_t outer_, extent_, indices_;
  size_t slice_bytes_;
};

bool IsDense(const TensorView& view) {
  return SamePlaces(view.shape, view.strides, DenseStrides(view.shape, Layout::kRowMajor));
}

}  // namespace

KernelResult MakeCpuKernel(const View&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Reshape&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Flatten&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Squeeze&, const KernelRequest& r) { return MakeView(r); }
KernelResult MakeCpuKernel(const Unsqueeze&, const KernelRequest& r) { return MakeView(r); }

KernelResult MakeCpuKernel(const Transpose& op, const KernelRequest& r) {
  const TensorView& x = r.inputs[0].view;
  TensorView permuted = x;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    const size_t from = op.perm.empty() ? x.shape.rank() - 1 - i : static_cast<size_t>(op.perm[i]);
    permuted.shape[i] = x.shape[from];
    permuted.strides[i] = x.strides[from];
  }
  return SingleMove(permuted, 0, r.outputs[0]);
}

KernelResult MakeCpuKernel(const Concat& op, const KernelRequest& r) {
  return WindowMoves(r, r.inputs, r.outputs[0], op.axis, true);
}

KernelResult MakeCpuKernel(const Split& op, const KernelRequest& r) {
  return WindowMoves(r, r.outputs, r.inputs[0], op.axis, false);
}

KernelResult MakeCpuKernel(const Slice&, const KernelRequest& r) {
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
  return SingleMove(BroadcastTo(r.inputs[0].view, r.outputs[0].view.shape), 0, r.outputs[0]);
}

KernelResult MakeCpuKernel(const Pad& op, const KernelRequest& r) {
  if (op.mode != PadMode::kConstant || r.inputs[1].constant == nullptr) return nullptr;
  const TensorView &x = r.inputs[0].view, &y = r.outputs[0].view;
  const size_t size = SizeOf(x.dtype);
  uint64_t value = 0;
  if (r.has(2)) {
    if (r.inputs[2].constant == nullptr) return nullptr;
    std::memcpy(&value, r.inputs[2].constant->view().data, size);
  }
  if (r.has(3) && r.inputs[3].constant == nullptr) return nullptr;
  DECAL_TRY_ASSIGN(const PadSpec pads, ResolvePad(x.shape, r.inputs[1].constant->view(),
                                                  r.has(3) ? r.inputs[3].constant->view() : TensorView{}));
  Shape inner = x.shape;
  int64_t from_offset = 0, to_offset = 0;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    inner[i] += std::min<int64_t>(pads.begin[i], 0) + std::min<int64_t>(pads.end[i], 0);
    if (inner[i] <= 0) return nullptr;
    from_offset += std::max<int64_t>(-pads.begin[i], 0) * x.strides[i];
    to_offset += std::max<int64_t>(pads.begin[i], 0) * y.strides[i];
  }
  return std::make_unique<PadKernel>(value, StridedCopy(y.shape, Dims::Filled(y.shape.rank(), 0), y.strides, size),
                                     StridedCopy(inner, x.strides, y.strides, size), from_offset, to_offset);
}

// Every dimension falls into the repeats, with a stride of 0, and the input's own size.
KernelResult MakeCpuKernel(const Tile&, const KernelRequest& r) {
  const TensorView &x = r.inputs[0].view, &y = r.outputs[0].view;
  Shape shape;
  Strides from, to;
  const auto add = [&](int64_t extent, int64_t from_stride, int64_t to_stride) {
    if (extent == 1) return true;
    if (shape.rank() == kMaxRank) return false;
    shape.push_back(extent);
    from.push_back(from_stride);
    to.push_back(to_stride);
    return true;
  };
  if (y.shape.elements() == 0) return nullptr;
  for (size_t d = 0; d < x.shape.rank(); ++d)
    if (!add(y.shape[d] / x.shape[d], 0, y.strides[d] * x.shape[d]) || !add(x.shape[d], x.strides[d], y.strides[d]))
      return nullptr;
  std::vector<Move> moves(1);
  moves[0].copy = StridedCopy(shape, from, to, SizeOf(x.dtype));
  return std::make_unique<MoveKernel>(std::move(moves), 1);
}

KernelResult MakeCpuKernel(const Gather& op, const KernelRequest& r) {
  const TensorView &x = r.inputs[0].view, &indices = r.inputs[1].view, &y = r.outputs[0].view;
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  if (!IsIndex(indices.dtype) || x.shape.elements() == 0 || !IsDense(x) || !IsDense(indices) || !IsDense(y))
    return nullptr;
  int64_t outer = 1, slice = static_cast<int64_t>(SizeOf(x.dtype));
  for (size_t d = 0; d < x.shape.rank(); ++d) (d < axis ? outer : slice) *= d == axis ? 1 : x.shape[d];
  return std::make_unique<GatherKernel>(outer, x.shape[axis], indices.shape.elements(), static_cast<size_t>(slice));
}

KernelResult MakeCpuKernel(const Relayout&, const KernelRequest& r) {
  return SingleMove(r.inputs[0].view, 0, r.outputs[0]);
}

}  // namespace decal
