// Activations in the spellings of exporters become one operator; what only looks like one stays.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <numbers>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

constexpr float kRootHalf = static_cast<float>(std::numbers::sqrt2 / 2);
constexpr float kRootTwo = static_cast<float>(std::numbers::sqrt2);
constexpr float kTanhFactor = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kCubeFactor = 0.044715f;

// A model under construction whose input is x [3,40].
struct ActivationModel {
  OnnxBuilder b;
  std::string x = "x";
  int scalars = 0;

  ActivationModel() { b.Input("x", {3, 40}); }

  std::string Scalar(float value, const std::vector<int64_t>& shape = {}) {
    return b.Floats("scalar" + std::to_string(scalars++), shape, {value});
  }
  std::string Mul(const std::string& p, const std::string& q) { return b.Node("Mul", {p, q}); }
  std::string Mul(const std::string& p, float q) { return Mul(p, Scalar(q)); }
  std::string Add(const std::string& p, const std::string& q) { return b.Node("Add", {p, q}); }
  std::string Add(const std::string& p, float q) { return Add(p, Scalar(q)); }
  std::string Erf(const std::string& v) { return b.Node("Erf", {v}); }
  std::string Tanh(const std::string& v) { return b.Node("Tanh", {v}); }

  // x * gate / 2 in one of the orders that a product of three has.
  std::string Halved(const std::string& gate, int order) {
    switch (order) {
      case 0: return Mul(Mul(x, gate), 0.5f);
      case 1: return Mul(Scalar(0.5f), Mul(gate, x));
      case 2: return Mul(Mul(x, 0.5f), gate);
      case 3: return Mul(gate, Mul(Scalar(0.5f), x));
      case 4: return Mul(x, Mul(gate, 0.5f));
      case 5: return Mul(Mul(0.5f, gate), x);
      case 6: return b.Node("Div", {Mul(x, gate), Scalar(2)});
      default: return Mul(b.Node("Div", {x, Scalar(2)}), gate);
    }
  }
  static constexpr int kOrders = 8;
  std::string Mul(float p, const std::string& q) { return Mul(Scalar(p), q); }

  // The graph after all passes when `v` is the output (besides those that are already), both tails reached.
  Graph Finish(const std::string& v, float tolerance = 1e-5f) {
    b.Node("Identity", {v}, {"y"});
    b.Output("y");
    return Optimise(b.Build(), RandomInputs({{3, 40}}, -5, 5), tolerance);
  }
  // That graph is nothing but the activation called `op`.
  void ExpectFused(const std::string& v, const std::string& op, float tolerance = 1e-5f) {
    const Graph graph = Finish(v, tolerance);
    EXPECT_EQ(graph.nodes.size(), 1u) << Print(graph);
    EXPECT_EQ(Count(graph, op), 1u) << Print(graph);
  }
  // It has no activation that the pass makes.
  void ExpectUnfused(const std::string& v) {
    const Graph graph = Finish(v);
    EXPECT_EQ(Count(graph, {"Gelu", "GeluTanh", "HardSwish"}), 0u) << Print(graph);
  }
};

// ---- GELU through erf --------------------------------------------------------------------------

std::string ErfGate(ActivationModel& m, int spelling) {
  switch (spelling) {
    case 0: return m.Add(m.Erf(m.b.Node("Div", {m.x, m.Scalar(kRootTwo)})), 1);
    case 1: return m.Add(m.Scalar(1), m.Erf(m.Mul(m.x, kRootHalf)));
    default: return m.Add(m.Erf(m.Mul(kRootHalf, m.x)), m.Scalar(1, {1}));
  }
}

TEST(FuseActivations, GeluInEveryOrder) {
  for (int spelling = 0; spelling < 3; ++spelling)
    for (int order = 0; order < ActivationModel::kOrders; ++order) {
      ActivationModel m;
      m.ExpectFused(m.Halved(ErfGate(m, spelling), order), "Gelu");
    }
}

TEST(FuseActivations, GeluOfAnExpressionThatOthersRead) {
  ActivationModel m;
  m.x = m.b.Node("Exp", {m.Mul("x", 0.5f)});
  m.b.Output(m.x);
  const Graph graph = m.Finish(m.Halved(ErfGate(m, 0), 0));
  EXPECT_EQ(Count(graph, "Gelu"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, {"Erf", "Div", "Add"}), 0u) << Print(graph);
}

