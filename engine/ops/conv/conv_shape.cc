// Shape rules of convolutions: padding modes, dilation, groups, output padding.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/base/rounding.h"
#include "engine/ops/conv/conv.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

// Strides, dilations and pads above this are damage, and sums of them would overflow.
constexpr int64_t kMaxWindowAttribute = int64_t{1} << 24;

// Extent of a kernel with its holes.
constexpr int64_t kMaxKernelExtent = int64_t{1} << 30;

Status CheckAttribute(const Dims& values, size_t spatial, int64_t least, const char* name) {
  if (!values.empty() && values.size() < spatial)
    return Fail(ErrorCode::kShapeMismatch, std::string(name) + " " + values.ToString() + " for " +
                                               std::to_string(spatial) + " spatial dimensions");
  for (int64_t v : values)
    if (v < least || v > kMaxWindowAttribute)
      return Fail(ErrorCode::kShapeMismatch, std::string(name) + " holds " + std::to_string(v));
  return {};
}

// Fills `to`, indexed as in ConvGeometry, from an attribute that may be missing.
void Spread(const Dims& values, size_t spatial, int64_t (&to)[ConvGeometry::kAxes]) {
  for (size_t i = 0; i < spatial && !values.empty(); ++i) to[ConvGeometry::Axis(spatial, i)] = values[i];
}

// What both operators share: everything but padding and output sizes.
Result<ConvGeometry> ResolveCommon(const Window& window, int64_t group, const Shape& x, const Shape& weight) {
  if (x.rank() < 3 || x.rank() > 5)
    return Fail(ErrorCode::kUnsupportedOperator, "convolution of an input of shape " + x.ToString());
  if (weight.rank() != x.rank())
    return Fail(ErrorCode::kShapeMismatch, "weight " + weight.ToString() + " for an input of " + x.ToString());
  ConvGeometry g;
  g.spatial = x.rank() - 2;
  g.batch = x[0];
  g.in_channels = x[1];
  g.group = group;
  if (group < 1 || group > std::max<int64_t>(x[1], 1))
    return Fail(ErrorCode::kShapeMismatch,
                "group " + std::to_string(group) + " of " + std::to_string(x[1]) + " channels");
  if (weight.elements() == 0) return Fail(ErrorCode::kShapeMismatch, "weight " + weight.ToString() + " is empty");
  DECAL_TRY(CheckAttribute(window.strides, g.spatial, 1, "strides"));
  DECAL_TRY(CheckAttribute(window.dilations, g.spatial, 1, "dilations"));
  DECAL_TRY(CheckAttribute(window.pads_begin, g.spatial, 0, "pads"));
  DECAL_TRY(CheckAttribute(window.pads_end, g.spatial, 0, "pads"));
  for (size_t i = 0; i < g.spatial; ++i) {
    const size_t d = ConvGeometry::Axis(g.spatial, i);
    g.in[d] = x[2 + i];
    g.kernel[d] = weight[2 + i];
    if (!window.kernel.empty() && (window.kernel.size() < g.spatial || window.kernel[i] != weight[2 + i]))
      return Fail(ErrorCode::kShapeMismatch,
                  "kernel_shape " + window.kernel.ToString() + " for a weight of " + weight.ToString());
  }
  Spread(window.strides, g.spatial, g.stride);
  Spread(window.dilations, g.spatial, g.dilation);
  for (size_t d = 0; d < ConvGeometry::kAxes; ++d)
    if ((g.kernel[d] - 1) > kMaxKernelExtent / g.dilation[d])
      return Fail(ErrorCode::kShapeMismatch,
                  "kernel " + weight.ToString() + " with dilation " + std::to_string(g.dilation[d]));
  return g;
}

std::string ChannelMessage(const Shape& x, const Shape& weight, int64_t group) {
  return "input " + x.ToString() + " and weight " + weight.ToString() + " with group " + std::to_string(group) +
         " do not match";
}

Status CheckSize(const ConvGeometry& g) {
  int64_t left = kMaxTensorElements;
  for (int64_t extent : g.output_shape()) {
    if (extent == 0) return {};
    left /= extent;
  }
  if (left == 0) return Fail(ErrorCode::kLimitExceeded, "output " + g.output_shape().ToString() + " is too large");
  return {};
}

template <class Op>
Result<TensorType> TypeOf(const Op& op, const Shape& x, const Shape& weight) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, x, weight));
  DECAL_TRY(CheckSize(g));
  return TensorType{DType::kFloat32, g.output_shape()};
}

template <class Op>
InferResult InferConvolution(const Op& op, const InferContext& context) {
  if (!context.has(0) || !context.has(1)) return Fail(ErrorCode::kShapeMismatch, "input or weight is missing");
  for (size_t i = 0; i < 2; ++i)
    if (context[i].dtype != DType::kFloat32)
      return Fail(ErrorCode::kUnsupportedOperator, std::string("convolution of type ") + Name(context[i].dtype));
  DECAL_TRY_ASSIGN(const TensorType type, TypeOf(op, context[0].shape, context[1].shape));
  DECAL_TRY(CheckEpilogue(op.epilogue, context, 2, 3, (*type.shape)[1], *type.shape));
  return std::vector<TensorType>{type};
}

}  // namespace

