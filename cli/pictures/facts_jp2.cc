// Size and depth of a JPEG 2000 picture from its code stream (ITU-T T.800, A.5.1), density and metadata from its boxes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/pictures/exif.h"
#include "cli/pictures/facts.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

constexpr std::string_view kXmpUuid = "\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac"sv,
                           kExifUuid = "JpgTiffExif->JP2"sv,
                           kIptcUuid = "\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38"sv;

// Calls visit(type, body's offset, body) for the boxes in [begin, end) until it returns false.
template <class Visit>
void ForEachBox(ByteSpan file, size_t begin, size_t end, const Visit& visit) {
  const Numbers numbers(file, true);
  for (size_t at = begin; at + 8 <= end;) {
    uint64_t size = numbers.U32(at);
    const size_t head = size == 1 ? 16 : 8;
    if (size == 1) size = numbers.Get(at + 8, 8);
    if (size == 0) size = end - at;  // to the end
    const bool whole = size >= head && size <= end - at;
    const ByteSpan body = Slice(file, at + head, whole ? size - head : SIZE_MAX);
    if (!visit(AsText(Slice(file, at + 4, 4)), at + head, body) || !whole) return;
    at += size;
  }
}

std::vector<std::byte> CopyOf(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

// Pixels per metre as fractions with a power of ten each, down before across (ITU-T T.800, I.5.3.7).
std::optional<Density> ReadResolution(ByteSpan body) {
  const Numbers numbers(body, true);
  const auto value = [&](size_t at, size_t exponent) {
    const double below = numbers.U16(at + 2);
    return below > 0 ? numbers.U16(at) / below * std::pow(10.0, static_cast<int8_t>(numbers.U8(exponent))) : 0;
  };
  const Density density = {value(4, 9), value(0, 8)};
  if (numbers.failed() || !(density.x > 0) || !(density.y > 0)) return {};
  return density;
}

// The part of the header box that says which channels are colours (ITU-T T.800, I.5.3).
struct Channels {
  bool known = false;  // whether there was a box "colr"
  int method = 0;
  uint32_t space = 0;  // an enumerated colour space
  ByteSpan icc;
  bool palette = false;
  ByteSpan definitions;  // of the box "cdef"
};

void ReadHeaderBox(ByteSpan file, size_t begin, size_t end, FileFacts& facts, Channels& channels) {
  std::optional<Density> captured;
  ForEachBox(file, begin, end, [&](std::string_view type, size_t at, ByteSpan body) {
    const Numbers numbers(body, true);
    if (type == "colr" && !channels.known) {
      channels.known = true;
      channels.method = numbers.U8(0);
      if (channels.method == 1) channels.space = numbers.U32(3);
      else channels.icc = Slice(body, 3);
    }
    if (type == "pclr") channels.palette = true;
    if (type == "cdef") channels.definitions = body;
    if (type != "res ") return true;
    ForEachBox(file, at, at + body.size(), [&](std::string_view kind, size_t, ByteSpan resolution) {
      if (kind == "resc") captured = ReadResolution(resolution);
      if (kind == "resd") facts.density = ReadResolution(resolution);
      return true;
    });
    return true;
  });
  if (!facts.density) facts.density = captured;  // the display resolution has priority
}

// Where the code stream begins: at the start, or in the box "jp2c". Other boxes' contents go to `facts`.
size_t ReadBoxes(ByteSpan file, FileFacts& facts, Channels& channels) {
  if (StartsWith(file, "\xff\x4f")) return 0;
  size_t stream = file.size();
  ForEachBox(file, 0, file.size(), [&](std::string_view type, size_t at, ByteSpan body) {
    if (type == "jp2c") stream = std::min(stream, at);
    if (type == "jp2h") ReadHeaderBox(file, at, at + body.size(), facts, channels);
    if (type == "uuid") {
      const auto keep = [&](std::string_view id, std::vector<std::byte>& to) {
        if (StartsWith(body, id)) to = CopyOf(Slice(body, id.size()));
      };
      keep(kXmpUuid, facts.metadata.xmp);
      keep(kExifUuid, facts.metadata.exif);
      keep(kIptcUuid, facts.metadata.iptc);
    }
    return true;
  });
  if (!facts.density) facts.density = ReadExif(facts.metadata.exif).density;
  return stream;
}

std::unexpected<Error> NotRead(const std::string& what) {
  return Fail(ErrorCode::kUnsupported, fmt::format("JPEG 2000 {} is not read", what));
}

// The number of colour channels.
Result<int> ColourCount(const Channels& channels, int count, int bits) {
  // OpenJPEG writes 0, which is for two levels, where it knows no space.
  constexpr uint32_t kNone = 0, kCmyk = 12, kSrgb = 16, kGrey = 17, kSycc = 18;
  int colours = count < 3 ? 1 : 3;
  if (channels.known && channels.method == 1) {
    if (channels.space == kCmyk) colours = 4;
    else if (channels.space == kGrey) colours = 1;
    else if (channels.space != kSrgb && channels.space != kSycc && (channels.space != kNone || bits == 1))
      return NotRead(fmt::format("in colour space {}", channels.space));
  } else if (channels.known) {
    const std::string_view space = AsText(Slice(channels.icc, 16, 4));
    if (space == "GRAY") colours = 1;
    else if (space == "RGB ") colours = 3;
    else if (space == "CMYK") colours = 4;
    else return NotRead("with a colour profile that is not for grey, RGB or CMYK");
  }
  if (count < colours) {
    if (colours == 4 || count == 2) return NotRead(fmt::format("with {} of {} colours", count, colours));
    colours = 1;
  }
  return colours;
}

// Opacity channels: type 1, or 2 if the colours are premultiplied by it.
Result<Alpha> AlphaOf(const Channels& channels, int colours) {
  const Numbers numbers(channels.definitions, true);
  const int entries = channels.definitions.empty() ? 0 : numbers.U16(0);
  for (int i = 0; i < entries && !numbers.failed(); ++i) {
    const size_t at = 2 + 6 * static_cast<size_t>(i);
    const int channel = numbers.U16(at), type = numbers.U16(at + 2);
    if (type != 1 && type != 2) continue;
    if (channel < colours) return NotRead("whose transparency comes before its colours");
    if (channel == colours) return type == 1 ? Alpha::kStraight : Alpha::kPremultiplied;
  }
  return Alpha::kNone;
}

}  // namespace

