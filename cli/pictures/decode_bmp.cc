// BMP: all of Windows' and OS/2's headers, 1 to 32 bits, bit fields, run lengths, alpha, top-down, calibrated colours.
// SPDX-License-Identifier: MIT
#include "cli/pictures/decode_bmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"

namespace decal::cli {
namespace {

enum Compression {
  kRgb = 0,
  kRle8 = 1,
  kRle4 = 2,
  kBitFields = 3,
  kJpegInside = 4,
  kPngInside = 5,
  kAlphaBitFields = 6
};

using Pixel = std::array<uint8_t, 4>;

struct Field {
  uint32_t mask = 0;

  uint8_t Of(uint32_t word) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const uint64_t full = mask >> shift;
    return static_cast<uint8_t>(((word & mask) >> shift) * 255 / full +
                                (((word & mask) >> shift) * 255 % full * 2 >= full ? 1 : 0));
  }
};

struct Dib {
  int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  uint32_t compression = kRgb;
  std::array<Field, 4> fields{};  // red, green, blue, alpha
  std::vector<Pixel> palette;
  size_t pixels = 0;
  Colour colour;
};

// The profile or the calibrated primaries of a version 4 or 5 header.
Colour ColourOf(ByteSpan file, const Numbers& numbers, size_t header, uint32_t size) {
  Colour colour;
  if (size < 108) return colour;
  const uint32_t space = numbers.U32(header + 56);
  if (size >= 124 && space == 0x4d424544) {  // "MBED"
    const ByteSpan icc = Slice(file, header + numbers.U32(header + 112), numbers.U32(header + 116));
    colour.icc.assign(icc.begin(), icc.end());
  }
  if (space != 0) return colour;
  // Endpoints as XYZ with 30 fractional bits, gammas with 16.
  Primaries primaries = kSrgbPrimaries;
  std::array<double, 3> white{};
  for (size_t i = 0; i < 3; ++i) {
    std::array<double, 3> xyz{};
    for (size_t k = 0; k < 3; ++k) {
      xyz[k] = numbers.U32(header + 60 + 12 * i + 4 * k) / 1073741824.0;
      white[k] += xyz[k];
    }
    const double sum = xyz[0] + xyz[1] + xyz[2];
    if (sum <= 0) return colour;
    primaries.xy[2 * i] = xyz[0] / sum;
    primaries.xy[2 * i + 1] = xyz[1] / sum;
  }
  const double sum = white[0] + white[1] + white[2];
  primaries.xy[6] = white[0] / sum;
  primaries.xy[7] = white[1] / sum;
  const double gamma = numbers.U32(header + 96) / 65536.0;
  if (gamma < 0.1 || gamma > 10 || !RgbMatrix(primaries)) return colour;
  colour.primaries = primaries;
  colour.transfer = Transfer::kGamma;
  colour.gamma = gamma;
  return colour;
}

void ReadFields(const Numbers& numbers, size_t header, uint32_t size, Dib& dib) {
  if (dib.bits == 16) dib.fields = {{{0x7c00}, {0x03e0}, {0x001f}, {0}}};
  if (dib.bits == 32) dib.fields = {{{0xff0000}, {0xff00}, {0xff}, {0}}};
  const bool given = dib.compression == kBitFields || dib.compression == kAlphaBitFields;
  if (given) {
    // Inside the header or right behind it: the same place.
    for (size_t i = 0; i < 3; ++i) dib.fields[i].mask = numbers.U32(header + 40 + 4 * i);
  }
  if (size >= 56 || dib.compression == kAlphaBitFields) {
    if (given || size >= 108) dib.fields[3].mask = numbers.U32(header + 52);
  }
}

Status ReadHeader(ByteSpan file, size_t header, bool icon, const Canvas& canvas, Dib& dib) {
  const Numbers numbers(file, false);
  const uint32_t size = numbers.U32(header);
  const bool core = size == 12;
  int64_t height = core ? numbers.U16(header + 6) : numbers.I32(header + 8);
  dib.width = core ? numbers.U16(header + 4) : numbers.I32(header + 4);
  dib.bits = numbers.U16(header + (core ? 10 : 14));
  dib.compression = size >= 40 ? numbers.U32(header + 16) : 0;
  dib.top_down = height < 0;
  dib.height = (dib.top_down ? -height : height) / (icon ? 2 : 1);
  if (numbers.failed() || dib.width <= 0 || dib.height <= 0) {
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its header makes no sense");
  }
  // OS/2's header of 64 bytes has other meanings for 3 and 4: Huffman codes, and runs of 24 bits.
  const bool known = dib.compression <= kBitFields || dib.compression == kAlphaBitFields;
  if (!known || (size == 64 && dib.compression >= kBitFields)) {
    return canvas.Fail(ErrorCode::kUnsupported, fmt::format("BMP with compression {} is not read", dib.compression));
  }
  const bool depth_known = dib.bits == 1 || dib.bits == 2 || dib.bits == 4 || dib.bits == 8 || dib.bits == 16 ||
                           dib.bits == 24 || dib.bits == 32;
  if (!depth_known || (dib.compression == kRle8 && dib.bits != 8) || (dib.compression == kRle4 && dib.bits != 4)) {
    return canvas.Fail(ErrorCode::kCorruptImage,
                       fmt::format("damaged picture: {} bits with compression {}", dib.bits, dib.compression));
  }
  ReadFields(numbers, header, size, dib);
  if (icon && dib.bits == 32) dib.fields[3].mask = 0xff000000;

  size_t palette = header + size;
  if (size == 40 && dib.compression == kBitFields) palette += 12;
  if (size == 40 && dib.compression == kAlphaBitFields) palette += 16;
  const size_t entry = core ? 3 : 4;
  if (dib.bits <= 8) {
    const uint32_t used = size >= 36 ? numbers.U32(header + 32) : 0;
    size_t count = size_t{1} << dib.bits;
    if (used != 0 && used < count) count = used;
    // Files whose palette ends where their rows begin are short of entries, not damaged.
    if (dib.pixels > palette) count = std::min(count, (dib.pixels - palette) / entry);
    for (size_t i = 0; i < count; ++i) {
      const size_t at = palette + entry * i;
      dib.palette.push_back({numbers.U8(at + 2), numbers.U8(at + 1), numbers.U8(at), 255});
    }
    palette += entry * count;
  } else if (size >= 36) {
    palette += 4 * std::min<size_t>(numbers.U32(header + 32), 256);
  }
  dib.palette.resize(256, {0, 0, 0, 255});
  if (dib.pixels == 0) dib.pixels = palette;
  dib.colour = ColourOf(file, numbers, header, size);
  if (numbers.failed()) return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing");
  return {};
}

// Run lengths to palette indices; what no run reaches is -1. False where the data end too early.
bool Unpack(ByteSpan data, const Dib& dib, std::vector<int16_t>& out) {
  const Numbers numbers(data, false);
  const bool four = dib.compression == kRle4;
  int64_t x = 0, y = 0;
  size_t at = 0;
  const auto put = [&](int value) {
    if (x < dib.width && y < dib.height) out[static_cast<size_t>(y * dib.width + x)] = static_cast<int16_t>(value);
    ++x;
  };
  while (y < dib.height) {
    const int count = numbers.U8(at), value = numbers.U8(at + 1);
    if (numbers.failed()) return false;
    at += 2;
    if (count > 0) {
      for (int i = 0; i < count; ++i) put(!four ? value : i % 2 == 0 ? value >> 4 : value & 15);
    } else if (value == 0) {
      x = 0;
      ++y;
    } else if (value == 1) {
      return true;
    } else if (value == 2) {
      x += numbers.U8(at);
      y += numbers.U8(at + 1);
      at += 2;
    } else {
      for (int i = 0; i < value; ++i) {
        const int byte = numbers.U8(at + static_cast<size_t>(four ? i / 2 : i));
        put(!four ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
      }
      const size_t bytes = static_cast<size_t>(four ? (value + 1) / 2 : value);
      at += bytes + (bytes & 1);
    }
  }
  return true;
}

Pixel PixelAt(const Numbers& row, const Dib& dib, size_t x) {
  switch (dib.bits) {
    case 24: return {row.U8(3 * x + 2), row.U8(3 * x + 1), row.U8(3 * x), 255};
    case 16:
    case 32: {
      const uint32_t word = dib.bits == 16 ? row.U16(2 * x) : row.U32(4 * x);
      const auto& f = dib.fields;
      return {f[0].Of(word), f[1].Of(word), f[2].Of(word), f[3].mask != 0 ? f[3].Of(word) : uint8_t{255}};
    }
    default: {
      const size_t per_byte = 8 / static_cast<size_t>(dib.bits);
      const int shift = 8 - dib.bits * static_cast<int>(x % per_byte + 1);
      return dib.palette[static_cast<size_t>(row.U8(x / per_byte) >> shift & ((1 << dib.bits) - 1))];
    }
  }
}

}  // namespace

Status DecodeDib(ByteSpan file, size_t header, size_t pixels, bool icon, Canvas& canvas) {
  Dib dib{.pixels = pixels};
  if (Status read = ReadHeader(file, header, icon, canvas, dib); !read) return read;
  const bool runs = dib.compression == kRle8 || dib.compression == kRle4;
  if (Status fits = canvas.CheckSize(dib.width, dib.height, runs ? 6 : 4); !fits) return fits;
  const auto width = static_cast<size_t>(dib.width), height = static_cast<size_t>(dib.height);
  const size_t row_bytes = (width * static_cast<size_t>(dib.bits) + 31) / 32 * 4, mask_bytes = (width + 31) / 32 * 4;
  const ByteSpan data = Slice(file, dib.pixels);
  // The padding of the last row may be missing.
  const size_t used_bytes = (width * static_cast<size_t>(dib.bits) + 7) / 8;
  const auto cut = [&] { return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing"); };
  if (!runs && data.size() < row_bytes * (height - 1) + used_bytes) return cut();

  std::vector<int16_t> indices;
  if (runs) {
    indices.assign(width * height, -1);
    if (!Unpack(data, dib, indices)) return cut();
  }
  // Alpha that is nowhere above 0 is a field that the writer left empty.
  bool alpha = runs || icon || dib.fields[3].mask != 0, alpha_used = runs;
  if (!runs && dib.fields[3].mask != 0) {
    for (size_t y = 0; y < height && !alpha_used; ++y) {
      const Numbers row(Slice(data, y * row_bytes, row_bytes), false);
      for (size_t x = 0; x < width && !alpha_used; ++x) alpha_used = PixelAt(row, dib, x)[3] != 0;
    }
    alpha = alpha_used || icon;
  }
  const ByteSpan mask = icon && !alpha_used ? Slice(data, row_bytes * height) : ByteSpan();
  if (Status begun = canvas.Begin(dib.width, dib.height, {.alpha = true, .colour = dib.colour}); !begun) return begun;
  std::vector<Pixel> row(width);
  for (size_t y = 0; y < height; ++y) {
    if (Cancelled()) return canvas.Fail(ErrorCode::kCancelled, "interrupted");
    const Numbers numbers(Slice(data, y * row_bytes, row_bytes), false);
    const Numbers mask_row(Slice(mask, y * mask_bytes, mask_bytes), false);
    for (size_t x = 0; x < width; ++x) {
      if (runs) {
        const int16_t index = indices[y * width + x];
        row[x] = index < 0 ? Pixel{0, 0, 0, 0} : dib.palette[static_cast<size_t>(index)];
        continue;
      }
      row[x] = PixelAt(numbers, dib, x);
      if (!alpha || !alpha_used) row[x][3] = 255;
      if (!mask.empty() && (mask_row.U8(x / 8) >> (7 - x % 8) & 1) != 0) row[x][3] = 0;
    }
    canvas.Put(static_cast<int>(dib.top_down ? y : height - 1 - y), row.data());
  }
  return {};
}

Status DecodeBmp(ByteSpan file, Canvas& canvas) {
  const Numbers numbers(file, false);
  const uint32_t x = numbers.U32(14) >= 40 ? numbers.U32(38) : 0, y = numbers.U32(14) >= 40 ? numbers.U32(42) : 0;
  if (x > 0 && y > 0 && x < 1u << 31 && y < 1u << 31)
    canvas.picture().density = Density{static_cast<double>(x), static_cast<double>(y)};
  return DecodeDib(file, 14, numbers.U32(10), false, canvas);
}

// ICO and CUR: the largest picture, the deepest of equals.
Status DecodeIco(ByteSpan file, Canvas& canvas) {
  const Numbers numbers(file, false);
  const int count = numbers.U16(4);
  size_t best = 0;
  int64_t best_score = -1;
  for (int i = 0; i < count; ++i) {
    const size_t entry = 6 + 16 * static_cast<size_t>(i);
    const auto side = [&](size_t at) { return numbers.U8(at) == 0 ? 256 : numbers.U8(at); };
    // A cursor has its hot spot where an icon has its depth.
    const int depth = numbers.U16(2) == 1 ? std::min<int>(numbers.U16(entry + 6), 64) : 0;
    const int64_t score = int64_t{side(entry)} * side(entry + 1) * 128 + depth;
    if (numbers.failed()) break;
    if (score > best_score) {
      best_score = score;
      best = entry;
    }
  }
  const size_t offset = numbers.U32(best + 12), size = numbers.U32(best + 8);
  if (best_score < 0 || offset >= file.size())
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing");
  if (count > 1) canvas.Note(fmt::format("icon: the largest of {} pictures used", count));
  const ByteSpan picture = Slice(file, offset, size);
  if (StartsWith(picture, "\x89PNG\r\n\x1a\n")) return DecodeByVips(picture, PictureKind::kPng, canvas);
  return DecodeDib(picture, 0, 0, true, canvas);
}

}  // namespace decal::cli
