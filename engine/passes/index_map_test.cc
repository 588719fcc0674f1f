// The algebra of index maps against the scalar references of the operators that they stand for.
// SPDX-License-Identifier: MIT
#include "engine/passes/index_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "tests/support/kernel_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::TestTensor;

constexpr ValueId kRoot = 3;
constexpr int64_t kMostElements = 3000;  // expansions stop here

TestTensor Iota(const Shape& shape) {
  TestTensor tensor = TestTensor::Dense(shape);
  for (int64_t i = 0; i < shape.elements(); ++i) tensor.mutable_view().as<float>()[i] = static_cast<float>(i);
  return tensor;
}

TensorView Vector(const std::vector<int64_t>& values) {
  return {values.data(), DType::kInt64, {static_cast<int64_t>(values.size())}, {1}};
}

TestTensor Reference(const Op& op, const std::vector<TensorView>& in, const Shape& shape) {
  TestTensor out = TestTensor::Dense(shape);
  const MutableTensorView view = out.mutable_view();
  const Status status = RunReference(op, in, {&view, 1});
  EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  return out;
}

TestTensor SliceReference(const TestTensor& x, size_t d, int64_t start, int64_t extent, int64_t step) {
  Shape shape = x.shape();
  shape[d] = extent;
  // A negative end counts from the other side, unless it lies far out.
  const int64_t end = start + extent * step;
  const std::vector<int64_t> starts{start}, ends{end < 0 ? INT64_MIN : end};
  const std::vector<int64_t> axes{static_cast<int64_t>(d)}, steps{step};
  return Reference(Slice{}, {x.view(), Vector(starts), Vector(ends), Vector(axes), Vector(steps)}, shape);
}

std::vector<float> ValuesOf(const IndexMap& map, const Shape& root_shape) {
  const Strided op = map.ToStrided();
  const InferInput input{true, DType::kFloat32, root_shape, nullptr};
  const InferResult types = InferOp(op, InferContext{{&input, 1}, 1});
  EXPECT_TRUE(types) << types.error().ToString();
  if (!types) return {};
  return Reference(op, {Iota(root_shape).view()}, map.shape()).Values();
}

// A map beside the values that its operators make of a root that holds 0, 1, 2, ..
class Chain {
 public:
  Chain(const Shape& root, uint32_t seed)
      : random_(testing::TestSeed(seed)), root_(root), map_(IndexMap::Identity(kRoot, root)), values_(Iota(root)) {}

  // One random operator. Where the algebra refuses it, the chain stays as it is.
  void Step(std::map<std::string, int>& accepted, std::map<std::string, int>& refused) {
    std::string what;
    std::optional<IndexMap> map;
    TestTensor values;
    switch (Pick(7)) {
      case 0:
      case 1:
        what = "Reshape";
        Reshape(map, values);
        break;
      case 2:
        what = "Transpose";
        Transposition(map, values);
        break;
      case 3:
        what = "Slice";
        RandomSlice(map, values);
        break;
      case 4:
        what = "Expand";
        RandomExpand(map, values);
        break;
      case 5:
        what = "Gather";
        OneIndex(map, values);
        break;
      default:
        what = "Concat";
        CutAndJoin(map, values);
        break;
    }
    ++(map ? accepted : refused)[what];
    if (!map) return;
    text_ += " " + what + values.shape().ToString();
    ASSERT_EQ(map->shape(), values.shape()) << text_;
    ASSERT_EQ(map->root(), kRoot);
    ASSERT_EQ(ValuesOf(*map, root_), values.Values()) << root_.ToString() << text_;
    ASSERT_EQ(map->KeepsOrder(root_), values.Values() == Iota(root_).Values()) << root_.ToString() << text_;
    map_ = *map;
    values_ = std::move(values);
  }

