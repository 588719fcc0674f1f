// Attention written as matrix products, as exporters do, becomes one operator; graphs that only resemble it stay as they are.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using Dimensions = std::vector<int64_t>;

enum class Place { kNone, kQuery, kKey, kBoth, kAfter, kAfterDivided, kQueryDivided };
constexpr Place kPlaces[] = {Place::kNone,  Place::kQuery,        Place::kKey,         Place::kBoth,
                             Place::kAfter, Place::kAfterDivided, Place::kQueryDivided};

// A model under construction whose inputs are q [B,H,M,D], k [B,H,N,D] and v [B,H,N,E]; without H where
// `heads` is 0.
struct AttentionModel {
  static constexpr int64_t kBatch = 4, kM = 5, kN = 6, kD = 3, kE = 2;
  static constexpr float kScale = 0.7f;

  OnnxBuilder b;
  std::vector<Shape> inputs;
  int64_t heads;
  std::mt19937 random{testing::TestSeed(9)};
  int constants = 0;

  explicit AttentionModel(int64_t heads, int64_t opset = 17, int64_t m = kM, int64_t n = kN) : b(opset), heads(heads) {
    AddInput("q", WithHeads(kBatch, {m, kD}));
    AddInput("k", WithHeads(kBatch, {n, kD}));
    AddInput("v", WithHeads(kBatch, {n, kE}));
  }
  Dimensions WithHeads(int64_t batch, const Dimensions& rest) const {
    Dimensions all = {batch};
    if (heads > 0) all.push_back(heads);
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }
  std::string AddInput(const std::string& name, const Dimensions& shape) {
    b.Input(name, shape);
    Shape& own = inputs.emplace_back();
    for (int64_t extent : shape) own.push_back(extent);
    return name;
  }
  std::string Scalar(float value, const Dimensions& shape = {}) {
    return b.Floats("constant" + std::to_string(constants++), shape, {value});
  }
  std::string Constant(const Dimensions& shape) {
    return b.RandomFloats("constant" + std::to_string(constants++), shape, random, -2, 2);
  }
  std::string Reshape(const std::string& v, const Dimensions& shape) {
    return b.Node("Reshape", {v, b.Ints("constant" + std::to_string(constants++), shape)});
  }
  std::string Mul(const std::string& v, float factor) { return b.Node("Mul", {v, Scalar(factor)}); }
  std::string Div(const std::string& v, float divisor) { return b.Node("Div", {v, Scalar(divisor)}); }
  std::string Add(const std::string& v, const std::string& w) { return b.Node("Add", {v, w}); }
  std::string Turned(const std::string& v) {  // the last two dimensions
    const Dimensions perm = heads > 0 ? Dimensions{0, 1, 3, 2} : Dimensions{0, 2, 1};
    return b.Node("Transpose", {v}, OnnxAttributes().Ints("perm", perm));
  }
  std::string Scores(Place place = Place::kNone) {
    const float half_scale = std::sqrt(kScale);
    std::string q = "q", k = Turned("k");
    if (place == Place::kQuery) q = Mul(q, kScale);
    if (place == Place::kQueryDivided) q = Div(q, 1 / kScale);
    if (place == Place::kKey) k = b.Node("Mul", {Scalar(kScale), k});
    if (place == Place::kBoth) q = Mul(q, half_scale), k = Mul(k, half_scale);
    std::string scores = b.Node("MatMul", {q, k});
    if (place == Place::kAfter) return Mul(scores, kScale);
    if (place == Place::kAfterDivided) return Div(scores, 1 / kScale);
    return scores;
  }
  std::string Softmax(const std::string& v, int64_t axis = -1) {
    return b.Node("Softmax", {v}, OnnxAttributes().Int("axis", axis));
  }
  std::string Weighted(const std::string& weights, const std::string& v = "v") {
    return b.Node("MatMul", {weights, v});
  }

