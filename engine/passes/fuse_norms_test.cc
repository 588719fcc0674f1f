// Normalisation in each spelling that the pass draws becomes one operator; what only looks like it stays.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

enum class Root { kSqrt, kPow, kReciprocal, kOneOver, kPowNegative };
constexpr Root kRoots[] = {Root::kSqrt, Root::kPow, Root::kReciprocal, Root::kOneOver, Root::kPowNegative};

struct Spelling {
  Root root = Root::kSqrt;
  bool pow = true;  // of the difference; otherwise a product with itself
  bool epsilon_first = false;
  bool one_difference = true;  // both uses of x - mean are one node
  bool factor_first = false;   // of a product with the reciprocal
  float epsilon = 1e-3f;
  float exponent = 2;
};

// A model under construction whose input is x.
struct NormModel {
  OnnxBuilder b;
  std::vector<Shape> inputs;
  int64_t opset;

  explicit NormModel(const std::vector<int64_t>& x, int64_t opset = 17) : b(opset), opset(opset) { AddInput("x", x); }

  std::string AddInput(const std::string& name, const std::vector<int64_t>& shape) {
    b.Input(name, shape);
    Shape& own = inputs.emplace_back();
    for (int64_t extent : shape) own.push_back(extent);
    return name;
  }
  std::string Scalar(float value, const std::vector<int64_t>& shape = {}) {
    return b.Floats("scalar" + std::to_string(scalars++), shape, {value});
  }
  std::string Mean(const std::string& v, const std::vector<int64_t>& axes, bool keepdims = true) {
    const OnnxAttributes keep = OnnxAttributes().Int("keepdims", keepdims);
    if (axes.empty()) return b.Node("ReduceMean", {v}, keep);
    if (opset >= 18) return b.Node("ReduceMean", {v, b.Ints("axes" + std::to_string(scalars++), axes)}, keep);
    return b.Node("ReduceMean", {v}, OnnxAttributes(keep).Ints("axes", axes));
  }
  std::string Difference(const std::vector<int64_t>& axes) { return b.Node("Sub", {"x", Mean("x", axes)}); }
  std::string Variance(const std::string& difference, const std::vector<int64_t>& axes, const Spelling& s = {}) {
    const std::string squared =
        s.pow ? b.Node("Pow", {difference, Scalar(s.exponent)}) : b.Node("Mul", {difference, difference});
    return Mean(squared, axes);
  }
  // `difference` divided by the deviation.
  std::string Divide(const std::string& difference, const std::string& shifted, const Spelling& s = {}) {
    const auto times = [&](const std::string& factor) {
      return b.Node("Mul", s.factor_first ? std::vector{factor, difference} : std::vector{difference, factor});
    };
    switch (s.root) {
      case Root::kSqrt: return b.Node("Div", {difference, b.Node("Sqrt", {shifted})});
      case Root::kPow: return b.Node("Div", {difference, b.Node("Pow", {shifted, Scalar(0.5f)})});
      case Root::kReciprocal: return times(b.Node("Reciprocal", {b.Node("Sqrt", {shifted})}));
      case Root::kOneOver: return times(b.Node("Div", {Scalar(1), b.Node("Sqrt", {shifted})}));
      case Root::kPowNegative: return times(b.Node("Pow", {shifted, Scalar(-0.5f)}));
    }
    return "";
  }
  std::string Normalised(const std::vector<int64_t>& axes, const Spelling& s = {}) {
    const std::string difference = Difference(axes);
    const std::string variance = Variance(s.one_difference ? difference : Difference(axes), axes, s);
    const std::string epsilon = Scalar(s.epsilon);
    const std::string shifted =
        b.Node("Add", s.epsilon_first ? std::vector{epsilon, variance} : std::vector{variance, epsilon});
    return Divide(difference, shifted, s);
  }
  std::string Constant(const std::vector<int64_t>& shape) {
    return b.RandomFloats("constant" + std::to_string(scalars++), shape, random, 0.5f, 2);
  }

