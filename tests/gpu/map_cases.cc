// Pooling, resizing and sampling of maps.
// SPDX-License-Identifier: MIT
#include "tests/gpu/cases.h"

namespace decal::testing {
namespace {

Shape RandomMap(CaseGraph& g) {
  return {1 + g.Pick(6) / 5, g.Pick(2) == 0 ? 4 * (1 + g.Pick(6)) : 1 + g.Pick(9), 7 + g.Pick(30), 7 + g.Pick(30)};
}

void AddPools(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    CaseGraph g(seed);
    Shape shape = RandomMap(g);
    if (seed % 8 == 7) shape.erase(2);
    Pool op{seed % 2 == 0 ? PoolKind::kMax : PoolKind::kAverage};
    for (size_t d = 2; d < shape.rank(); ++d) {
      const int64_t kernel = 1 + g.Pick(4), dilation = 1 + g.Pick(2);
      op.window.kernel.push_back(kernel);
      op.window.strides.push_back(1 + g.Pick(3));
      op.window.dilations.push_back(dilation);
      op.window.pads_begin.push_back(g.Pick(2) * (kernel - 1) / 2);
      op.window.pads_end.push_back(g.Pick(2) * (kernel - 1) / 2);
    }
    op.ceil_mode = g.Pick(2) == 0;
    op.count_include_pad = g.Pick(2) == 0;
    const ValueId y = g.Node(op, {shape.rank() == 4 ? g.Map(shape) : g.Input(shape)});
    if (shape.rank() == 4) g.MapOutput(y);
    else g.Output(y);
    writer.Add("Pool " + std::to_string(seed), g);
  }
  for (uint32_t seed = 0; seed < 8; ++seed) {
    CaseGraph g(seed);
    Shape shape = RandomMap(g);
    if (seed >= 4) shape = {1, 12, 90, 70};
    g.MapOutput(g.Node(GlobalPool{seed % 2 == 0 ? PoolKind::kMax : PoolKind::kAverage}, {g.Map(shape)}));
    writer.Add("GlobalPool " + std::to_string(seed), g);
  }
}

void AddResizes(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    CaseGraph g(seed);
    Shape shape = RandomMap(g);
    if (seed % 10 == 9) shape.erase(2);
    Resize op{.mode = static_cast<ResizeMode>(seed % 3), .coordinates = static_cast<ResizeCoordinates>(g.Pick(5))};
    op.nearest = static_cast<ResizeNearest>(g.Pick(4));
    op.antialias = op.mode != ResizeMode::kNearest && g.Pick(3) == 0;
    op.exclude_outside = op.mode == ResizeMode::kCubic && g.Pick(2) == 0;
    std::vector<int64_t> sizes = {shape[0], shape[1]};
    for (size_t d = 2; d < shape.rank(); ++d)
      sizes.push_back(g.Pick(4) == 0 ? shape[d] : g.Pick(3) == 0 ? 2 * shape[d] : 2 + g.Pick(60));
    std::vector<ValueId> inputs = {shape.rank() == 4 ? g.Map(shape) : g.Input(shape), kNoValue, g.Ints(sizes)};
    if (seed % 7 == 6) {
      op.coordinates = ResizeCoordinates::kTfCropAndResize;
      op.extrapolation = 0.5f;
      op.antialias = false;
      std::vector<float> region(2 * shape.rank(), 0.0f);
      for (size_t d = 0; d < shape.rank(); ++d) region[shape.rank() + d] = d < 2 ? 1.0f : 1.3f;
      for (size_t d = 2; d < shape.rank(); ++d) region[d] = d == 2 ? -0.2f : 0.1f;
      inputs.push_back(g.Floats({static_cast<int64_t>(region.size())}, region));
    }
    const ValueId y = g.Node(op, inputs);
    if (shape.rank() == 4) g.MapOutput(y);
    else g.Output(y);
    writer.Add("Resize " + std::to_string(seed), g);
  }
}

void AddGridSamples(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 18; ++seed) {
    CaseGraph g(seed);
    const Shape shape = RandomMap(g);
    const GridSample op{static_cast<ResizeMode>(seed % 3), static_cast<GridPadding>(seed / 3 % 3), seed >= 9};
    const ValueId grid = g.Input({shape[0], 3 + g.Pick(20), 3 + g.Pick(20), 2}, -1.6f, 1.6f);
    g.Output(g.Node(op, {g.Map(shape), grid}));
    writer.Add("GridSample " + std::to_string(seed), g);
  }
}

}  // namespace

void AddMapCases(CaseWriter& writer) {
  AddPools(writer);
  AddResizes(writer);
  // Rounding moves positions, by which nearest neighbours change.
  if (!writer.half()) AddGridSamples(writer);
}

}  // namespace decal::testing
