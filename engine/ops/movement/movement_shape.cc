// Shape rules and layout needs of data movement.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/base/rounding.h"
#include "engine/ops/any_element.h"
#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/slice_spec.h"

namespace decal {
namespace {

Status NeedInputs(const InferContext& c, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!c.has(i)) return Mismatch("input " + std::to_string(i) + " is missing");
  return {};
}

// Axes of Squeeze and Unsqueeze: the second input, or the attribute of older opsets.
Result<Dims> Axes(const InferContext& c, const Dims& attribute) {
  if (c.has(1)) return c.Integers(1, "axes");
  return attribute;
}

}  // namespace

// A View is made by passes, which set the type of its output themselves; alone it keeps the shape.
InferResult Infer(const View&, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  return One(c[0].dtype, c[0].shape);
}

InferResult Infer(const Reshape& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 2));
  DECAL_TRY_ASSIGN(Dims shape, c.Integers(1, "shape"));
  const int64_t elements = c[0].shape.elements();
  int64_t known = 1;
  size_t free = shape.rank();
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 0 && !op.allowzero) {
      if (i >= c[0].shape.rank())
        return Mismatch("Reshape keeps dimension " + std::to_string(i) + ", which the input does not have");
      shape[i] = c[0].shape[i];
    }
    if (shape[i] == -1) {
      if (free != shape.rank()) return Mismatch("Reshape has more than one -1");
      free = i;
    } else if (shape[i] < 0 || shape[i] > kMaxTensorElements) {
      return Mismatch("Reshape to " + shape.ToString());
    } else {
      known *= shape[i];
      if (known > kMaxTensorElements) return Mismatch("Reshape to " + shape.ToString());
    }
  }
  if (free != shape.rank()) {
    if (known == 0 || elements % known != 0)
      return Mismatch("Reshape of " + c[0].shape.ToString() + " to " + shape.ToString());
    shape[free] = elements / known;
  } else if (known != elements) {
    return Mismatch("Reshape of " + c[0].shape.ToString() + " to " + shape.ToString());
  }
  return One(c[0].dtype, shape);
}

InferResult Infer(const Flatten& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  const Shape& x = c[0].shape;
  const int64_t rank = static_cast<int64_t>(x.rank());
  if (op.axis < -rank || op.axis > rank) return Mismatch("Flatten axis " + std::to_string(op.axis));
  const size_t axis = static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  Shape out{1, 1};
  for (size_t i = 0; i < x.rank(); ++i) out[i < axis ? 0 : 1] *= x[i];
  return One(c[0].dtype, out);
}

InferResult Infer(const Squeeze& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  DECAL_TRY_ASSIGN(Dims axes, Axes(c, op.axes));
  const Shape& x = c[0].shape;
  bool drop[kMaxRank] = {};
  for (int64_t a : axes) {
    DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(a, x.rank()));
    if (axis >= x.rank() || x[axis] != 1)
      return Mismatch("Squeeze of axis " + std::to_string(a) + " of " + x.ToString());
    drop[axis] = true;
  }
  Shape out;
  for (size_t i = 0; i < x.rank(); ++i)
    if (!(axes.empty() ? x[i] == 1 : drop[i])) out.push_back(x[i]);
  return One(c[0].dtype, out);
}

InferResult Infer(const Unsqueeze& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  DECAL_TRY_ASSIGN(Dims axes, Axes(c, op.axes));
  const Shape& x = c[0].shape;
  const size_t rank = x.rank() + axes.rank();
  if (rank > kMaxRank) return Mismatch("Unsqueeze to rank " + std::to_string(rank));
  bool added[kMaxRank] = {};
  for (int64_t a : axes) {
    DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(a, rank));
    if (added[axis]) return Mismatch("Unsqueeze names axis " + std::to_string(a) + " twice");
    added[axis] = true;
  }
  Shape out;
  for (size_t i = 0, from = 0; i < rank; ++i) out.push_back(added[i] ? 1 : x[from++]);
  return One(c[0].dtype, out);
}

InferResult Infer(const Transpose& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  const Shape& x = c[0].shape;
  if (!op.perm.empty() && op.perm.rank() != x.rank())
    return Mismatch("Transpose by " + op.perm.ToString() + " of " + x.ToString());
  Shape out;
  bool seen[kMaxRank] = {};
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t from = op.perm.empty() ? static_cast<int64_t>(x.rank() - 1 - i) : op.perm[i];
    if (from < 0 || from >= static_cast<int64_t>(x.rank()) || seen[from])
      return Mismatch("Transpose by " + op.perm.ToString());
    seen[from] = true;
    out.push_back(x[static_cast<size_t>(from)]);
  }
  return One(c[0].dtype, out);
}

InferResult Infer(const Concat& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, std::max<size_t>(1, c.inputs.size())));
  Shape out = c[0].shape;
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, out.rank()));
  if (out.rank() == 0) return Mismatch("Concat of scalars");
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    const Shape& x = c[i].shape;
    bool fits = x.rank() == out.rank() && c[i].dtype == c[0].dtype;
    for (size_t d = 0; fits && d < out.rank(); ++d) fits = d == axis || x[d] == out[d];
    if (!fits)
      return Mismatch("Concat of " + c[0].shape.ToString() + " and " + x.ToString() + " along axis " +
                      std::to_string(axis));
    out[axis] += x[axis];
  }
  return One(c[0].dtype, out);
}

