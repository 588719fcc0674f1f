// SPDX-License-Identifier: MIT
#include "binding/png.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "binding/errors.h"
#include "png/adler32.h"
#include "png/strip.h"
#include "png/workspace.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

std::vector<uint8_t> ZlibStream(ImageView picture, int channels) {
  const int strip_rows = std::min(picture.height, PngStripRows(picture.width, channels));
  PngWorkspace work(picture.width, channels, strip_rows);
  std::vector<uint8_t> stream(std::begin(kZlibHeader), std::end(kZlibHeader));
  uint32_t adler = 1;
  for (int first = 0; first < picture.height; first += strip_rows) {
    const int count = std::min(strip_rows, picture.height - first);
    const auto strip = work.Pack(picture, channels, first, count, first + count == picture.height);
    if (!strip) return {};
    const auto packed = work.out().first(strip->bytes);
    stream.insert(stream.end(), packed.begin(), packed.end());
    adler = CombineAdler32(adler, strip->adler, PngRowBytes(picture.width, channels) * static_cast<size_t>(count));
  }
  for (int shift = 24; shift >= 0; shift -= 8) stream.push_back(static_cast<uint8_t>(adler >> shift));
  return stream;
}

}  // namespace

nb::bytes PackPng(const PictureArray& rgba, int channels) {
  const auto width = static_cast<int64_t>(rgba.shape(1));
  if (rgba.shape(2) != 4 || rgba.stride(2) != 1 || rgba.stride(1) != 4 || rgba.stride(0) < 4 * width || width == 0 ||
      rgba.shape(0) == 0 || channels < 3 || channels > 4) {
    Throw({ErrorCode::kInvalidArgument, "a PNG is packed from dense rows of RGBA, 3 or 4 channels of it"});
  }
  const ImageView picture{rgba.data(), static_cast<int>(width), static_cast<int>(rgba.shape(0)),
                          static_cast<size_t>(rgba.stride(0))};
  std::vector<uint8_t> stream;
  {
    const nb::gil_scoped_release released;
    stream = ZlibStream(picture, channels);
  }
  if (stream.empty()) Throw({ErrorCode::kInternal, "cannot write a PNG: a strip did not fit into its memory"});
  return nb::bytes(stream.data(), stream.size());
}

}  // namespace decal::python
