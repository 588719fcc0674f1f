// The algebra of data movement: how chains of reshapes, transposes, slices and concats compose to one Strided.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/ir/graph.h"

namespace decal {

// A tensor described by where in `root` each of its elements comes from: a list of digits for every dimension.
// Each function makes the map of an operator's result from that of its input; nothing where the result is not
// regular, or takes more than kMaxRank digits.
class IndexMap {
 public:
  using Digit = Strided::Digit;

  static IndexMap Identity(ValueId root, const Shape& shape);

  std::optional<IndexMap> Reshaped(const Shape& shape) const;
  std::optional<IndexMap> Transposed(std::span<const size_t> perm) const;
  // `extent` elements of dimension `d` from `start` on, every `step`th; step may be negative.
  std::optional<IndexMap> Sliced(size_t d, int64_t start, int64_t extent, int64_t step) const;
  std::optional<IndexMap> Expanded(const Shape& shape) const;
  // Parts of one root that differ only in where they start, joined along dimension `d`.
  static std::optional<IndexMap> Concatenated(std::span<const IndexMap> parts, size_t d);

  ValueId root() const { return root_; }
  const Shape& shape() const { return shape_; }
  // The map picks every element of a root of that shape in its own order: a reshape at most.
  bool KeepsOrder(const Shape& root_shape) const;
  Strided ToStrided() const;
  bool operator==(const IndexMap& other) const;

 private:
  using Digits = std::vector<Digit>;

  size_t digit_count() const;
  // Merges neighbours that step evenly along one axis; nothing where too many digits are left.
  std::optional<IndexMap> Normalized() &&;

  ValueId root_ = kNoValue;
  Shape shape_;
  std::vector<Digits> digits_;  // by dimension, outermost first; none for sizes of 1
  Dims start_;
};

}  // namespace decal
