// Connected parts of a matte, by flooding one after the other.
// SPDX-License-Identifier: MIT
#include "cutout/shape_matte.h"

#include <algorithm>
#include <vector>

#include "cutout/resample.h"

namespace decal {
namespace {

// A part ends where the matte is below: softness belongs to what it surrounds.
constexpr float kPartOf = 0.05f;

struct Part {
  double sum = 0;
  bool at_edge = false;
};

float Value(float matte, bool holes) { return holes ? 1 - matte : matte; }

// Labels 1.. of the cells of each part in `labels`, 0 elsewhere; `stack` has room for all cells.
std::vector<Part> FindParts(std::span<const float> matte, int width, bool holes, int32_t* labels, int32_t* stack) {
  const auto cells = static_cast<int32_t>(matte.size());
  std::vector<Part> parts;
  std::fill_n(labels, cells, 0);
  for (int32_t start = 0; start < cells; ++start) {
    if (labels[start] != 0 || Value(matte[static_cast<size_t>(start)], holes) <= kPartOf) continue;
    Part part;
    const auto label = static_cast<int32_t>(parts.size()) + 1;
    size_t depth = 0;
    const auto visit = [&](int32_t cell) {
      if (labels[cell] != 0 || Value(matte[static_cast<size_t>(cell)], holes) <= kPartOf) return;
      labels[cell] = label;
      stack[depth++] = cell;
    };
    visit(start);
    while (depth > 0) {
      const int32_t cell = stack[--depth], x = cell % width;
      part.sum += Value(matte[static_cast<size_t>(cell)], holes);
      const bool edges[] = {x == 0, x == width - 1, cell < width, cell >= cells - width};
      const int32_t steps[] = {-1, 1, -width, width};
      for (int i = 0; i < 4; ++i) {
        if (edges[i]) {
          part.at_edge = true;
        } else {
          visit(cell + steps[i]);
        }
      }
    }
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

Status ShapeMatte(std::span<float> matte, int width, float least_island, float largest_hole) {
  DECAL_TRY_ASSIGN(Buffer memory, AllocateArray<int32_t>(uint64_t{2} * matte.size(), "parts of the matte"));
  auto* labels = reinterpret_cast<int32_t*>(memory.data());
  double subject = 0;
  for (const bool holes : {false, true}) {
    const std::vector<Part> parts = FindParts(matte, width, holes, labels, labels + matte.size());
    if (!holes) {
      for (const Part& part : parts) subject = std::max(subject, part.sum);
    }
    const double least = subject * static_cast<double>(holes ? largest_hole : least_island);
    for (size_t i = 0; i < matte.size(); ++i) {
      if (labels[i] == 0) continue;
      const Part& part = parts[static_cast<size_t>(labels[i]) - 1];
      if (part.sum < least && !(holes && part.at_edge)) matte[i] = holes ? 1.0f : 0.0f;
    }
  }
  return {};
}

}  // namespace decal
