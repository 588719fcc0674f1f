// Loop merging, ordering and the three inner loops of strided copies.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/small_sort.h"

namespace decal {
namespace {

// A square tile whose source and target lines (32 of at most 256 bytes each) fit L1 together on every target we know.
constexpr int64_t kTile = 32;

// The least number of elements for one task: with fewer, waking a thread costs more than it saves (about 20 us of copying).
constexpr int64_t kTaskElements = 1 << 16;

template <class T>
void CopyTransposed(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t columns) {
  // from[c * from_stride + r] -> to[r * to_stride + c]
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(rows, r0 + kTile);
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = std::min(columns, c0 + kTile);
      for (int64_t r = r0; r < r1; ++r)
        for (int64_t c = c0; c < c1; ++c) to[r * to_stride + c] = from[c * from_stride + r];
    }
  }
}

template <class T>
void CopyRun(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  } else {
    for (int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

}  // namespace

StridedCopy::StridedCopy(const Shape& shape, const Strides& from, const Strides& to, size_t element_bytes)
    : element_bytes_(element_bytes) {
  // Dimensions of size 1 are dropped; the others are ordered by target stride, largest first.
  std::array<size_t, kMaxRank> order{};
  size_t rank = 0;
  for (size_t i = 0; i < shape.rank(); ++i)
    if (shape[i] != 1) order[rank++] = i;
  SmallSort(order.begin(), order.begin() + rank,
            [&](size_t a, size_t b) { return to[a] != to[b] ? to[a] > to[b] : a < b; });
  for (size_t n = 0; n < rank; ++n) {
    const size_t i = order[n];
    if (!shape_.empty() && from_.back() == from[i] * shape[i] && to_.back() == to[i] * shape[i]) {
      const size_t last = shape_.rank() - 1;
      shape_[last] *= shape[i];
      from_[last] = from[i];
      to_[last] = to[i];
    } else {
      shape_.push_back(shape[i]);
      from_.push_back(from[i]);
      to_.push_back(to[i]);
    }
  }
  if (shape_.empty()) {
    shape_.push_back(1);
    from_.push_back(1);
    to_.push_back(1);
  }
  // A transpose: bring the dimension that is contiguous in the source next to the innermost one.
  const size_t last = shape_.rank() - 1;
  if (last >= 1 && to_[last] == 1 && from_[last] != 1) {
    for (size_t i = 0; i < last; ++i) {
      if (from_[i] != 1) continue;
      for (size_t k = i; k + 1 < last; ++k) {
        std::swap(shape_[k], shape_[k + 1]);
        std::swap(from_[k], from_[k + 1]);
        std::swap(to_[k], to_[k + 1]);
      }
      transposes_ = true;
      break;
    }
  }
}

void StridedCopy::Run(const void* from, void* to, ThreadRunner& runner) const {
  DECAL_DASSERT(element_bytes_ == 1 || element_bytes_ == 2 || element_bytes_ == 4 || element_bytes_ == 8);
  DECAL_DASSERT(from != to || elements() == 0);
  const int64_t total = shape_.elements();
  if (total == 0) return;
  const size_t inner = transposes_ ? 2 : 1;
  const size_t outer_rank = shape_.rank() - inner;
  // If there are only inner dimensions, threads share the first of them.
  const int64_t split = shape_[outer_rank];
  int64_t outer = 1;
  for (size_t i = 0; i < outer_rank; ++i) outer *= shape_[i];
  const int64_t pieces = std::clamp<int64_t>(total / outer / kTaskElements, 1, split);
  const int64_t blocks = outer * pieces;
  const int64_t blocks_per_task = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, total / blocks));
  const int64_t tasks = (blocks + blocks_per_task - 1) / blocks_per_task;
  ParallelFor(runner, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const int64_t end = std::min(blocks, (static_cast<int64_t>(task) + 1) * blocks_per_task);
    for (int64_t block = static_cast<int64_t>(task) * blocks_per_task; block < end; ++block) {
      const int64_t piece = block % pieces;
      const int64_t begin = split * piece / pieces, count = split * (piece + 1) / pieces - begin;
      int64_t from_offset = begin * from_[outer_rank], to_offset = begin * to_[outer_rank];
      int64_t left = block / pieces;
      for (size_t i = outer_rank; i-- > 0;) {
        from_offset += left % shape_[i] * from_[i];
        to_offset += left % shape_[i] * to_[i];
        left /= shape_[i];
      }
      const size_t last = shape_.rank() - 1;
      const auto copy = [&]<class T>(T) {
        const T* source = static_cast<const T*>(from) + from_offset;
        T* target = static_cast<T*>(to) + to_offset;
        if (transposes_) {
          CopyTransposed(source, from_[last], target, to_[outer_rank], count, shape_[last]);
        } else {
          CopyRun(source, from_[last], target, to_[last], count);
        }
      };
      switch (element_bytes_) {
        case 1: copy(uint8_t{}); break;
        case 2: copy(uint16_t{}); break;
        case 4: copy(uint32_t{}); break;
        default: copy(uint64_t{}); break;
      }
    }
  });
}

}  // namespace decal