  // The graph after all passes when `v` is the output (besides those that are already).
  Graph Finish(const std::string& v) {
    b.Node("Identity", {v}, {"y"});
    b.Output("y");
    return Optimise(b.Build(), RandomInputs(inputs));
  }

  std::mt19937 random{testing::TestSeed(4)};
  int scalars = 0;
};

size_t Norms(const Graph& graph) { return Count(graph, {"LayerNormalization", "InstanceNormalization"}); }
size_t Parts(const Graph& graph) {
  return Count(graph, {"ReduceMean", "Sub", "Pow", "Mul", "Add", "Sqrt", "Div", "Reciprocal"});
}

TEST(FuseNorms, EverySpellingOfTheCore) {
  for (const Root root : kRoots)
    for (int bits = 0; bits < 16; ++bits) {
      const Spelling s = {root, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      NormModel m({2, 3, 8});
      const Graph graph = m.Finish(m.Normalised({-1}, s));
      EXPECT_EQ(Count(graph, "LayerNormalization"), 1u) << Print(graph);
      EXPECT_EQ(graph.nodes.size(), 1u) << Print(graph);
    }
}

TEST(FuseNorms, EpsilonIsTheConstant) {
  for (const float epsilon : {0.0f, 1e-6f, 0.5f}) {
    NormModel m({3, 8});
    const Graph graph = m.Finish(m.Normalised({-1}, {.epsilon = epsilon}));
    ASSERT_EQ(graph.nodes.size(), 1u) << Print(graph);
    EXPECT_EQ(std::get<LayerNorm>(graph.nodes[0].op).epsilon, epsilon);
  }
}

TEST(FuseNorms, AnyRunOfLastAxes) {
  struct Case {
    std::vector<int64_t> axes;
    int64_t first;
  };
  for (const int64_t opset : {13, 17, 18})
    for (const Case& c :
         {Case{{2}, 2}, Case{{-1}, 2}, Case{{1, 2}, 1}, Case{{-1, -2}, 1}, Case{{0, 1, 2}, 0}, Case{{}, 0}}) {
      NormModel m({2, 3, 8}, opset);
      const Graph graph = m.Finish(m.Normalised(c.axes));
      ASSERT_EQ(graph.nodes.size(), 1u) << Print(graph);
      EXPECT_EQ(std::get<LayerNorm>(graph.nodes[0].op).axis, c.first);
    }
}

TEST(FuseNorms, ScaleAndBiasAreAbsorbedInAnyOrder) {
  struct Case {
    const char* ops;  // of constants, in their order
    bool constant_first;
  };
  for (const Case& c : {Case{"*+", false}, Case{"*+", true}, Case{"*", false}, Case{"+", true}, Case{"+*", false},
                        Case{"+*+*", true}, Case{"**", false}})
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{8}, {1, 1, 8}, {1}, {}}) {
      NormModel m({2, 3, 8});
      std::string v = m.Normalised({-1});
      for (const char* op = c.ops; *op != 0; ++op) {
        const std::string k = m.Constant(shape);
        v = m.b.Node(*op == '*' ? "Mul" : "Add", c.constant_first ? std::vector{k, v} : std::vector{v, k});
      }
      const Graph graph = m.Finish(v);
      EXPECT_EQ(graph.nodes.size(), 1u) << c.ops << "\n" << Print(graph);
      EXPECT_EQ(Count(graph, "LayerNormalization"), 1u);
    }
}

TEST(FuseNorms, ParametersOfTwoAxesBroadcast) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{3, 8}, {3, 1}, {8}, {1, 3, 8}}) {
    NormModel m({2, 3, 8});
    const std::string scaled = m.b.Node("Mul", {m.Normalised({1, 2}), m.Constant(shape)});
    const Graph graph = m.Finish(m.b.Node("Add", {scaled, m.Constant({3, 1})}));
    EXPECT_EQ(graph.nodes.size(), 1u) << Print(graph);
    EXPECT_EQ(Norms(graph), 1u);
  }
}

