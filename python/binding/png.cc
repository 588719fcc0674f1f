// SPDX-License-Identifier: MIT
#include "binding/png.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "binding/errors.h"
#include "decal/parallel.h"
#include "png/adler32.h"
#include "png/strip.h"
#include "png/workspace.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

struct Packed {
  std::vector<uint8_t> bytes;
  uint32_t adler = 1;
};

// The strips of a picture, each by itself.
Result<std::vector<Packed>> PackStrips(ImageView picture, int channels, int strip_rows, size_t threads) {
  std::vector<Packed> strips(static_cast<size_t>((picture.height - 1) / strip_rows + 1));
  // Threads for this call alone: a start takes a tenth of a millisecond, a strip ten. They need not survive a fork.
  const auto pool = strips.size() > 1 && threads > 1 ? MakeThreadPool(std::min(threads, strips.size())) : nullptr;
  ThreadRunner& runner = pool ? *pool : SerialRunner();
  std::vector<std::unique_ptr<PngWorkspace>> works(runner.thread_count());
  for (auto& work : works) work = std::make_unique<PngWorkspace>(picture.width, channels, strip_rows);
  std::atomic<bool> fits = true, has_memory = true;
  ParallelFor(runner, strips.size(), [&](size_t index, size_t thread) {
    const int first = static_cast<int>(index) * strip_rows, count = std::min(strip_rows, picture.height - first);
    PngWorkspace& work = *works[thread];
    const auto strip = work.Pack(picture, channels, first, count, first + count == picture.height);
    if (!strip) {
      fits = false;
      return;
    }
    const auto packed = work.out().first(strip->bytes);
    try {  // an exception must not leave a thread
      strips[index] = {{packed.begin(), packed.end()}, strip->adler};
    } catch (const std::bad_alloc&) {
      has_memory = false;
    }
  });
  if (!fits) return Fail(ErrorCode::kInternal, "cannot write a PNG: a strip did not fit into its memory");
  if (!has_memory) return Fail(ErrorCode::kOutOfMemory, "no memory for a PNG file");
  return strips;
}

Result<std::vector<uint8_t>> ZlibStream(ImageView picture, int channels, size_t threads) {
  const int strip_rows = std::min(picture.height, PngStripRows(picture.width, channels));
  const auto strips = PackStrips(picture, channels, strip_rows, threads);
  if (!strips) return std::unexpected(strips.error());
  std::vector<uint8_t> stream(std::begin(kZlibHeader), std::end(kZlibHeader));
  uint32_t adler = 1;
  int first = 0;
  for (const Packed& strip : *strips) {
    const int count = std::min(strip_rows, picture.height - first);
    stream.insert(stream.end(), strip.bytes.begin(), strip.bytes.end());
    adler = CombineAdler32(adler, strip.adler, PngRowBytes(picture.width, channels) * static_cast<size_t>(count));
    first += count;
  }
  for (int shift = 24; shift >= 0; shift -= 8) stream.push_back(static_cast<uint8_t>(adler >> shift));
  return stream;
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
  Result<std::vector<uint8_t>> made;
  {
    const nb::gil_scoped_release released;
    made = ZlibStream(picture, channels, threads);
  }
  const std::vector<uint8_t> stream = Unwrap(std::move(made));
  return nb::bytes(stream.data(), stream.size());
}

}  // namespace decal::python
