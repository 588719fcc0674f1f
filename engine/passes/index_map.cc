// Composition of regular index maps, digit by digit.
// SPDX-License-Identifier: MIT
#include "engine/passes/index_map.h"

#include <algorithm>

namespace decal {
namespace {

using Digit = Strided::Digit;

int64_t Product(std::span<const Digit> digits) {
  int64_t product = 1;
  for (const Digit& digit : digits) product *= digit.extent;
  return product;
}

// Digits that count through `starts`: 0, a, 2a, .. or a box of such steps. Nothing if there is no regularity.
std::optional<std::vector<Digit>> CountThrough(std::span<const Dims> starts) {
  if (starts.size() == 1) return std::vector<Digit>();
  const auto difference = [&](size_t a, size_t b) {
    Dims delta = starts[b];
    for (size_t d = 0; d < delta.rank(); ++d) delta[d] -= starts[a][d];
    return delta;
  };
  const Dims step = difference(0, 1);
  size_t axis = 0, moved = 0;
  for (size_t d = 0; d < step.rank(); ++d)
    if (step[d] != 0) axis = d, ++moved;
  if (moved > 1) return std::nullopt;
  size_t run = 2;  // of equal steps from the start on: the innermost digit
  while (run < starts.size() && difference(run - 1, run) == step) ++run;
  if (starts.size() % run != 0) return std::nullopt;
  std::vector<Dims> blocks;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (i % run == 0) blocks.push_back(starts[i]);
    else if (!(difference(i - 1, i) == step)) return std::nullopt;
  }
  std::optional<std::vector<Digit>> digits = CountThrough(blocks);
  if (digits) digits->push_back({static_cast<int64_t>(run), axis, step.empty() ? 0 : step[axis]});
  return digits;
}

}  // namespace

IndexMap IndexMap::Identity(ValueId root, const Shape& shape) {
  IndexMap map;
  map.root_ = root;
  map.shape_ = shape;
  map.start_ = Dims::Filled(shape.rank(), 0);
  for (size_t d = 0; d < shape.rank(); ++d) {
    map.digits_.emplace_back();
    if (shape[d] != 1) map.digits_.back().push_back({shape[d], d, 1});
  }
  return map;
}

size_t IndexMap::digit_count() const {
  size_t count = 0;
  for (const Digits& digits : digits_) count += digits.size();
  return count;
}