  // The graph after all passes when `v` is the output (besides those that are already).
  Graph Finish(const std::string& v) {
    b.Node("Identity", {v}, {"y"});
    b.Output("y");
    return Optimise(b.Build(), RandomInputs(inputs), 1e-5f);
  }
  Graph FinishScores(const std::string& scores) { return Finish(Weighted(Softmax(scores))); }

  // One operator beside data movement, with that scale and number of biases.
  void ExpectFused(const Graph& graph, float scale, int64_t biases) {
    EXPECT_EQ(Count(graph, {"MatMul", "Softmax", "Mul", "Div", "Add", "Transpose"}), 0u) << Print(graph);
    ASSERT_EQ(Count(graph, "Attention"), 1u) << Print(graph);
    for (const Node& node : graph.nodes)
      if (const auto* attention = std::get_if<Attention>(&node.op)) {
        EXPECT_NEAR(attention->scale, scale, 1e-6f);
        EXPECT_EQ(attention->biases, biases);
      }
  }
};

constexpr float kScale = AttentionModel::kScale;
constexpr int64_t kBatch = AttentionModel::kBatch, kM = AttentionModel::kM, kN = AttentionModel::kN,
                  kD = AttentionModel::kD, kE = AttentionModel::kE;

void ExpectUnfused(const Graph& graph) {
  EXPECT_EQ(Count(graph, "Attention"), 0u) << Print(graph);
  EXPECT_EQ(Count(graph, "Softmax"), 1u) << Print(graph);
}

TEST(FuseAttention, WhereverTheScaleStands) {
  for (const int64_t heads : {0, 1, 3})
    for (const Place place : kPlaces) {
      AttentionModel m(heads);
      m.ExpectFused(m.FinishScores(m.Scores(place)), place == Place::kNone ? 1 : kScale, 0);
    }
}

TEST(FuseAttention, SeveralScalesMultiply) {
  AttentionModel m(3);
  m.ExpectFused(m.FinishScores(m.Div(m.Mul(m.Scores(Place::kQuery), -2), 0.5f)), kScale * -4, 0);
}

TEST(FuseAttention, TheLastAxisByItsNumber) {
  for (const int64_t heads : {0, 3})
    for (const int64_t opset : {11, 13}) {
      AttentionModel m(heads, opset);
      m.ExpectFused(m.Finish(m.Weighted(m.Softmax(m.Scores(), heads > 0 ? 3 : 2))), 1, 0);
    }
}

TEST(FuseAttention, ABiasThatBroadcasts) {
  for (const Dimensions& shape :
       {Dimensions{3, kM, kN}, {1, 3, kM, kN}, {kM, kN}, {1, 1, kM, kN}, {kBatch, 3, kM, kN}, {kBatch, 1, kM, kN}})
    for (const bool first : {false, true}) {
      AttentionModel m(3);
      const std::string scores = m.Scores(Place::kAfter), bias = m.Constant(shape);
      m.ExpectFused(m.FinishScores(first ? m.Add(bias, scores) : m.Add(scores, bias)), kScale, 1);
    }
  for (const Dimensions& shape : {Dimensions{kM, kN}, {1, kM, kN}, {kBatch, kM, kN}}) {
    AttentionModel m(0);
    m.ExpectFused(m.FinishScores(m.Add(m.Scores(Place::kQuery), m.Constant(shape))), kScale, 1);
  }
}

TEST(FuseAttention, WindowMasksThroughAReshape) {
  for (const Dimensions& mask : {Dimensions{1, 2, 1, kM, kN},
                                 {2, 1, kM, kN},
                                 {2, 3, kM, kN},
                                 {1, 1, 1, kM, kN},
                                 {2, 2, 1, kM, kN},
                                 {2, 2, 3, kM, kN}})
    for (const bool with_bias : {false, true}) {
      AttentionModel m(3);  // two pictures of two windows
      std::string scores = m.Scores(Place::kQuery);
      if (with_bias) scores = m.Add(scores, m.Constant({1, 3, kM, kN}));
      scores = m.Add(m.Reshape(scores, {kBatch / 2, 2, 3, kM, kN}), m.Constant(mask));
      m.ExpectFused(m.FinishScores(m.Reshape(scores, {kBatch, 3, kM, kN})), kScale, with_bias ? 2 : 1);
    }
}

