// The algebra of data movement against movement itself: chains of random operators on a tensor of its own indices.
#include "engine/passes/index_map.h"

#include "engine/ops/ops.h"
#include "tests/support/kernel_test.h"

namespace decal {
namespace {

using testing::TestTensor;

// A tensor whose elements are their positions in the root, moved element by element.
struct Moved {
  Shape shape;
  std::vector<int64_t> at;

  static Moved Of(const Shape& shape) {
    Moved m{shape, {}};
    for (int64_t i = 0; i < shape.elements(); ++i) m.at.push_back(i);
    return m;
  }

  // Element [i] of the result is element source(i) of this.
  template <class Source>
  Moved Picked(const Shape& to, const Source& source) const {
    Moved m{to, {}};
    const Strides dense = DenseStrides(shape, Layout::kRowMajor);
    for (StridedIndex<0> i(to, {}); i.valid(); i.Next()) {
      int64_t offset = 0;
      const Dims index = source(i.index());
      for (size_t d = 0; d < index.rank(); ++d) offset += index[d] * dense[d];
      m.at.push_back(at[static_cast<size_t>(offset)]);
    }
    return m;
  }
};

std::vector<int64_t> Apply(const IndexMap& map, const Shape& root) {
  TestTensor x = TestTensor::Dense(root, Layout::kRowMajor, DType::kInt64);
  for (int64_t i = 0; i < root.elements(); ++i) x.mutable_view().as<int64_t>()[i] = i;
  TestTensor y = TestTensor::Dense(map.shape(), Layout::kRowMajor, DType::kInt64);
  const TensorView in = x.view();
  const MutableTensorView out = y.mutable_view();
  EXPECT_TRUE(RunReference(map.ToStrided(), {&in, 1}, {&out, 1}));
  const int64_t* values = y.view().as<int64_t>();
  return {values, values + map.shape().elements()};
}

class RandomMover {
 public:
  explicit RandomMover(uint32_t seed) : random_(seed) {}
  int64_t Pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // One random operator on both descriptions; false where the algebra gives up.
  bool Step(Moved& moved, std::optional<IndexMap>& map) {
    const size_t rank = moved.shape.rank();
    switch (Pick(0, 4)) {
      case 0: {
        const Shape shape = Refactored(moved.shape.elements());
        moved.shape = shape;
        map = map->Reshaped(shape);
        break;
      }
      case 1: {
        std::vector<size_t> perm;
        for (size_t d = 0; d < rank; ++d) perm.push_back(d);
        std::shuffle(perm.begin(), perm.end(), random_);
        Shape shape;
        for (size_t d : perm) shape.push_back(moved.shape[d]);
        moved = moved.Picked(shape, [&](const Dims& i) {
          Dims from = i;
          for (size_t d = 0; d < rank; ++d) from[perm[d]] = i[d];
          return from;
        });
        map = map->Transposed(perm);
        break;
      }
      case 2: {
        if (rank == 0) break;
        const size_t d = static_cast<size_t>(Pick(0, static_cast<int64_t>(rank) - 1));
        const int64_t step = Pick(0, 3) == 0 ? -1 : Pick(1, 2), n = moved.shape[d];
        const int64_t extent = Pick(1, step == 2 ? (n + 1) / 2 : n);
        const int64_t reach = (extent - 1) * (step < 0 ? -step : step);
        const int64_t start = Pick(0, n - 1 - reach) + (step < 0 ? reach : 0);
        Shape shape = moved.shape;
        shape[d] = extent;
        moved = moved.Picked(shape, [&](Dims i) {
          i[d] = start + i[d] * step;
          return i;
        });
        map = map->Sliced(d, start, extent, step);
        break;
      }
      case 3: {
        Shape shape = moved.shape;
        for (int64_t& extent : shape)
          if (extent == 1) extent = Pick(1, 3);
        const Shape before = moved.shape;
        moved = moved.Picked(shape, [&](Dims i) {
          for (size_t d = 0; d < i.rank(); ++d)
            if (before[d] == 1) i[d] = 0;
          return i;
        });
        map = map->Expanded(shape);
        break;
      }
      default: return StepThroughConcat(moved, map);
    }
    return map.has_value();
  }