 private:
  int64_t Pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint32_t>(n)); }
  size_t AnyAxis() { return static_cast<size_t>(Pick(static_cast<int64_t>(map_.shape().rank()))); }

  void Reshape(std::optional<IndexMap>& map, TestTensor& values) {
    Shape shape;
    int64_t left = map_.shape().elements();
    while (left > 1 && shape.rank() < 5) {
      int64_t extent = 1 + Pick(std::min<int64_t>(left, 12));
      while (left % extent != 0) --extent;
      shape.push_back(extent);
      left /= extent;
    }
    const size_t at = static_cast<size_t>(Pick(static_cast<int64_t>(shape.rank()) + 1));
    if (left > 1 || Pick(4) == 0) shape.insert(at, left);
    map = map_.Reshaped(shape);
    values = Reference(View{}, {values_.view()}, shape);
  }

  void Transposition(std::optional<IndexMap>& map, TestTensor& values) {
    std::vector<size_t> perm(map_.shape().rank());
    for (size_t i = 0; i < perm.size(); ++i) perm[i] = i;
    std::shuffle(perm.begin(), perm.end(), random_);
    Transpose op;
    Shape shape;
    for (size_t from : perm) {
      op.perm.push_back(static_cast<int64_t>(from));
      shape.push_back(map_.shape()[from]);
    }
    map = map_.Transposed(perm);
    ASSERT_TRUE(map);  // any order of the dimensions is regular
    values = Reference(op, {values_.view()}, shape);
  }

  void RandomSlice(std::optional<IndexMap>& map, TestTensor& values) {
    if (map_.shape().empty()) return;
    const size_t d = AnyAxis();
    const int64_t n = map_.shape()[d], magnitude = Pick(3) ? 1 : 2 + Pick(2);
    const int64_t step = Pick(3) ? magnitude : -magnitude;
    const int64_t start = Pick(n), most = step > 0 ? (n - 1 - start) / step + 1 : start / -step + 1;
    const int64_t extent = 1 + Pick(most);
    map = map_.Sliced(d, start, extent, step);
    values = SliceReference(values_, d, start, extent, step);
  }

  void RandomExpand(std::optional<IndexMap>& map, TestTensor& values) {
    Shape shape = map_.shape();
    for (int64_t& extent : shape)
      if (extent == 1 && Pick(2)) extent = 2 + Pick(2);
    if (shape.rank() < 5 && Pick(3) == 0) shape.insert(0, 1 + Pick(3));
    if (shape.elements() > kMostElements) return;
    map = map_.Expanded(shape);
    const std::vector<int64_t> target(shape.begin(), shape.end());
    values = Reference(Expand{}, {values_.view(), Vector(target)}, shape);
  }

  void OneIndex(std::optional<IndexMap>& map, TestTensor& values) {
    if (map_.shape().empty()) return;
    const size_t d = AnyAxis();
    const int64_t index = Pick(map_.shape()[d]);
    Shape shape = map_.shape();
    shape.erase(d);
    const std::optional<IndexMap> slice = map_.Sliced(d, index, 1, 1);
    if (slice) map = slice->Reshaped(shape);
    const TensorView scalar{&index, DType::kInt64, {}, {}};
    values = Reference(Gather{static_cast<int64_t>(d)}, {values_.view(), scalar}, shape);
  }

  // Equal parts along one dimension, some of them in some order, joined along another.
  void CutAndJoin(std::optional<IndexMap>& map, TestTensor& values) {
    if (map_.shape().empty()) return;
    const size_t d = AnyAxis(), joined = AnyAxis();
    int64_t count = 1 + Pick(std::min<int64_t>(map_.shape()[d], 6));
    while (map_.shape()[d] % count != 0) --count;
    const int64_t extent = map_.shape()[d] / count;
    std::vector<int64_t> order;
    const int64_t first = Pick(count), step = Pick(4) - 1;
    for (int64_t i = first; i >= 0 && i < count && order.size() < 6; i += step) order.push_back(i);
    if (Pick(5) == 0) std::shuffle(order.begin(), order.end(), random_);
    std::vector<IndexMap> parts;
    std::vector<TestTensor> tensors;
    std::vector<TensorView> views;
    for (int64_t i : order) {
      const std::optional<IndexMap> part = map_.Sliced(d, i * extent, extent, 1);
      if (!part) return;
      parts.push_back(*part);
      tensors.push_back(SliceReference(values_, d, i * extent, extent, 1));
    }
    for (const TestTensor& tensor : tensors) views.push_back(tensor.view());
    Shape shape = tensors[0].shape();
    shape[joined] *= static_cast<int64_t>(order.size());
    if (shape.elements() > kMostElements) return;
    map = IndexMap::Concatenated(parts, joined);
    values = Reference(Concat{static_cast<int64_t>(joined)}, views, shape);
  }

  std::mt19937 random_;
  Shape root_;
  IndexMap map_;
  TestTensor values_;
  std::string text_;
};

