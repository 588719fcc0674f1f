// Antialiased resize of RGBA pictures, for previews.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "cutout/pixel.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "decal/cutout.h"

namespace decal {

Extent PreviewExtent(Extent picture, int long_side) {
  const int longest = std::max(picture.width, picture.height);
  if (longest <= long_side || long_side <= 0) return picture;
  const double scale = static_cast<double>(long_side) / longest;
  const auto scaled = [&](int side) { return std::max(1, static_cast<int>(std::lround(side * scale))); };
  return {scaled(picture.width), scaled(picture.height)};
}

Status ResizeImage(ImageView picture, MutableImageView out, ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(CheckPicture(out));
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(picture.height, out.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(picture.width, out.width));
  const size_t width = static_cast<size_t>(out.width);
  DECAL_TRY_ASSIGN(ThreadScratch scratch,
                   ThreadScratch::Allocate(4 * (static_cast<size_t>(picture.width) + width), runner));

  ParallelFor(runner, static_cast<size_t>(out.height), [&](size_t y, size_t thread) {
    float* row = scratch.thread(thread);
    ResampleRow(picture, rows, columns, AlphaUse::kWeight, static_cast<int>(y), row + 4 * width, row);
    uint8_t* to = out.row(static_cast<int>(y));
    for (size_t x = 0; x < width; ++x) {
      const float* sums = row + 4 * x;
      const uint32_t alpha = ToByte(sums[3]);
      const auto colour = [&](size_t c) { return ToByte(sums[c] / sums[3]); };
      StorePixel(to, x, alpha == 0 ? 0 : PackPixel(colour(0), colour(1), colour(2), alpha));
    }
  });
  return {};
}

}  // namespace decal
