// Random ONNX models of data movement, with an elementwise operator here and there that ends a chain.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/base/shape.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/seed.h"

namespace decal::testing {

class RandomMovement {
 public:
  RandomMovement(uint32_t seed, int nodes) : random_(TestSeed(seed)) {
    const int64_t extents[] = {1, 2, 3, 4, 6, 8};
    const int64_t rank = 2 + Pick(3);
    for (int64_t d = 0; d < rank; ++d) shape_.push_back(extents[Pick(6)]);
    builder_.Input("x", Extents(shape_));
    tensors_.push_back({"x", shape_, kFloat});
    for (int i = 0; i < nodes; ++i) AddNode();
    AddOutput(tensors_.back(), "y");
    const Tensor middle = Any();  // also read by others, as like as not
    if (middle.name != "x" && middle.type == kFloat) builder_.Output(middle.name);
  }

  std::string Build() const { return builder_.Build(); }
  const Shape& input_shape() const { return shape_; }

 private:
  static constexpr int64_t kFloat = 1, kInt64 = 7;  // of ONNX
  static constexpr int64_t kMostElements = 2000;

  struct Tensor {
    std::string name;
    Shape shape;
    int64_t type;
  };

  static std::vector<int64_t> Extents(const Shape& shape) { return {shape.begin(), shape.end()}; }
  int64_t Pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint32_t>(n)); }
  // Recent ones more often, so that chains grow.
  Tensor Any() {
    const int64_t n = static_cast<int64_t>(tensors_.size());
    return tensors_[static_cast<size_t>(n - 1 - (Pick(2) ? 0 : Pick(n)))];
  }
  std::string Fresh(const char* what) { return what + std::to_string(fresh_++); }
  std::string Ints(const std::vector<int64_t>& values) { return builder_.Ints(Fresh("c"), values); }
  void Add(const std::string& name, const Shape& shape, int64_t type) { tensors_.push_back({name, shape, type}); }

  void AddOutput(const Tensor& t, const std::string& name) {
    builder_.Node("Cast", {t.name}, {name}, OnnxAttributes().Int("to", kFloat));
    builder_.Output(name);
  }

  void AddNode() {
    const Tensor t = Any();
    const int64_t rank = static_cast<int64_t>(t.shape.rank());
    const int64_t d = rank == 0 ? 0 : Pick(rank);
    switch (rank == 0 ? Pick(2) * 5 : Pick(14)) {
      case 0:
      case 1: return Reshape(t);
      case 2:
      case 3: return Transpose(t);
      case 4: return Slice(t, d);
      case 5: return Expand(t);
      case 6: return Gather(t, d);
      case 7:
      case 8: return SplitAndMaybeJoin(t, d);
      case 9: return SplitTwiceAndJoin(t);
      case 10: return JoinEqual(t, d);
      case 11:
        if (t.type != kFloat) return;
        return Add(builder_.Node("Neg", {t.name}), t.shape, t.type);
      case 12: return AddTurned(t);
      default: {
        const int64_t to = t.type == kFloat ? kInt64 : kFloat;
        return Add(builder_.Node("Cast", {t.name}, OnnxAttributes().Int("to", to)), t.shape, to);
      }
    }
  }

  void Reshape(const Tensor& t) {
    Shape shape;
    int64_t left = t.shape.elements();
    while (left > 1 && shape.rank() < 5) {
      int64_t extent = 1 + Pick(std::min<int64_t>(left, 12));
      while (left % extent != 0) --extent;
      shape.push_back(extent);
      left /= extent;
    }
    const size_t at = static_cast<size_t>(Pick(static_cast<int64_t>(shape.rank()) + 1));
    if (left > 1 || Pick(3) == 0) shape.insert(at, left);
    Add(builder_.Node("Reshape", {t.name, Ints(Extents(shape))}), shape, t.type);
  }

  void Transpose(const Tensor& t) {
    std::vector<int64_t> perm;
    for (size_t d = 0; d < t.shape.rank(); ++d) perm.push_back(static_cast<int64_t>(d));
    std::shuffle(perm.begin(), perm.end(), random_);
    Shape shape;
    for (int64_t from : perm) shape.push_back(t.shape[static_cast<size_t>(from)]);
    Add(builder_.Node("Transpose", {t.name}, OnnxAttributes().Ints("perm", perm)), shape, t.type);
  }

  void Slice(const Tensor& t, int64_t d) {
    Shape shape = t.shape;
    int64_t& n = shape[static_cast<size_t>(d)];
    const int64_t step = Pick(3) ? 1 : Pick(2) ? 2 : -1, start = Pick(n);
    const int64_t most = step > 0 ? (n - 1 - start) / step + 1 : start / -step + 1, extent = 1 + Pick(most);
    const int64_t end = start + extent * step;
    n = extent;
    const std::string from = Ints({start}), to = Ints({end < 0 ? -1000 : end});
    Add(builder_.Node("Slice", {t.name, from, to, Ints({d}), Ints({step})}), shape, t.type);
  }

  void Expand(const Tensor& t) {
    Shape shape = t.shape;
    for (int64_t& extent : shape)
      if (extent == 1 && Pick(2)) extent = 2 + Pick(2);
    if (shape.rank() < 5 && Pick(3) == 0) shape.insert(0, 1 + Pick(3));
    if (shape.elements() > kMostElements) return;
    Add(builder_.Node("Expand", {t.name, Ints(Extents(shape))}), shape, t.type);
  }

  void Gather(const Tensor& t, int64_t d) {
    const int64_t n = t.shape[static_cast<size_t>(d)], index = Pick(2 * n) - n;
    Shape shape = t.shape;
    const bool keep = Pick(2);
    if (keep) shape[static_cast<size_t>(d)] = 1;
    else shape.erase(static_cast<size_t>(d));
    const std::string name = Fresh("c");
    builder_.Tensor<int64_t>(name, keep ? std::vector<int64_t>{1} : std::vector<int64_t>{}, kInt64, {index});
    Add(builder_.Node("Gather", {t.name, name}, OnnxAttributes().Int("axis", d)), shape, t.type);
  }

  // `sizes` along d; returns the parts.
  std::vector<Tensor> Split(const Tensor& t, int64_t d, const std::vector<int64_t>& sizes) {
    std::vector<Tensor> parts;
    std::vector<std::string> names;
    for (int64_t size : sizes) {
      Shape shape = t.shape;
      shape[static_cast<size_t>(d)] = size;
      parts.push_back({Fresh("s"), shape, t.type});
      names.push_back(parts.back().name);
    }
    builder_.Node("Split", {t.name, Ints(sizes)}, names, OnnxAttributes().Int("axis", d));
    return parts;
  }

  Tensor Join(const std::vector<Tensor>& parts, int64_t d) {
    std::vector<std::string> names;
    Shape shape = parts[0].shape;
    shape[static_cast<size_t>(d)] = 0;
    for (const Tensor& part : parts) {
      names.push_back(part.name);
      shape[static_cast<size_t>(d)] += part.shape[static_cast<size_t>(d)];
    }
    return {builder_.Node("Concat", names, OnnxAttributes().Int("axis", d)), shape, parts[0].type};
  }

  std::vector<int64_t> EqualSizes(int64_t n) {
    int64_t count = 1 + Pick(std::min<int64_t>(n, 4));
    while (n % count != 0) --count;
    return std::vector<int64_t>(static_cast<size_t>(count), n / count);
  }

  void SplitAndMaybeJoin(const Tensor& t, int64_t d) {
    const int64_t n = t.shape[static_cast<size_t>(d)];
    std::vector<int64_t> sizes = EqualSizes(n);
    if (Pick(4) == 0 && n > 2) sizes = {1 + Pick(n - 1)}, sizes.push_back(n - sizes[0]);
    std::vector<Tensor> parts = Split(t, d, sizes);
    const bool equal = std::count(sizes.begin(), sizes.end(), sizes[0]) == static_cast<int64_t>(sizes.size());
    if (Pick(4) == 0) std::reverse(parts.begin(), parts.end());
    if (Pick(3) == 0) std::shuffle(parts.begin(), parts.end(), random_);
    for (const Tensor& part : parts) tensors_.push_back(part);
    const int64_t along = equal ? Pick(static_cast<int64_t>(t.shape.rank())) : d;
    if (Pick(4)) tensors_.push_back(Join(parts, along));
  }

  // Patches of two dimensions along a third: what images become tokens with.
  void SplitTwiceAndJoin(const Tensor& t) {
    if (t.shape.rank() < 3) return;
    const int64_t channels = static_cast<int64_t>(t.shape.rank()) - 3, h = channels + 1, w = channels + 2;
    std::vector<Tensor> columns;
    const std::vector<int64_t> widths = EqualSizes(t.shape[static_cast<size_t>(w)]);
    for (const Tensor& row : Split(t, h, EqualSizes(t.shape[static_cast<size_t>(h)])))
      columns.push_back(Join(Split(row, w, widths), channels));
    tensors_.push_back(Join(columns, channels));
  }

  // Two of the same shape, whatever they are.
  void JoinEqual(const Tensor& t, int64_t d) {
    for (size_t i = tensors_.size(); i-- > 0;) {
      const Tensor other = tensors_[i];
      if (!(other.shape == t.shape) || other.type != t.type || (Pick(2) && i > 0)) continue;
      if (2 * t.shape.elements() > kMostElements) return;
      return tensors_.push_back(Join({t, other}, d));
    }
  }

  // A tensor beside its own transpose or reversal: reads one memory in two orders.
  void AddTurned(const Tensor& t) {
    if (t.type != kFloat) return;
    std::string turned;
    if (t.shape.rank() == 2 && t.shape[0] == t.shape[1]) {
      turned = builder_.Node("Transpose", {t.name});
    } else {
      turned = builder_.Node("Slice", {t.name, Ints({-1}), Ints({-1000}), Ints({0}), Ints({-1})});
    }
    Add(builder_.Node("Sub", {t.name, turned}), t.shape, t.type);
  }

  std::mt19937 random_;
  OnnxBuilder builder_;
  Shape shape_;
  std::vector<Tensor> tensors_;
  int fresh_ = 0;
};

}  // namespace decal::testing
