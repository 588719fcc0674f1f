// Shifted windows as Swin's exporters write them become one gather each; what only looks like them stays.
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

struct Windows {
  int64_t height = 10, width = 9, channels = 4, window = 7, shift = 3, batch = 1;
  std::vector<int64_t> perm = {0, 1, 3, 2, 4, 5};
  bool seen = false;  // an inner value is an output too

  int64_t Padded(int64_t extent) const { return (extent + window - 1) / window * window; }
};

class WindowModel {
 public:
  explicit WindowModel(const Windows& w) : w_(w) {}

  // x [N,H,W,C] to [N * windows, window^2, C].
  std::string Partition() {
    b_.Input("x", {w_.batch, w_.height, w_.width, w_.channels});
    const int64_t hp = w_.Padded(w_.height), wp = w_.Padded(w_.width);
    std::string t = b_.Node("Abs", {"x"});
    if (hp != w_.height || wp != w_.width)
      t = b_.Node("Pad", {t, Ints({0, 0, 0, 0, 0, hp - w_.height, wp - w_.width, 0})});
    if (w_.shift) t = Roll(Roll(t, 1, w_.shift), 2, w_.shift);
    t = b_.Node("Reshape", {t, Ints({w_.batch, hp / w_.window, w_.window, wp / w_.window, w_.window, w_.channels})});
    t = b_.Node("Transpose", {t}, OnnxAttributes().Ints("perm", w_.perm));
    if (w_.seen) b_.Output(t);
    t = b_.Node("Reshape", {t, Ints({-1, w_.window * w_.window, w_.channels})});
    return Finish(t);
  }

  // The way back.
  std::string Merge() {
    const int64_t hp = w_.Padded(w_.height), wp = w_.Padded(w_.width);
    const int64_t windows = w_.batch * (hp / w_.window) * (wp / w_.window);
    b_.Input("x", {windows, w_.window * w_.window, w_.channels});
    std::string t = b_.Node("Abs", {"x"});
    t = b_.Node("Reshape", {t, Ints({w_.batch, hp / w_.window, wp / w_.window, w_.window, w_.window, w_.channels})});
    t = b_.Node("Transpose", {t}, OnnxAttributes().Ints("perm", w_.perm));
    if (w_.seen) b_.Output(t);
    t = b_.Node("Reshape", {t, Ints({w_.batch, hp, wp, w_.channels})});
    if (w_.shift) t = Roll(Roll(t, 1, hp - w_.shift), 2, wp - w_.shift);
    if (hp != w_.height || wp != w_.width)
      t = b_.Node("Slice", {t, Ints({0, 0}), Ints({w_.height, w_.width}), Ints({1, 2})});
    return Finish(t);
  }

 private:
  std::string Ints(const std::vector<int64_t>& values) { return b_.Ints("i" + std::to_string(count_++), values); }
  std::string Roll(const std::string& x, int64_t axis, int64_t by) {
    const std::string rest = b_.Node("Slice", {x, Ints({by}), Ints({INT64_MAX}), Ints({axis})});
    const std::string first = b_.Node("Slice", {x, Ints({0}), Ints({by}), Ints({axis})});
    return b_.Node("Concat", {rest, first}, OnnxAttributes().Int("axis", axis));
  }
  std::string Finish(const std::string& t) {
    b_.Node("Neg", {t}, {"y"});
    b_.Output("y");
    return b_.Build();
  }

  Windows w_;
  OnnxBuilder b_;
  int count_ = 0;
};

Graph Partitioned(const Windows& w) {
  return Optimise(WindowModel(w).Partition(), RandomInputs({{w.batch, w.height, w.width, w.channels}}), 0);
}

Graph Merged(const Windows& w) {
  const int64_t n = w.batch * (w.Padded(w.height) / w.window) * (w.Padded(w.width) / w.window);
  return Optimise(WindowModel(w).Merge(), RandomInputs({{n, w.window * w.window, w.channels}}), 0);
}

constexpr const char* kPieces[] = {"Pad", "Slice", "Concat", "Transpose"};

TEST(FuseWindows, PaddedAndShiftedOnesAreOneGather) {
  for (const Windows& w :
       {Windows{}, Windows{.shift = 0}, Windows{.height = 14, .width = 14},
        Windows{.height = 14, .width = 21, .shift = 2, .batch = 2}, Windows{.height = 5, .width = 3}}) {
    SCOPED_TRACE(std::to_string(w.height) + " x " + std::to_string(w.width) + " by " + std::to_string(w.shift));
    const Graph cut = Partitioned(w), pasted = Merged(w);
    EXPECT_EQ(Count(cut, "WindowPartition"), 1u) << Print(cut);
    EXPECT_EQ(Count(pasted, "WindowMerge"), 1u) << Print(pasted);
    for (const char* piece : kPieces) {
      EXPECT_EQ(Count(cut, piece), 0u) << Print(cut);
      EXPECT_EQ(Count(pasted, piece), 0u) << Print(pasted);
    }
  }
}

TEST(FuseWindows, APlainCutIsARegularMap) {
  const Windows plain{.height = 14, .width = 14, .shift = 0};
  for (const Graph& graph : {Partitioned(plain), Merged(plain)}) {
    EXPECT_EQ(Count(graph, {"WindowPartition", "WindowMerge"}), 0u) << Print(graph);
    EXPECT_EQ(Count(graph, "Strided"), 1u) << Print(graph);
  }
}

TEST(FuseWindows, OtherPermutationsStay) {
  for (const std::vector<int64_t>& perm : {std::vector<int64_t>{0, 3, 1, 2, 4, 5}, {0, 1, 3, 4, 2, 5}}) {
    Windows w;
    w.perm = perm;
    const Graph cut = Partitioned(w);
    EXPECT_EQ(Count(cut, "WindowPartition"), 0u) << Print(cut);
  }
}

TEST(FuseWindows, AnInnerValueThatIsSeenIsStillMade) {
  Windows w;
  w.seen = true;
  Partitioned(w);  // results compared inside
  Merged(w);
}

TEST(FuseWindows, EmptyMapsDoNotHarm) {
  OnnxBuilder b;
  b.Input("x", {1, 7, 7, 2});
  const std::string none = b.Node("Slice", {"x", b.Ints("s", {0}), b.Ints("e", {0}), b.Ints("a", {1})});
  const std::string t =
      b.Node("Reshape", {none, b.Ints("boxes", {1, 0, 7, 1, 7, 2})}, OnnxAttributes().Int("allowzero", 1));
  const std::string moved = b.Node("Transpose", {t}, OnnxAttributes().Ints("perm", {0, 1, 3, 2, 4, 5}));
  b.Node("Reshape", {moved, b.Ints("flat", {0, 49, 2})}, {"y"}, OnnxAttributes().Int("allowzero", 1));
  b.Output("y");
  Optimise(b.Build(), RandomInputs({{1, 7, 7, 2}}), 0);
}

}  // namespace
}  // namespace decal
