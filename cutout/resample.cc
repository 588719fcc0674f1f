// Rows first, columns second: the sum over picture rows streams through memory once and vectorises over the width, and
// what is left for the columns is one row.
#include "cutout/resample.h"

#include <algorithm>
#include <cmath>

#include "cutout/pixel.h"

namespace decal {
namespace {

// Source rows added per pass over the accumulators: four make the accumulators' own traffic a quarter.
constexpr int kRowsPerPass = 4;

// planes[c][x] += weights[k] * channel c of rows[k][x], for `count` rows in order: the same sum whatever kCount is.
template <AlphaUse kAlpha, int kCount>
void AccumulateRows(const uint8_t* const* rows, const float* weights, size_t width, float* __restrict planes) {
  float* __restrict red = planes;
  float* __restrict green = planes + width;
  float* __restrict blue = planes + 2 * width;
  float* __restrict opacity = planes + 3 * width;
  for (size_t x = 0; x < width; ++x) {
    float r = red[x], g = green[x], b = blue[x];
    float a = kAlpha == AlphaUse::kWeight ? opacity[x] : 0;
    for (int k = 0; k < kCount; ++k) {
      const uint32_t pixel = LoadPixel(rows[k], x);
      float weight = weights[k];
      if constexpr (kAlpha == AlphaUse::kWeight) {
        weight *= Channel(pixel, 3);
        a += weight;
      }
      r += weight * Channel(pixel, 0);
      g += weight * Channel(pixel, 1);
      b += weight * Channel(pixel, 2);
    }
    red[x] = r;
    green[x] = g;
    blue[x] = b;
    if constexpr (kAlpha == AlphaUse::kWeight) opacity[x] = a;
  }
}

template <AlphaUse kAlpha>
void SumRows(ImageView picture, const ResampleAxis& axis, int y, float* planes) {
  const size_t width = static_cast<size_t>(picture.width);
  std::fill_n(planes, PlaneCount(kAlpha) * width, 0.0f);
  const float* weights = axis.weights(y);
  const uint8_t* rows[kRowsPerPass];
  int k = 0;
  for (; k + kRowsPerPass <= axis.taps(); k += kRowsPerPass) {
    for (int i = 0; i < kRowsPerPass; ++i) rows[i] = picture.row(axis.first(y) + k + i);
    AccumulateRows<kAlpha, kRowsPerPass>(rows, weights + k, width, planes);
  }
  for (; k < axis.taps(); ++k) {
    rows[0] = picture.row(axis.first(y) + k);
    AccumulateRows<kAlpha, 1>(rows, weights + k, width, planes);
  }
}

// All planes in one loop: a sum over taps is one dependent chain, and three or four of them overlap.
template <size_t kPlanes>
void SumColumns(const float* source, const ResampleAxis& axis, float* planes) {
  const size_t input = static_cast<size_t>(axis.input());
  const size_t output = static_cast<size_t>(axis.output());
  for (size_t x = 0; x < output; ++x) {
    const float* weights = axis.weights(static_cast<int>(x));
    const float* from = source + axis.firsts()[x];
    float sums[kPlanes] = {};
    for (int k = 0; k < axis.taps(); ++k) {
      for (size_t p = 0; p < kPlanes; ++p) sums[p] += weights[k] * from[p * input + static_cast<size_t>(k)];
    }
    for (size_t p = 0; p < kPlanes; ++p) planes[p * output + x] = sums[p];
  }
}

}  // namespace

Status CheckPicture(ImageView picture) {
  if (picture.data == nullptr || picture.width <= 0 || picture.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument, "the picture is empty");
  }
  if (picture.stride_bytes / 4 < static_cast<size_t>(picture.width)) {
    return Fail(ErrorCode::kInvalidArgument, "the picture's rows are closer together than they are long");
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

void ResampleRow(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, AlphaUse alpha, int y,
                 float* scratch, float* planes) {
  if (alpha == AlphaUse::kIgnore) {
    SumRows<AlphaUse::kIgnore>(picture, rows, y, scratch);
    SumColumns<PlaneCount(AlphaUse::kIgnore)>(scratch, columns, planes);
  } else {
    SumRows<AlphaUse::kWeight>(picture, rows, y, scratch);
    SumColumns<PlaneCount(AlphaUse::kWeight)>(scratch, columns, planes);
  }
}

}  // namespace decal
