// One picture's activations in channels-last memory, as the spatial building blocks see them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace decal::cpu {

// Elements of work per task. Four bytes each this is half of a small second-level cache, and takes some
// microseconds: long against waking a thread, short against a layer, so that threads end together. The
// partition must not depend on the number of threads, or results would.
inline constexpr size_t kTaskElements = 16 * 1024;

// Channel stride 1; strides in elements. A slice of a concat buffer has pixel_stride > channels.
template <class T>
struct BasicFeatureMap {
  T* data = nullptr;
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;
  ptrdiff_t row_stride = 0;
  ptrdiff_t pixel_stride = 0;

  T* row(size_t y) const { return data + static_cast<ptrdiff_t>(y) * row_stride; }
  T* pixel(size_t y, size_t x) const { return row(y) + static_cast<ptrdiff_t>(x) * pixel_stride; }
};
using FeatureMap = BasicFeatureMap<const float>;
using MutableFeatureMap = BasicFeatureMap<float>;

}  // namespace decal::cpu
