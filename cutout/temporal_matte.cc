// Steadies the mattes of a video: keeps a running mean of mattes and colours for each cell, and decides how much a new frame counts.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cutout/matte_rows.h"
#include "cutout/resample.h"
#include "cutout/temporal_rows.h"
#include "decal/cutout.h"
#include "decal/temporal.h"

namespace decal {
namespace {

// The constants were chosen on frames of 1280 x 720: a photo with FFmpeg's noise of strength 12 and 24 in RGB, and the same in luma and in
// chroma of half the size (people-live); the lemur, whose alpha is true, over a photo by 2, 8 and 24 pixels a frame (decal-default), and a
// portrait, with its matte by decal-default, over two photos by 6 and 25 (people-live), all with noise of strength 8. First is the matte's mean
// change between two frames, then its mean error, both divided by those of mattes without smoothing; bench/video.mjs repeats all but the
// portrait:
//   these constants                                    0.22, 0.25, 0.26, 0.34;  lemur 0.9993 to 0.9997, portrait 0.994 to 0.998
//   colour thresholds of a picture without noise                                0.27, 0.85 in chroma
//   without dropping a lost subject at once                                     lemur 0.9999 to 1.0000, portrait 0.998 to 1.0004
//   dropping it at once, and with the memory of motion                          lemur 0.9998 to 1.0001, portrait 0.995 to 0.999
// And earlier, with four people moving over photos by 6 and 25 pixels, in RGB:
//   without memory of motion and matte thresholds     0.17, 0.16;  0.93 to 1.27: a moving edge leaves a trail of old matte values
//   without matte thresholds                          0.22, 0.22;  0.98 to 1.08

// How much a frame counts where nothing moved.
constexpr float kStillWeight = 0.2f;

// A ramp from 0 to 1 between two values.
struct Ramp {
  float begin, end;
  float At(float value) const { return std::clamp((value - begin) / (end - begin), 0.0f, 1.0f); }
};

// Differences of colour, in levels of 255. Below the first value nothing moved; above the second something did. In a noisy picture the
// thresholds are multiples of its noise. With noise alone, one cell in a thousand exceeds five times the first quartile of differences, and
// a cell counts as moving if any cell within a distance of two does.
constexpr Ramp kColourRamp = {4, 10};
constexpr Ramp kNoiseRamp = {6, 12};
// The noise estimate is the first quartile of the cells' differences. If more than three quarters of the picture move, that is motion and not
// noise. So the estimate rises slowly (from 1 to 4 levels in more than a second) and has a maximum.
constexpr double kStillShare = 0.25;
constexpr float kNoiseGrowth = 1.03f, kNoiseStep = 0.01f, kMostNoise = 4;
// Motion is remembered for some frames, because the network's answer for a cell settles only after an edge has passed it.
constexpr float kMemory = 0.8f;
// Differences of mattes: a change this large is a real change. If something moves anywhere in the picture, smaller changes count too, because
// the network's receptive field is large.
constexpr Ramp kStillRamp = {0.1f, 0.3f};
constexpr Ramp kMovingRamp = {0.02f, 0.08f};
// The picture counts as moving if this share of its cells does.
constexpr double kMovingShare = 0.03;

// Bins of the histogram of differences: sixteenths of a level, up to 32 levels.
constexpr int kBinsALevel = 16, kNoiseBins = 512;

constexpr int kCellRows = 8;

// With fewer pixels, sums of bytes stay below 2^32.
constexpr int64_t kMostFramePixels = int64_t{1} << 24;

// The planes, in order: the frame's colours and their running means (three each), the mean matte, a difference, its mean over the
// neighbourhood, and the memory of motion.
enum Plane : size_t {
  kColour = 0,
  kMeanColour = 3,
  kMeanMatte = 6,
  kDifference = 7,
  kSpread = 8,
  kMotion = 9,
  kPlanes = 10
};

template <class RowFn>
void ForCellRows(int height, ThreadRunner& runner, const RowFn& row) {
  const size_t tasks = (static_cast<size_t>(height) + kCellRows - 1) / kCellRows;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    const int begin = static_cast<int>(task) * kCellRows;
    const int end = std::min(height - begin, kCellRows) + begin;
    for (int y = begin; y < end; ++y) row(y, thread);
  });
}

