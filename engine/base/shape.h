// Tensor shapes without heap memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "engine/base/limits.h"

namespace decal {

// A dynamic dimension: its size is not known before Specialize.
inline constexpr int64_t kDynamic = -1;

// Up to kMaxRank signed 64-bit numbers: a shape, a permutation, or strides in elements.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  explicit Dims(std::span<const int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  static Dims Filled(size_t rank, int64_t value) {
    Dims d;
    for (size_t i = 0; i < rank; ++i) d.push_back(value);
    return d;
  }

  size_t rank() const { return rank_; }
  size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t& operator[](size_t i) {
    assert(i < rank_);
    return values_[i];
  }
  int64_t operator[](size_t i) const {
    assert(i < rank_);
    return values_[i];
  }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + rank_; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  int64_t back() const { return (*this)[rank_ - 1]; }
  void push_back(int64_t v) {
    assert(rank_ < kMaxRank);
    values_[rank_++] = v;
  }
  void insert(size_t at, int64_t v) {
    push_back(v);
    for (size_t i = rank_ - 1; i > at; --i) values_[i] = values_[i - 1];
    values_[at] = v;
  }
  void erase(size_t at) {
    for (size_t i = at; i + 1 < rank_; ++i) values_[i] = values_[i + 1];
    --rank_;
  }
  bool operator==(const Dims& other) const {
    if (rank_ != other.rank_) return false;
    for (size_t i = 0; i < rank_; ++i)
      if (values_[i] != other.values_[i]) return false;
    return true;
  }

  // Product of the sizes; 1 for rank 0. No dimension may be dynamic.
  int64_t elements() const {
    int64_t n = 1;
    for (int64_t v : *this) n *= v;
    return n;
  }
  bool is_static() const {
    for (int64_t v : *this)
      if (v < 0) return false;
    return true;
  }
  std::string ToString() const;  // "[1,3,256,256]", "?" for a dynamic dimension

 private:
  std::array<int64_t, kMaxRank> values_{};
  uint8_t rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;  // in elements, not bytes

// How the elements of a tensor lie in memory. Shapes are always written in the ONNX order (N, C, H, W);
// kChannelsLast stores dimension 1 innermost (NHWC), so that a channel concat is a slice.
enum class Layout : uint8_t { kRowMajor, kChannelsLast };

constexpr const char* Name(Layout layout) { return layout == Layout::kRowMajor ? "row-major" : "channels-last"; }

// Strides of a dense tensor. Ranks below 3 have one layout only.
Strides DenseStrides(const Shape& shape, Layout layout);

// Both strides put every element of `shape` at the same place (those of dimensions of size 1 do not matter).
bool SamePlaces(const Shape& shape, const Strides& a, const Strides& b);

}  // namespace decal