TEST(IndexMap, RandomChainsAddressTheElementsThatTheOperatorsMove) {
  std::map<std::string, int> accepted, refused;
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    std::mt19937 random(testing::TestSeed(seed));
    Shape root;
    const size_t rank = random() % 5;
    constexpr int64_t kExtents[] = {1, 2, 3, 4, 6, 8, 12};
    for (size_t d = 0; d < rank; ++d) root.push_back(kExtents[random() % 7]);
    if (root.elements() > kMostElements) continue;
    Chain chain(root, seed);
    for (int i = 0; i < 12; ++i) {
      chain.Step(accepted, refused);
      if (HasFatalFailure()) FAIL() << "seed " << seed;
    }
  }
  // Neither side may be empty: refusing everything would pass, and so would chains too simple to be refused.
  for (const char* what : {"Reshape", "Transpose", "Slice", "Expand", "Gather", "Concat"})
    EXPECT_GT(accepted[what], 500) << what;
  for (const char* what : {"Reshape", "Slice", "Concat"}) EXPECT_GT(refused[what], 20) << what;
}

IndexMap Of(const Shape& shape) { return IndexMap::Identity(kRoot, shape); }
std::optional<IndexMap> Turned(const IndexMap& map, std::initializer_list<size_t> perm) {
  return map.Transposed(std::span(perm));
}

TEST(IndexMap, EqualMovementsGiveEqualMaps) {
  const IndexMap x = Of({4, 6, 5});
  EXPECT_EQ(*Turned(*Turned(x, {2, 0, 1}), {1, 2, 0}), x);
  EXPECT_EQ(*x.Reshaped({2, 2, 30})->Reshaped({4, 6, 5}), x);
  EXPECT_EQ(*x.Sliced(1, 1, 5, 1)->Sliced(1, 1, 2, 2), *x.Sliced(1, 2, 2, 2));
  EXPECT_EQ(*x.Sliced(1, 5, 6, -1)->Sliced(1, 5, 6, -1), x);
  EXPECT_EQ(*IndexMap::Concatenated(std::vector{*x.Sliced(1, 0, 3, 1), *x.Sliced(1, 3, 3, 1)}, 1), x);
  EXPECT_FALSE(*x.Sliced(1, 0, 3, 1) == *x.Sliced(1, 3, 3, 1));
  EXPECT_FALSE(x == IndexMap::Identity(kRoot + 1, {4, 6, 5}));
}

TEST(IndexMap, ReshapesAcrossTurnedDimensionsAreRefused) {
  const IndexMap turned = *Turned(Of({2, 3}), {1, 0});
  EXPECT_FALSE(turned.Reshaped({2, 3}));  // rows of 3 out of columns of 2
  EXPECT_TRUE(turned.Reshaped({6}));
  EXPECT_TRUE(turned.Reshaped({3, 1, 2}));
}

TEST(IndexMap, ReshapesToAnotherSizeAreRefused) {
  EXPECT_FALSE(Of({2, 3}).Reshaped({2, 2}));
  EXPECT_FALSE(Of({2, 3}).Reshaped({2, 3, 2}));
  EXPECT_FALSE(Of({2, 3}).Reshaped({}));
  EXPECT_TRUE(Of({1, 1}).Reshaped({}));
}

TEST(IndexMap, SlicesAcrossDigitsAreRefused) {
  const IndexMap flat = *Turned(Of({2, 3}), {1, 0})->Reshaped({6});  // 0 3 1 4 2 5
  EXPECT_FALSE(flat.Sliced(0, 1, 4, 1));
  EXPECT_FALSE(flat.Sliced(0, 0, 3, 1));
  EXPECT_FALSE(flat.Sliced(0, 1, 3, 2));  // regular, as it happens, but not seen as such
  EXPECT_FALSE(flat.Sliced(0, 5, 6, -1));
  EXPECT_EQ(ValuesOf(*flat.Sliced(0, 2, 4, 1), {2, 3}), (std::vector<float>{1, 4, 2, 5}));
  EXPECT_EQ(ValuesOf(*flat.Sliced(0, 3, 2, -1), {2, 3}), (std::vector<float>{4, 1}));
  EXPECT_EQ(ValuesOf(*flat.Sliced(0, 3, 1, 1), {2, 3}), (std::vector<float>{4}));
}