// Where cell `index` of `cells` begins among `pixels`; a cell has at least one.
int FirstPixel(int index, int cells, int pixels) {
  return static_cast<int>(std::min<int64_t>(int64_t{index} * pixels / cells, pixels - 1));
}
int EndPixel(int index, int cells, int pixels) {
  const int end = static_cast<int>((int64_t{index} + 1) * pixels / cells);
  return std::max(end, FirstPixel(index, cells, pixels) + 1);
}

}  // namespace

struct TemporalMatte::Impl {
  Extent picture, extent;
  bool has_last = false;
  float noise = 0;  // of the colours' differences
  bool knows_noise = false;
  Buffer columns;  // for each of a row's cells, where its pixels begin, and then where each ends
  Buffer planes;  // kPlanes of extent.width * extent.height floats
  Buffer sums;  // for each thread, of the picture's columns
  Buffer moved;  // for each row of cells, how much of it did

  size_t width() const { return static_cast<size_t>(extent.width); }
  size_t cells() const { return width() * static_cast<size_t>(extent.height); }
  float* plane(size_t index) { return reinterpret_cast<float*>(planes.data()) + index * cells(); }
  float* row(size_t index, int y) { return plane(index) + static_cast<size_t>(y) * width(); }
  size_t sums_stride() const { return AlignUp(4 * static_cast<size_t>(picture.width), kAlignment / sizeof(uint32_t)); }

  Status Allocate(Extent of_picture, Extent of_matte, size_t threads);
  void Reduce(ImageView from, int y, uint32_t* sums);
  void DifferColours(int y);
  void Spread(int y);
  void DifferMattes(MatteView matte, int y);
  Ramp ColourRamp();
  double Remember(int y, const Ramp& ramp);
  void Blend(MatteView matte, const Ramp& ramp, float moving, int y);
};

Status TemporalMatte::Impl::Allocate(Extent of_picture, Extent of_matte, size_t threads) {
  const size_t stride = AlignUp(4 * static_cast<size_t>(of_picture.width), kAlignment / sizeof(uint32_t));
  if (of_picture != picture || of_matte != extent) {
    has_last = knows_noise = false;
    picture = extent = {};
    const uint64_t count = static_cast<uint64_t>(of_matte.width) * static_cast<uint64_t>(of_matte.height);
    DECAL_TRY_ASSIGN(planes, AllocateArray<float>(kPlanes * count, "the mattes of a stream"));
    DECAL_TRY_ASSIGN(moved, AllocateArray<double>(static_cast<uint64_t>(of_matte.height), "the mattes of a stream"));
    DECAL_TRY_ASSIGN(columns,
                     AllocateArray<int32_t>(2 * static_cast<uint64_t>(of_matte.width), "the mattes of a stream"));
    auto* lefts = reinterpret_cast<int32_t*>(columns.data());
    for (int x = 0; x < of_matte.width; ++x) {
      lefts[x] = FirstPixel(x, of_matte.width, of_picture.width);
      lefts[of_matte.width + x] = EndPixel(x, of_matte.width, of_picture.width);
    }
    sums = {};
  }
  if (sums.size_bytes() < stride * threads * sizeof(uint32_t)) {
    DECAL_TRY_ASSIGN(sums, AllocateArray<uint32_t>(uint64_t{stride} * threads, "picture rows"));
  }
  picture = of_picture;
  extent = of_matte;
  return {};
}

// Row `y` of the cells' colours: the mean of the pixels in each. Sums are whole numbers, so that their order is of no consequence.
void TemporalMatte::Impl::Reduce(ImageView from, int y, uint32_t* sums) {
  const int top = FirstPixel(y, extent.height, from.height), bottom = EndPixel(y, extent.height, from.height);
  for (int line = top; line < bottom; ++line)
    AddBytes(from.row(line), line == top, 4 * static_cast<size_t>(from.width), sums);
  float* colour[3] = {row(kColour, y), row(kColour + 1, y), row(kColour + 2, y)};
  const int32_t *lefts = reinterpret_cast<const int32_t*>(columns.data()), *rights = lefts + extent.width;
  if (int64_t{from.width} * (bottom - top) <= kMostFramePixels)
    return MeanCells(sums, lefts, rights, bottom - top, width(), colour[0], colour[1], colour[2]);
  for (int x = 0; x < extent.width; ++x) {
    uint64_t sum[3] = {};
    for (int32_t column = lefts[x]; column < rights[x]; ++column) {
      for (int c = 0; c < 3; ++c) sum[c] += sums[4 * column + c];
    }
    const float count = static_cast<float>(int64_t{rights[x] - lefts[x]} * (bottom - top));
    for (int c = 0; c < 3; ++c) colour[c][x] = static_cast<float>(sum[c]) / count;
  }
}

