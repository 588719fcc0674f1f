// The few entries of an EXIF block that matter here.
// SPDX-License-Identifier: MIT
#include "cli/pictures/exif.h"

#include <algorithm>

namespace decal::cli {
namespace {

constexpr uint16_t kOrientation = 0x0112, kXResolution = 0x011a, kYResolution = 0x011b, kUnit = 0x0128;
constexpr uint16_t kThumbnailOffset = 0x0201, kThumbnailSize = 0x0202;

bool IsBigEndian(ByteSpan exif) { return StartsWith(exif, "MM"); }

// Calls visit(tag, offset of the entry) for the entries of the directory at `offset`; returns the next directory's place.
template <class Visit>
size_t ForEachEntry(const Numbers& numbers, size_t offset, const Visit& visit) {
  const size_t count = numbers.U16(offset);
  for (size_t i = 0; i < count && !numbers.failed(); ++i) {
    const size_t entry = offset + 2 + 12 * i;
    const uint16_t tag = numbers.U16(entry);
    if (!numbers.failed()) visit(tag, entry);
  }
  return offset + 2 + 12 * count;
}

double Rational(const Numbers& numbers, size_t entry) {
  const size_t at = numbers.U32(entry + 8);
  const double below = numbers.U32(at + 4);
  return below > 0 ? numbers.U32(at) / below : 0;
}

}  // namespace

std::optional<Density> DensityOf(double x, double y, int unit) {
  const double metre = unit == 2 ? 1 / 0.0254 : unit == 3 ? 100 : 0;
  if (!(x > 0) || !(y > 0) || metre == 0) return {};
  return Density{x * metre, y * metre};
}

ExifFacts ReadExif(ByteSpan exif) {
  ExifFacts facts;
  if (!StartsWith(exif, "II") && !StartsWith(exif, "MM")) return facts;
  const Numbers numbers(exif, IsBigEndian(exif));
  double x = 0, y = 0;
  int unit = 2;
  ForEachEntry(numbers, numbers.U32(4), [&](uint16_t tag, size_t entry) {
    if (tag == kOrientation) {
      const int value = numbers.U16(entry + 8);
      if (value >= 1 && value <= 8) facts.orientation = value;
    }
    const Numbers apart(exif, IsBigEndian(exif));  // a place outside the block spoils only this entry
    if (tag == kXResolution) x = Rational(apart, entry);
    if (tag == kYResolution) y = Rational(apart, entry);
    if (tag == kUnit) unit = numbers.U16(entry + 8);
  });
  facts.density = DensityOf(x, y, unit);
  return facts;
}

std::vector<std::byte> ExifToKeep(ByteSpan exif) {
  if (!StartsWith(exif, "II") && !StartsWith(exif, "MM")) return {};
  std::vector<std::byte> kept(exif.begin(), exif.end());
  const bool big = IsBigEndian(exif);
  const Numbers numbers(exif, big);
  const auto clear = [&](size_t from, size_t size) {
    const size_t begin = std::min(from, kept.size()), end = begin + std::min(size, kept.size() - begin);
    std::fill(kept.begin() + static_cast<ptrdiff_t>(begin), kept.begin() + static_cast<ptrdiff_t>(end), std::byte{0});
  };
  const size_t first = numbers.U32(4);
  const size_t link = ForEachEntry(numbers, first, [&](uint16_t tag, size_t entry) {
    if (tag != kOrientation) return;
    clear(entry + 8, 4);
    kept[entry + (big ? 9 : 8)] = std::byte{1};
  });
  if (numbers.failed() || link + 4 > exif.size()) return {};
  if (const size_t thumbnail = numbers.U32(link); thumbnail != 0) {
    const Numbers apart(exif, big);
    size_t offset = 0, size = 0;
    const size_t end = ForEachEntry(apart, thumbnail, [&](uint16_t tag, size_t entry) {
      if (tag == kThumbnailOffset) offset = apart.U32(entry + 8);
      if (tag == kThumbnailSize) size = apart.U32(entry + 8);
    });
    if (apart.failed()) return {};
    if (offset != 0) clear(offset, size);
    clear(thumbnail, end + 4 - thumbnail);
    clear(link, 4);
  }
  return kept;
}

}  // namespace decal::cli
