// Names of operators and the readable dump of a graph.
#include <string>

#include "engine/ir/graph.h"

namespace decal {
namespace {

struct NameOf {
  const char* operator()(const Unary& op) const { return Name(op.kind); }
  const char* operator()(const Binary& op) const { return Name(op.kind); }
  const char* operator()(const Where&) const { return "Where"; }
  const char* operator()(const Cast&) const { return "Cast"; }
  const char* operator()(const Conv&) const { return "Conv"; }
  const char* operator()(const ConvTranspose&) const { return "ConvTranspose"; }
  const char* operator()(const DeformConv&) const { return "DeformConv"; }
  const char* operator()(const MatMul&) const { return "MatMul"; }
  const char* operator()(const Gemm&) const { return "Gemm"; }
  const char* operator()(const Attention&) const { return "Attention"; }
  const char* operator()(const WindowPartition&) const { return "WindowPartition"; }
  const char* operator()(const WindowMerge&) const { return "WindowMerge"; }
  const char* operator()(const Quantize&) const { return "QuantizeLinear"; }
  const char* operator()(const Dequantize&) const { return "DequantizeLinear"; }
  const char* operator()(const RoundToGrid&) const { return "RoundToGrid"; }
  const char* operator()(const DynamicQuantize&) const { return "DynamicQuantizeLinear"; }
  const char* operator()(const MatMulInteger&) const { return "MatMulInteger"; }
  const char* operator()(const ConvInteger&) const { return "ConvInteger"; }
  const char* operator()(const Pool& op) const { return op.kind == PoolKind::kMax ? "MaxPool" : "AveragePool"; }
  const char* operator()(const GlobalPool& op) const {
    return op.kind == PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool";
  }
  const char* operator()(const Resize&) const { return "Resize"; }
  const char* operator()(const GridSample&) const { return "GridSample"; }
  const char* operator()(const BatchNorm&) const { return "BatchNormalization"; }
  const char* operator()(const InstanceNorm&) const { return "InstanceNormalization"; }
  const char* operator()(const LayerNorm&) const { return "LayerNormalization"; }
  const char* operator()(const Softmax& op) const { return op.log ? "LogSoftmax" : "Softmax"; }
  const char* operator()(const Reduce& op) const {
    switch (op.kind) {
      case ReduceKind::kSum: return "ReduceSum";
      case ReduceKind::kMean: return "ReduceMean";
      case ReduceKind::kMax: return "ReduceMax";
      case ReduceKind::kMin: return "ReduceMin";
      case ReduceKind::kProd: return "ReduceProd";
      case ReduceKind::kL1: return "ReduceL1";
      case ReduceKind::kL2: return "ReduceL2";
      case ReduceKind::kSumSquare: return "ReduceSumSquare";
      case ReduceKind::kLogSum: return "ReduceLogSum";
      case ReduceKind::kLogSumExp: return "ReduceLogSumExp";
    }
    return "Reduce";
  }
  const char* operator()(const View&) const { return "View"; }
  const char* operator()(const Reshape&) const { return "Reshape"; }
  const char* operator()(const Flatten&) const { return "Flatten"; }
  const char* operator()(const Squeeze&) const { return "Squeeze"; }
  const char* operator()(const Unsqueeze&) const { return "Unsqueeze"; }
  const char* operator()(const Transpose&) const { return "Transpose"; }
  const char* operator()(const Concat&) const { return "Concat"; }
  const char* operator()(const Split&) const { return "Split"; }
  const char* operator()(const Slice&) const { return "Slice"; }
  const char* operator()(const Expand&) const { return "Expand"; }
  const char* operator()(const Tile&) const { return "Tile"; }
  const char* operator()(const Pad&) const { return "Pad"; }
  const char* operator()(const Gather&) const { return "Gather"; }
  const char* operator()(const GatherNd&) const { return "GatherND"; }
  const char* operator()(const ScatterNd&) const { return "ScatterND"; }
  const char* operator()(const GatherElements&) const { return "GatherElements"; }
  const char* operator()(const ScatterElements&) const { return "ScatterElements"; }
  const char* operator()(const DepthToSpace&) const { return "DepthToSpace"; }
  const char* operator()(const SpaceToDepth&) const { return "SpaceToDepth"; }
  const char* operator()(const TopK&) const { return "TopK"; }
  const char* operator()(const ArgReduce& op) const { return op.max ? "ArgMax" : "ArgMin"; }
  const char* operator()(const CumSum&) const { return "CumSum"; }
  const char* operator()(const NonZero&) const { return "NonZero"; }
  const char* operator()(const Einsum&) const { return "Einsum"; }
  const char* operator()(const ShapeOf&) const { return "Shape"; }
  const char* operator()(const ConstantOfShape&) const { return "ConstantOfShape"; }
  const char* operator()(const Range&) const { return "Range"; }
  const char* operator()(const Strided&) const { return "Strided"; }
  const char* operator()(const Relayout&) const { return "Relayout"; }
};

// The attributes that matter for reading data movement: "perm=[0,2,1]".
std::string AttributeText(const Op& op) {
  if (auto* transpose = std::get_if<Transpose>(&op)) return " perm=" + transpose->perm.ToString();
  if (auto* concat = std::get_if<Concat>(&op)) return " axis=" + std::to_string(concat->axis);
  if (auto* split = std::get_if<Split>(&op)) return " axis=" + std::to_string(split->axis);
  if (auto* gather = std::get_if<Gather>(&op)) return " axis=" + std::to_string(gather->axis);
  if (auto* einsum = std::get_if<Einsum>(&op)) return " equation=" + einsum->equation;
  if (auto* cast = std::get_if<Cast>(&op)) return std::string(" to=") + Name(cast->to);
  if (auto* strided = std::get_if<Strided>(&op)) {
    std::string text = " start=" + strided->start.ToString() + " digits=";
    for (const Strided::Digit& d : strided->digits)
      text += std::to_string(d.extent) + ":" + std::to_string(d.axis) + "*" + std::to_string(d.step) + " ";
    return text;
  }
  if (auto* conv = std::get_if<Conv>(&op))
    return " strides=" + conv->window.strides.ToString() + " dilations=" + conv->window.dilations.ToString();
  if (auto* norm = std::get_if<InstanceNorm>(&op)) {
    std::string text;
    if (norm->first > 0) text += " first=" + std::to_string(norm->first);
    if (norm->end < std::numeric_limits<int64_t>::max()) text += " end=" + std::to_string(norm->end);
    if (norm->low > -std::numeric_limits<float>::infinity()) text += " low=" + std::to_string(norm->low);
    if (norm->high < std::numeric_limits<float>::infinity()) text += " high=" + std::to_string(norm->high);
    return text;
  }
  return {};
}

// A known value of few elements: "=[0,2]".
std::string ConstantText(const ConstantTensor& constant) {
  constexpr int64_t kShown = 8;
  if (constant.shape.elements() > kShown || constant.buffer.data() == nullptr) return "=const";
  std::string text = "=[";
  for (int64_t i = 0; i < constant.shape.elements(); ++i) {
    if (i > 0) text += ',';
    const TensorView view = constant.view();
    switch (constant.dtype) {
      case DType::kFloat32: text += std::to_string(view.as<float>()[i]); break;
      case DType::kInt64: text += std::to_string(view.as<int64_t>()[i]); break;
      case DType::kInt32: text += std::to_string(view.as<int32_t>()[i]); break;
      case DType::kBool: text += view.as<bool>()[i] ? "true" : "false"; break;
      default: return "=const";
    }
  }
  return text + "]";
}

std::string EpilogueText(const Op& op) {
  const Epilogue* epilogue = nullptr;
  if (auto* conv = std::get_if<Conv>(&op)) epilogue = &conv->epilogue;
  if (auto* conv = std::get_if<ConvTranspose>(&op)) epilogue = &conv->epilogue;
  if (auto* conv = std::get_if<DeformConv>(&op)) epilogue = &conv->epilogue;
  if (auto* matmul = std::get_if<MatMul>(&op)) epilogue = &matmul->epilogue;
  if (epilogue == nullptr || epilogue->empty()) return {};
  std::string text = " {";
  if (epilogue->residual == Epilogue::Residual::kBeforeActivation) text += " +residual";
  if (epilogue->activation) text += std::string(" ") + Name(epilogue->activation->kind);
  if (epilogue->prelu_slope) text += " PRelu";
  if (epilogue->residual == Epilogue::Residual::kAfterActivation) text += " +residual";
  return text + " }";
}

}  // namespace

const char* Name(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kAbs: return "Abs";
    case UnaryKind::kNeg: return "Neg";
    case UnaryKind::kSqrt: return "Sqrt";
    case UnaryKind::kExp: return "Exp";
    case UnaryKind::kLog: return "Log";
    case UnaryKind::kReciprocal: return "Reciprocal";
    case UnaryKind::kFloor: return "Floor";
    case UnaryKind::kCeil: return "Ceil";
    case UnaryKind::kRound: return "Round";
    case UnaryKind::kErf: return "Erf";
    case UnaryKind::kTanh: return "Tanh";
    case UnaryKind::kSigmoid: return "Sigmoid";
    case UnaryKind::kRelu: return "Relu";
    case UnaryKind::kLeakyRelu: return "LeakyRelu";
    case UnaryKind::kElu: return "Elu";
    case UnaryKind::kHardSigmoid: return "HardSigmoid";
    case UnaryKind::kHardSwish: return "HardSwish";
    case UnaryKind::kSoftplus: return "Softplus";
    case UnaryKind::kGelu: return "Gelu";
    case UnaryKind::kGeluTanh: return "GeluTanh";
    case UnaryKind::kSign: return "Sign";
    case UnaryKind::kClip: return "Clip";
    case UnaryKind::kNot: return "Not";
  }
  return "?";
}