// The difference of each cell's colour from its running mean. Signed differences are averaged over 3 x 3 cells first, so that noise cancels
// out. Green, which carries most of the light, counts twice.
void TemporalMatte::Impl::DifferColours(int y) {
  const int lines[3] = {std::max(y - 1, 0), y, std::min(y + 1, extent.height - 1)};
  float *sums = row(kDifference, y), *out = row(kSpread, y);
  const size_t last = width() - 1;
  std::fill_n(out, width(), 0.0f);
  for (size_t c = 0; c < 3; ++c) {
    std::fill_n(sums, width(), 0.0f);
    for (const int line : lines) {
      const float *colour = row(kColour + c, line), *mean = row(kMeanColour + c, line);
      for (size_t x = 0; x <= last; ++x) sums[x] += colour[x] - mean[x];
    }
    const float share = (c == 1 ? 0.5f : 0.25f) / 9;
    for (size_t x = 0; x <= last; ++x) {
      const float around = sums[x > 0 ? x - 1 : 0] + sums[x] + sums[std::min(x + 1, last)];
      out[x] += share * std::abs(around);
    }
  }
}

void TemporalMatte::Impl::DifferMattes(MatteView matte, int y) {
  const float *mean = row(kMeanMatte, y), *frame = matte.data + static_cast<size_t>(y) * width();
  float* out = row(kDifference, y);
  for (size_t x = 0; x < width(); ++x) out[x] = std::abs(CleanMatte(frame[x]) - mean[x]);
}

// Differences of mattes as means over 3 x 3 cells.
void TemporalMatte::Impl::Spread(int y) {
  const float* rows[3] = {row(kDifference, std::max(y - 1, 0)), row(kDifference, y),
                          row(kDifference, std::min(y + 1, extent.height - 1))};
  float* out = row(kSpread, y);
  const size_t last = width() - 1;
  for (size_t x = 0; x <= last; ++x) {
    const size_t left = x > 0 ? x - 1 : 0, right = std::min(x + 1, last);
    float sum = 0;
    for (const float* from : rows) sum += from[left] + from[x] + from[right];
    out[x] = sum / 9;
  }
}

// The thresholds for differences of colours, adapted to the noise in them.
Ramp TemporalMatte::Impl::ColourRamp() {
  std::array<uint32_t, kNoiseBins> counts{};
  const float* difference = plane(kSpread);
  for (size_t i = 0; i < cells(); ++i)
    ++counts[static_cast<size_t>(std::min(difference[i] * kBinsALevel, static_cast<float>(kNoiseBins - 1)))];
  const auto wanted = static_cast<uint64_t>(kStillShare * static_cast<double>(cells()));
  uint64_t below = 0;
  size_t bin = 0;
  while (bin + 1 < counts.size() && (below += counts[bin]) <= wanted) ++bin;
  const float now = std::min(static_cast<float>(bin + 1) / kBinsALevel, kMostNoise);
  noise = knows_noise ? std::min(now, noise * kNoiseGrowth + kNoiseStep) : now;
  knows_noise = true;
  return {std::max(kColourRamp.begin, kNoiseRamp.begin * noise), std::max(kColourRamp.end, kNoiseRamp.end * noise)};
}

// Updates the memory of motion in row `y` from the differences of colours within two cells. Returns how many of its cells moved now.
double TemporalMatte::Impl::Remember(int y, const Ramp& ramp) {
  const size_t last = width() - 1;
  const int top = std::max(y - 2, 0), bottom = std::min(y + 2, extent.height - 1);
  float *most = row(kDifference, y), *motion = row(kMotion, y);
  std::copy_n(row(kSpread, top), width(), most);
  for (int line = top + 1; line <= bottom; ++line) {
    const float* from = row(kSpread, line);
    for (size_t x = 0; x <= last; ++x) most[x] = std::max(most[x], from[x]);
  }
  double sum = 0;
  for (size_t x = 0; x <= last; ++x) {
    float difference = most[x];
    for (size_t near = x > 2 ? x - 2 : 0; near <= std::min(x + 2, last); ++near)
      difference = std::max(difference, most[near]);
    const float share = ramp.At(difference);
    sum += static_cast<double>(share);
    motion[x] = std::max(share, motion[x] * kMemory);
  }
  return sum;
}

