// Random networks through the whole pipeline against the scalar references of the untouched graph.
//
// The generator mixes what real networks mix: convolutions of every kind, skips into concats, residuals,
// resizes, pools, slices and layout changes. It finds wrong aliases, wrong lifetimes and wrong fusions.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "decal/session.h"
#include "tests/support/reference_runner.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::AsBytes;
using testing::ImportAndInfer;
using testing::OnnxAttributes;
using testing::OnnxBuilder;
using testing::RunByReference;
using testing::TestTensor;

class RandomNetwork {
 public:
  explicit RandomNetwork(uint32_t seed) : random_(testing::TestSeed(seed)) {
    shape_ = {1, 1 + Pick(4), 6 + Pick(8), 6 + Pick(8)};
    builder_.Input("x", {shape_[0], shape_[1], shape_[2], shape_[3]});
    maps_.push_back({"x", shape_[1], shape_[2], shape_[3]});
    const int nodes = 4 + static_cast<int>(Pick(14));
    for (int i = 0; i < nodes; ++i) AddNode();
    // The last map and one from the middle are outputs.
    builder_.Node("Abs", {maps_.back().name}, {"y"});
    builder_.Output("y");
    const Map& middle = maps_[static_cast<size_t>(Pick(static_cast<int64_t>(maps_.size())))];
    if (middle.name != "x") builder_.Output(middle.name);
  }

  std::string Build() const { return builder_.Build(); }
  Shape input_shape() const { return shape_; }

 private:
  struct Map {
    std::string name;
    int64_t c, h, w;
  };

  int64_t Pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint32_t>(n)); }
  const Map& AnyMap() { return maps_[static_cast<size_t>(Pick(static_cast<int64_t>(maps_.size())))]; }
  std::string Name(const char* what) { return what + std::to_string(names_++); }
  std::string Weights(const std::vector<int64_t>& shape) {
    return builder_.RandomFloats(Name("w"), shape, random_, -0.4f, 0.4f);
  }
  void Add(std::string name, int64_t c, int64_t h, int64_t w) { maps_.push_back({std::move(name), c, h, w}); }

  std::string Activated(const std::string& x, int64_t channels) {
    switch (Pick(7)) {
      case 0: return builder_.Node("Relu", {x});
      case 1: return builder_.Node("Sigmoid", {x});
      case 2: return builder_.Node("LeakyRelu", {x}, OnnxAttributes().Float("alpha", 0.1f));
      case 3: return builder_.Node("PRelu", {x, Weights({channels, 1, 1})});
      case 4:
        return builder_.Node("Clip",
                             {x, builder_.Floats(Name("lo"), {}, {-0.2f}), builder_.Floats(Name("hi"), {}, {0.7f})});
      default: return x;
    }
  }

  void AddConv() {
    const Map m = AnyMap();
    const int64_t kernel = 1 + 2 * Pick(2), dilation = 1 + Pick(2), stride = 1 + Pick(2) * (m.h > 4 && m.w > 4);
    const bool depthwise = Pick(3) == 0;
    const int64_t out = depthwise ? m.c : 1 + Pick(9), pad = dilation * (kernel - 1) / 2;
    std::vector<std::string> inputs = {m.name, Weights({out, depthwise ? 1 : m.c, kernel, kernel})};
    if (Pick(2)) inputs.push_back(Weights({out}));
    const std::string conv = builder_.Node("Conv", inputs,
                                           OnnxAttributes()
                                               .Ints("kernel_shape", {kernel, kernel})
                                               .Ints("dilations", {dilation, dilation})
                                               .Ints("strides", {stride, stride})
                                               .Ints("pads", {pad, pad, pad, pad})
                                               .Int("group", depthwise ? m.c : 1));
    const int64_t h = (m.h - 1) / stride + 1, w = (m.w - 1) / stride + 1;
    std::string name = Activated(conv, out);
    for (const Map& other : maps_) {
      if (other.c != out || other.h != h || other.w != w || Pick(2)) continue;
      name = builder_.Node("Add", {name, other.name});
      if (Pick(2)) name = builder_.Node("Relu", {name});
      break;
    }
    Add(name, out, h, w);
  }

  void AddConcat() {
    const Map m = AnyMap();
    std::vector<std::string> parts;
    int64_t channels = 0;
    for (const Map& other : maps_) {
      if (other.h != m.h || other.w != m.w || (Pick(3) == 0 && other.name != m.name)) continue;
      parts.push_back(other.name);
      channels += other.c;
    }
    if (channels > 40) return;
    Add(builder_.Node("Concat", parts, OnnxAttributes().Int("axis", 1)), channels, m.h, m.w);
  }

  void AddNode() {
    const Map m = AnyMap();
    switch (Pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3: return AddConv();
      case 4:
      case 5: return AddConcat();
      case 6:
        if (m.h < 4 || m.w < 4) return;
        return Add(
            builder_.Node(Pick(2) ? "MaxPool" : "AveragePool", {m.name},
                          OnnxAttributes().Ints("kernel_shape", {2, 2}).Ints("strides", {2, 2}).Int("ceil_mode", 1)),
            m.c, (m.h + 1) / 2, (m.w + 1) / 2);
      case 7: {
        const int64_t h = 4 + Pick(10), w = 4 + Pick(10);
        return Add(builder_.Node("Resize", {m.name, "", "", builder_.Ints(Name("s"), {1, m.c, h, w})},
                                 OnnxAttributes().String("mode", "linear")),
                   m.c, h, w);
      }
      case 8: {  // squeeze and excite
        const std::string pooled = builder_.Node("GlobalAveragePool", {m.name});
        const std::string gate = builder_.Node("Sigmoid", {builder_.Node("Conv", {pooled, Weights({m.c, m.c, 1, 1})})});
        return Add(builder_.Node("Mul", {m.name, gate}), m.c, m.h, m.w);
      }
      case 9: {
        if (m.c < 2) return;
        const int64_t half = m.c / 2;
        return Add(builder_.Node("Slice", {m.name, builder_.Ints(Name("s"), {half}), builder_.Ints(Name("e"), {m.c}),
                                           builder_.Ints(Name("a"), {1})}),
                   m.c - half, m.h, m.w);
      }
      case 10: {  // through row-major memory and back
        const std::string flat = builder_.Node("Reshape", {m.name, builder_.Ints(Name("f"), {1, m.c, m.h * m.w})});
        const std::string turned = builder_.Node("Transpose", {flat}, OnnxAttributes().Ints("perm", {0, 2, 1}));
        const std::string back =
            builder_.Node("Transpose", {builder_.Node("Tanh", {turned})}, OnnxAttributes().Ints("perm", {0, 2, 1}));
        return Add(builder_.Node("Reshape", {back, builder_.Ints(Name("b"), {1, m.c, m.h, m.w})}), m.c, m.h, m.w);
      }
      default: return Add(builder_.Node("Mul", {m.name, m.name}), m.c, m.h, m.w);
    }
  }

  std::mt19937 random_;
  OnnxBuilder builder_;
  Shape shape_;
  std::vector<Map> maps_;
  int names_ = 0;
};