TEST(FuseActivations, OtherConstantsThanThoseOfGeluStay) {
  struct Case {
    float inner, one, half;
  };
  for (const Case& c : {Case{0.7f, 1, 0.5f}, Case{-kRootHalf, 1, 0.5f}, Case{kRootHalf, 1.01f, 0.5f},
                        Case{kRootHalf, -1, 0.5f}, Case{kRootHalf, 1, 0.51f}, Case{kRootHalf, 1, 1}}) {
    ActivationModel m;
    m.ExpectUnfused(m.Mul(m.Mul(m.x, m.Add(m.Erf(m.Mul(m.x, c.inner)), c.one)), c.half));
  }
}

TEST(FuseActivations, GeluOfTwoTensorsStays) {
  ActivationModel m;
  m.b.Node("Abs", {"x"}, {"z"});
  m.ExpectUnfused(m.Mul(m.Mul("z", m.Add(m.Erf(m.Mul("x", kRootHalf)), 1)), 0.5f));
}

TEST(FuseActivations, AThirdFactorStaysBesideGelu) {
  ActivationModel m;  // the product has three factors: none of the rows
  m.b.Node("Abs", {"x"}, {"z"});
  m.ExpectUnfused(m.Mul(m.Mul(m.Mul(m.x, ErfGate(m, 0)), "z"), 0.5f));
}

TEST(FuseActivations, AVectorInPlaceOfAScalarStays) {
  ActivationModel m;
  std::mt19937 random(testing::TestSeed(3));
  const std::string half = m.b.RandomFloats("half", {40}, random, 0.49f, 0.51f);
  m.ExpectUnfused(m.Mul(m.Mul(m.x, ErfGate(m, 0)), half));
}

TEST(FuseActivations, ScalarsThatAddADimensionStay) {
  ActivationModel outer;
  outer.ExpectUnfused(outer.Mul(outer.Mul(outer.x, ErfGate(outer, 0)), outer.Scalar(0.5f, {1, 1, 1})));
  ActivationModel one;
  one.ExpectUnfused(
      one.Mul(one.Mul(one.x, one.Add(one.Erf(one.Mul(one.x, kRootHalf)), one.Scalar(1, {1, 1, 1}))), 0.5f));
  ActivationModel inner;
  const std::string wide = inner.Mul(inner.x, inner.Scalar(kRootHalf, {1, 1, 1}));
  inner.ExpectUnfused(inner.Mul(inner.Mul(inner.x, inner.Add(inner.Erf(wide), 1)), 0.5f));
}

