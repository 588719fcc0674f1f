// Operators that move elements.
// SPDX-License-Identifier: MIT
#include "tests/gpu/cases.h"

namespace decal::testing {

namespace {

void AddRearranged(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    const std::string n = " " + std::to_string(seed);
    {
      CaseGraph g(seed);
      const int64_t block = 1 + g.Pick(4), c = 1 + g.Pick(9), h = 1 + g.Pick(9), w = 1 + g.Pick(9);
      g.MapOutput(g.Node(DepthToSpace{block, seed % 2 == 0}, {g.Map({1 + g.Pick(2), c * block * block, h, w})}));
      writer.Add("DepthToSpace" + n, g);
      CaseGraph f(seed);
      f.MapOutput(f.Node(SpaceToDepth{block}, {f.Map({1 + f.Pick(2), c, h * block, w * block})}));
      writer.Add("SpaceToDepth" + n, f);
    }
    {
      CaseGraph g(seed);
      const PadMode mode = static_cast<PadMode>(seed % 4);
      const int64_t least = mode == PadMode::kConstant ? -1 : 0;
      std::vector<int64_t> pads;
      for (int i = 0; i < 8; ++i) pads.push_back(i % 4 < 2 ? g.Pick(2) : least + g.Pick(4));
      std::vector<ValueId> inputs = {g.Map({2, 3 + g.Pick(9), 4 + g.Pick(9), 4 + g.Pick(9)}), g.Ints(pads)};
      if (g.Pick(2) == 0) inputs.push_back(g.Floats({}, {2.5f}));
      g.Output(g.Node(Pad{mode}, inputs));
      writer.Add("Pad" + n, g);
    }
    {
      CaseGraph g(seed);
      const ValueId repeats = g.Ints({1 + g.Pick(2), 1 + g.Pick(3), 1 + g.Pick(2), 1 + g.Pick(3)});
      g.Output(g.Node(Tile{}, {g.Map({1 + g.Pick(2), 1 + g.Pick(9), 1 + g.Pick(9), 1 + g.Pick(9)}), repeats}));
      writer.Add("Tile" + n, g);
    }
    {
      CaseGraph g(seed);
      const Shape shape{2, 3 + g.Pick(9), 4 + g.Pick(9), 4 + g.Pick(9)};
      const int64_t axis = g.Pick(4);
      std::vector<int64_t> indices;
      for (int64_t i = g.Pick(12); i >= 0; --i)
        indices.push_back(g.Pick(2 * shape[static_cast<size_t>(axis)]) - shape[static_cast<size_t>(axis)]);
      g.Output(g.Node(Gather{axis}, {g.Map(shape), g.Ints(indices)}));
      writer.Add("Gather" + n, g);
    }
  }
}

}  // namespace

void AddMovementCases(CaseWriter& writer) {
  AddRearranged(writer);
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const std::string n = " " + std::to_string(seed);
    {
      CaseGraph g(seed);
      const ValueId x = g.Input({2, 3 + g.Pick(9), 5, 4 + g.Pick(30)});
      const Dims perms[] = {{0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}, {0, 1, 3, 2}};
      g.Output(g.Node(Transpose{perms[seed % 4]}, {x}));
      writer.Add("Transpose" + n, g);
    }
    {
      CaseGraph g(seed);
      const int64_t h = 3 + g.Pick(20), w = 3 + g.Pick(20);
      std::vector<ValueId> parts;
      for (int i = 0; i < 3; ++i) {
        const ValueId x = g.Input({1, 1 + g.Pick(9), h, w});
        parts.push_back(g.Pick(2) == 0 ? x : g.Node(Unary{UnaryKind::kAbs}, {x}));
      }
      g.Output(g.Node(Concat{1}, parts));
      writer.Add("Concat" + n, g);
    }
    {
      CaseGraph g(seed);
      const ValueId x = g.Map({1, 12, 6 + g.Pick(9), 10});
      for (const ValueId part : g.Nodes(Split{static_cast<int64_t>(1 + seed % 2), 2}, {x}, 2)) g.Output(part);
      writer.Add("Split" + n, g);
    }
    {
      CaseGraph g(seed);
      const ValueId x = g.Input({1, 9, 12, 20});
      const int64_t step = seed % 2 == 0 ? 1 : 2;
      g.Output(g.Node(Slice{}, {x, g.Ints({1 + g.Pick(3), 2}), g.Ints({9, 19}), g.Ints({1, 3}), g.Ints({step, 1})}));
      writer.Add("Slice" + n, g);
    }
    {
      CaseGraph g(seed);
      g.Output(g.Node(Expand{}, {g.Input({1, 4, 1, 6}), g.Ints({3, 4, 1 + static_cast<int64_t>(seed), 6})}));
      writer.Add("Expand" + n, g);
    }
    {
      // Space to depth, as compose_movement spells it: [1, 8, 3 * 4, 5 * 4] -> [1, 8 * 16, 3, 5].
      CaseGraph g(seed);
      const int64_t h = 2 + g.Pick(9), w = 2 + g.Pick(9), c = 1 + g.Pick(9);
      Strided op{.shape = {1, c * 16, h, w},
                 .digits = {{4, 2, 1}, {4, 3, 1}, {c, 1, 1}, {h, 2, 4}, {w, 3, 4}},
                 .start = {0, 0, 0, 0}};
      std::erase_if(op.digits, [](const Strided::Digit& digit) { return digit.extent == 1; });
      g.Output(g.Node(op, {g.Input({1, c, 4 * h, 4 * w})}));
      writer.Add("Strided" + n, g);
    }
  }
}

}  // namespace decal::testing
