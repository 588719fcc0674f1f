// Operations on the neighbourhoods of a plane, in place: each task keeps copies of the few rows around the one that it
// writes. Everything is integer arithmetic, so that every build gives the same bytes for any number of tasks.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/alpha_plane.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cutout/resample.h"

namespace decal {
namespace {

// Larger discs are made of several, one after the other, because the sum of two discs is a disc. 69 taps.
constexpr float kLargestDisc = 4;
constexpr int kMostReach = 50;  // of smoothing
constexpr float kVisibleByte = 13;  // a twentieth of 255

// Alpha beyond the border of a plane.
enum class Beyond { kNothing, kNearest };

// Pixels of a row that are computed or skipped together; more than any reach.
constexpr size_t kChunk = 64;
static_assert(kChunk > kMostReach);

// The least and the largest byte of a chunk, and of it with its neighbours.
struct ChunkRanges {
  uint8_t *own_least, *least, *most;
};

void FindRanges(const uint8_t* row, size_t width, size_t chunks, const ChunkRanges& out) {
  uint8_t before_least = 255, before_most = 0;
  for (size_t i = 0; i < chunks; ++i) {
    uint8_t least = 255, most = 0;
    const size_t end = std::min(width, (i + 1) * kChunk);
    for (size_t x = i * kChunk; x < end; ++x) least = std::min(least, row[x]), most = std::max(most, row[x]);
    out.own_least[i] = least;
    out.least[i] = std::min(least, before_least);
    out.most[i] = std::max(most, before_most);
    if (i > 0) {
      out.least[i - 1] = std::min(out.least[i - 1], least);
      out.most[i - 1] = std::max(out.most[i - 1], most);
    }
    before_least = least;
    before_most = most;
  }
}

// Calls write(rows, task, out, begin, end) for the parts of all rows that can change. `rows` are pointers to the 2 *
// reach + 1 rows around, valid from -reach to width + reach, with the plane's previous content; `out` is the row of the
// plane. Chunks are skipped for which stays(own_least, least, most) is true, with the least of the chunk itself and the
// range of everything within reach. There are at most as many tasks as threads.
template <class StaysFn, class WriteFn>
Status ForNeighbourhoods(AlphaPlane& plane, int reach, Beyond beyond, ThreadRunner& runner, const StaysFn& stays,
                         const WriteFn& write) {
  const int parts = std::clamp(static_cast<int>(runner.thread_count()), 1, plane.height);
  const auto begin_of = [&](int part) { return static_cast<int>(int64_t{plane.height} * part / parts); };
  const size_t rows = 2 * static_cast<size_t>(reach) + 1, width = static_cast<size_t>(plane.width);
  const size_t stride = AlignUp(width + 2 * static_cast<size_t>(reach), kAlignment);
  const size_t chunks = (width + kChunk - 1) / kChunk;
  // A ring of rows and, from the start, the rows that the next task will overwrite; the ranges of the ring's chunks,
  // and of everything within reach.
  const size_t ranges_at = (rows + static_cast<size_t>(reach)) * stride;
  const size_t part_bytes = AlignUp(ranges_at + (3 * rows + 2) * chunks, kAlignment);
  DECAL_TRY_ASSIGN(Buffer buffer, AllocateArray<uint8_t>(part_bytes * static_cast<uint64_t>(parts), "rows of a matte"));
  auto* memory = reinterpret_cast<uint8_t*>(buffer.data());
  const auto copy = [&](int y, uint8_t* to) {
    const bool inside = y >= 0 && y < plane.height;
    if (!inside && beyond == Beyond::kNothing) {
      std::memset(to, 0, stride);
      return;
    }
    const uint8_t* from = plane.row(std::clamp(y, 0, plane.height - 1));
    const bool nearest = beyond == Beyond::kNearest;
    std::memset(to, nearest ? from[0] : 0, static_cast<size_t>(reach));
    std::memcpy(to + reach, from, width);
    std::memset(to + static_cast<size_t>(reach) + width, nearest ? from[width - 1] : 0, static_cast<size_t>(reach));
  };
  const auto index_of = [&](int y) {
    return static_cast<size_t>((y + static_cast<int>(rows)) % static_cast<int>(rows));
  };
  const auto slot = [&](int part, int y) {
    return memory + static_cast<size_t>(part) * part_bytes + index_of(y) * stride;
  };
  const auto below = [&](int part, int i) {
    return memory + static_cast<size_t>(part) * part_bytes + (rows + static_cast<size_t>(i)) * stride;
  };
  const auto ranges = [&](int part, size_t index) {
    uint8_t* first = memory + static_cast<size_t>(part) * part_bytes + ranges_at + 3 * index * chunks;
    return ChunkRanges{first, first + chunks, first + 2 * chunks};
  };
  const auto measure = [&](int part, int y) {
    FindRanges(slot(part, y) + reach, width, chunks, ranges(part, index_of(y)));
  };
  ParallelFor(runner, static_cast<size_t>(parts), [&](size_t task, size_t) {
    const int part = static_cast<int>(task), begin = begin_of(part), end = begin_of(part + 1);
    for (int y = begin - reach; y < begin; ++y) {
      copy(y, slot(part, y));
      measure(part, y);
    }
    for (int i = 0; i < reach; ++i) copy(end + i, below(part, i));
  });
  ParallelFor(runner, static_cast<size_t>(parts), [&](size_t task, size_t) {
    const int part = static_cast<int>(task), begin = begin_of(part), end = begin_of(part + 1);
    std::array<const uint8_t*, 2 * kMostReach + 1> around;  // tasks allocate nothing
    uint8_t* least = ranges(part, rows).own_least;
    uint8_t* most = least + chunks;
    const auto take = [&](int y) {
      if (y < end) copy(y, slot(part, y));
      else std::memcpy(slot(part, y), below(part, y - end), stride);
      measure(part, y);
    };
    for (int y = begin; y < begin + reach; ++y) take(y);
    for (int y = begin; y < end; ++y) {
      take(y + reach);
      std::memset(least, 255, chunks);
      std::memset(most, 0, chunks);
      for (size_t k = 0; k < rows; ++k) {
        around[k] = slot(part, y + static_cast<int>(k) - reach) + reach;
        const ChunkRanges of_row = ranges(part, k);
        for (size_t i = 0; i < chunks; ++i) {
          least[i] = std::min(least[i], of_row.least[i]);
          most[i] = std::max(most[i], of_row.most[i]);
        }
      }
      const uint8_t* own_least = ranges(part, index_of(y)).own_least;
      for (size_t i = 0, next; i < chunks; i = next) {
        next = i + 1;
        if (stays(own_least[i], least[i], most[i])) continue;
        while (next < chunks && !stays(own_least[next], least[next], most[next])) ++next;
        write(around.data(), task, plane.row(y), i * kChunk, std::min(width, next * kChunk));
      }
    }
  });
  return {};
}

struct Tap {
  int x, y;
  uint32_t weight;  // of 256
};

std::vector<Tap> Disc(float radius, int reach) {
  std::vector<Tap> taps;
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      const double share = std::clamp(double{radius} + 1 - std::sqrt(static_cast<double>(x * x + y * y)), 0.0, 1.0);
      const double rounded = share * 256 + 0.5;
      const auto weight = static_cast<uint32_t>(rounded);
      if (weight > 0) taps.push_back({x, y, weight});
    }
  }
  return taps;
}

