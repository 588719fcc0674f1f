// Parts are placed along the longer side; their weights depend only on the position there.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/joined_matte.h"

#include <algorithm>
#include <cmath>

#include "cutout/resample.h"

namespace decal {
namespace {

// Up to 3.5:1 the default model finds more in the whole picture, though squeezed, than in its parts, which cut subjects; from 4:1 on it is
// the other way round: docs/edges.md, bench/edges_long.py.
constexpr double kLongPicture = 3.5;
constexpr double kPartRatio = 1.5, kOverlap = 1.0 / 3;
constexpr int kMostParts = 16;  // beyond, they get longer than 3:2

struct Sides {
  int length, breadth;
};

Sides SidesOf(Extent picture) {
  return {std::max(picture.width, picture.height), std::min(picture.width, picture.height)};
}

int PartLength(Sides sides, int count) {
  const double shortest = sides.length / (1 + (count - 1) * (1 - kOverlap));
  const double length =
      count == kMostParts ? std::max(kPartRatio * sides.breadth, shortest) : kPartRatio * sides.breadth;
  return std::clamp(static_cast<int>(std::ceil(length)), 1, sides.length);
}

}  // namespace

int PartCount(Extent picture) {
  const Sides sides = SidesOf(picture);
  if (sides.length <= kLongPicture * sides.breadth) return 1;
  const double length = kPartRatio * sides.breadth;
  const double more = std::ceil((sides.length - length) / (length * (1 - kOverlap)) - 1e-9);
  return static_cast<int>(std::clamp(1 + more, 2.0, static_cast<double>(kMostParts)));
}

Box PartOf(Extent picture, int index, int count) {
  if (count == 1) return {0, 0, picture.width, picture.height};
  const Sides sides = SidesOf(picture);
  const int length = PartLength(sides, count);
  const int begin = static_cast<int>(int64_t{sides.length - length} * index / (count - 1));
  return picture.width >= picture.height ? Box{begin, 0, length, picture.height} : Box{0, begin, picture.width, length};
}

Result<JoinedMatte> JoinedMatte::Create(Extent picture, int count, Extent part) {
  JoinedMatte joined;
  joined.wide_ = picture.width >= picture.height;
  joined.count_ = count;
  joined.part_ = joined.extent_ = part;
  const Sides sides = SidesOf(picture);
  int& length = joined.wide_ ? joined.extent_.width : joined.extent_.height;
  length = static_cast<int>(std::lround(static_cast<double>(length) * sides.length / PartLength(sides, count)));
  const auto cells = static_cast<uint64_t>(joined.extent_.width) * static_cast<uint64_t>(joined.extent_.height);
  DECAL_TRY_ASSIGN(joined.values_, AllocateArray<float>(cells, "the matte"));
  DECAL_TRY_ASSIGN(joined.weights_, AllocateArray<float>(static_cast<uint64_t>(length), "the matte"));
  std::fill_n(reinterpret_cast<float*>(joined.values_.data()), cells, 0.0f);
  std::fill_n(reinterpret_cast<float*>(joined.weights_.data()), length, 0.0f);
  return joined;
}

void JoinedMatte::Add(int index, MatteView matte) {
  auto* values = reinterpret_cast<float*>(values_.data());
  auto* weights = reinterpret_cast<float*>(weights_.data());
  const int length = wide_ ? part_.width : part_.height, whole = wide_ ? extent_.width : extent_.height;
  const int begin = static_cast<int>(int64_t{whole - length} * index / (count_ - 1));
  const auto weight = [&](int i) {
    // At the picture's own ends there is no other part.
    const int before = index == 0 ? length : i + 1, after = index == count_ - 1 ? length : length - i;
    return static_cast<float>(std::min(before, after));
  };
  for (int i = 0; i < length; ++i) weights[begin + i] += weight(i);
  for (int y = 0; y < matte.height; ++y) {
    const float* from = matte.data + static_cast<size_t>(y) * static_cast<size_t>(matte.width);
    float* to =
        values + static_cast<size_t>(wide_ ? y : begin + y) * static_cast<size_t>(extent_.width) + (wide_ ? begin : 0);
    for (int x = 0; x < matte.width; ++x) to[x] += from[x] * weight(wide_ ? x : y);
  }
}

float JoinedMatte::Finish() {
  auto* values = reinterpret_cast<float*>(values_.data());
  const auto* weights = reinterpret_cast<const float*>(weights_.data());
  double sum = 0;
  for (int y = 0; y < extent_.height; ++y) {
    for (int x = 0; x < extent_.width; ++x, ++values) {
      *values = std::min(*values / weights[wide_ ? x : y], 1.0f);
      sum += *values;
    }
  }
  return static_cast<float>(sum / (static_cast<double>(extent_.width) * extent_.height));
}

MatteView JoinedMatte::view() const {
  return {reinterpret_cast<const float*>(values_.data()), extent_.width, extent_.height};
}

}  // namespace decal