TEST(FuseNorms, OverChannelsOfAPicture) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{6, 1, 1}, {1, 6, 1, 1}, {}}) {
    NormModel m({2, 6, 5, 4});
    const std::string scaled = m.b.Node("Mul", {m.Normalised({1}), m.Constant(shape)});
    const Graph graph = m.Finish(m.b.Node("Add", {m.Constant(shape), scaled}));
    EXPECT_EQ(Count(graph, "LayerNormalization"), 1u) << Print(graph);
    EXPECT_EQ(Parts(graph), 0u) << Print(graph);
  }
}

TEST(FuseNorms, OverThePictureOfAChannel) {
  for (const std::vector<int64_t>& axes : {std::vector<int64_t>{2, 3}, {-1, -2}})
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{6, 1, 1}, {1, 6, 1, 1}, {1, 1}}) {
      NormModel m({2, 6, 5, 4});
      const std::string scaled = m.b.Node("Mul", {m.Constant(shape), m.Normalised(axes)});
      const Graph graph = m.Finish(m.b.Node("Add", {scaled, m.Constant(shape)}));
      EXPECT_EQ(Count(graph, "InstanceNormalization"), 1u) << Print(graph);
      EXPECT_EQ(Parts(graph), 0u) << Print(graph);
    }
}

TEST(FuseNorms, OverTheLastThreeAxesOfAPicture) {
  NormModel m({2, 6, 5, 4});  // one group of a group normalisation; its scale goes by channel
  const std::string scaled = m.b.Node("Mul", {m.Normalised({1, 2, 3}), m.Constant({6, 1, 1})});
  const Graph graph = m.Finish(scaled);
  EXPECT_EQ(Count(graph, "LayerNormalization"), 1u) << Print(graph);
  EXPECT_EQ(Parts(graph), 0u) << Print(graph);
}

// ---- near misses: the result is the same, and no norm is there ---------------------------------

TEST(FuseNorms, OtherAxesStay) {
  for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0}, {1}, {0, 1}, {0, 2}}) {
    NormModel m({3, 4, 8});
    EXPECT_EQ(Norms(m.Finish(m.Normalised(axes))), 0u);
  }
  for (const std::vector<int64_t>& axes : {std::vector<int64_t>{2}, {1, 2}, {1, 3}, {0, 1}}) {
    NormModel m({2, 4, 3, 5});
    EXPECT_EQ(Norms(m.Finish(m.Normalised(axes))), 0u);
  }
}

TEST(FuseNorms, AnotherPowerStays) {
  NormModel cubed({3, 8});
  EXPECT_EQ(Norms(cubed.Finish(cubed.Normalised({-1}, {.epsilon = 9, .exponent = 3}))), 0u);
  NormModel fourth_root({3, 8});
  const std::string difference = fourth_root.Difference({-1});
  const std::string shifted =
      fourth_root.b.Node("Add", {fourth_root.Variance(difference, {-1}), fourth_root.Scalar(1e-3f)});
  const std::string root = fourth_root.b.Node("Pow", {shifted, fourth_root.Scalar(0.25f)});
  EXPECT_EQ(Norms(fourth_root.Finish(fourth_root.b.Node("Div", {difference, root}))), 0u);
}

TEST(FuseNorms, MeanAndVarianceOverDifferentAxesStay) {
  NormModel m({2, 3, 8});
  const std::string difference = m.Difference({-1});
  const std::string shifted = m.b.Node("Add", {m.Variance(difference, {1, 2}), m.Scalar(1e-3f)});
  EXPECT_EQ(Norms(m.Finish(m.Divide(difference, shifted))), 0u);
}

TEST(FuseNorms, TheVarianceOfAnotherTensorStays) {
  for (const bool other_mean : {false, true}) {
    NormModel m({3, 8});
    m.AddInput("z", {3, 8});
    const std::string difference = m.Difference({-1});
    const std::string other = m.b.Node("Sub", {other_mean ? "x" : "z", m.Mean("z", {-1})});
    const std::string shifted = m.b.Node("Add", {m.Variance(other, {-1}), m.Scalar(1e-3f)});
    EXPECT_EQ(Norms(m.Finish(m.Divide(difference, shifted))), 0u);
  }
}