const char* Name(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd: return "Add";
    case BinaryKind::kSub: return "Sub";
    case BinaryKind::kMul: return "Mul";
    case BinaryKind::kDiv: return "Div";
    case BinaryKind::kPow: return "Pow";
    case BinaryKind::kMin: return "Min";
    case BinaryKind::kMax: return "Max";
    case BinaryKind::kMod: return "Mod";
    case BinaryKind::kFmod: return "Fmod";
    case BinaryKind::kPRelu: return "PRelu";
    case BinaryKind::kEqual: return "Equal";
    case BinaryKind::kLess: return "Less";
    case BinaryKind::kLessOrEqual: return "LessOrEqual";
    case BinaryKind::kGreater: return "Greater";
    case BinaryKind::kGreaterOrEqual: return "GreaterOrEqual";
    case BinaryKind::kAnd: return "And";
    case BinaryKind::kOr: return "Or";
    case BinaryKind::kXor: return "Xor";
  }
  return "?";
}

const char* OpName(const Op& op) { return std::visit(NameOf{}, op); }

std::string Print(const Graph& graph) {
  auto value_text = [&](ValueId id) {
    if (id == kNoValue) return std::string("-");
    const Value& value = graph.values[id];
    std::string text = "%" + std::to_string(id) + ":" + value.type.ToString();
    if (value.constant) text += ConstantText(*value.constant);
    if (value.layout == Layout::kChannelsLast) text += "/nhwc";
    return text;
  };
  std::string text;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.outputs.size(); ++i) text += (i ? ", " : "") + value_text(node.outputs[i]);
    text += std::string(" = ") + OpName(node.op) + AttributeText(node.op) + EpilogueText(node.op) + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) text += (i ? ", " : "") + value_text(node.inputs[i]);
    text += ")  # " + node.name + "\n";
  }
  return text;
}

}  // namespace decal