Result<ConvGeometry> Resolve(const Conv& op, const Shape& x, const Shape& weight) {
  DECAL_TRY_ASSIGN(ConvGeometry g, ResolveCommon(op.window, op.group, x, weight));
  g.out_channels = weight[0];
  if (weight[1] * op.group != x[1] || weight[0] % op.group != 0)
    return Fail(ErrorCode::kShapeMismatch, ChannelMessage(x, weight, op.group));
  int64_t pad_end[ConvGeometry::kAxes] = {};
  if (op.window.auto_pad == Window::AutoPad::kNotSet) {
    Spread(op.window.pads_begin, g.spatial, g.pad_begin);
    Spread(op.window.pads_end, g.spatial, pad_end);
  }
  for (size_t d = 0; d < ConvGeometry::kAxes; ++d) {
    const int64_t extent = (g.kernel[d] - 1) * g.dilation[d] + 1;
    if (op.window.auto_pad == Window::AutoPad::kSameUpper || op.window.auto_pad == Window::AutoPad::kSameLower) {
      const int64_t out = CeilDiv(g.in[d], g.stride[d]);
      const int64_t total = std::max<int64_t>(0, (out - 1) * g.stride[d] + extent - g.in[d]);
      g.pad_begin[d] = op.window.auto_pad == Window::AutoPad::kSameUpper ? total / 2 : total - total / 2;
      pad_end[d] = total - g.pad_begin[d];
    }
    const int64_t room = g.in[d] + g.pad_begin[d] + pad_end[d] - extent;
    if (room < 0)
      return Fail(ErrorCode::kShapeMismatch, "a dilated kernel of size " + std::to_string(extent) + " over " +
                                                 std::to_string(room + extent) + " padded inputs");
    g.out[d] = room / g.stride[d] + 1;
  }
  return g;
}

Result<ConvGeometry> Resolve(const ConvTranspose& op, const Shape& x, const Shape& weight) {
  DECAL_TRY_ASSIGN(ConvGeometry g, ResolveCommon(op.window, op.group, x, weight));
  g.out_channels = weight[1] * op.group;
  if (weight[0] != x[1] || x[1] % op.group != 0)
    return Fail(ErrorCode::kShapeMismatch, ChannelMessage(x, weight, op.group));
  DECAL_TRY(CheckAttribute(op.output_padding, g.spatial, 0, "output_padding"));
  DECAL_TRY(CheckAttribute(op.output_shape, g.spatial, 1, "output_shape"));
  const Window::AutoPad mode = op.window.auto_pad;
  int64_t pad_end[ConvGeometry::kAxes] = {}, extra[ConvGeometry::kAxes] = {}, wanted[ConvGeometry::kAxes] = {};
  if (mode == Window::AutoPad::kNotSet) {
    Spread(op.window.pads_begin, g.spatial, g.pad_begin);
    Spread(op.window.pads_end, g.spatial, pad_end);
  }
  Spread(op.output_padding, g.spatial, extra);
  Spread(op.output_shape, g.spatial, wanted);
  for (size_t d = 0; d < ConvGeometry::kAxes; ++d) {
    const int64_t full = (g.in[d] - 1) * g.stride[d] + (g.kernel[d] - 1) * g.dilation[d] + 1 + extra[d];
    const bool same = mode == Window::AutoPad::kSameUpper || mode == Window::AutoPad::kSameLower;
    if (wanted[d] == 0 && same) wanted[d] = g.in[d] * g.stride[d];
    if (wanted[d] > 0) {  // the output's size decides the padding
      const int64_t total = std::max<int64_t>(0, full - wanted[d]);
      g.pad_begin[d] = mode == Window::AutoPad::kSameUpper ? total / 2 : total - total / 2;
      g.out[d] = wanted[d];
    } else {
      g.out[d] = full - g.pad_begin[d] - pad_end[d];
    }
    if (g.in[d] < 1 || g.out[d] < 1)
      return Fail(ErrorCode::kShapeMismatch,
                  "an input of " + x.ToString() + " gives an output size of " + std::to_string(g.out[d]));
  }
  return g;
}

Result<TensorType> InferConvolvedType(const Conv& op, const Shape& x, const Shape& weight) {
  return TypeOf(op, x, weight);
}

TensorView WithSpatialRank(TensorView view, size_t rank) {
  while (view.shape.rank() < rank) {
    view.strides.insert(2, view.shape[2] * view.strides[2]);
    view.shape.insert(2, 1);
  }
  return view;
}

InferResult Infer(const Conv& op, const InferContext& context) { return InferConvolution(op, context); }
InferResult Infer(const ConvTranspose& op, const InferContext& context) { return InferConvolution(op, context); }

}  // namespace decal
