// Reductions, normalisations and softmax.
// SPDX-License-Identifier: MIT
#include <limits>
#include <utility>

#include "tests/gpu/cases.h"

namespace decal::testing {
namespace {

Shape RandomShape(CaseGraph& g, size_t rank) {
  Shape shape;
  for (size_t d = 0; d < rank; ++d) shape.push_back(g.Pick(2) == 0 ? 4 * (1 + g.Pick(5)) : 1 + g.Pick(19));
  return shape;
}

void AddReduces(CaseWriter& writer) {
  for (int kind = 0; kind <= static_cast<int>(ReduceKind::kLogSumExp); ++kind) {
    for (uint32_t seed = 0; seed < 8; ++seed) {
      CaseGraph g(seed);
      Reduce op{static_cast<ReduceKind>(kind)};
      op.keepdims = g.Pick(2) == 0;
      const bool long_run = seed == 6 || seed == 7;
      // The rounding errors of a long product add up, mostly downwards: below 1, floats are closer to each other.
      const bool product = op.kind == ReduceKind::kProd;
      const int64_t channels = 3 + g.Pick(6), height = product ? 20 : 60, width = product ? 30 : 80;
      const Shape shape = long_run ? Shape{1, channels, height, width} : RandomShape(g, 2 + seed % 3);
      if (long_run) {
        op.axes = {2, 3};
        if (seed == 7) op.axes = {1, 2, 3};
      } else {
        for (size_t d = 0; d < shape.rank(); ++d)
          if (g.Pick(2) == 0) op.axes.push_back(static_cast<int64_t>(d));
      }
      int64_t count = 1;
      for (const int64_t axis : op.axes) count *= shape[static_cast<size_t>(axis)];
      if (op.axes.empty()) count = shape.elements();
      // A product of many numbers far from 1 overflows or underflows; logarithms need positive sums.
      const float spread = product ? 1.0f / static_cast<float>(count) : 0.9f;
      const bool positive = op.kind == ReduceKind::kLogSum || product;
      const ValueId x = g.Input(shape, positive ? 1 - spread : -2, positive ? 1 + spread : 2);
      // Behind a window of one pixel, x is a channels-last map.
      const bool map = shape.rank() == 4 && seed % 2 == 0;
      const ValueId from = map ? g.Node(Pool{PoolKind::kMax, {.kernel = {1, 1}}}, {x}) : x;
      g.Output(g.Node(op, {from}));
      writer.Add("Reduce " + std::to_string(kind) + " " + std::to_string(seed), g);
    }
  }
}

void AddNorms(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 16; ++seed) {
    const std::string n = " " + std::to_string(seed);
    {
      CaseGraph g(seed);
      const Shape shape{1 + g.Pick(2), g.Pick(2) == 0 ? 4 * (1 + g.Pick(9)) : 1 + g.Pick(30), 3 + g.Pick(20),
                        3 + g.Pick(20)};
      const Shape c{shape[1]};
      g.MapOutput(
          g.Node(BatchNorm{}, {g.Map(shape), g.Constant(c), g.Constant(c), g.Constant(c), g.Constant(c, 0.5f, 2)}));
      writer.Add("BatchNorm" + n, g);

      CaseGraph h(seed);
      const Shape map = seed % 3 == 0 ? Shape{1, shape[1], 70, 90} : shape;
      h.MapOutput(
          h.Node(InstanceNorm{}, {h.Map(map), h.Constant(c, 0.5f, 2), seed % 2 == 0 ? h.Constant(c) : h.Input(c)}));
      writer.Add("InstanceNorm" + n, h);
    }
    {
      CaseGraph g(seed);
      const Shape shape = seed % 5 == 4 ? Shape{2, 37, 4 * (8 + g.Pick(60))} : RandomShape(g, 2 + seed % 3);
      LayerNorm op{.axis = seed % 4 == 3 ? 1 : -1};
      Shape parameters;
      for (size_t d = seed % 4 == 3 ? 1 : shape.rank() - 1; d < shape.rank(); ++d) parameters.push_back(shape[d]);
      if (parameters.elements() == 1) parameters = {1};
      const ValueId scale = seed % 7 == 6 ? g.Constant({1}) : g.Constant(parameters);
      g.Output(g.Node(op, {g.Input(shape, -3, 3), scale, seed % 2 == 0 ? g.Constant(parameters) : kNoValue}));
      writer.Add("LayerNorm" + n, g);
    }
    {
      CaseGraph g(seed);
      const size_t rank = 2 + seed % 3;
      const Shape shape = seed % 5 == 4 ? Shape{2, 3, 21, 150} : RandomShape(g, rank);
      const Softmax op{
          .axis = g.Pick(static_cast<int64_t>(shape.rank())), .log = g.Pick(3) == 0, .flatten = g.Pick(4) == 0};
      const bool map = shape.rank() == 4 && g.Pick(2) == 0;
      if (map)
        g.MapOutput(g.Node(op, {g.Node(BatchNorm{}, {g.Map(shape), g.Constant({shape[1]}), g.Constant({shape[1]}),
                                                     g.Constant({shape[1]}), g.Constant({shape[1]}, 0.5f, 2)})}));
      else g.Output(g.Node(op, {g.Input(shape, -9, 9)}));
      writer.Add("Softmax" + n, g);
    }
  }
}

// Norms that normalise some channels and only scale and shift the others, and limits from a fused Clip.
void AddPartialNorms(CaseWriter& writer) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr std::pair<float, float> kLimits[] = {
      {-kInfinity, kInfinity}, {0, kInfinity}, {-0.3f, 0.8f}, {-kInfinity, 0.5f}};
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CaseGraph g(seed);
    const int64_t channels = seed % 2 == 0 ? 4 * (1 + g.Pick(9)) : 2 + g.Pick(30);
    const Shape shape{1 + g.Pick(2), channels, 3 + g.Pick(20), 3 + g.Pick(20)}, c{channels};
    InstanceNorm op{.low = kLimits[seed % 4].first, .high = kLimits[seed % 4].second};
    if (seed % 3 != 0) op.first = g.Pick(channels);
    if (seed % 3 != 1) op.end = op.first + 1 + g.Pick(channels - op.first);
    g.MapOutput(g.Node(op, {g.Map(shape), g.Constant(c, 0.5f, 2), g.Constant(c)}));
    writer.Add("InstanceNorm part " + std::to_string(seed), g);
  }
}

}  // namespace

void AddReductionCases(CaseWriter& writer) {
  AddReduces(writer);
  AddNorms(writer);
  AddPartialNorms(writer);
}

}  // namespace decal::testing
