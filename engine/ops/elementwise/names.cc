// Names of the kinds of elementwise operators.
// SPDX-License-Identifier: MIT
#include "engine/ops/elementwise/elementwise.h"

namespace decal {

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

}  // namespace decal