TEST(FuseNorms, TheProductOfTwoDifferencesStays) {
  NormModel m({3, 8});
  m.AddInput("z", {3, 8});
  const std::string difference = m.Difference({-1});
  const std::string product = m.b.Node("Mul", {difference, m.b.Node("Sub", {"z", m.Mean("z", {-1})})});
  const std::string shifted = m.b.Node("Add", {m.Mean(product, {-1}), m.Scalar(5)});
  EXPECT_EQ(Norms(m.Finish(m.Divide(difference, shifted))), 0u);
}

TEST(FuseNorms, ReversedOperandsStay) {
  NormModel negated({3, 8});  // mean - x
  const std::string difference = negated.b.Node("Sub", {negated.Mean("x", {-1}), "x"});
  const std::string variance = negated.b.Node("Add", {negated.Variance(difference, {-1}), negated.Scalar(1e-3f)});
  EXPECT_EQ(Norms(negated.Finish(negated.Divide(difference, variance))), 0u);
  NormModel inverted({3, 8});  // deviation / (x - mean), which stays away from zero
  const std::string d = inverted.Difference({-1});
  const std::string shifted = inverted.b.Node("Add", {inverted.Variance(d, {-1}), inverted.Scalar(1e-3f)});
  EXPECT_EQ(Norms(inverted.Finish(inverted.b.Node("Div", {inverted.b.Node("Sqrt", {shifted}), d}))), 0u);
}

TEST(FuseNorms, AVarianceWithoutEpsilonOrWithAVectorStays) {
  NormModel bare({3, 8});
  const std::string difference = bare.Difference({-1});
  EXPECT_EQ(Norms(bare.Finish(bare.Divide(difference, bare.Variance(difference, {-1})))), 0u);
  NormModel vector({3, 8});
  const std::string d = vector.Difference({-1});
  EXPECT_EQ(
      Norms(vector.Finish(vector.Divide(d, vector.b.Node("Add", {vector.Variance(d, {-1}), vector.Constant({8})})))),
      0u);
}

TEST(FuseNorms, MeansThatDropTheirDimensionStay) {
  NormModel m({8, 8});  // the mean of row i is taken from column i
  const std::string difference = m.b.Node("Sub", {"x", m.Mean("x", {-1}, false)});
  const std::string shifted = m.b.Node("Add", {m.Variance(difference, {-1}), m.Scalar(1e-3f)});
  EXPECT_EQ(Norms(m.Finish(m.Divide(difference, shifted))), 0u);
}

TEST(FuseNorms, ScalarsThatAddADimensionStay) {
  NormModel wide_epsilon({3, 8});
  const std::string d = wide_epsilon.Difference({-1});
  const std::string shifted =
      wide_epsilon.b.Node("Add", {wide_epsilon.Variance(d, {-1}), wide_epsilon.Scalar(1e-3f, {1, 1, 1})});
  EXPECT_EQ(Norms(wide_epsilon.Finish(wide_epsilon.Divide(d, shifted))), 0u);
  NormModel wide_exponent({3, 8});
  const std::string e = wide_exponent.Difference({1});
  const std::string squared = wide_exponent.b.Node("Pow", {e, wide_exponent.Scalar(2, {1, 1, 1})});
  const std::string sum = wide_exponent.b.Node("Add", {wide_exponent.Mean(squared, {1}), wide_exponent.Scalar(1e-3f)});
  EXPECT_EQ(Norms(wide_exponent.Finish(wide_exponent.Divide(e, sum))), 0u);
}

// ---- values that others look at ----------------------------------------------------------------

