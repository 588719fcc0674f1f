// The tables of one axis: where each output's triangle filter begins, and its weights.
// SPDX-License-Identifier: MIT
#include "cutout/resample.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace decal {

Result<Buffer> AllocateElements(uint64_t count, size_t element_bytes, const char* what) {
  if (count > SIZE_MAX / element_bytes) {
    return Fail(ErrorCode::kOutOfMemory, std::string("too large for the address space: ") + what);
  }
  return Buffer::Allocate(static_cast<size_t>(count) * element_bytes, what);
}

Status CheckPicture(ImageView picture) {
  if (picture.data == nullptr || picture.width <= 0 || picture.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument, "the picture is empty");
  }
  if (picture.stride_bytes / 4 < static_cast<size_t>(picture.width)) {
    return Fail(ErrorCode::kInvalidArgument, "the picture's stride is less than a row of its pixels");
  }
  return {};
}

Result<ResampleAxis> ResampleAxis::Create(int input, int output) {
  if (input <= 0 || output <= 0) return Fail(ErrorCode::kInvalidArgument, "a picture needs at least one pixel");
  const double scale = static_cast<double>(input) / output;
  const double radius = std::max(scale, 1.0);
  const auto begin_of = [&](double centre) { return std::max(0, static_cast<int>(centre - radius + 0.5)); };
  const auto end_of = [&](double centre) { return static_cast<int>(std::min<double>(input, centre + radius + 0.5)); };

  ResampleAxis axis;
  axis.input_ = input;
  axis.output_ = output;
  for (int i = 0; i < output; ++i) {
    const double centre = (i + 0.5) * scale;
    axis.taps_ = std::max(axis.taps_, end_of(centre) - begin_of(centre));
  }
  // Near a whole number the two sums may round to different sides and give a third, which weighs nothing. Rows are enlarged in pairs.
  if (scale <= 1) axis.taps_ = std::min(axis.taps_, 2);
  DECAL_TRY_ASSIGN(axis.first_, AllocateArray<int32_t>(static_cast<uint64_t>(output), "resampling offsets"));
  DECAL_TRY_ASSIGN(
      axis.weights_,
      AllocateArray<float>(static_cast<uint64_t>(output) * static_cast<uint64_t>(axis.taps_), "resampling weights"));
  auto* first = reinterpret_cast<int32_t*>(axis.first_.data());
  auto* weights = reinterpret_cast<float*>(axis.weights_.data());
  for (int i = 0; i < output; ++i, weights += axis.taps_) {
    const double centre = (i + 0.5) * scale;
    // Every output has the same number of taps; those outside of its triangle weigh nothing.
    const int begin = std::min(begin_of(centre), input - axis.taps_);
    first[i] = begin;
    const auto triangle = [&](int j) { return std::max(0.0, 1.0 - std::abs((j + 0.5 - centre) / radius)); };
    double sum = 0;
    for (int k = 0; k < axis.taps_; ++k) sum += triangle(begin + k);
    for (int k = 0; k < axis.taps_; ++k) weights[k] = static_cast<float>(triangle(begin + k) / sum);
  }
  return axis;
}

}  // namespace decal
