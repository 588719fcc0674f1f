// Attention, the windows it works in, and convolutions that sample.
// SPDX-License-Identifier: MIT
#include <limits>

#include "tests/gpu/cases.h"

namespace decal::testing {
namespace {

// [P,G,M,N] of which planes repeat, and of which some elements forbid their key; the first key of a query is never forbidden.
std::vector<float> RandomMask(CaseGraph& g, const Shape& shape, int64_t distinct) {
  const int64_t plane = shape[2] * shape[3];
  std::vector<float> values(static_cast<size_t>(shape.elements()), 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i) % plane, number = static_cast<int64_t>(i) / plane;
    if (number >= distinct) values[i] = values[i - static_cast<size_t>(distinct * plane)];
    else if (at % shape[3] != 0 && number > 0 && g.Pick(3) == 0)
      values[i] = number % 2 == 0 ? -100.0f : -std::numeric_limits<float>::infinity();
  }
  return values;
}

void AddAttention(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    CaseGraph g(seed);
    const int64_t heads = 1 + g.Pick(3), parts = 1 + g.Pick(3), batch = parts * (1 + g.Pick(2));
    const int64_t depth = seed % 3 == 0 ? 32 : 1 + g.Pick(70), queries = seed % 4 == 0 ? 49 : 1 + g.Pick(90);
    const bool packed = seed % 2 == 0;  // q, k and v are slices of one tensor, as in Swin
    const int64_t keys = packed ? queries : 1 + g.Pick(90), columns = packed ? depth : 1 + g.Pick(70);
    std::vector<ValueId> inputs;
    if (packed) {
      const ValueId all = g.Input({batch, queries, 3 * heads, depth}, -2, 2);
      for (const ValueId part : g.Nodes(Split{2, 3}, {all}, 3)) inputs.push_back(part);
    } else {
      inputs = {g.Input({batch, queries, heads, depth}, -2, 2), g.Input({batch, keys, heads, depth}, -2, 2),
                g.Input({batch, keys, heads, columns})};
    }
    Attention op{.scale = 0.3f, .biases = g.Pick(3)};
    if (op.biases > 0) inputs.push_back(g.Constant({1, heads, queries, keys}, -2, 2));
    const Shape mask{parts, 1, queries, keys};
    if (op.biases > 1) {
      if (seed % 5 == 0) inputs.push_back(g.Input(mask));  // computed
      else inputs.push_back(g.Floats(mask, RandomMask(g, mask, seed % 2 == 0 ? parts : 1 + parts / 2)));
    }
    g.Output(g.Node(op, inputs));
    writer.Add("Attention " + std::to_string(seed), g);
  }
}

void AddWindows(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    CaseGraph g(seed);
    const int64_t height = 3 + g.Pick(20), width = 3 + g.Pick(20), window_h = 1 + g.Pick(8), window_w = 1 + g.Pick(8);
    const int64_t channels = seed % 2 == 0 ? 4 * (1 + g.Pick(12)) : 1 + g.Pick(20), shift_y = g.Pick(9),
                  shift_x = g.Pick(9);
    const Shape map{1 + g.Pick(2), height, width, channels};
    const ValueId x = g.Node(Unary{UnaryKind::kAbs}, {g.Input(map)});
    const ValueId windows = g.Node(WindowPartition{window_h, window_w, shift_y, shift_x}, {x});
    g.Output(windows);
    writer.Add("WindowPartition " + std::to_string(seed), g);
    CaseGraph h(seed);
    h.Output(h.Node(WindowMerge{window_h, window_w, shift_y, shift_x, height, width}, {h.Input(g.ShapeOf(windows))}));
    writer.Add("WindowMerge " + std::to_string(seed), h);
  }
}

void AddDeformable(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    CaseGraph g(seed);
    const int64_t kernels[] = {1, 3, 3, 5}, kernel = kernels[g.Pick(4)], taps = kernel * kernel;
    const int64_t groups = 1 + g.Pick(2), stride = 1 + g.Pick(2), dilation = 1 + g.Pick(2),
                  pad = dilation * (kernel / 2);
    const int64_t in = groups * (seed % 2 == 0 ? 4 * (1 + g.Pick(4)) : 1 + g.Pick(7)), out = groups * (1 + g.Pick(12));
    const int64_t divisors[] = {1, 1, groups, in}, offset_group = divisors[g.Pick(4)];
    const Shape x{1 + g.Pick(2), in, kernel * dilation + g.Pick(9), kernel * dilation + g.Pick(9)};
    const auto extent = [&](int64_t n) { return (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; };
    Shape offset{x[0], 2 * offset_group * taps, extent(x[2]), extent(x[3])}, mask = offset;
    mask[1] /= 2;
    DeformConv op{.window = SquareWindow(kernel, stride, dilation, pad), .group = groups, .offset_group = offset_group};
    std::vector<ValueId> inputs = {g.Map(x), g.Constant({out, in / groups, kernel, kernel}, -0.3f, 0.3f),
                                   g.Input(offset, -3, 3), g.Pick(2) == 0 ? kNoValue : g.Constant({out}),
                                   g.Pick(3) == 0 ? kNoValue : g.Map(mask)};
    op.epilogue = RandomEpilogue(g, {x[0], out, offset[2], offset[3]}, inputs);
    g.MapOutput(g.Node(op, inputs));
    writer.Add("DeformConv " + std::to_string(seed), g);
  }
}

}  // namespace

void AddAttentionCases(CaseWriter& writer) {
  AddAttention(writer);
  AddWindows(writer);
  AddDeformable(writer);
}

}  // namespace decal::testing