// Updates the means of row `y` from the averaged differences of mattes. If the network no longer sees the subject in a cell while the picture
// moves (`moving`, 0..1), the cell takes the new value at once: otherwise the subject would leave a trail. The opposite case, a subject
// that appears, is still averaged, because it may be an error of one frame.
void TemporalMatte::Impl::Blend(MatteView matte, const Ramp& ramp, float moving, int y) {
  const float* frame = matte.data + static_cast<size_t>(y) * width();
  const float *difference = row(kSpread, y), *motion = row(kMotion, y);
  float *mean = row(kMeanMatte, y), *weights = row(kDifference, y);
  for (size_t x = 0; x < width(); ++x) {
    const float value = CleanMatte(frame[x]);
    const float gone = value < std::min(mean[x], 1 - mean[x]) ? moving : 0.0f;
    weights[x] = kStillWeight + (1 - kStillWeight) * std::max({motion[x], ramp.At(difference[x]), gone});
    mean[x] += weights[x] * (value - mean[x]);
  }
  for (size_t c = 0; c < 3; ++c) {
    const float* colour = row(kColour + c, y);
    float* mean_colour = row(kMeanColour + c, y);
    for (size_t x = 0; x < width(); ++x) mean_colour[x] += weights[x] * (colour[x] - mean_colour[x]);
  }
}

TemporalMatte::TemporalMatte() : impl_(std::make_unique<Impl>()) {}
TemporalMatte::TemporalMatte(TemporalMatte&&) noexcept = default;
TemporalMatte& TemporalMatte::operator=(TemporalMatte&&) noexcept = default;
TemporalMatte::~TemporalMatte() = default;

void TemporalMatte::Reset() { impl_->has_last = impl_->knows_noise = false; }

size_t TemporalMatte::memory_bytes() const {
  return impl_->planes.size_bytes() + impl_->columns.size_bytes() + impl_->moved.size_bytes() +
         impl_->sums.size_bytes();
}

Result<MatteView> TemporalMatte::Next(ImageView picture, MatteView matte, ThreadRunner& runner) {
  Impl& impl = *impl_;
  const bool has_last = std::exchange(impl.has_last, false);
  DECAL_TRY(CheckPicture(picture));
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0)
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  const bool same = has_last && impl.picture == Extent{picture.width, picture.height} &&
                    impl.extent == Extent{matte.width, matte.height};
  DECAL_TRY(impl.Allocate({picture.width, picture.height}, {matte.width, matte.height}, runner.thread_count()));
  const auto for_rows = [&](const auto& row) { ForCellRows(matte.height, runner, [&](int y, size_t) { row(y); }); };
  ForCellRows(matte.height, runner, [&](int y, size_t thread) {
    impl.Reduce(picture, y, reinterpret_cast<uint32_t*>(impl.sums.data()) + thread * impl.sums_stride());
  });
  if (same) {
    auto* moved = reinterpret_cast<double*>(impl.moved.data());
    for_rows([&](int y) { impl.DifferColours(y); });
    const Ramp colour_ramp = impl.ColourRamp();
    for_rows([&](int y) { moved[y] = impl.Remember(y, colour_ramp); });
    for_rows([&](int y) { impl.DifferMattes(matte, y); });
    for_rows([&](int y) { impl.Spread(y); });
    double sum = 0;
    for (int y = 0; y < matte.height; ++y) sum += moved[y];
    const auto moving = static_cast<float>(std::min(sum / static_cast<double>(impl.cells()) / kMovingShare, 1.0));
    const auto between = [&](float still, float in_motion) { return still + (in_motion - still) * moving; };
    const Ramp ramp = {between(kStillRamp.begin, kMovingRamp.begin), between(kStillRamp.end, kMovingRamp.end)};
    for_rows([&](int y) { impl.Blend(matte, ramp, moving, y); });
  } else {
    std::copy_n(impl.plane(kColour), 3 * impl.cells(), impl.plane(kMeanColour));
    std::fill_n(impl.plane(kMotion), impl.cells(), 1.0f);  // the network has yet to settle
    for (size_t i = 0; i < impl.cells(); ++i) impl.plane(kMeanMatte)[i] = CleanMatte(matte.data[i]);
  }
  impl.has_last = true;
  return MatteView{impl.plane(kMeanMatte), matte.width, matte.height};
}

}  // namespace decal
