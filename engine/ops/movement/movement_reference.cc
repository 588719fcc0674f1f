// Scalar references of data movement: one element at a time, any strides, any element type.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include "engine/ops/any_element.h"
#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/slice_spec.h"

namespace decal {
namespace {

int64_t IntegerAt(const TensorView& view, int64_t index) {
  return IndexAt(view, view.shape.rank() == 0 ? 0 : index * view.strides[0]);
}

// Same shape, any strides.
void CopyStrided(const TensorView& from, const MutableTensorView& to) {
  for (StridedIndex<2> i(to.shape, {from.strides, to.strides}); i.valid(); i.Next())
    CopyElement(from, i.offset(0), to, i.offset(1));
}

// Same number of elements, in row-major order of either shape.
Status CopyInOrder(const TensorView& from, const MutableTensorView& to) {
  StridedIndex<1> source(from.shape, {from.strides});
  for (StridedIndex<1> target(to.shape, {to.strides}); target.valid(); target.Next(), source.Next())
    CopyElement(from, source.offset(0), to, target.offset(0));
  return {};
}

// The window of `view` that starts at `start` along `axis`.
TensorView Part(const TensorView& view, size_t axis, int64_t start, int64_t extent) {
  TensorView part = view;
  part.shape[axis] = extent;
  part.data = view.as<char>() + start * view.strides[axis] * static_cast<int64_t>(SizeOf(view.dtype));
  return part;
}

MutableTensorView Part(const MutableTensorView& view, size_t axis, int64_t start, int64_t extent) {
  const TensorView part = Part(TensorView(view), axis, start, extent);
  return {const_cast<void*>(part.data), part.dtype, part.shape, part.strides};
}

// Index into an extent of `n` for a position in the padded axis; -1 where the constant belongs.
int64_t PaddedIndex(int64_t position, int64_t n, PadMode mode) {
  if (position >= 0 && position < n) return position;
  if (mode == PadMode::kConstant || n == 0) return -1;
  if (mode == PadMode::kWrap) return ((position % n) + n) % n;
  if (mode == PadMode::kEdge || n == 1) return std::clamp<int64_t>(position, 0, n - 1);
  const int64_t period = 2 * (n - 1);
  const int64_t folded = ((position % period) + period) % period;
  return folded < n ? folded : period - folded;
}

}  // namespace

Result<SliceSpec> ResolveSlice(const Shape& input, std::span<const TensorView, 4> parameters) {
  const auto& [starts, ends, axes, steps] = std::tie(parameters[0], parameters[1], parameters[2], parameters[3]);
  const int64_t count = starts.shape.elements();
  for (const TensorView& p : parameters) {
    if (!p.present()) continue;
    if (p.shape.rank() > 1 || p.shape.elements() != count || (p.dtype != DType::kInt64 && p.dtype != DType::kInt32))
      return Fail(ErrorCode::kShapeMismatch, "Slice bounds of shape " + p.shape.ToString());
  }
  SliceSpec spec{input, Dims::Filled(input.rank(), 0), Dims::Filled(input.rank(), 1)};
  for (int64_t i = 0; i < count; ++i) {
    DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(axes.present() ? IntegerAt(axes, i) : i, input.rank()));
    if (axis >= input.rank()) return Fail(ErrorCode::kShapeMismatch, "Slice of a scalar");
    const int64_t n = input[axis];
    const int64_t step = steps.present() ? IntegerAt(steps, i) : 1;
    if (step == 0 || step == INT64_MIN) return Fail(ErrorCode::kShapeMismatch, "Slice with step 0");
    const auto resolve = [n](int64_t v, int64_t low, int64_t high) {
      if (v < 0) v = v < -n ? low : v + n;
      return std::clamp(v, low, high);
    };
    if (step > 0) {
      const int64_t start = resolve(IntegerAt(starts, i), 0, n);
      const int64_t end = resolve(IntegerAt(ends, i), 0, n);
      spec.start[axis] = start;
      spec.shape[axis] = end <= start ? 0 : (end - start - 1) / step + 1;
    } else {
      const int64_t start = resolve(IntegerAt(starts, i), -1, n - 1);
      const int64_t end = resolve(IntegerAt(ends, i), -1, n - 1);
      spec.start[axis] = std::max<int64_t>(start, 0);
      spec.shape[axis] = end >= start ? 0 : (start - end - 1) / -step + 1;
    }
    spec.step[axis] = step;
  }
  return spec;
}

TensorView SliceView(const TensorView& input, const SliceSpec& spec) {
  TensorView view = input;
  view.shape = spec.shape;
  int64_t offset = 0;
  for (size_t i = 0; i < view.shape.rank(); ++i) {
    offset += spec.start[i] * input.strides[i];
    view.strides[i] = input.strides[i] * spec.step[i];
  }
  if (view.shape.elements() > 0 && view.data != nullptr)
    view.data = input.as<char>() + offset * static_cast<int64_t>(SizeOf(input.dtype));
  return view;
}

