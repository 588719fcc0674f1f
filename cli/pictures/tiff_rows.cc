// One row of tiles at a time; a strip is a tile as wide as the picture.
// SPDX-License-Identifier: MIT
#include "cli/pictures/tiff_rows.h"

#include <algorithm>
#include <cstring>

#include "cli/interrupt.h"

namespace decal::cli {
namespace {

template <class T>
void Pick(const void* from, size_t stride, size_t channel, size_t count, void* to, size_t to_stride,
          size_t to_channel) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (size_t x = 0; x < count; ++x) target[x * to_stride + to_channel] = source[x * stride + channel];
}

void PickBytes(size_t bytes, const void* from, size_t stride, size_t channel, size_t count, void* to, size_t to_stride,
               size_t to_channel) {
  if (bytes == 1) Pick<uint8_t>(from, stride, channel, count, to, to_stride, to_channel);
  if (bytes == 2) Pick<uint16_t>(from, stride, channel, count, to, to_stride, to_channel);
  if (bytes == 4) Pick<uint32_t>(from, stride, channel, count, to, to_stride, to_channel);
}

}  // namespace

Status ReadTiffRows(TiffFile& tiff, const TiffGrid& grid, const Canvas& canvas, size_t max_bytes,
                    const std::function<void(int y, void* row)>& take) {
  TIFF* file = tiff.get();
  const bool tiled = TIFFIsTiled(file) != 0;
  const uint32_t tile_width = tiled ? tiff.Get<uint32_t>(TIFFTAG_TILEWIDTH, 0) : grid.width;
  const uint32_t band_rows = tiled ? tiff.Get<uint32_t>(TIFFTAG_TILELENGTH, 0)
                                   : std::min(tiff.Get<uint32_t>(TIFFTAG_ROWSPERSTRIP, grid.height), grid.height);
  const tmsize_t tile_bytes = tiled ? TIFFTileSize(file) : TIFFStripSize(file);
  const tmsize_t row_bytes = tiled ? TIFFTileRowSize(file) : TIFFScanlineSize(file);
  const auto damaged = [&] { return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: " + tiff.reason()); };
  if (tile_width == 0 || band_rows == 0 || tile_bytes <= 0 || row_bytes <= 0) return damaged();
  const size_t across = (size_t{grid.width} + tile_width - 1) / tile_width;
  const size_t planes = grid.separate ? grid.wanted.size() : 1;
  if (static_cast<double>(tile_bytes) * static_cast<double>(across * planes) > static_cast<double>(max_bytes)) {
    return canvas.Fail(ErrorCode::kLimitExceeded, "a row of the file's tiles is over the limit (--max-memory)");
  }

  const size_t per_plane = grid.separate ? 1 : grid.samples_per_pixel;
  const size_t sample_bytes = grid.raw                                  ? 2
                              : grid.samples.type() == SampleType::kU8  ? 1
                              : grid.samples.type() == SampleType::kU16 ? 2
                                                                        : 4;
  std::vector<std::vector<std::byte>> tiles(across * planes, std::vector<std::byte>(static_cast<size_t>(tile_bytes)));
  // Floats lie where floats may.
  std::vector<uint32_t> unpacked((size_t{tile_width} * per_plane * sample_bytes + 3) / 4);
  std::vector<uint32_t> row((size_t{grid.width} * grid.wanted.size() * sample_bytes + 3) / 4);
  for (uint32_t top = 0; top < grid.height; top += band_rows) {
    for (size_t plane = 0; plane < planes; ++plane) {
      const uint16_t channel = grid.separate ? grid.wanted[plane] : 0;
      for (size_t column = 0; column < across; ++column) {
        if (Cancelled()) return canvas.Fail(ErrorCode::kCancelled, "interrupted");
        std::vector<std::byte>& tile = tiles[plane * across + column];
        const auto x = static_cast<uint32_t>(column) * tile_width;
        const tmsize_t read =
            tiled ? TIFFReadEncodedTile(file, TIFFComputeTile(file, x, top, 0, channel), tile.data(), tile_bytes)
                  : TIFFReadEncodedStrip(file, TIFFComputeStrip(file, top, channel), tile.data(), tile_bytes);
        const uint32_t rows = tiled ? band_rows : std::min(band_rows, grid.height - top);
        if (read < row_bytes * static_cast<tmsize_t>(rows)) return damaged();
      }
    }
    for (uint32_t y = top; y < std::min(top + band_rows, grid.height); ++y) {
      for (size_t plane = 0; plane < planes; ++plane) {
        for (size_t column = 0; column < across; ++column) {
          const ByteSpan tile_row = Slice(tiles[plane * across + column], static_cast<size_t>(row_bytes) * (y - top),
                                          static_cast<size_t>(row_bytes));
          const size_t x = column * tile_width, count = std::min<size_t>(tile_width, grid.width - x);
          UnpackTiff(tile_row, grid.samples, count * per_plane, grid.raw, unpacked.data());
          auto* to = reinterpret_cast<std::byte*>(row.data()) + x * grid.wanted.size() * sample_bytes;
          if (grid.separate) {
            PickBytes(sample_bytes, unpacked.data(), 1, 0, count, to, grid.wanted.size(), plane);
          } else {
            for (size_t i = 0; i < grid.wanted.size(); ++i) {
              PickBytes(sample_bytes, unpacked.data(), per_plane, grid.wanted[i], count, to, grid.wanted.size(), i);
            }
          }
        }
      }
      take(static_cast<int>(y), row.data());
    }
    if (band_rows >= grid.height - top) break;  // the sum may not fit its type
  }
  return {};
}

}  // namespace decal::cli
