// Elementwise operators, with and without broadcasting.
// SPDX-License-Identifier: MIT
#include "tests/gpu/cases.h"

namespace decal::testing {
namespace {

void AddUnaries(CaseWriter& writer) {
  for (int kind = 0; kind < static_cast<int>(UnaryKind::kNot); ++kind) {
    for (uint32_t seed = 0; seed < 2; ++seed) {
      CaseGraph g(seed);
      const Unary op{static_cast<UnaryKind>(kind), 0.3f, 0.6f};
      const bool positive =
          op.kind == UnaryKind::kSqrt || op.kind == UnaryKind::kLog || op.kind == UnaryKind::kReciprocal;
      const Shape shape = seed == 0 ? Shape{1, 8, 9, 7} : Shape{2, 3, 33};
      g.Output(g.Node(op, {g.Input(shape, positive ? 0.1f : -5.0f, 5.0f)}));
      writer.Add(std::string(Name(op.kind)) + " " + std::to_string(seed), g);
    }
  }
}

void AddBinaries(CaseWriter& writer) {
  for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv,
                                BinaryKind::kPow, BinaryKind::kMin, BinaryKind::kMax, BinaryKind::kPRelu}) {
    for (uint32_t seed = 0; seed < 5; ++seed) {
      CaseGraph g(seed);
      const Shape shape{1 + g.Pick(2), g.Pick(2) == 0 ? 8 : 1 + g.Pick(9), 1 + g.Pick(40), 1 + g.Pick(40)};
      Shape other = shape;
      for (size_t d = 0; d < 4; ++d)
        if (g.Pick(3) == 0) other[d] = 1;
      if (kind == BinaryKind::kPRelu) other = {shape[1], 1, 1};
      const bool away_from_zero = kind == BinaryKind::kDiv || kind == BinaryKind::kPow;
      const float low = away_from_zero ? 0.2f : -2.0f;
      const ValueId a = away_from_zero ? g.Input(shape, 0.2f, 2.0f) : g.Map(shape);
      const ValueId b = seed % 2 == 0 ? g.Input(other, low, 2) : g.Constant(other, low, 2);
      g.MapOutput(g.Node(Binary{kind}, {a, b}));
      writer.Add(std::string(Name(kind)) + " " + std::to_string(seed), g);
    }
  }
  CaseGraph g(1);
  g.Output(g.Node(Binary{BinaryKind::kPow}, {g.Input({3, 50}, -2, 2), g.Floats({}, {2.0f})}));
  writer.Add("square", g);
}

}  // namespace

void AddElementwiseCases(CaseWriter& writer) {
  AddUnaries(writer);
  AddBinaries(writer);
}

}  // namespace decal::testing
