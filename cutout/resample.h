// Separable resampling with a triangle filter: the tables of one axis, and rows of RGBA8 through both.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "decal/image.h"
#include "engine/base/buffer.h"

namespace decal {

// Memory for `count` elements; kOutOfMemory also where the size does not fit size_t (wasm32).
Result<Buffer> AllocateElements(uint64_t count, size_t element_bytes, const char* what);
template <class T>
Result<Buffer> AllocateArray(uint64_t count, const char* what) {
  return AllocateElements(count, sizeof(T), what);
}
// `buffer` with room for `count` elements: its own memory where that is enough, new memory otherwise. What was in it is lost.
template <class T>
Result<T*> Reserve(Buffer& buffer, uint64_t count, const char* what) {
  if (buffer.size_bytes() / sizeof(T) < count || buffer.data() == nullptr) {
    buffer = {};
    DECAL_TRY_ASSIGN(buffer, AllocateArray<T>(count, what));
  }
  return reinterpret_cast<T*>(buffer.data());
}

// kInvalidArgument unless `picture` has pixels and rows that hold them.
Status CheckPicture(ImageView picture);

// How one axis is resampled: output i is the weighted sum of `taps` inputs from first(i) on. The filter is a
// triangle as wide as one input pixel when enlarging (bilinear at half-pixel centres) and as one output pixel when
// reducing (so nothing is skipped); it is cut off at the borders and normalised. The same sampling as PIL's BILINEAR.
// Enlarging takes two inputs, or the only one.
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
  kIgnore,  // RGB only
  kWeight,  // RGB weighted by alpha, and alpha
};

// Row `y` of the picture resampled by both axes: four floats, RGBA, for each of columns.output() pixels. With kIgnore
// RGB is 0..255 and A is 0; with kWeight RGB is 0..255 * 255 and A 0..255. `scratch` holds 4 * columns.input() floats.
void ResampleRow(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, AlphaUse alpha, int y,
                 float* scratch, float* out);

// planes[c][x] = row[4 * x + c] * scale[c] + offset[c] for `count` pixels and c of 0..2.
void NormaliseRow(const float* row, size_t count, const float* scale, const float* offset, float* const* planes);

}  // namespace decal