TEST(FuseAttention, HeadsInsideTheBatch) {
  for (const Dimensions& mask : {Dimensions{2, kM, kN}, {1, 2, kM, kN}, {1, 1, kM, kN}, {2, 2, kM, kN}}) {
    AttentionModel m(0);  // [B*H,M,N], as torch's multi_head_attention writes it; the bias is added to [B,H,M,N]
    const std::string scores = m.Add(m.Reshape(m.Scores(Place::kAfter), {2, 2, kM, kN}), m.Constant(mask));
    m.ExpectFused(m.FinishScores(m.Reshape(scores, {kBatch, kM, kN})), kScale, 1);
  }
}

TEST(FuseAttention, HeadsOfOnePackedProjection) {
  OnnxBuilder b;
  const int64_t batch = 2, tokens = 5, heads = 3, width = 4;
  b.Input("x", {batch, tokens, 3 * heads * width});
  const std::string split = b.Node("Reshape", {"x", b.Ints("split", {batch, tokens, 3, heads, width})});
  const std::string turned = b.Node("Transpose", {split}, OnnxAttributes().Ints("perm", {2, 0, 3, 1, 4}));
  std::vector<std::string> parts;
  for (int64_t i = 0; i < 3; ++i) {
    const std::string index = b.Tensor<int64_t>("index" + std::to_string(i), {}, 7, {i});
    parts.push_back(b.Node("Gather", {turned, index}, OnnxAttributes().Int("axis", 0)));
  }
  const std::string scaled = b.Node("Mul", {parts[0], b.Floats("scale", {}, {0.5f})});
  const std::string keys = b.Node("Transpose", {parts[1]}, OnnxAttributes().Ints("perm", {0, 1, 3, 2}));
  const std::string weights = b.Node("Softmax", {b.Node("MatMul", {scaled, keys})}, OnnxAttributes().Int("axis", -1));
  const std::string mixed = b.Node("MatMul", {weights, parts[2]});
  const std::string back = b.Node("Transpose", {mixed}, OnnxAttributes().Ints("perm", {0, 2, 1, 3}));
  b.Node("Reshape", {back, b.Ints("merged", {batch, tokens, heads * width})}, {"y"});
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInputs({{batch, tokens, 3 * heads * width}}), 1e-5f);
  EXPECT_EQ(Count(graph, "Attention"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, {"MatMul", "Softmax", "Mul", "Transpose"}), 0u) << Print(graph);
  // q, k and v are slices of x in the order that Attention reads, and its result is in that of y.
  EXPECT_LE(Count(graph, {"Strided", "View"}), 4u) << Print(graph);
}

// ---- near misses: the result is the same, and the parts are there ------------------------------

TEST(FuseAttention, AnotherAxisStays) {
  for (const int64_t axis : {-2, 1}) {
    AttentionModel m(3);
    ExpectUnfused(m.Finish(m.Weighted(m.Softmax(m.Scores(), axis))));
  }
}

TEST(FuseAttention, ASoftmaxOverSeveralAxesAtOnceStays) {
  AttentionModel m(3, 11);  // before opset 13: over all dimensions from the axis on
  ExpectUnfused(m.Finish(m.Weighted(m.Softmax(m.Scores(), 2))));
}

TEST(FuseAttention, LogarithmsStay) {
  AttentionModel m(3);
  const std::string logs = m.b.Node("LogSoftmax", {m.Scores()}, OnnxAttributes().Int("axis", -1));
  EXPECT_EQ(Count(m.Finish(m.Weighted(logs)), "Attention"), 0u);
}