Result<FileFacts> Jp2Facts(ByteSpan file) {
  FileFacts facts;
  Channels channels;
  const Numbers numbers(file, true);
  const size_t siz = ReadBoxes(file, facts, channels) + 2;
  const int marker = numbers.U16(siz);
  facts.width = int64_t{numbers.U32(siz + 6)} - numbers.U32(siz + 14);
  facts.height = int64_t{numbers.U32(siz + 10)} - numbers.U32(siz + 18);
  facts.channels = numbers.U16(siz + 38);
  facts.bits = (numbers.U8(siz + 40) & 0x7f) + 1;
  if (numbers.failed() || marker != 0xff51 || facts.channels == 0) return CutShort();
  if (channels.palette) return NotRead("with a palette");
  const auto colours = ColourCount(channels, facts.channels, facts.bits);
  if (!colours) return std::unexpected(colours.error());
  const auto alpha = AlphaOf(channels, *colours);
  if (!alpha) return std::unexpected(alpha.error());
  facts.colours = *colours;
  facts.alpha = *alpha;
  const int wanted = facts.colours + (facts.alpha != Alpha::kNone ? 1 : 0);
  for (int i = 0; i < std::min(facts.channels, wanted); ++i) {
    const int depth = numbers.U8(siz + 40 + 3 * static_cast<size_t>(i));
    if ((depth & 0x80) != 0) return NotRead("with signed samples");
    if ((depth & 0x7f) + 1 != facts.bits) return NotRead("whose channels differ in depth");
  }
  if (facts.bits > 16) return NotRead("with more than 16 bits");
  return facts;
}

}  // namespace decal::cli
