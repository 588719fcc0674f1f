// Import of constants, shapes, data movement and indexing.
// SPDX-License-Identifier: MIT
#include <limits>
#include <string>

#include "engine/onnx/op_rows.h"

namespace decal {
namespace {

Status ImportIdentity(NodeImporter& n) { return n.Alias(n.input(0)); }

Status ImportDropout(NodeImporter& n) {
  if (n.input(2) != kNoValue) {  // training_mode, since opset 12
    const ConstantPtr training = n.constant(2), ratio = n.constant(1);
    if (training == nullptr) return n.Unsupported("with a training mode that depends on the input");
    const auto value = [](const ConstantPtr& t) {
      return t->shape.elements() > 0 ? LoadNumber(t->dtype, t->buffer.data(), 0) : 0;
    };
    const bool drops_nothing = ratio != nullptr && value(ratio) == 0;
    if (value(training) != 0 && !drops_nothing) return n.Unsupported("in training mode");
  }
  if (n.wants_output(1)) {  // what is kept: everything
    const ValueId shape = n.EmitTemporary(ShapeOf{0, std::numeric_limits<int64_t>::max()}, {n.input(0)});
    DECAL_TRY(n.Alias(n.EmitTemporary(ConstantOfShape{DType::kBool, 1}, {shape}), 1));
  }
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
  const int64_t outputs = n.Int("num_outputs", static_cast<int64_t>(n.output_count()));
  if (outputs != static_cast<int64_t>(n.output_count()))
    return n.Unsupported("into " + std::to_string(outputs) + " parts with " + std::to_string(n.output_count()) +
                         " outputs");
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
  else if (mode == "wrap") pad.mode = PadMode::kWrap;
  else if (mode != "constant") return n.Unsupported("with mode " + std::string(mode));
  if (n.opset() >= 11) return n.Emit(pad, {n.input(0), n.input(1), n.input(2), n.input(3)});
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

Status ImportGatherElements(NodeImporter& n) { return n.Emit(GatherElements{n.Int("axis", 0)}, AllInputs(n, 2)); }

// Also "Scatter", its name before opset 11.
Status ImportScatterElements(NodeImporter& n) {
  DECAL_TRY_ASSIGN(const ScatterReduction reduction, ImportReduction(n));
  return n.Emit(ScatterElements{n.Int("axis", 0), reduction}, AllInputs(n, 3));
}

Status ImportDepthToSpace(NodeImporter& n) {
  const std::string_view mode = n.String("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return n.Unsupported("with mode " + std::string(mode));
  return n.Emit(DepthToSpace{n.Int("blocksize", 0), mode == "CRD"}, AllInputs(n, 1));
}

Status ImportSpaceToDepth(NodeImporter& n) { return n.Emit(SpaceToDepth{n.Int("blocksize", 0)}, AllInputs(n, 1)); }

Status ImportTopK(NodeImporter& n) {
  ValueId k = n.input(1);
  if (n.opset() < 10) {
    const int64_t count = n.Int("k", -1);
    DECAL_TRY_ASSIGN(k, n.IntConstant({&count, 1}));
  }
  return n.Emit(TopK{n.Int("axis", -1), n.Int("largest", 1) != 0}, {n.input(0), k}, 2);
}

template <bool kMax>
Status ImportArgReduce(NodeImporter& n) {
  return n.Emit(ArgReduce{kMax, n.Int("axis", 0), n.Int("keepdims", 1) != 0, n.Int("select_last_index", 0) != 0},
                AllInputs(n, 1));
}

Status ImportCumSum(NodeImporter& n) {
  return n.Emit(CumSum{n.Int("exclusive", 0) != 0, n.Int("reverse", 0) != 0}, AllInputs(n, 2));
}

Status ImportNonZero(NodeImporter& n) { return n.Emit(NonZero{}, AllInputs(n, 1)); }
Status ImportEinsum(NodeImporter& n) { return n.Emit(Einsum{std::string(n.String("equation", ""))}, AllInputs(n)); }

Status ImportRange(NodeImporter& n) { return n.Emit(Range{}, AllInputs(n, 3)); }

Status ImportShape(NodeImporter& n) {
  return n.Emit(ShapeOf{n.Int("start", 0), n.Int("end", std::numeric_limits<int64_t>::max())}, AllInputs(n, 1));
}

Status ImportConstantOfShape(NodeImporter& n) {
  ConstantOfShape op;
  if (const OnnxAttribute* a = n.Find("value"); a && a->tensor && a->tensor->shape.elements() == 1) {
    op.dtype = a->tensor->dtype;
    op.value = LoadNumber(op.dtype, a->tensor->view().data, 0);
  }
  return n.Emit(op, AllInputs(n, 1));
}

constexpr OpRow kMovementRows[] = {
    {"ArgMax", ImportArgReduce<true>},
    {"ArgMin", ImportArgReduce<false>},
    {"Concat", ImportConcat},
    {"Constant", ImportConstant},
    {"ConstantOfShape", ImportConstantOfShape},
    {"CumSum", ImportCumSum},
    {"DepthToSpace", ImportDepthToSpace},
    {"Dropout", ImportDropout},
    {"Einsum", ImportEinsum},
    {"Expand", ImportExpand},
    {"Flatten", ImportFlatten},
    {"Gather", ImportGather},
    {"GatherElements", ImportGatherElements},
    {"GatherND", ImportGatherNd},
    {"Identity", ImportIdentity},
    {"NonZero", ImportNonZero},
    {"Pad", ImportPad},
    {"Range", ImportRange},
    {"Reshape", ImportReshape},
    {"Scatter", ImportScatterElements},
    {"ScatterElements", ImportScatterElements},
    {"ScatterND", ImportScatterNd},
    {"Shape", ImportShape},
    {"Slice", ImportSlice},
    {"SpaceToDepth", ImportSpaceToDepth},
    {"Split", ImportSplit},
    {"Squeeze", ImportAxes<Squeeze>},
    {"Tile", ImportTile},
    {"TopK", ImportTopK},
    {"Transpose", ImportTranspose},
    {"Unsqueeze", ImportAxes<Unsqueeze>},
};
static_assert(IsSorted(kMovementRows));

}  // namespace

std::span<const OpRow> MovementRows() { return kMovementRows; }

}  // namespace decal