TEST(RandomGraphs, PipelineAgreesWithReferences) {
  size_t steps = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const RandomNetwork network(seed);
    const std::string model = network.Build();
    std::vector<TestTensor> inputs;
    inputs.push_back(TestTensor::Dense(network.input_shape()));
    std::mt19937 random(testing::TestSeed(seed));
    inputs[0].FillRandom(random);
    auto plain = ImportAndInfer(model);
    ASSERT_TRUE(plain) << seed << ": " << plain.error().ToString();
    const std::vector<std::vector<float>> expected = RunByReference(*plain, inputs);

    auto session = Session::Load(AsBytes(model));
    ASSERT_TRUE(session) << seed << ": " << session.error().ToString();
    auto pool = MakeThreadPool(1 + seed % 3);
    const Status specialized = session->Specialize(0, 0, *pool);
    ASSERT_TRUE(specialized) << seed << ": " << specialized.error().ToString();
    steps += session->steps().size();
    const std::vector<float> x = inputs[0].Values();
    std::vector<std::vector<float>> actual;
    std::vector<std::span<float>> out;
    for (const auto& values : expected) actual.emplace_back(values.size());
    for (auto& values : actual) out.emplace_back(values);
    const std::span<const float> in = x;
    for (int run = 0; run < 2; ++run) {  // a second run finds what the first left in the arena
      ASSERT_TRUE(session->Run({&in, 1}, out, {}));
      for (size_t o = 0; o < expected.size(); ++o)
        for (size_t i = 0; i < expected[o].size(); ++i)
          ASSERT_NEAR(actual[o][i], expected[o][i], 2e-4f * std::max(1.0f, std::abs(expected[o][i])))
              << "seed " << seed << " run " << run << " output " << o << " element " << i << "\n"
              << Print(*plain);
    }
  }
  EXPECT_GT(steps, 1000u);
}

}  // namespace
}  // namespace decal
