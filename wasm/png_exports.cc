// The C interface of the cut-out module: PNGs, whose chunks the host writes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <span>

#include "border/exports.h"
#include "decal/parallel.h"
#include "png/adler32.h"
#include "png/strip.h"
#include "wasm/cutout_host.h"

namespace decal {
namespace {

constexpr int kChannels = 4;

// Rows of dense RGBA8 as strips: how many, and what they take. Blocks of the engine's memory are aligned to 64 bytes, and so are these sizes.
struct Strips {
  int rows, count;
  size_t space, bound;  // a thread's and a strip's

  Strips(int width, int all_rows)
      : rows(std::min(all_rows, PngStripRows(width, kChannels))), count((all_rows + rows - 1) / rows),
        space(PngStripSpace(width, kChannels, rows)), bound(PngStripBound(width, kChannels, rows)) {}
};

}  // namespace
}  // namespace decal

using namespace decal;  // NOLINT: the exports are the outside of that namespace

int32_t decal_png_strip_rows(int32_t width) { return PngStripRows(width, kChannels); }

double decal_png_space(int32_t width, int32_t rows) {
  const Strips strips(width, rows);
  return static_cast<double>(strips.space) * static_cast<double>(EngineThreads().thread_count()) +
         static_cast<double>(strips.bound) * strips.count;
}

int decal_png_pack(const uint8_t* rgba, int32_t width, int32_t above, int32_t rows, int32_t last, uint32_t adler,
                   uint8_t* space, border::PackedStrip* packed) {
  const Strips strips(width, rows);
  const ImageView picture{rgba, width, rows + above, size_t{4} * static_cast<size_t>(width)};
  uint8_t* outs = space + strips.space * EngineThreads().thread_count();
  ParallelFor(EngineThreads(), static_cast<size_t>(strips.count), [&](size_t i, size_t thread) {
    const int first = static_cast<int>(i) * strips.rows;
    uint8_t* out = outs + strips.bound * i;
    const auto strip = PackPngStrip(picture, kChannels, above + first, std::min(strips.rows, rows - first),
                                    last != 0 && first + strips.rows >= rows,
                                    {space + strips.space * thread, strips.space}, {out, strips.bound});
    packed[i] = {};
    if (strip) {
      packed[i] = {static_cast<uint32_t>(reinterpret_cast<uintptr_t>(out)), static_cast<uint32_t>(strip->bytes),
                   strip->adler};
    }
  });
  for (int i = 0; i < strips.count; ++i) {
    if (packed[i].bytes == 0)
      return ReportToEngine(Fail(ErrorCode::kInternal, "cannot write a PNG: a strip did not fit into its memory"));
    const int count = std::min(strips.rows, rows - i * strips.rows);
    adler = CombineAdler32(adler, packed[i].adler, PngRowBytes(width, kChannels) * static_cast<size_t>(count));
    packed[i].adler = adler;
  }
  return ReportToEngine({});
}