InferResult Infer(const Split& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, c[0].shape.rank()));
  if (c[0].shape.rank() == 0 || c.outputs == 0) return Mismatch("Split of a scalar");
  const int64_t extent = c[0].shape[axis];
  std::vector<TensorType> types;
  if (c.has(1)) {
    const ConstantTensor* sizes = c[1].constant;
    if (sizes == nullptr) return Fail(ErrorCode::kUnsupportedOperator, "Split sizes depend on the picture's contents");
    if (sizes->dtype != DType::kInt64 || sizes->shape.elements() != static_cast<int64_t>(c.outputs))
      return Mismatch("Split names " + std::to_string(sizes->shape.elements()) + " sizes for " +
                      std::to_string(c.outputs) + " outputs");
    int64_t sum = 0;
    for (size_t i = 0; i < c.outputs; ++i) {
      const int64_t part = reinterpret_cast<const int64_t*>(sizes->buffer.data())[i];
      if (part < 0 || part > extent) return Mismatch("Split part of " + std::to_string(part));
      sum += part;
      Shape shape = c[0].shape;
      shape[axis] = part;
      types.push_back({c[0].dtype, shape});
    }
    if (sum != extent)
      return Mismatch("Split parts add up to " + std::to_string(sum) + ", not " + std::to_string(extent));
    return types;
  }
  const int64_t parts = static_cast<int64_t>(c.outputs);
  const int64_t part = CeilDiv(extent, parts);  // the last one may be smaller
  for (int64_t i = 0, left = extent; i < parts; ++i, left -= part) {
    Shape shape = c[0].shape;
    shape[axis] = std::clamp<int64_t>(left, 0, part);
    types.push_back({c[0].dtype, shape});
  }
  return types;
}

InferResult Infer(const Slice&, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 3));
  TensorView parameters[4];
  for (size_t i = 1; i < 5; ++i) {
    if (!c.has(i)) continue;
    if (c[i].constant == nullptr)
      return Fail(ErrorCode::kUnsupportedOperator, "Slice bounds depend on the picture's contents");
    parameters[i - 1] = c[i].constant->view();
  }
  DECAL_TRY_ASSIGN(SliceSpec spec, ResolveSlice(c[0].shape, parameters));
  return One(c[0].dtype, spec.shape);
}

InferResult Infer(const Expand&, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 2));
  DECAL_TRY_ASSIGN(Dims shape, c.Integers(1, "shape"));
  for (int64_t v : shape)
    if (v < 0 || v > kMaxTensorElements) return Mismatch("Expand to " + shape.ToString());
  DECAL_TRY_ASSIGN(Shape out, BroadcastShapes(c[0].shape, shape));
  return One(c[0].dtype, out);
}

InferResult Infer(const Tile&, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 2));
  DECAL_TRY_ASSIGN(Dims repeats, c.Integers(1, "repeats"));
  if (repeats.rank() != c[0].shape.rank())
    return Mismatch("Tile of " + c[0].shape.ToString() + " by " + repeats.ToString());
  Shape out = c[0].shape;
  for (size_t i = 0; i < out.rank(); ++i) {
    if (repeats[i] < 0 || repeats[i] > kMaxTensorElements) return Mismatch("Tile by " + repeats.ToString());
    out[i] *= repeats[i];
  }
  return One(c[0].dtype, out);
}

InferResult Infer(const Pad& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 2));
  for (size_t i : {1, 3})
    if (c.has(i) && c[i].constant == nullptr)
      return Fail(ErrorCode::kUnsupportedOperator, "Pad amounts depend on the picture's contents");
  if (c.has(2) && (c[2].dtype != c[0].dtype || c[2].shape.elements() != 1))
    return Mismatch("Pad of " + std::string(Name(c[0].dtype)) + " with a value of type " + Name(c[2].dtype));
  DECAL_TRY_ASSIGN(const PadSpec pads,
                   ResolvePad(c[0].shape, c[1].constant->view(), c.has(3) ? c[3].constant->view() : TensorView{}));
  Shape out = c[0].shape;
  for (size_t i = 0; i < out.rank(); ++i) {
    out[i] += pads.begin[i] + pads.end[i];
    if (out[i] < 0) return Mismatch("negative Pad removes more than the axis holds");
    if (out[i] > 0 && c[0].shape[i] == 0 && op.mode != PadMode::kConstant)
      return Mismatch("Pad cannot repeat values of an empty axis");
  }
  return One(c[0].dtype, out);
}

InferResult Infer(const Gather& op, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 2));
  if (!IsIndex(c[1].dtype)) return Mismatch(std::string("Gather by indices of type ") + Name(c[1].dtype));
  const Shape& x = c[0].shape;
  DECAL_TRY_ASSIGN(size_t axis, NormalizeAxis(op.axis, x.rank()));
  if (x.rank() == 0 || x.rank() - 1 + c[1].shape.rank() > kMaxRank) return Mismatch("Gather from " + x.ToString());
  Shape out;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (i != axis) out.push_back(x[i]);
    else
      for (int64_t v : c[1].shape) out.push_back(v);
  }
  return One(c[0].dtype, out);
}

InferResult Infer(const Relayout&, const InferContext& c) {
  DECAL_TRY(NeedInputs(c, 1));
  return One(c[0].dtype, c[0].shape);
}

}  // namespace decal