Status Dilate(AlphaPlane& plane, float radius, ThreadRunner& runner) {
  const int reach = static_cast<int>(std::ceil(radius));
  const std::vector<Tap> taps = Disc(radius, reach);
  // Nothing within reach is larger, so nothing grows there.
  const auto stays = [](uint8_t own_least, uint8_t, uint8_t most) { return most <= own_least; };
  return ForNeighbourhoods(plane, reach, Beyond::kNothing, runner, stays,
                           [&](const uint8_t* const* rows, size_t, uint8_t* out, size_t begin, size_t end) {
                             for (const Tap& tap : taps) {
                               const uint8_t* from = rows[tap.y + reach] + tap.x;
                               if (tap.weight == 256) {
                                 for (size_t x = begin; x < end; ++x) out[x] = std::max(out[x], from[x]);
                               } else {
                                 for (size_t x = begin; x < end; ++x) {
                                   out[x] = std::max(out[x], static_cast<uint8_t>((from[x] * tap.weight + 128) >> 8));
                                 }
                               }
                             }
                           });
}

}  // namespace

Result<AlphaPlane> AlphaPlane::Create(Extent extent) {
  AlphaPlane plane;
  plane.width = extent.width;
  plane.height = extent.height;
  const uint64_t count = static_cast<uint64_t>(extent.width) * static_cast<uint64_t>(extent.height);
  DECAL_TRY_ASSIGN(plane.bytes, AllocateArray<uint8_t>(count, "alpha"));
  return plane;
}

void ToUnit(const uint8_t* bytes, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(bytes[i]) * (1.0f / 255);
}

