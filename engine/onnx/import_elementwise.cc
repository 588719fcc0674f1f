// Import of operators that compute element by element.
// SPDX-License-Identifier: MIT
#include <limits>
#include <optional>
#include <string>

#include "engine/onnx/op_rows.h"

namespace decal {
namespace {

std::optional<float> ScalarFloat(const ConstantPtr& constant) {
  if (!constant || constant->shape.elements() != 1 || constant->dtype != DType::kFloat32) return std::nullopt;
  return *constant->view().as<float>();
}

// One body for all kinds: one for each would be 7 kB more of WebAssembly.
Status EmitUnary(NodeImporter& n, Unary unary) { return n.Emit(unary, AllInputs(n, 1)); }
Status EmitBinary(NodeImporter& n, BinaryKind kind) { return n.Emit(Binary{kind}, AllInputs(n, 2)); }

template <UnaryKind kKind>
Status ImportUnary(NodeImporter& n) {
  return EmitUnary(n, {kKind});
}

template <BinaryKind kKind>
Status ImportBinary(NodeImporter& n) {
  return EmitBinary(n, kKind);
}

// Sum, Min and Max of any number of inputs: a chain.
Status EmitChain(NodeImporter& n, BinaryKind kind) {
  ValueId value = n.input(0);
  for (size_t i = 1; i + 1 < n.input_count(); ++i) value = n.EmitTemporary(Binary{kind}, {value, n.input(i)});
  if (n.input_count() == 1) return n.Alias(value);
  return n.Emit(Binary{kind}, {value, n.input(n.input_count() - 1)});
}

template <BinaryKind kKind>
Status ImportChain(NodeImporter& n) {
  return EmitChain(n, kKind);
}

Status ImportLeakyRelu(NodeImporter& n) { return EmitUnary(n, {UnaryKind::kLeakyRelu, n.Float("alpha", 0.01f)}); }
Status ImportElu(NodeImporter& n) { return EmitUnary(n, {UnaryKind::kElu, n.Float("alpha", 1)}); }
Status ImportHardSigmoid(NodeImporter& n) {
  return EmitUnary(n, {UnaryKind::kHardSigmoid, n.Float("alpha", 0.2f), n.Float("beta", 0.5f)});
}
Status ImportGelu(NodeImporter& n) {
  const bool tanh = n.String("approximate", "none") == "tanh";
  return EmitUnary(n, {tanh ? UnaryKind::kGeluTanh : UnaryKind::kGelu});
}

Status ImportClip(NodeImporter& n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (n.opset() < 11) return EmitUnary(n, {UnaryKind::kClip, n.Float("min", -kInfinity), n.Float("max", kInfinity)});
  const auto bound = [&](size_t i, float absent) {
    return n.input(i) == kNoValue ? std::optional<float>(absent) : ScalarFloat(n.constant(i));
  };
  const std::optional<float> low = bound(1, -kInfinity), high = bound(2, kInfinity);
  if (low && high) return EmitUnary(n, {UnaryKind::kClip, *low, *high});
  ValueId value = n.input(0);
  if (n.input(1) != kNoValue && n.input(2) != kNoValue) {
    value = n.EmitTemporary(Binary{BinaryKind::kMax}, {value, n.input(1)});
    return n.Emit(Binary{BinaryKind::kMin}, {value, n.input(2)});
  }
  if (n.input(1) != kNoValue) return n.Emit(Binary{BinaryKind::kMax}, {value, n.input(1)});
  return n.Emit(Binary{BinaryKind::kMin}, {value, n.input(2)});
}

Status ImportMod(NodeImporter& n) {
  return EmitBinary(n, n.Int("fmod", 0) != 0 ? BinaryKind::kFmod : BinaryKind::kMod);
}

Status ImportCast(NodeImporter& n) {
  Result<DType> to = DTypeFromOnnx(n.Int("to", 0));
  if (!to) return n.Unsupported("to " + to.error().message);
  NarrowRule rule{n.Int("saturate", 1) != 0};
  const std::string_view rounding = n.String("round_mode", "up");
  if (rounding == "down") rule.exponent = ExponentRounding::kDown;
  else if (rounding == "nearest") rule.exponent = ExponentRounding::kNearest;
  else if (rounding != "up") return n.Unsupported("with round_mode " + std::string(rounding));
  return n.Emit(Cast{*to, rule}, AllInputs(n, 1));
}

Status ImportWhere(NodeImporter& n) { return n.Emit(Where{}, AllInputs(n, 3)); }

constexpr OpRow kElementwiseRows[] = {
    {"Abs", ImportUnary<UnaryKind::kAbs>},
    {"Add", ImportBinary<BinaryKind::kAdd>},
    {"And", ImportBinary<BinaryKind::kAnd>},
    {"Cast", ImportCast},
    {"Ceil", ImportUnary<UnaryKind::kCeil>},
    {"Clip", ImportClip},
    {"Div", ImportBinary<BinaryKind::kDiv>},
    {"Elu", ImportElu},
    {"Equal", ImportBinary<BinaryKind::kEqual>},
    {"Erf", ImportUnary<UnaryKind::kErf>},
    {"Exp", ImportUnary<UnaryKind::kExp>},
    {"Floor", ImportUnary<UnaryKind::kFloor>},
    {"Gelu", ImportGelu},
    {"Greater", ImportBinary<BinaryKind::kGreater>},
    {"GreaterOrEqual", ImportBinary<BinaryKind::kGreaterOrEqual>},
    {"HardSigmoid", ImportHardSigmoid},
    {"HardSwish", ImportUnary<UnaryKind::kHardSwish>},
    {"LeakyRelu", ImportLeakyRelu},
    {"Less", ImportBinary<BinaryKind::kLess>},
    {"LessOrEqual", ImportBinary<BinaryKind::kLessOrEqual>},
    {"Log", ImportUnary<UnaryKind::kLog>},
    {"Max", ImportChain<BinaryKind::kMax>},
    {"Min", ImportChain<BinaryKind::kMin>},
    {"Mod", ImportMod},
    {"Mul", ImportBinary<BinaryKind::kMul>},
    {"Neg", ImportUnary<UnaryKind::kNeg>},
    {"Not", ImportUnary<UnaryKind::kNot>},
    {"Or", ImportBinary<BinaryKind::kOr>},
    {"PRelu", ImportBinary<BinaryKind::kPRelu>},
    {"Pow", ImportBinary<BinaryKind::kPow>},
    {"Reciprocal", ImportUnary<UnaryKind::kReciprocal>},
    {"Relu", ImportUnary<UnaryKind::kRelu>},
    {"Round", ImportUnary<UnaryKind::kRound>},
    {"Sigmoid", ImportUnary<UnaryKind::kSigmoid>},
    {"Sign", ImportUnary<UnaryKind::kSign>},
    {"Softplus", ImportUnary<UnaryKind::kSoftplus>},
    {"Sqrt", ImportUnary<UnaryKind::kSqrt>},
    {"Sub", ImportBinary<BinaryKind::kSub>},
    {"Sum", ImportChain<BinaryKind::kAdd>},
    {"Tanh", ImportUnary<UnaryKind::kTanh>},
    {"Where", ImportWhere},
    {"Xor", ImportBinary<BinaryKind::kXor>},
};
static_assert(IsSorted(kElementwiseRows));

}  // namespace

std::span<const OpRow> ElementwiseRows() { return kElementwiseRows; }

}  // namespace decal
