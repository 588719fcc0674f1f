// The grid of attention windows on a map.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "engine/base/rounding.h"
#include "engine/ops/attention/attention.h"

namespace decal {

// A map of `height` x `width` pixels under windows; both operators walk it the same way.
struct WindowGrid {
  int64_t window_h, window_w, shift_y, shift_x;
  int64_t height, width;

  int64_t rows() const { return CeilDiv(height, window_h); }
  int64_t columns() const { return CeilDiv(width, window_w); }

  // Calls fn(map row or -1, first map column or -1, token, pixels) for the runs of window row `y` of window (wy, wx):
  // at most two, where the roll wraps, and those beyond the map's edge.
  template <class Fn>
  void ForEachRun(int64_t wy, int64_t wx, int64_t y, const Fn& fn) const {
    const int64_t padded_h = rows() * window_h, padded_w = columns() * window_w;
    const int64_t row = (wy * window_h + y + shift_y) % padded_h;
    for (int64_t x = 0; x < window_w;) {
      const int64_t column = (wx * window_w + x + shift_x) % padded_w;
      const bool inside = row < height && column < width;
      const int64_t edge = inside ? width : padded_w;  // where this run ends at the latest
      const int64_t pixels = std::min(window_w - x, edge - column);
      fn(inside ? row : -1, inside ? column : -1, y * window_w + x, pixels);
      x += pixels;
    }
  }
};

inline WindowGrid GridOf(const WindowPartition& op, const Shape& map) {
  return {op.window_h, op.window_w, op.shift_y, op.shift_x, map[1], map[2]};
}
inline WindowGrid GridOf(const WindowMerge& op) {
  return {op.window_h, op.window_w, op.shift_y, op.shift_x, op.height, op.width};
}

}  // namespace decal