void ToBytes(const float* values, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const float rounded = values[i] * 255.0f + 0.5f;
    out[i] = static_cast<uint8_t>(static_cast<int>(rounded));
  }
}

void Span::Add(const float* alpha, const uint8_t* rgba, size_t begin, size_t count) {
  const auto is_visible = [&](size_t i) { return alpha[i] * static_cast<float>(rgba[4 * i + 3]) >= kVisibleByte; };
  size_t first = 0;
  while (first < count && !is_visible(first)) ++first;
  if (first == count) return;
  size_t last = count - 1;
  while (!is_visible(last)) --last;
  left = std::min(left, static_cast<int>(begin + first));
  right = std::max(right, static_cast<int>(begin + last) + 1);
}

Status SmoothPlane(AlphaPlane& plane, float pixels, ThreadRunner& runner) {
  const int reach = static_cast<int>(std::ceil(pixels));
  // A tent of that reach whose weights sum up to 4096. The remainder of rounding goes to the middle.
  std::vector<uint32_t> tent;
  double total = 0;
  const auto height_at = [&](int k) { return std::max(0.0, double{pixels} + 1 - std::abs(k)); };
  for (int k = -reach; k <= reach; ++k) total += height_at(k);
  uint32_t sum = 0;
  for (int k = -reach; k <= reach; ++k) {
    tent.push_back(static_cast<uint32_t>(height_at(k) / total * 4096));
    sum += tent.back();
  }
  tent[static_cast<size_t>(reach)] += 4096 - sum;
  // After the tent, a straight edge has a slope of 1 / (reach + 1) per pixel.
  const auto steeper = static_cast<int64_t>(256 * (pixels + 1));
  const size_t scratch_stride = AlignUp(static_cast<size_t>(plane.width) + 2 * static_cast<size_t>(reach), kAlignment);
  DECAL_TRY_ASSIGN(Buffer columns,
                   AllocateArray<uint32_t>(uint64_t{scratch_stride} * std::max<size_t>(1, runner.thread_count()),
                                           "rows of a matte"));
  const auto stays = [](uint8_t, uint8_t least, uint8_t most) { return most == 0 || least == 255; };
  return ForNeighbourhoods(plane, reach, Beyond::kNearest, runner, stays,
                           [&](const uint8_t* const* rows, size_t task, uint8_t* out, size_t begin, size_t end) {
                             const size_t padded = end - begin + 2 * static_cast<size_t>(reach);
                             uint32_t* sums = reinterpret_cast<uint32_t*>(columns.data()) + task * scratch_stride;
                             std::fill_n(sums, padded, 0u);
                             for (int k = 0; k <= 2 * reach; ++k) {
                               const uint8_t* from = rows[k] + begin - reach;
                               const uint32_t weight = tent[static_cast<size_t>(k)];
                               for (size_t x = 0; x < padded; ++x) sums[x] += weight * from[x];
                             }
                             for (size_t x = begin; x < end; ++x) {
                               uint32_t value = 0;  // up to 255 * 2^24
                               for (size_t k = 0; k <= 2 * static_cast<size_t>(reach); ++k)
                                 value += tent[k] * sums[x - begin + k];
                               const int64_t centred =
                                   static_cast<int64_t>(value >> 8) - (255 << 15);  // 16 bits below the point
                               out[x] = static_cast<uint8_t>(std::clamp<int64_t>(
                                   (((centred * steeper) >> 8) + (255 << 15) + 32768) >> 16, 0, 255));
                             }
                           });
}

Status GrowPlane(AlphaPlane& plane, float pixels, ThreadRunner& runner) {
  std::array<uint8_t, 256> inverse;
  for (size_t i = 0; i < 256; ++i) inverse[i] = static_cast<uint8_t>(255 - i);
  if (pixels < 0) MapPlane(plane, inverse, runner);
  float left = std::abs(pixels);
  while (left > 0) {
    DECAL_TRY(Dilate(plane, std::min(left, kLargestDisc), runner));
    left -= kLargestDisc;
  }
  if (pixels < 0) MapPlane(plane, inverse, runner);
  return {};
}

void MapPlane(AlphaPlane& plane, const std::array<uint8_t, 256>& table, ThreadRunner& runner) {
  ParallelFor(runner, static_cast<size_t>(plane.height), [&](size_t y, size_t) {
    uint8_t* row = plane.row(static_cast<int>(y));
    for (int x = 0; x < plane.width; ++x) row[x] = table[row[x]];
  });
}

}  // namespace decal
