// SPDX-License-Identifier: MIT
#include "binding/rembg.h"

#include <memory>
#include <mutex>
#include <vector>

#include "binding/errors.h"
#include "binding/lanczos.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

constexpr int kLongestSide = 1 << 20;  // with the two passes' tables far from what an int holds

Samples ViewOf(const SamplesArray& array, const char* what) {
  const bool fits = array.ndim() == 2 || (array.ndim() == 3 && (array.shape(2) == 3 || array.shape(2) == 4));
  if (!fits || array.size() == 0 || array.shape(0) > kLongestSide || array.shape(1) > kLongestSide) {
    Throw({ErrorCode::kInvalidArgument, "not the shape of a picture", what});
  }
  return {array.data(),
          {static_cast<int>(array.shape(1)), static_cast<int>(array.shape(0))},
          array.ndim() == 2 ? 1 : static_cast<int>(array.shape(2))};
}

}  // namespace

nb::ndarray<nb::numpy, uint8_t> Resize(Shared& engine, const SamplesArray& from, int width, int height) {
  const Samples samples = ViewOf(from, "from");
  if (width < 1 || height < 1 || width > kLongestSide || height > kLongestSide)
    Throw({ErrorCode::kInvalidArgument, "not a picture's size"});
  std::vector<size_t> shape{static_cast<size_t>(height), static_cast<size_t>(width)};
  if (from.ndim() == 3) shape.push_back(static_cast<size_t>(samples.channels));
  std::unique_ptr<uint8_t[]> made(new uint8_t[shape[0] * shape[1] * static_cast<size_t>(samples.channels)]);
  {
    const nb::gil_scoped_release released;
    const std::lock_guard lock(engine.mutex);
    ResizeLanczos(samples, {width, height}, made.get(), engine.runner);
  }
  uint8_t* data = made.release();
  const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<uint8_t*>(p); });
  return {data, shape.size(), shape.data(), owner};
}

void Paste(Shared& engine, const SamplesArray& picture, const SamplesArray& mask, const OutputArray& out) {
  const Samples pixels = ViewOf(picture, "picture"), shares = ViewOf(mask, "mask");
  if (pixels.channels < 3 || shares.channels != 1 || out.shape(0) != picture.shape(0) ||
      out.shape(1) != picture.shape(1))
    Throw(
        {ErrorCode::kInvalidArgument, "a picture of 3 or 4 channels, a grey mask and a result of the picture's size"});
  const nb::gil_scoped_release released;
  const std::lock_guard lock(engine.mutex);
  PasteThrough(pixels, shares, out.data(), engine.runner);
}

}  // namespace decal::python