 private:
  // Cuts a dimension into equal parts and joins them along another, as image2patches does.
  bool StepThroughConcat(Moved& moved, std::optional<IndexMap>& map) {
    if (moved.shape.rank() < 2) return true;
    const size_t from = 0, to = moved.shape.rank() - 1;
    const int64_t n = moved.shape[from];
    if (n % 2 != 0) return true;
    std::vector<IndexMap> parts;
    for (int64_t start : {int64_t{0}, n / 2}) {
      const auto part = map->Sliced(from, start, n / 2, 1);
      if (!part) return false;
      parts.push_back(*part);
    }
    Shape shape = moved.shape;
    const int64_t width = shape[to];
    shape[from] = n / 2;
    shape[to] = 2 * width;
    moved = moved.Picked(shape, [&](Dims i) {
      i[from] += i[to] / width * (n / 2);
      i[to] %= width;
      return i;
    });
    map = IndexMap::Concatenated(parts, to);
    return map.has_value();
  }

  Shape Refactored(int64_t elements) {
    Shape shape;
    while (elements > 1 && shape.rank() < 4) {
      std::vector<int64_t> factors;
      for (int64_t f = 2; f <= elements; ++f)
        if (elements % f == 0) factors.push_back(f);
      const int64_t factor = shape.rank() == 3
                                 ? elements
                                 : factors[static_cast<size_t>(Pick(0, static_cast<int64_t>(factors.size()) - 1))];
      shape.push_back(factor);
      elements /= factor;
      if (Pick(0, 5) == 0) shape.push_back(1);
    }
    return shape;
  }

  std::mt19937 random_;
};

TEST(IndexMap, ChainsPickWhatTheirOperatorsPick) {
  size_t composed = 0, gave_up = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    RandomMover mover(seed);
    const Shape root{mover.Pick(1, 4), 2 * mover.Pick(1, 3), mover.Pick(1, 6)};
    Moved moved = Moved::Of(root);
    std::optional<IndexMap> map = IndexMap::Identity(0, root);
    for (int step = 0; step < 6; ++step) {
      if (!mover.Step(moved, map)) {
        ++gave_up;
        break;
      }
      ASSERT_EQ(map->shape(), moved.shape) << "seed " << seed;
      ASSERT_EQ(Apply(*map, root), moved.at) << "seed " << seed << ", step " << step;
      ASSERT_EQ(map->KeepsOrder(root), moved.at == Moved::Of(root).at) << "seed " << seed;
      ++composed;
    }
  }
  EXPECT_GT(composed, 5 * gave_up) << "the algebra gives up where it need not";
}

TEST(IndexMap, OrderOfDigitsIsNormal) {
  const Shape root{4, 6};
  const IndexMap x = IndexMap::Identity(0, root);
  const size_t swap[] = {1, 0};
  EXPECT_TRUE(x.Transposed(swap)->Transposed(swap) == x);
  EXPECT_TRUE(x.Reshaped({2, 2, 3, 2})->Reshaped(root) == x);
  EXPECT_TRUE(x.Sliced(0, 1, 3, 1)->Sliced(0, 1, 2, 1) == x.Sliced(0, 2, 2, 1));
  EXPECT_FALSE(x.Sliced(0, 0, 2, 1) == x.Sliced(0, 1, 2, 1));
  EXPECT_TRUE(x.Reshaped({24})->KeepsOrder(root));
  EXPECT_FALSE(x.Transposed(swap)->KeepsOrder(root));
}

TEST(IndexMap, WhatIsNotRegularIsRefused) {
  const IndexMap x = IndexMap::Identity(0, {4, 6});
  const auto part = [&](int64_t start, int64_t extent) { return *x.Sliced(1, start, extent, 1); };
  const IndexMap roll[] = {part(2, 4), part(0, 2)}, uneven[] = {part(0, 4), part(4, 2)};
  EXPECT_FALSE(IndexMap::Concatenated(roll, 1));
  EXPECT_FALSE(IndexMap::Concatenated(uneven, 0));
  const IndexMap backwards[] = {part(4, 2), part(2, 2), part(0, 2)};
  if (const auto map = IndexMap::Concatenated(backwards, 1))  // regular: a negative step
    EXPECT_EQ(Apply(*map, {4, 6})[0], 4);
  const IndexMap other[] = {part(0, 2), IndexMap::Identity(1, {4, 2})};
  EXPECT_FALSE(IndexMap::Concatenated(other, 1));
}

}  // namespace
}  // namespace decal