TEST(IndexMap, JoinsWithoutRegularityAreRefused) {
  const IndexMap x = Of({4, 4}), y = IndexMap::Identity(kRoot + 1, {4, 4});
  const auto row = [](const IndexMap& map, int64_t i) { return *map.Sliced(0, i, 1, 1); };
  const auto join = [](const std::vector<IndexMap>& parts) { return IndexMap::Concatenated(parts, 0); };
  EXPECT_FALSE(join({row(x, 0), row(x, 1), row(x, 3)}));
  EXPECT_FALSE(join({row(x, 1), row(x, 2), row(x, 3), row(x, 0)}));                  // a roll
  EXPECT_FALSE(join({row(x, 0), row(y, 1)}));                                        // two roots
  EXPECT_FALSE(join({*x.Sliced(0, 0, 2, 1), row(x, 2)}));                            // uneven parts
  EXPECT_FALSE(join({row(x, 0), *Turned(*x.Sliced(1, 0, 1, 1), {1, 0})}));           // a row and a column
  EXPECT_FALSE(join({*row(x, 0).Sliced(1, 0, 1, 1), *row(x, 1).Sliced(1, 1, 1, 1)}));  // along the diagonal
  EXPECT_EQ(ValuesOf(*join({row(x, 2), row(x, 1), row(x, 0)}), {4, 4}),
            (std::vector<float>{8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3}));
  EXPECT_EQ(ValuesOf(*join({row(x, 3), row(x, 3)}), {4, 4}), (std::vector<float>{12, 13, 14, 15, 12, 13, 14, 15}));
}

TEST(IndexMap, ScalarsHaveNoAxisToRepeatAlong) {
  const IndexMap scalar = Of({}), vector = *scalar.Reshaped({1});
  EXPECT_FALSE(scalar.Expanded({3}));
  EXPECT_FALSE(IndexMap::Concatenated(std::vector{vector, vector}, 0));
  EXPECT_TRUE(IndexMap::Concatenated(std::vector{vector}, 0));
}

TEST(IndexMap, NothingIsNotWalked) {
  EXPECT_FALSE(Of({2, 0}).Reshaped({0, 2}));
  EXPECT_FALSE(Of({2, 0}).Sliced(0, 0, 1, 1));
}

TEST(IndexMap, MoreDigitsThanAnOperatorHoldsAreRefused) {
  const IndexMap bits = *Of({512}).Reshaped({2, 2, 2, 2, 2, 2, 2, 4});
  const IndexMap reversed = *Turned(bits, {7, 6, 5, 4, 3, 2, 1, 0});
  EXPECT_TRUE(reversed.Reshaped({512}));
  EXPECT_FALSE(reversed.Reshaped({2, 256}));  // cuts the digit of 4 in two: a ninth
}

TEST(IndexMap, OrderIsKeptByReshapesOnly) {
  const Shape shape{2, 1, 6};
  const IndexMap x = Of(shape);
  EXPECT_TRUE(x.KeepsOrder(shape));
  EXPECT_TRUE(x.Reshaped({2, 3, 2})->KeepsOrder(shape));
  EXPECT_TRUE(Turned(x, {1, 0, 2})->KeepsOrder(shape));
  EXPECT_FALSE(Turned(x, {2, 1, 0})->KeepsOrder(shape));
  EXPECT_FALSE(x.Sliced(0, 0, 1, 1)->KeepsOrder(shape));
  EXPECT_FALSE(x.Sliced(2, 5, 6, -1)->KeepsOrder(shape));
  EXPECT_FALSE(x.Sliced(0, 1, 1, 1)->Expanded({2, 1, 6})->KeepsOrder(shape));  // as many elements
}

}  // namespace
}  // namespace decal