std::optional<IndexMap> IndexMap::Normalized() && {
  for (Digits& digits : digits_) {
    std::erase_if(digits, [](const Digit& digit) { return digit.extent == 1; });
    for (size_t i = digits.size(); i-- > 1;) {
      const Digit &outer = digits[i - 1], &inner = digits[i];
      const bool repeats = outer.step == 0 && inner.step == 0;
      if (!repeats && (outer.axis != inner.axis || outer.step != inner.step * inner.extent)) continue;
      digits[i - 1] = {outer.extent * inner.extent, inner.axis, inner.step};
      digits.erase(digits.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  if (digit_count() > kMaxRank) return std::nullopt;
  return std::move(*this);
}

std::optional<IndexMap> IndexMap::Reshaped(const Shape& shape) const {
  if (shape.elements() == 0) return std::nullopt;  // nothing to walk through, and digits of size 0 cannot divide
  Digits flat;
  for (const Digits& digits : digits_) flat.insert(flat.end(), digits.begin(), digits.end());
  IndexMap map = *this;
  map.shape_ = shape;
  map.digits_.assign(shape.rank(), {});
  size_t next = 0;
  for (size_t d = 0; d < shape.rank(); ++d) {
    int64_t want = shape[d];
    while (want > 1) {
      if (next == flat.size()) return std::nullopt;
      Digit& digit = flat[next];
      if (want % digit.extent == 0) {
        map.digits_[d].push_back(digit);
        want /= digit.extent;
        ++next;
      } else if (digit.extent % want == 0) {  // the outer part belongs here, the rest to the dimensions that follow
        const int64_t inner = digit.extent / want;
        map.digits_[d].push_back({want, digit.axis, digit.step * inner});
        digit.extent = inner;
        want = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  if (next != flat.size()) return std::nullopt;
  return std::move(map).Normalized();
}

std::optional<IndexMap> IndexMap::Transposed(std::span<const size_t> perm) const {
  IndexMap map = *this;
  for (size_t d = 0; d < perm.size(); ++d) {
    map.shape_[d] = shape_[perm[d]];
    map.digits_[d] = digits_[perm[d]];
  }
  return map;
}

std::optional<IndexMap> IndexMap::Sliced(size_t d, int64_t start, int64_t extent, int64_t step) const {
  if (shape_.elements() == 0) return std::nullopt;
  IndexMap map = *this;
  map.shape_[d] = extent;
  Digits& digits = map.digits_[d];
  // Leading digits that stay the same over the whole slice become part of the start.
  int64_t end = start + (extent - 1) * step;
  while (!digits.empty()) {
    const int64_t inner = Product(std::span(digits).subspan(1));
    if (start / inner != end / inner) break;
    map.start_[digits[0].axis] += start / inner * digits[0].step;
    start %= inner;
    end %= inner;
    digits.erase(digits.begin());
  }
  if (extent == 1) return std::move(map).Normalized();
  const int64_t inner = Product(std::span(digits).subspan(1));
  if (digits.size() == 1) {
    map.start_[digits[0].axis] += start * digits[0].step;
    digits[0].extent = extent;
    digits[0].step *= step;
  } else if (step == 1 && start % inner == 0 && extent % inner == 0) {
    map.start_[digits[0].axis] += start / inner * digits[0].step;
    digits[0].extent = extent / inner;
  } else {
    return std::nullopt;
  }
  return std::move(map).Normalized();
}

std::optional<IndexMap> IndexMap::Expanded(const Shape& shape) const {
  IndexMap map = *this;
  const size_t lead = shape.rank() - shape_.rank();
  map.shape_ = shape;
  map.digits_.insert(map.digits_.begin(), lead, {});
  for (size_t d = 0; d < shape.rank(); ++d) {
    const bool repeats = d < lead || shape_[d - lead] == 1;
    if (repeats && shape[d] != 1) map.digits_[d] = {{shape[d], 0, 0}};
  }
  if (map.start_.empty()) return std::nullopt;  // a scalar has no axis to stand still on
  return std::move(map).Normalized();
}

std::optional<IndexMap> IndexMap::Concatenated(std::span<const IndexMap> parts, size_t d) {
  std::vector<Dims> starts;
  for (const IndexMap& part : parts) {
    if (part.root_ != parts[0].root_ || !(part.shape_ == parts[0].shape_) || part.digits_ != parts[0].digits_)
      return std::nullopt;
    starts.push_back(part.start_);
  }
  if (parts.size() > 1 && starts[0].empty()) return std::nullopt;  // a scalar has no axis to stand still on
  const std::optional<std::vector<Digit>> counted = CountThrough(starts);
  if (!counted) return std::nullopt;
  IndexMap map = parts[0];
  map.shape_[d] *= static_cast<int64_t>(parts.size());
  map.digits_[d].insert(map.digits_[d].begin(), counted->begin(), counted->end());
  return std::move(map).Normalized();
}

bool IndexMap::KeepsOrder(const Shape& root_shape) const {
  if (shape_.elements() != root_shape.elements()) return false;
  size_t axis = 0;
  int64_t left = 1;  // elements of `axis` that inner digits still have to count
  for (const Digits& digits : digits_) {
    for (const Digit& digit : digits) {
      if (left == 1) {
        while (axis < root_shape.rank() && root_shape[axis] == 1) ++axis;
        if (axis == root_shape.rank()) return false;
        left = root_shape[axis];
      }
      if (digit.axis != axis || left % digit.extent != 0 || digit.step != left / digit.extent) return false;
      left /= digit.extent;
      if (left == 1) ++axis;
    }
  }
  return left == 1;
}

Strided IndexMap::ToStrided() const {
  Strided op;
  op.shape = shape_;
  op.start = start_;
  for (const Digits& digits : digits_) op.digits.insert(op.digits.end(), digits.begin(), digits.end());
  return op;
}

bool IndexMap::operator==(const IndexMap& other) const {
  return root_ == other.root_ && shape_ == other.shape_ && digits_ == other.digits_ && start_ == other.start_;
}

}  // namespace decal