Result<PadSpec> ResolvePad(const Shape& input, const TensorView& pads, const TensorView& axes) {
  const size_t rank = input.rank();
  const int64_t count = axes.present() ? axes.shape.elements() : static_cast<int64_t>(rank);
  const bool fits = pads.dtype == DType::kInt64 && pads.shape.rank() == 1 && count <= static_cast<int64_t>(rank) &&
                    pads.shape.elements() == 2 * count &&
                    (!axes.present() || (axes.shape.rank() == 1 && IsIndex(axes.dtype)));
  if (!fits)
    return Fail(ErrorCode::kShapeMismatch,
                "Pad of " + input.ToString() + " with " + std::to_string(pads.shape.elements()) + " amounts");
  PadSpec spec{Dims::Filled(rank, 0), Dims::Filled(rank, 0)};
  for (int64_t i = 0; i < count; ++i) {
    DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(axes.present() ? IntegerAt(axes, i) : i, rank));
    const int64_t begin = IntegerAt(pads, i), end = IntegerAt(pads, count + i);
    for (int64_t amount : {begin, end})
      if (amount < -kMaxTensorElements || amount > kMaxTensorElements)
        return Fail(ErrorCode::kShapeMismatch, "Pad by " + std::to_string(amount));
    spec.begin[axis] = begin;
    spec.end[axis] = end;
  }
  return spec;
}

using Inputs = std::span<const TensorView>;
using Outputs = std::span<const MutableTensorView>;

Status Reference(const View&, Inputs in, Outputs out) { return CopyInOrder(in[0], out[0]); }
Status Reference(const Reshape&, Inputs in, Outputs out) { return CopyInOrder(in[0], out[0]); }
Status Reference(const Flatten&, Inputs in, Outputs out) { return CopyInOrder(in[0], out[0]); }
Status Reference(const Squeeze&, Inputs in, Outputs out) { return CopyInOrder(in[0], out[0]); }
Status Reference(const Unsqueeze&, Inputs in, Outputs out) { return CopyInOrder(in[0], out[0]); }

Status Reference(const Transpose& op, Inputs in, Outputs out) {
  TensorView permuted = in[0];
  const size_t rank = in[0].shape.rank();
  for (size_t i = 0; i < rank; ++i) {
    const size_t from = op.perm.empty() ? rank - 1 - i : static_cast<size_t>(op.perm[i]);
    permuted.shape[i] = in[0].shape[from];
    permuted.strides[i] = in[0].strides[from];
  }
  CopyStrided(permuted, out[0]);
  return {};
}

Status Reference(const Concat& op, Inputs in, Outputs out) {
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, out[0].shape.rank()));
  int64_t start = 0;
  for (const TensorView& x : in) {
    CopyStrided(x, Part(out[0], axis, start, x.shape[axis]));
    start += x.shape[axis];
  }
  return {};
}

Status Reference(const Split& op, Inputs in, Outputs out) {
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, in[0].shape.rank()));
  int64_t start = 0;
  for (const MutableTensorView& part : out) {
    CopyStrided(Part(in[0], axis, start, part.shape[axis]), part);
    start += part.shape[axis];
  }
  return {};
}

Status Reference(const Slice&, Inputs in, Outputs out) {
  TensorView parameters[4];
  for (size_t i = 1; i < 5 && i < in.size(); ++i) parameters[i - 1] = in[i];
  DECAL_TRY_ASSIGN(SliceSpec spec, ResolveSlice(in[0].shape, parameters));
  CopyStrided(SliceView(in[0], spec), out[0]);
  return {};
}

Status Reference(const Expand&, Inputs in, Outputs out) {
  CopyStrided(BroadcastTo(in[0], out[0].shape), out[0]);
  return {};
}

Status Reference(const Tile&, Inputs in, Outputs out) {
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    int64_t from = 0;
    for (size_t d = 0; d < out[0].shape.rank(); ++d) from += i.index()[d] % in[0].shape[d] * in[0].strides[d];
    CopyElement(in[0], from, out[0], i.offset(0));
  }
  return {};
}

Status Reference(const Pad& op, Inputs in, Outputs out) {
  const TensorView& x = in[0];
  const TensorView* value = in.size() > 2 && in[2].present() ? &in[2] : nullptr;
  const size_t size = SizeOf(x.dtype);
  DECAL_TRY_ASSIGN(const PadSpec pads, ResolvePad(x.shape, in[1], in.size() > 3 ? in[3] : TensorView{}));
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    int64_t from = 0;
    bool inside = true;
    for (size_t d = 0; d < x.shape.rank(); ++d) {
      const int64_t index = PaddedIndex(i.index()[d] - pads.begin[d], x.shape[d], op.mode);
      inside = inside && index >= 0;
      from += std::max<int64_t>(index, 0) * x.strides[d];
    }
    if (inside) CopyElement(x, from, out[0], i.offset(0));
    else if (value != nullptr) CopyElement(*value, 0, out[0], i.offset(0));
    else std::memset(out[0].as<char>() + static_cast<size_t>(i.offset(0)) * size, 0, size);
  }
  return {};
}

Status Reference(const Gather& op, Inputs in, Outputs out) {
  const TensorView &x = in[0], &indices = in[1];
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    int64_t from = 0, at = 0;
    size_t d = 0;
    for (size_t s = 0; s < x.shape.rank(); ++s) {
      if (s != axis) {
        from += i.index()[d++] * x.strides[s];
        continue;
      }
      for (size_t k = 0; k < indices.shape.rank(); ++k) at += i.index()[d++] * indices.strides[k];
      int64_t index = IndexAt(indices, at);
      if (index < 0) index += x.shape[axis];
      if (index < 0 || index >= x.shape[axis])
        return Fail(ErrorCode::kShapeMismatch,
                    "Gather index out of range for axis of " + std::to_string(x.shape[axis]));
      from += index * x.strides[s];
    }
    CopyElement(x, from, out[0], i.offset(0));
  }
  return {};
}

Status Reference(const Relayout&, Inputs in, Outputs out) {
  CopyStrided(in[0], out[0]);
  return {};
}

}  // namespace decal
