// Operators that move elements.
#include "tests/gpu/cases.h"

namespace decal::testing {

void AddMovementCases(CaseWriter& writer) {
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