TEST(FuseAttention, PartsThatOthersReadStay) {
  AttentionModel weights(3);
  const std::string softmax = weights.Softmax(weights.Scores());
  weights.b.Output(softmax);
  ExpectUnfused(weights.Finish(weights.Weighted(softmax)));
  AttentionModel scores(3);
  const std::string product = scores.Scores(Place::kQuery);
  scores.b.Output(product);
  ExpectUnfused(scores.FinishScores(scores.Add(product, scores.Constant({3, kM, kN}))));
  AttentionModel sum(3);
  const std::string biased = sum.Add(sum.Scores(), sum.Constant({3, kM, kN}));
  sum.b.Node("Neg", {biased}, {"negated"});
  sum.b.Output("negated");
  ExpectUnfused(sum.FinishScores(biased));
}

TEST(FuseAttention, AScaledQueryThatOthersReadIsFusedAsItIs) {
  AttentionModel m(3);
  const std::string scaled = m.Mul("q", kScale);
  m.b.Output(scaled);
  const Graph graph = m.FinishScores(m.b.Node("MatMul", {scaled, m.Turned("k")}));
  EXPECT_EQ(Count(graph, "Attention"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Mul"), 1u) << Print(graph);
  for (const Node& node : graph.nodes)
    if (const auto* attention = std::get_if<Attention>(&node.op)) EXPECT_EQ(attention->scale, 1);
}

TEST(FuseAttention, ABiasThatIsScaledStays) {
  AttentionModel m(3);
  ExpectUnfused(m.FinishScores(m.Mul(m.Add(m.Scores(), m.Constant({3, kM, kN})), kScale)));
}

TEST(FuseAttention, AComputedMaskStays) {
  AttentionModel m(3);
  m.AddInput("mask", {kBatch, 1, kM, kN});
  ExpectUnfused(m.FinishScores(m.Add(m.Scores(), "mask")));
}

TEST(FuseAttention, MasksOfOtherPeriodsStay) {
  for (const Dimensions& shape : {Dimensions{kN}, {1, 1, 1, kN}, {kM, 1}, {1}}) {
    AttentionModel m(3);
    ExpectUnfused(m.FinishScores(m.Add(m.Scores(), m.Constant(shape))));
  }
  for (const Dimensions& mask : {Dimensions{2, 1, 1, kM, kN}, {2, 1, 3, kM, kN}}) {
    AttentionModel m(3);  // element b would read b / 2
    const std::string sum = m.Add(m.Reshape(m.Scores(), {2, 2, 3, kM, kN}), m.Constant(mask));
    ExpectUnfused(m.FinishScores(m.Reshape(sum, {kBatch, 3, kM, kN})));
  }
}

TEST(FuseAttention, AMaskOverHeadsAndBatchTogetherStays) {
  AttentionModel m(2);  // [B,2,M,N] seen as [B*2,M,N]: dimension 0 is not the batch
  const std::string sum = m.Add(m.Reshape(m.Scores(), {kBatch * 2, kM, kN}), m.Constant({kBatch * 2, kM, kN}));
  ExpectUnfused(m.FinishScores(m.Reshape(sum, {kBatch, 2, kM, kN})));
  AttentionModel joined(2);  // and as [B/2,4,M,N]: dimension 1 is not the heads
  const std::string four = joined.Add(joined.Reshape(joined.Scores(), {2, 4, kM, kN}), joined.Constant({4, kM, kN}));
  ExpectUnfused(joined.FinishScores(joined.Reshape(four, {kBatch, 2, kM, kN})));
}

TEST(FuseAttention, ABiasThatWidensTheScoresStays) {
  AttentionModel m(1);  // one head becomes three
  m.AddInput("w", {kBatch, 3, kN, kE});
  ExpectUnfused(m.Finish(m.Weighted(m.Softmax(m.Add(m.Scores(), m.Constant({3, kM, kN}))), "w")));
}

TEST(FuseAttention, AThirdBiasStays) {
  AttentionModel m(3);
  std::string scores = m.Scores();
  for (int i = 0; i < 3; ++i) scores = m.Add(scores, m.Constant({3, kM, kN}));
  ExpectUnfused(m.FinishScores(scores));
}

TEST(FuseAttention, OtherOperatorsBetweenStay) {
  AttentionModel difference(3);
  ExpectUnfused(
      difference.FinishScores(difference.b.Node("Sub", {difference.Scores(), difference.Constant({3, kM, kN})})));
  AttentionModel inverse(3);  // scalar / scores, all of them positive
  const std::string keys = inverse.Turned(inverse.b.Node("Exp", {"k"}));
  const std::string positive = inverse.b.Node("MatMul", {inverse.b.Node("Exp", {"q"}), keys});
  ExpectUnfused(inverse.FinishScores(inverse.b.Node("Div", {inverse.Scalar(kScale), positive})));
  AttentionModel vector(3);
  ExpectUnfused(vector.FinishScores(vector.b.Node("Mul", {vector.Scores(), vector.Constant({3, 1, 1})})));
  AttentionModel after(3);
  const Graph scaled = after.Finish(after.Weighted(after.Mul(after.Softmax(after.Scores()), kScale)));
  ExpectUnfused(scaled);
}

TEST(FuseAttention, TurnedScoresStay) {
  for (const int64_t n : {kN, kM}) {  // queries and keys change places
    AttentionModel m(3, 17, kM, n);
    m.AddInput("w", {kBatch, 3, kM, kE});
    ExpectUnfused(m.Finish(m.Weighted(m.Softmax(m.Turned(m.Scores())), "w")));
  }
}

TEST(FuseAttention, ScoresReshapedToOthersStay) {
  for (const int64_t heads : {0, 3})
    for (const int64_t rows : {2, 1, 8}) {  // [.., 4, 2] read as [.., rows, 8 / rows]
      AttentionModel m(heads, 17, 4, 2);
      m.AddInput("w", m.WithHeads(kBatch, {8 / rows, kE}));
      const std::string scores = m.Reshape(m.Scores(), m.WithHeads(kBatch, {rows, 8 / rows}));
      ExpectUnfused(m.Finish(m.Weighted(m.Softmax(scores), "w")));
    }
}

TEST(FuseAttention, FactorsThatBroadcastStay) {
  AttentionModel queries(3);
  queries.AddInput("one", {1, 3, kM, kD});
  ExpectUnfused(queries.FinishScores(queries.b.Node("MatMul", {"one", queries.Turned("k")})));
  AttentionModel values(3);
  values.AddInput("one", {kBatch, 1, kN, kE});
  ExpectUnfused(values.Finish(values.Weighted(values.Softmax(values.Scores()), "one")));
  AttentionModel keys(3);
  ExpectUnfused(keys.FinishScores(keys.b.Node("MatMul", {"q", keys.Constant({kD, kN})})));
}

TEST(FuseAttention, KnownFactorsStay) {
  AttentionModel m(3);
  ExpectUnfused(m.Finish(m.Weighted(m.Softmax(m.Scores()), m.Constant({kBatch, 3, kN, kE}))));
}

TEST(FuseAttention, AScaleThatAddsADimensionStays) {
  AttentionModel m(0);  // scores [B,M,N] become [1,B,M,N], as if B were heads
  const std::string scores = m.b.Node("Mul", {m.Scores(), m.Scalar(kScale, {1, 1, 1, 1})});
  m.AddInput("w", {1, kBatch, kN, kE});
  ExpectUnfused(m.Finish(m.Weighted(m.Softmax(scores), "w")));
}

}  // namespace
}  // namespace decal
