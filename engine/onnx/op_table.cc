// The table of ONNX operators: how each, in every opset we read, becomes operators of our own.
#include <algorithm>
#include <limits>
#include <string>

#include "engine/onnx/node_importer.h"

namespace decal {
namespace {

using Inputs = std::vector<ValueId>;

Inputs AllInputs(const NodeImporter& n, size_t at_most = SIZE_MAX) {
  Inputs inputs;
  for (size_t i = 0; i < std::min(at_most, n.input_count()); ++i) inputs.push_back(n.input(i));
  return inputs;
}

// An empty tensor in an optional slot means "absent" (Resize's roi and scales).
ValueId UnlessEmpty(const NodeImporter& n, size_t i) {
  const ConstantPtr constant = n.constant(i);
  return constant && constant->shape.elements() == 0 ? kNoValue : n.input(i);
}

std::optional<float> ScalarFloat(const ConstantPtr& constant) {
  if (!constant || constant->shape.elements() != 1 || constant->dtype != DType::kFloat32) return std::nullopt;
  return *constant->view().as<float>();
}

// ---- elementwise -----------------------------------------------------------------------------

template <UnaryKind kKind>
Status ImportUnary(NodeImporter& n) { return n.Emit(Unary{kKind}, AllInputs(n, 1)); }

template <BinaryKind kKind>
Status ImportBinary(NodeImporter& n) { return n.Emit(Binary{kKind}, AllInputs(n, 2)); }

// Sum, Min and Max of any number of inputs: a chain.
template <BinaryKind kKind>
Status ImportChain(NodeImporter& n) {
  ValueId value = n.input(0);
  for (size_t i = 1; i + 1 < n.input_count(); ++i) value = n.EmitTemporary(Binary{kKind}, {value, n.input(i)});
  if (n.input_count() == 1) return n.Alias(value);
  return n.Emit(Binary{kKind}, {value, n.input(n.input_count() - 1)});
}

Status ImportLeakyRelu(NodeImporter& n) { return n.Emit(Unary{UnaryKind::kLeakyRelu, n.Float("alpha", 0.01f)}, AllInputs(n, 1)); }
Status ImportElu(NodeImporter& n) { return n.Emit(Unary{UnaryKind::kElu, n.Float("alpha", 1)}, AllInputs(n, 1)); }
Status ImportHardSigmoid(NodeImporter& n) {
  return n.Emit(Unary{UnaryKind::kHardSigmoid, n.Float("alpha", 0.2f), n.Float("beta", 0.5f)}, AllInputs(n, 1));
}
Status ImportGelu(NodeImporter& n) {
  if (n.String("approximate", "none") != "none") return n.Unsupported("with the tanh approximation");
  return n.Emit(Unary{UnaryKind::kGelu}, AllInputs(n, 1));
}

Status ImportClip(NodeImporter& n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (n.opset() < 11) return n.Emit(Unary{UnaryKind::kClip, n.Float("min", -kInfinity), n.Float("max", kInfinity)}, AllInputs(n, 1));
  const auto bound = [&](size_t i, float absent) {
    return n.input(i) == kNoValue ? std::optional<float>(absent) : ScalarFloat(n.constant(i));
  };
  const std::optional<float> low = bound(1, -kInfinity), high = bound(2, kInfinity);
  if (low && high) return n.Emit(Unary{UnaryKind::kClip, *low, *high}, AllInputs(n, 1));
  ValueId value = n.input(0);
  if (n.input(1) != kNoValue && n.input(2) != kNoValue) {
    value = n.EmitTemporary(Binary{BinaryKind::kMax}, {value, n.input(1)});
    return n.Emit(Binary{BinaryKind::kMin}, {value, n.input(2)});
  }
  if (n.input(1) != kNoValue) return n.Emit(Binary{BinaryKind::kMax}, {value, n.input(1)});
  return n.Emit(Binary{BinaryKind::kMin}, {value, n.input(2)});
}

Status ImportMod(NodeImporter& n) {
  if (n.Int("fmod", 0) != 0) return n.Unsupported("with fmod");
  return n.Emit(Binary{BinaryKind::kMod}, AllInputs(n, 2));
}

Status ImportCast(NodeImporter& n) {
  Result<DType> to = DTypeFromOnnx(n.Int("to", 0));
  if (!to) return n.Unsupported("to " + to.error().message);
  return n.Emit(Cast{*to}, AllInputs(n, 1));
}

Status ImportWhere(NodeImporter& n) { return n.Emit(Where{}, AllInputs(n, 3)); }
Status ImportIdentity(NodeImporter& n) { return n.Alias(n.input(0)); }

Status ImportDropout(NodeImporter& n) {
  if (n.wants_output(1)) return n.Unsupported("with a mask output");
  return n.Alias(n.input(0));
}

Status ImportConstant(NodeImporter& n) {
  using Type = OnnxAttribute::Type;
  for (const char* name : {"value", "value_float", "value_int", "value_floats", "value_ints"}) {
    const OnnxAttribute* a = n.Find(name);
    if (a == nullptr) continue;
    if (a->type == Type::kTensor && a->tensor) return n.Alias(n.AddTensor(a->tensor));
    if (a->type == Type::kFloat) {
      DECAL_TRY_ASSIGN(ValueId id, n.FloatConstant({&a->f, 1}, true));
      return n.Alias(id);
    }
    if (a->type == Type::kInt) {
      DECAL_TRY_ASSIGN(ValueId id, n.IntConstant({&a->i, 1}, true));
      return n.Alias(id);
    }
    if (a->type == Type::kFloats) {
      DECAL_TRY_ASSIGN(ValueId id, n.FloatConstant(a->floats));
      return n.Alias(id);
    }
    if (a->type == Type::kInts) {
      DECAL_TRY_ASSIGN(ValueId id, n.IntConstant(a->ints));
      return n.Alias(id);
    }
  }
  return n.Unsupported("without a numeric value");
}

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
  if (rank > 2) return n.Unsupported("over " + std::to_string(rank) + " spatial dimensions");
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

template <PoolKind kKind>
Status ImportPool(NodeImporter& n) {
  if (n.wants_output(1)) return n.Unsupported("with indices");
  Pool pool{kKind};
  DECAL_TRY_ASSIGN(pool.window, ImportWindow(n));
  if (pool.window.kernel.empty()) return n.Unsupported("without kernel_shape");
  pool.ceil_mode = n.Int("ceil_mode", 0) != 0;
  pool.count_include_pad = n.Int("count_include_pad", 0) != 0;
  return n.Emit(pool, AllInputs(n, 1));
}

template <PoolKind kKind>
Status ImportGlobalPool(NodeImporter& n) { return n.Emit(GlobalPool{kKind}, AllInputs(n, 1)); }

Status ImportResize(NodeImporter& n) {
  Resize resize;
  const std::string_view mode = n.String("mode", "nearest");
  if (mode == "nearest") resize.mode = ResizeMode::kNearest;
  else if (mode == "linear" || mode == "bilinear") resize.mode = ResizeMode::kLinear;
  else if (mode == "cubic") resize.mode = ResizeMode::kCubic;
  else return n.Unsupported("with mode " + std::string(mode));
  resize.cubic_a = n.Float("cubic_coeff_a", -0.75f);
  resize.exclude_outside = n.Int("exclude_outside", 0) != 0;
  if (n.Int("antialias", 0) != 0) return n.Unsupported("with antialias");
  if (n.Has("axes")) return n.Unsupported("with axes");
  if (n.String("keep_aspect_ratio_policy", "stretch") != "stretch") return n.Unsupported("with keep_aspect_ratio_policy");
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
  else return n.Unsupported("with coordinates " + std::string(coordinates));
  const std::string_view nearest = n.String("nearest_mode", "round_prefer_floor");
  if (nearest == "round_prefer_floor") resize.nearest = ResizeNearest::kRoundPreferFloor;
  else if (nearest == "round_prefer_ceil") resize.nearest = ResizeNearest::kRoundPreferCeil;
  else if (nearest == "floor") resize.nearest = ResizeNearest::kFloor;
  else if (nearest == "ceil") resize.nearest = ResizeNearest::kCeil;
  else return n.Unsupported("with nearest_mode " + std::string(nearest));
  const ValueId scales = UnlessEmpty(n, 2), sizes = UnlessEmpty(n, 3);
  if (scales == kNoValue && sizes == kNoValue) return n.Unsupported("without scales or sizes");
  return n.Emit(resize, {n.input(0), sizes == kNoValue ? scales : kNoValue, sizes});
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

// ---- products, norms, reductions ---------------------------------------------------------------

Status ImportMatMul(NodeImporter& n) { return n.Emit(MatMul{}, {n.input(0), n.input(1), kNoValue}); }

Status ImportGemm(NodeImporter& n) {
  return n.Emit(Gemm{n.Float("alpha", 1), n.Float("beta", 1), n.Int("transA", 0) != 0, n.Int("transB", 0) != 0},
                {n.input(0), n.input(1), n.input(2)});
}

Status ImportBatchNorm(NodeImporter& n) {
  if (n.Int("training_mode", 0) != 0 || n.wants_output(1)) return n.Unsupported("in training mode");
  return n.Emit(BatchNorm{n.Float("epsilon", 1e-5f)}, AllInputs(n, 5));
}

Status ImportInstanceNorm(NodeImporter& n) { return n.Emit(InstanceNorm{n.Float("epsilon", 1e-5f)}, AllInputs(n, 3)); }

Status ImportLayerNorm(NodeImporter& n) {
  if (n.wants_output(1) || n.wants_output(2)) return n.Unsupported("with mean or deviation outputs");
  return n.Emit(LayerNorm{n.Int("axis", -1), n.Float("epsilon", 1e-5f)}, {n.input(0), n.input(1), n.input(2)});
}

template <bool kLog>
Status ImportSoftmax(NodeImporter& n) {
  const bool flatten = n.opset() < 13;
  return n.Emit(Softmax{n.Int("axis", flatten ? 1 : -1), kLog, flatten}, AllInputs(n, 1));
}

template <ReduceKind kKind>
Status ImportReduce(NodeImporter& n) {
  Reduce reduce{kKind};
  DECAL_TRY_ASSIGN(reduce.axes, n.SmallInts("axes"));
  reduce.keepdims = n.Int("keepdims", 1) != 0;
  reduce.noop_with_empty_axes = n.Int("noop_with_empty_axes", 0) != 0;
  return n.Emit(reduce, {n.input(0), n.input(1)});
}

// ---- shapes and movement ---------------------------------------------------------------------

Status ImportReshape(NodeImporter& n) { return n.Emit(Reshape{n.Int("allowzero", 0) != 0}, AllInputs(n, 2)); }
Status ImportFlatten(NodeImporter& n) { return n.Emit(Flatten{n.Int("axis", 1)}, AllInputs(n, 1)); }

template <class T>
Status ImportAxes(NodeImporter& n) {
  T op;
  DECAL_TRY_ASSIGN(op.axes, n.SmallInts("axes"));
  return n.Emit(op, {n.input(0), n.input(1)});
}

Status ImportTranspose(NodeImporter& n) {
  Transpose transpose;
  DECAL_TRY_ASSIGN(transpose.perm, n.SmallInts("perm"));
  return n.Emit(transpose, AllInputs(n, 1));
}

Status ImportConcat(NodeImporter& n) { return n.Emit(Concat{n.Int("axis", 1)}, AllInputs(n)); }

Status ImportSplit(NodeImporter& n) {
  ValueId sizes = n.input(1);
  if (const std::vector<int64_t> parts = n.Ints("split"); !parts.empty()) {
    DECAL_TRY_ASSIGN(sizes, n.IntConstant(parts));
  }
  return n.Emit(Split{n.Int("axis", 0), static_cast<int64_t>(n.output_count())}, {n.input(0), sizes}, n.output_count());
}

Status ImportSlice(NodeImporter& n) {
  if (n.opset() >= 10) return n.Emit(Slice{}, {n.input(0), n.input(1), n.input(2), n.input(3), n.input(4)});
  const std::vector<int64_t> axes = n.Ints("axes");
  DECAL_TRY_ASSIGN(ValueId starts, n.IntConstant(n.Ints("starts")));
  DECAL_TRY_ASSIGN(ValueId ends, n.IntConstant(n.Ints("ends")));
  ValueId axes_id = kNoValue;
  if (!axes.empty()) {
    DECAL_TRY_ASSIGN(axes_id, n.IntConstant(axes));
  }
  return n.Emit(Slice{}, {n.input(0), starts, ends, axes_id, kNoValue});
}

Status ImportPad(NodeImporter& n) {
  Pad pad;
  const std::string_view mode = n.String("mode", "constant");
  if (mode == "reflect") pad.mode = PadMode::kReflect;
  else if (mode == "edge") pad.mode = PadMode::kEdge;
  else if (mode != "constant") return n.Unsupported("with mode " + std::string(mode));
  if (n.input(3) != kNoValue) return n.Unsupported("with axes");
  if (n.opset() >= 11) return n.Emit(pad, {n.input(0), n.input(1), n.input(2)});
  const float value = n.Float("value", 0);
  DECAL_TRY_ASSIGN(ValueId pads, n.IntConstant(n.Ints("pads")));
  DECAL_TRY_ASSIGN(ValueId fill, n.FloatConstant({&value, 1}, true));
  return n.Emit(pad, {n.input(0), pads, fill});
}

Status ImportExpand(NodeImporter& n) { return n.Emit(Expand{}, AllInputs(n, 2)); }
Status ImportTile(NodeImporter& n) { return n.Emit(Tile{}, AllInputs(n, 2)); }
Status ImportGather(NodeImporter& n) { return n.Emit(Gather{n.Int("axis", 0)}, AllInputs(n, 2)); }
Status ImportGatherNd(NodeImporter& n) { return n.Emit(GatherNd{n.Int("batch_dims", 0)}, AllInputs(n, 2)); }

Result<ScatterReduction> ImportReduction(const NodeImporter& n) {
  const std::string_view name = n.String("reduction", "none");
  if (name == "none") return ScatterReduction::kNone;
  if (name == "add") return ScatterReduction::kAdd;
  if (name == "mul") return ScatterReduction::kMul;
  if (name == "min") return ScatterReduction::kMin;
  if (name == "max") return ScatterReduction::kMax;
  return n.Unsupported("with reduction " + std::string(name));
}

Status ImportScatterNd(NodeImporter& n) {
  DECAL_TRY_ASSIGN(const ScatterReduction reduction, ImportReduction(n));
  return n.Emit(ScatterNd{reduction}, AllInputs(n, 3));
}

Status ImportRange(NodeImporter& n) { return n.Emit(Range{}, AllInputs(n, 3)); }

Status ImportShape(NodeImporter& n) {
  return n.Emit(ShapeOf{n.Int("start", 0), n.Int("end", std::numeric_limits<int64_t>::max())}, AllInputs(n, 1));
}

Status ImportConstantOfShape(NodeImporter& n) {
  ConstantOfShape op;
  if (const OnnxAttribute* a = n.Find("value"); a && a->tensor && a->tensor->shape.elements() == 1) {
    op.dtype = a->tensor->dtype;
    op.value = DispatchDType(op.dtype, [&]<class T>() { return static_cast<double>(*a->tensor->view().template as<T>()); });
  }
  return n.Emit(op, AllInputs(n, 1));
}

struct Row {
  std::string_view op_type;
  ImportFn import;
};

// Sorted by name: FindImporter searches it in halves, and a static_assert checks the order.
constexpr Row kTable[] = {
    {"Abs", ImportUnary<UnaryKind::kAbs>},
    {"Add", ImportBinary<BinaryKind::kAdd>},
    {"And", ImportBinary<BinaryKind::kAnd>},
    {"AveragePool", ImportPool<PoolKind::kAverage>},
    {"BatchNormalization", ImportBatchNorm},
    {"Cast", ImportCast},
    {"Ceil", ImportUnary<UnaryKind::kCeil>},
    {"Clip", ImportClip},
    {"Concat", ImportConcat},
    {"Constant", ImportConstant},
    {"ConstantOfShape", ImportConstantOfShape},
    {"Conv", ImportConv},
    {"ConvTranspose", ImportConvTranspose},
    {"Div", ImportBinary<BinaryKind::kDiv>},
    {"Dropout", ImportDropout},
    {"Elu", ImportElu},
    {"Equal", ImportBinary<BinaryKind::kEqual>},
    {"Erf", ImportUnary<UnaryKind::kErf>},
    {"Exp", ImportUnary<UnaryKind::kExp>},
    {"Expand", ImportExpand},
    {"Flatten", ImportFlatten},
    {"Floor", ImportUnary<UnaryKind::kFloor>},
    {"Gather", ImportGather},
    {"GatherND", ImportGatherNd},
    {"Gelu", ImportGelu},
    {"Gemm", ImportGemm},
    {"GlobalAveragePool", ImportGlobalPool<PoolKind::kAverage>},
    {"GlobalMaxPool", ImportGlobalPool<PoolKind::kMax>},
    {"Greater", ImportBinary<BinaryKind::kGreater>},
    {"GreaterOrEqual", ImportBinary<BinaryKind::kGreaterOrEqual>},
    {"HardSigmoid", ImportHardSigmoid},
    {"HardSwish", ImportUnary<UnaryKind::kHardSwish>},
    {"Identity", ImportIdentity},
    {"InstanceNormalization", ImportInstanceNorm},
    {"LayerNormalization", ImportLayerNorm},
    {"LeakyRelu", ImportLeakyRelu},
    {"Less", ImportBinary<BinaryKind::kLess>},
    {"LessOrEqual", ImportBinary<BinaryKind::kLessOrEqual>},
    {"Log", ImportUnary<UnaryKind::kLog>},
    {"LogSoftmax", ImportSoftmax<true>},
    {"MatMul", ImportMatMul},
    {"Max", ImportChain<BinaryKind::kMax>},
    {"MaxPool", ImportPool<PoolKind::kMax>},
    {"Min", ImportChain<BinaryKind::kMin>},
    {"Mod", ImportMod},
    {"Mul", ImportBinary<BinaryKind::kMul>},
    {"Neg", ImportUnary<UnaryKind::kNeg>},
    {"Not", ImportUnary<UnaryKind::kNot>},
    {"Or", ImportBinary<BinaryKind::kOr>},
    {"PRelu", ImportBinary<BinaryKind::kPRelu>},
    {"Pad", ImportPad},
    {"Pow", ImportBinary<BinaryKind::kPow>},
    {"Range", ImportRange},
    {"Reciprocal", ImportUnary<UnaryKind::kReciprocal>},
    {"ReduceMax", ImportReduce<ReduceKind::kMax>},
    {"ReduceMean", ImportReduce<ReduceKind::kMean>},
    {"ReduceMin", ImportReduce<ReduceKind::kMin>},
    {"ReduceProd", ImportReduce<ReduceKind::kProd>},
    {"ReduceSum", ImportReduce<ReduceKind::kSum>},
    {"Relu", ImportUnary<UnaryKind::kRelu>},
    {"Reshape", ImportReshape},
    {"Resize", ImportResize},
    {"Round", ImportUnary<UnaryKind::kRound>},
    {"ScatterND", ImportScatterNd},
    {"Shape", ImportShape},
    {"Sigmoid", ImportUnary<UnaryKind::kSigmoid>},
    {"Slice", ImportSlice},
    {"Softmax", ImportSoftmax<false>},
    {"Softplus", ImportUnary<UnaryKind::kSoftplus>},
    {"Split", ImportSplit},
    {"Sqrt", ImportUnary<UnaryKind::kSqrt>},
    {"Squeeze", ImportAxes<Squeeze>},
    {"Sub", ImportBinary<BinaryKind::kSub>},
    {"Sum", ImportChain<BinaryKind::kAdd>},
    {"Tanh", ImportUnary<UnaryKind::kTanh>},
    {"Tile", ImportTile},
    {"Transpose", ImportTranspose},
    {"Unsqueeze", ImportAxes<Unsqueeze>},
    {"Upsample", ImportUpsample},
    {"Where", ImportWhere},
    {"Xor", ImportBinary<BinaryKind::kXor>},
};

constexpr bool Before(const Row& row, std::string_view name) { return row.op_type < name; }
static_assert(std::is_sorted(std::begin(kTable), std::end(kTable),
                             [](const Row& a, const Row& b) { return a.op_type < b.op_type; }));

}  // namespace

ImportFn FindImporter(std::string_view op_type) {
  const Row* row = std::lower_bound(std::begin(kTable), std::end(kTable), op_type, Before);
  return row != std::end(kTable) && row->op_type == op_type ? row->import : nullptr;
}

}  // namespace decal
