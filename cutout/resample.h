// Separable resampling with a triangle filter: the tables of one axis, and rows of RGBA8 through both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "decal/image.h"
#include "engine/base/buffer.h"

namespace decal {

// Memory for `count` elements of T; kOutOfMemory also where the size does not fit size_t (wasm32).
template <class T>
Result<Buffer> AllocateArray(uint64_t count, const char* what) {
  if (count > SIZE_MAX / sizeof(T)) {
    return Fail(ErrorCode::kOutOfMemory, std::string("too large for this address space: ") + what);
  }
  return Buffer::Allocate(static_cast<size_t>(count) * sizeof(T), what);
}

// kInvalidArgument unless `picture` has pixels and rows that hold them.
Status CheckPicture(ImageView picture);

// How one axis is resampled: output i is the weighted sum of `taps` inputs from first(i) on. The filter is a
// triangle as wide as one input pixel when enlarging (bilinear at half-pixel centres) and as one output pixel when
// reducing (so nothing is skipped); it is cut off at the borders and normalised. The same sampling as PIL's BILINEAR.
class ResampleAxis {
 public:
  static Result<ResampleAxis> Create(int input, int output);

  int input() const { return input_; }
  int output() const { return output_; }
  int taps() const { return taps_; }
  int first(int i) const { return firsts()[i]; }
  const int32_t* firsts() const { return reinterpret_cast<const int32_t*>(first_.data()); }
  const float* weights(int i) const {
    return reinterpret_cast<const float*>(weights_.data()) + static_cast<size_t>(i) * static_cast<size_t>(taps_);
  }
  size_t size_bytes() const { return first_.size_bytes() + weights_.size_bytes(); }

 private:
  int input_ = 0, output_ = 0, taps_ = 0;
  Buffer first_, weights_;
};

// How the alpha of a picture takes part in resampling it.
enum class AlphaUse {
  kIgnore,  // RGB only; rows have three planes
  kWeight,  // RGB weighted by alpha, and alpha: four planes
};

constexpr size_t PlaneCount(AlphaUse alpha) { return alpha == AlphaUse::kIgnore ? 3 : 4; }

// Row `y` of the picture resampled by both axes: planes of columns.output() floats each, 0..255 (RGB weighted by
// alpha: 0..255 * 255). `scratch` holds PlaneCount * columns.input() floats.
void ResampleRow(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, AlphaUse alpha, int y,
                 float* scratch, float* planes);

}  // namespace decal