TEST(FuseActivations, PartsThatOthersReadAreStillMade) {
  ActivationModel m;
  const std::string erf = m.Erf(m.Mul(m.x, kRootHalf)), gate = m.Add(erf, 1);
  m.b.Output(erf);
  m.b.Output(gate);
  const Graph graph = m.Finish(m.Halved(gate, 0));
  EXPECT_EQ(Count(graph, "Gelu"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Erf"), 1u) << Print(graph);
}

TEST(FuseActivations, AnUnhalvedProductThatOthersReadStays) {
  ActivationModel m;
  const std::string product = m.Mul(m.x, ErfGate(m, 0));
  m.b.Output(product);
  m.ExpectUnfused(m.Mul(product, 0.5f));
}

// ---- GELU through tanh -------------------------------------------------------------------------

std::string Cube(ActivationModel& m, int spelling) {
  switch (spelling) {
    case 0: return m.Mul(m.b.Node("Pow", {m.x, m.Scalar(3)}), kCubeFactor);
    case 1: return m.Mul(kCubeFactor, m.Mul(m.Mul(m.x, m.x), m.x));
    case 2: return m.Mul(m.Mul(m.Mul(m.x, kCubeFactor), m.x), m.x);
    default: return m.Mul(m.x, m.Mul(m.b.Node("Pow", {m.x, m.Scalar(2)}), kCubeFactor));
  }
}

TEST(FuseActivations, GeluTanhInEveryOrder) {
  for (int spelling = 0; spelling < 4; ++spelling)
    for (int order = 0; order < ActivationModel::kOrders; ++order)
      for (const bool swapped : {false, true}) {
        ActivationModel m;
        const std::string cube = Cube(m, spelling), sum = swapped ? m.Add(cube, m.x) : m.Add(m.x, cube);
        const std::string angle = swapped ? m.Mul(sum, kTanhFactor) : m.Mul(kTanhFactor, sum);
        const std::string gate = swapped ? m.Add(m.Scalar(1), m.Tanh(angle)) : m.Add(m.Tanh(angle), 1);
        m.ExpectFused(m.Halved(gate, order), "GeluTanh");
      }
}

TEST(FuseActivations, GeluTanhWithTheInputTakenOutOfTheSum) {
  for (const bool powers : {false, true}) {
    ActivationModel m;  // x * sqrt(2/pi) * (1 + 0.044715 * x * x)
    const std::string square =
        powers ? m.Mul(m.b.Node("Pow", {m.x, m.Scalar(2)}), kCubeFactor) : m.Mul(m.Mul(m.x, kCubeFactor), m.x);
    const std::string angle = m.Mul(m.Mul(m.x, kTanhFactor), m.Add(square, 1));
    m.ExpectFused(m.Halved(m.Add(m.Tanh(angle), 1), 0), "GeluTanh");
  }
}

struct TanhConstants {
  float cube = kCubeFactor, inner = kTanhFactor, one = 1, half = 0.5f, power = 3;
};

TEST(FuseActivations, OtherConstantsThanThoseOfGeluTanhStay) {
  for (const TanhConstants& c :
       {TanhConstants{.cube = 0.045f}, TanhConstants{.cube = -kCubeFactor}, TanhConstants{.inner = 0.8f},
        TanhConstants{.one = -1}, TanhConstants{.half = 1}, TanhConstants{.power = 2}, TanhConstants{.power = 4}}) {
    ActivationModel m;
    const std::string cube = m.Mul(m.b.Node("Pow", {m.x, m.Scalar(c.power)}), c.cube);
    const std::string gate = m.Add(m.Tanh(m.Mul(m.Add(m.x, cube), c.inner)), c.one);
    m.ExpectUnfused(m.Mul(m.Mul(m.x, gate), c.half));
  }
}

TEST(FuseActivations, GeluTanhOfTwoTensorsStays) {
  for (int other = 0; other < 3; ++other) {
    ActivationModel m;
    m.b.Node("Abs", {"x"}, {"z"});
    const auto pick = [&](int place) { return place == other ? std::string("z") : m.x; };
    const std::string cube = m.Mul(m.b.Node("Pow", {pick(0), m.Scalar(3)}), kCubeFactor);
    const std::string gate = m.Add(m.Tanh(m.Mul(m.Add(pick(1), cube), kTanhFactor)), 1);
    m.ExpectUnfused(m.Mul(m.Mul(pick(2), gate), 0.5f));
  }
  for (int other = 0; other < 3; ++other) {  // likewise, with the input taken out of the sum
    ActivationModel m;
    m.b.Node("Abs", {"x"}, {"z"});
    const auto pick = [&](int place) { return place == other ? std::string("z") : m.x; };
    const std::string square = m.Mul(m.b.Node("Pow", {pick(0), m.Scalar(2)}), kCubeFactor);
    const std::string angle = m.Mul(m.Mul(pick(1), kTanhFactor), m.Add(square, 1));
    // |x| in place of x changes nothing if it is squared, but no rule says so.
    m.ExpectUnfused(m.Mul(m.Mul(pick(2), m.Add(m.Tanh(angle), 1)), 0.5f));
  }
}

TEST(FuseActivations, AnotherFunctionInPlaceOfTanhStays) {
  ActivationModel m;
  const std::string angle = m.Mul(m.Add(m.x, Cube(m, 0)), kTanhFactor);
  m.ExpectUnfused(m.Halved(m.Add(m.b.Node("Sigmoid", {angle}), 1), 0));
}

TEST(FuseActivations, AnExponentThatAddsADimensionStays) {
  ActivationModel m;
  const std::string cube = m.Mul(m.b.Node("Pow", {m.x, m.Scalar(3, {1, 1, 1})}), kCubeFactor);
  m.ExpectUnfused(m.Halved(m.Add(m.Tanh(m.Mul(m.Add(m.x, cube), kTanhFactor)), 1), 0));
}

// ---- hard-swish --------------------------------------------------------------------------------

std::string Clip(ActivationModel& m, const std::string& v, float low, float high) {
  return m.b.Node("Clip", {v, m.Scalar(low), m.Scalar(high)});
}

TEST(FuseActivations, HardSwishThroughClipInEveryOrder) {
  for (int order = 0; order < 6; ++order) {
    ActivationModel m;
    const std::string gate = Clip(m, order % 2 == 0 ? m.Add(m.x, 3) : m.Add(m.Scalar(3), m.x), 0, 6);
    const std::vector<std::string> spelled = {m.Mul(m.Mul(m.x, gate), 1.0f / 6),
                                              m.Mul(gate, m.Mul(m.x, 1.0f / 6)),
                                              m.Mul(m.x, m.b.Node("Div", {gate, m.Scalar(6)})),
                                              m.b.Node("Div", {m.Mul(gate, m.x), m.Scalar(6)}),
                                              m.Mul(m.Mul(1.0f / 6, gate), m.x),
                                              m.Mul(1.0f / 6, m.Mul(m.x, gate))};
    // All are in the file; those that nothing reads go when it is loaded.
    m.ExpectFused(spelled[static_cast<size_t>(order)], "HardSwish");
  }
}

TEST(FuseActivations, HardSwishThroughHardSigmoid) {
  for (const bool x_first : {true, false}) {
    ActivationModel m;
    const std::string gate = m.b.Node("HardSigmoid", {m.x}, OnnxAttributes().Float("alpha", 1.0f / 6));
    m.ExpectFused(x_first ? m.Mul(m.x, gate) : m.Mul(gate, m.x), "HardSwish");
  }
}

TEST(FuseActivations, OtherConstantsThanThoseOfHardSwishStay) {
  struct Case {
    float shift, low, high, scale;
  };
  for (const Case& c : {Case{2.9f, 0, 6, 1.0f / 6}, Case{-3, 0, 6, 1.0f / 6}, Case{3, -1, 6, 1.0f / 6},
                        Case{3, 0, 5, 1.0f / 6}, Case{3, 0, 6, 1}, Case{3, 0, 6, 1.0f / 5}, Case{3, 0, 6, -1.0f / 6}}) {
    ActivationModel m;
    m.ExpectUnfused(m.Mul(m.Mul(m.x, Clip(m, m.Add(m.x, c.shift), c.low, c.high)), c.scale));
  }
  for (const auto& [alpha, beta] : {std::pair{0.2f, 0.5f}, std::pair{1.0f / 6, 0.4f}}) {
    ActivationModel m;
    const OnnxAttributes line = OnnxAttributes().Float("alpha", alpha).Float("beta", beta);
    m.ExpectUnfused(m.Mul(m.x, m.b.Node("HardSigmoid", {m.x}, line)));
  }
}

TEST(FuseActivations, AScaleStaysBehindHardSwishThroughHardSigmoid) {
  ActivationModel m;
  const std::string gate = m.b.Node("HardSigmoid", {m.x}, OnnxAttributes().Float("alpha", 1.0f / 6));
  const Graph graph = m.Finish(m.Mul(m.Mul(m.x, gate), 2));
  EXPECT_EQ(graph.nodes.size(), 2u) << Print(graph);
  EXPECT_EQ(Count(graph, "HardSwish") * Count(graph, "Mul"), 1u) << Print(graph);
}

TEST(FuseActivations, AScaleInsideHardSwishThroughHardSigmoidStays) {
  ActivationModel m;
  const std::string gate = m.b.Node("HardSigmoid", {m.x}, OnnxAttributes().Float("alpha", 1.0f / 6));
  m.ExpectUnfused(m.Mul(m.Mul(m.x, 2), gate));
}

TEST(FuseActivations, HardSwishOfTwoTensorsStays) {
  ActivationModel clipped;
  clipped.b.Node("Abs", {"x"}, {"z"});
  clipped.ExpectUnfused(clipped.Mul(clipped.Mul("z", Clip(clipped, clipped.Add("x", 3), 0, 6)), 1.0f / 6));
  ActivationModel sigmoid;
  sigmoid.b.Node("Abs", {"x"}, {"z"});
  sigmoid.ExpectUnfused(
      sigmoid.Mul("z", sigmoid.b.Node("HardSigmoid", {"x"}, OnnxAttributes().Float("alpha", 1.0f / 6))));
}

// x * Sigmoid(x) has no operator of its own: it must not become one of those that have.
TEST(FuseActivations, SwishAndMishStay) {
  ActivationModel swish;
  swish.ExpectUnfused(swish.Mul(swish.x, swish.b.Node("Sigmoid", {swish.x})));
  ActivationModel mish;
  mish.ExpectUnfused(mish.Mul(mish.x, mish.Tanh(mish.b.Node("Softplus", {mish.x}))));
}

}  // namespace
}  // namespace decal