TEST(FuseNorms, PartsThatAreOutputsAreStillMade) {
  NormModel m({3, 8});
  const std::string difference = m.Difference({-1});
  const std::string variance = m.Variance(difference, {-1});
  m.b.Node("Neg", {difference}, {"centred"});
  m.b.Output(variance);
  m.b.Output("centred");
  const Graph graph = m.Finish(m.Divide(difference, m.b.Node("Add", {variance, m.Scalar(1e-3f)})));
  EXPECT_EQ(Count(graph, "LayerNormalization"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Sub"), 1u) << Print(graph);
}

TEST(FuseNorms, AScaleBehindANormThatOthersReadStays) {
  for (const bool is_output : {false, true})
    for (const std::vector<int64_t>& axes : {std::vector<int64_t>{-1}, {1}, {2, 3}}) {
      NormModel m({2, 4, 3, 5});
      const std::string normal = m.Normalised(axes);
      if (is_output) m.b.Output(normal);
      else m.b.Node("Neg", {normal}, {"negated"}), m.b.Output("negated");
      const std::string scaled = m.b.Node(
          "Mul", {normal, m.Constant(axes[0] == -1 ? std::vector<int64_t>{5} : std::vector<int64_t>{4, 1, 1})});
      const Graph graph = m.Finish(scaled);
      EXPECT_EQ(Norms(graph), 1u) << Print(graph);
      EXPECT_EQ(Count(graph, "Mul"), 1u) << Print(graph);
    }
}

TEST(FuseNorms, ABiasBehindAScaledValueThatOthersReadStays) {
  NormModel m({3, 8});
  const std::string scaled = m.b.Node("Mul", {m.Normalised({-1}), m.Constant({8})});
  m.b.Output(scaled);
  const Graph graph = m.Finish(m.b.Node("Add", {scaled, m.Constant({8})}));
  EXPECT_EQ(Norms(graph), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Mul"), 0u) << Print(graph);
  EXPECT_EQ(Count(graph, "Add"), 1u) << Print(graph);
}

TEST(FuseNorms, ConstantsAcrossTheParametersStay) {
  struct Case {
    std::vector<int64_t> axes, shape;
  };
  for (const Case& c :
       {Case{{-1}, {4, 1, 1}}, Case{{-1}, {3, 5}}, Case{{-1}, {1, 1, 1, 1, 1}}, Case{{1}, {5}}, Case{{1}, {4, 1, 5}},
        Case{{1}, {2, 1, 1, 1}}, Case{{2, 3}, {3, 5}}, Case{{2, 3}, {2, 4, 1, 1}}}) {
    NormModel m({2, 4, 3, 5});
    const Graph graph = m.Finish(m.b.Node("Mul", {m.Normalised(c.axes), m.Constant(c.shape)}));
    EXPECT_EQ(Norms(graph), 1u) << Print(graph);
    EXPECT_EQ(Count(graph, "Mul"), 1u) << Print(graph);
  }
}

TEST(FuseNorms, AComputedScaleStays) {
  NormModel m({3, 8});
  m.AddInput("s", {8});
  const Graph graph = m.Finish(m.b.Node("Mul", {m.Normalised({-1}), "s"}));
  EXPECT_EQ(Norms(graph), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Mul"), 1u) << Print(graph);
}

TEST(FuseNorms, NormsThatShareParametersKeepTheirOwn) {
  NormModel m({3, 8});
  const std::string scale = m.Constant({8}), bias = m.Constant({8});
  const std::string first = m.b.Node("LayerNormalization", {"x", scale, bias});
  const std::string second = m.b.Node("LayerNormalization", {m.b.Node("Exp", {"x"}), scale, bias});
  const Graph graph = m.Finish(m.b.Node("Sub", {m.b.Node("Mul", {first, m.Constant({8})}), second}));
  EXPECT_EQ(Norms(graph), 2u) << Print(graph);
  EXPECT_EQ(Count(graph, {"Mul", "Add"}), 0u) << Print(graph);
}

TEST(FuseNorms, ANormWithItsMomentsAsOutputsKeepsItsScale) {
  NormModel m({3, 8});
  m.b.Node("LayerNormalization", {"x", m.Constant({8})}, {"normal", "mean", "inverse"});
  m.b.Output("mean");
  m.b.Output("inverse");
  const Graph graph = m.Finish(m.b.Node("Mul", {"normal", m.Constant({8})}));
  EXPECT_EQ(Count(graph, "Mul"), 1u) << Print(graph);
}

}  // namespace
}  // namespace decal
