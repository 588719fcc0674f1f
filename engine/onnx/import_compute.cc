// Import of convolutions, pools, resizes, matrix products, norms and reductions.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/onnx/op_rows.h"

namespace decal {
namespace {

// An empty tensor in an optional slot means "absent" (Resize's roi and scales).
ValueId UnlessEmpty(const NodeImporter& n, size_t i) {
  const ConstantPtr constant = n.constant(i);
  return constant && constant->shape.elements() == 0 ? kNoValue : n.input(i);
}

}  // namespace

// ---- windows ---------------------------------------------------------------------------------

Result<Window> ImportWindow(const NodeImporter& n) {
  Window window;
  DECAL_TRY_ASSIGN(window.kernel, n.SmallInts("kernel_shape"));
  DECAL_TRY_ASSIGN(window.strides, n.SmallInts("strides"));
  DECAL_TRY_ASSIGN(window.dilations, n.SmallInts("dilations"));
  DECAL_TRY_ASSIGN(Dims pads, n.SmallInts("pads"));
  const size_t rank = std::max({window.kernel.rank(), window.strides.rank(), window.dilations.rank(), pads.rank() / 2});
  for (const Dims* list : {&window.strides, &window.dilations})
    for (int64_t v : *list)
      if (v < 1 || v > kMaxTensorElements) return n.Unsupported("with a stride or dilation of " + std::to_string(v));
  for (int64_t v : window.kernel)
    if (v < 1 || v > kMaxTensorElements) return n.Unsupported("with a kernel of " + std::to_string(v));
  if (rank > 3) return n.Unsupported("over " + std::to_string(rank) + " spatial dimensions");
  for (size_t i = 0; i < pads.rank(); ++i) {
    if (pads[i] < 0 || pads[i] > kMaxTensorElements) return n.Unsupported("with negative padding");
    (i < pads.rank() / 2 ? window.pads_begin : window.pads_end).push_back(pads[i]);
  }
  const std::string_view auto_pad = n.String("auto_pad", "NOTSET");
  using AutoPad = Window::AutoPad;
  if (auto_pad == "VALID") window.auto_pad = AutoPad::kValid;
  else if (auto_pad == "SAME_UPPER") window.auto_pad = AutoPad::kSameUpper;
  else if (auto_pad == "SAME_LOWER") window.auto_pad = AutoPad::kSameLower;
  else if (auto_pad != "NOTSET" && !auto_pad.empty()) return n.Unsupported("with auto_pad " + std::string(auto_pad));
  return window;
}

namespace {

Status ImportConv(NodeImporter& n) {
  Conv conv;
  DECAL_TRY_ASSIGN(conv.window, ImportWindow(n));
  conv.group = n.Int("group", 1);
  return n.Emit(conv, {n.input(0), n.input(1), n.input(2)});
}

Status ImportConvTranspose(NodeImporter& n) {
  ConvTranspose conv;
  DECAL_TRY_ASSIGN(conv.window, ImportWindow(n));
  conv.group = n.Int("group", 1);
  DECAL_TRY_ASSIGN(conv.output_padding, n.SmallInts("output_padding"));
  DECAL_TRY_ASSIGN(conv.output_shape, n.SmallInts("output_shape"));
  return n.Emit(conv, {n.input(0), n.input(1), n.input(2)});
}

Status ImportDeformConv(NodeImporter& n) {
  DeformConv conv;
  DECAL_TRY_ASSIGN(conv.window, ImportWindow(n));
  conv.group = n.Int("group", 1);
  conv.offset_group = n.Int("offset_group", 1);
  return n.Emit(conv, {n.input(0), n.input(1), n.input(2), n.input(3), n.input(4)});
}

// One body for all kinds, here and below: one for each would be 10 kB more of WebAssembly.
Status ImportPoolOf(NodeImporter& n, PoolKind kind) {
  Pool pool{kind};
  DECAL_TRY_ASSIGN(pool.window, ImportWindow(n));
  if (pool.window.kernel.empty()) return n.Unsupported("without kernel_shape");
  pool.ceil_mode = n.Int("ceil_mode", 0) != 0;
  pool.count_include_pad = n.Int("count_include_pad", 0) != 0;
  pool.columns_first = n.Int("storage_order", 0) != 0;
  return n.Emit(pool, AllInputs(n, 1), kind == PoolKind::kMax && n.wants_output(1) ? 2 : 1);
}

template <PoolKind kKind>
Status ImportPool(NodeImporter& n) {
  return ImportPoolOf(n, kKind);
}

template <PoolKind kKind>
Status ImportGlobalPool(NodeImporter& n) {
  return n.Emit(GlobalPool{kKind}, AllInputs(n, 1));
}

Status ImportResize(NodeImporter& n) {
  Resize resize;
  const std::string_view mode = n.String("mode", "nearest");
  if (mode == "nearest") resize.mode = ResizeMode::kNearest;
  else if (mode == "linear" || mode == "bilinear") resize.mode = ResizeMode::kLinear;
  else if (mode == "cubic") resize.mode = ResizeMode::kCubic;
  else return n.Unsupported("with mode " + std::string(mode));
  resize.cubic_a = n.Float("cubic_coeff_a", -0.75f);
  resize.exclude_outside = n.Int("exclude_outside", 0) != 0;
  resize.antialias = n.Int("antialias", 0) != 0;
  DECAL_TRY_ASSIGN(resize.axes, n.SmallInts("axes"));
  resize.extrapolation = n.Float("extrapolation_value", 0);
  const std::string_view aspect = n.String("keep_aspect_ratio_policy", "stretch");
  if (aspect == "not_larger") resize.aspect = ResizeAspect::kNotLarger;
  else if (aspect == "not_smaller") resize.aspect = ResizeAspect::kNotSmaller;
  else if (aspect != "stretch") return n.Unsupported("with keep_aspect_ratio_policy " + std::string(aspect));
  if (n.opset() < 11) {  // Resize-10: x, scales; the coordinates of Upsample
    resize.coordinates = ResizeCoordinates::kAsymmetric;
    resize.nearest = ResizeNearest::kFloor;
    return n.Emit(resize, {n.input(0), n.input(1), kNoValue});
  }
  const std::string_view coordinates = n.String("coordinate_transformation_mode", "half_pixel");
  if (coordinates == "half_pixel") resize.coordinates = ResizeCoordinates::kHalfPixel;
  else if (coordinates == "pytorch_half_pixel") resize.coordinates = ResizeCoordinates::kPytorchHalfPixel;
  else if (coordinates == "align_corners") resize.coordinates = ResizeCoordinates::kAlignCorners;
  else if (coordinates == "asymmetric") resize.coordinates = ResizeCoordinates::kAsymmetric;
  else if (coordinates == "half_pixel_symmetric") resize.coordinates = ResizeCoordinates::kHalfPixelSymmetric;
  else if (coordinates == "tf_crop_and_resize") resize.coordinates = ResizeCoordinates::kTfCropAndResize;
  else return n.Unsupported("with coordinates " + std::string(coordinates));
  const std::string_view nearest = n.String("nearest_mode", "round_prefer_floor");
  if (nearest == "round_prefer_floor") resize.nearest = ResizeNearest::kRoundPreferFloor;
  else if (nearest == "round_prefer_ceil") resize.nearest = ResizeNearest::kRoundPreferCeil;
  else if (nearest == "floor") resize.nearest = ResizeNearest::kFloor;
  else if (nearest == "ceil") resize.nearest = ResizeNearest::kCeil;
  else return n.Unsupported("with nearest_mode " + std::string(nearest));
  const ValueId scales = UnlessEmpty(n, 2), sizes = UnlessEmpty(n, 3);
  if (scales == kNoValue && sizes == kNoValue) return n.Unsupported("without scales or sizes");
  const ValueId roi = resize.coordinates == ResizeCoordinates::kTfCropAndResize ? n.input(1) : kNoValue;
  return n.Emit(resize, {n.input(0), sizes == kNoValue ? scales : kNoValue, sizes, roi});
}

Status ImportGridSample(NodeImporter& n) {
  GridSample sample;
  const std::string_view mode = n.String("mode", "linear");
  if (mode == "nearest") sample.mode = ResizeMode::kNearest;
  else if (mode == "cubic" || mode == "bicubic") sample.mode = ResizeMode::kCubic;
  else if (mode != "linear" && mode != "bilinear") return n.Unsupported("with mode " + std::string(mode));
  const std::string_view padding = n.String("padding_mode", "zeros");
  if (padding == "border") sample.padding = GridPadding::kBorder;
  else if (padding == "reflection") sample.padding = GridPadding::kReflection;
  else if (padding != "zeros") return n.Unsupported("with padding_mode " + std::string(padding));
  sample.align_corners = n.Int("align_corners", 0) != 0;
  return n.Emit(sample, AllInputs(n, 2));
}

Status ImportUpsample(NodeImporter& n) {
  Resize resize{.coordinates = ResizeCoordinates::kAsymmetric, .nearest = ResizeNearest::kFloor};
  const std::string_view mode = n.String("mode", "nearest");
  if (mode == "linear" || mode == "bilinear") resize.mode = ResizeMode::kLinear;
  else if (mode != "nearest") return n.Unsupported("with mode " + std::string(mode));
  ValueId scales = n.input(1);
  if (const OnnxAttribute* a = n.Find("scales"); a && scales == kNoValue) {
    DECAL_TRY_ASSIGN(scales, n.FloatConstant(a->floats));
  }
  if (scales == kNoValue) return n.Unsupported("without scales");
  return n.Emit(resize, {n.input(0), scales, kNoValue});
}

// ---- matrix products, norms, reductions --------------------------------------------------------

Status ImportMatMul(NodeImporter& n) { return n.Emit(MatMul{}, {n.input(0), n.input(1), kNoValue}); }

Status ImportGemm(NodeImporter& n) {
  return n.Emit(Gemm{n.Float("alpha", 1), n.Float("beta", 1), n.Int("transA", 0) != 0, n.Int("transB", 0) != 0},
                {n.input(0), n.input(1), n.input(2)});
}

Status ImportBatchNorm(NodeImporter& n) {
  const bool training = n.Int("training_mode", 0) != 0;
  if (!training && n.wants_output(1)) return n.Unsupported("with statistics as outputs");
  return n.Emit(BatchNorm{n.Float("epsilon", 1e-5f), n.Float("momentum", 0.9f), training}, AllInputs(n, 5),
                training ? 3 : 1);
}

Status ImportInstanceNorm(NodeImporter& n) { return n.Emit(InstanceNorm{n.Float("epsilon", 1e-5f)}, AllInputs(n, 3)); }

Status ImportLayerNorm(NodeImporter& n) {
  const size_t outputs = n.wants_output(2) ? 3 : n.wants_output(1) ? 2 : 1;
  return n.Emit(LayerNorm{n.Int("axis", -1), n.Float("epsilon", 1e-5f)}, {n.input(0), n.input(1), n.input(2)}, outputs);
}

template <bool kLog>
Status ImportSoftmax(NodeImporter& n) {
  const bool flatten = n.opset() < 13;
  return n.Emit(Softmax{n.Int("axis", flatten ? 1 : -1), kLog, flatten}, AllInputs(n, 1));
}

Status ImportReduceOf(NodeImporter& n, ReduceKind kind) {
  Reduce reduce{kind};
  DECAL_TRY_ASSIGN(reduce.axes, n.SmallInts("axes"));
  reduce.keepdims = n.Int("keepdims", 1) != 0;
  reduce.noop_with_empty_axes = n.Int("noop_with_empty_axes", 0) != 0;
  return n.Emit(reduce, {n.input(0), n.input(1)});
}

template <ReduceKind kKind>
Status ImportReduce(NodeImporter& n) {
  return ImportReduceOf(n, kKind);
}

constexpr OpRow kComputeRows[] = {
    {"AveragePool", ImportPool<PoolKind::kAverage>},
    {"BatchNormalization", ImportBatchNorm},
    {"Conv", ImportConv},
    {"ConvTranspose", ImportConvTranspose},
    {"DeformConv", ImportDeformConv},
    {"Gemm", ImportGemm},
    {"GlobalAveragePool", ImportGlobalPool<PoolKind::kAverage>},
    {"GlobalMaxPool", ImportGlobalPool<PoolKind::kMax>},
    {"GridSample", ImportGridSample},
    {"InstanceNormalization", ImportInstanceNorm},
    {"LayerNormalization", ImportLayerNorm},
    {"LogSoftmax", ImportSoftmax<true>},
    {"MatMul", ImportMatMul},
    {"MaxPool", ImportPool<PoolKind::kMax>},
    {"ReduceL1", ImportReduce<ReduceKind::kL1>},
    {"ReduceL2", ImportReduce<ReduceKind::kL2>},
    {"ReduceLogSum", ImportReduce<ReduceKind::kLogSum>},
    {"ReduceLogSumExp", ImportReduce<ReduceKind::kLogSumExp>},
    {"ReduceMax", ImportReduce<ReduceKind::kMax>},
    {"ReduceMean", ImportReduce<ReduceKind::kMean>},
    {"ReduceMin", ImportReduce<ReduceKind::kMin>},
    {"ReduceProd", ImportReduce<ReduceKind::kProd>},
    {"ReduceSum", ImportReduce<ReduceKind::kSum>},
    {"ReduceSumSquare", ImportReduce<ReduceKind::kSumSquare>},
    {"Resize", ImportResize},
    {"Softmax", ImportSoftmax<false>},
    {"Upsample", ImportUpsample},
};
static_assert(IsSorted(kComputeRows));

}  // namespace

std::span<const OpRow> ComputeRows() { return kComputeRows; }

}  // namespace decal
