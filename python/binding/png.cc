// SPDX-License-Identifier: MIT
#include "binding/png.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "binding/errors.h"
#include "decal/parallel.h"
#include "png/stream.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

Result<std::vector<PngPart>> Pack(ImageView picture, int channels, size_t threads) {
  // Threads for this call alone: a start takes a tenth of a millisecond, a strip ten. They need not survive a fork.
  threads = std::min(threads, PngPartCount(picture.width, picture.height, channels));
  const auto pool = threads > 1 ? MakeThreadPool(threads) : nullptr;
  return PackPngStream(picture, channels, pool ? *pool : SerialRunner());
}

}  // namespace

nb::bytes PackPng(const PictureArray& rgba, int channels, size_t threads) {
  const auto width = static_cast<int64_t>(rgba.shape(1));
  if (rgba.shape(2) != 4 || rgba.stride(2) != 1 || rgba.stride(1) != 4 || rgba.stride(0) < 4 * width || width == 0 ||
      rgba.shape(0) == 0 || channels < 3 || channels > 4) {
    Throw({ErrorCode::kInvalidArgument, "a PNG is packed from dense rows of RGBA, 3 or 4 channels of it"});
  }
  const ImageView picture{rgba.data(), static_cast<int>(width), static_cast<int>(rgba.shape(0)),
                          static_cast<size_t>(rgba.stride(0))};
  Result<std::vector<PngPart>> made;
  {
    const nb::gil_scoped_release released;
    made = Pack(picture, channels, threads);
  }
  const std::vector<PngPart> parts = Unwrap(std::move(made));
  size_t size = 0;
  for (const PngPart& part : parts) size += part.size;
  // Filled in its place: nothing else knows of it yet.
  nb::bytes stream(nullptr, size);
  char* at = PyBytes_AsString(stream.ptr());
  for (const PngPart& part : parts) at = std::copy_n(reinterpret_cast<const char*>(part.memory.get()), part.size, at);
  return stream;
}

}  // namespace decal::python
