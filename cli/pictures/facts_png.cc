// The chunks of a PNG file, in the order of precedence that PNG's third edition gives them (section 4.3).
// SPDX-License-Identifier: MIT
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "cli/pictures/exif.h"
#include "cli/pictures/facts.h"
#include "cli/pictures/metadata.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

constexpr size_t kMaxProfileBytes = size_t{64} << 20;  // far above any profile; a bomb stops here

std::vector<std::byte> Inflate(ByteSpan deflated) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(deflated.data()));
  stream.avail_in = static_cast<uInt>(deflated.size());
  std::vector<std::byte> out;
  int status = Z_OK;
  while (status == Z_OK && out.size() < kMaxProfileBytes) {
    const size_t done = out.size();
    out.resize(done + (size_t{64} << 10));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = static_cast<uInt>(out.size() - done);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END ? out : std::vector<std::byte>();
}

// Keyword, zero, rest.
ByteSpan AfterKeyword(ByteSpan data) {
  const size_t zero = AsText(data).find('\0');
  return zero == std::string_view::npos ? ByteSpan() : Slice(data, zero + 1);
}

// XMP lies in an international text: keyword, compressed?, method, language, translated keyword, text.
std::vector<std::byte> XmpText(ByteSpan data) {
  if (!StartsWith(data, "XML:com.adobe.xmp\0"sv)) return {};
  ByteSpan rest = AfterKeyword(data);
  const bool compressed = !rest.empty() && rest[0] == std::byte{1};
  rest = AfterKeyword(AfterKeyword(Slice(rest, 2)));
  return compressed ? Inflate(rest) : std::vector<std::byte>(rest.begin(), rest.end());
}

// What ImageMagick and others keep in texts since before there were chunks for it: a name, a length and hexadecimal digits.
std::vector<std::byte> RawProfile(ByteSpan data, bool compressed, std::string_view name) {
  constexpr std::string_view kKeyword = "Raw profile type ";
  if (!StartsWith(data, kKeyword) || !HasAt(data, kKeyword.size(), name) ||
      !HasAt(data, kKeyword.size() + name.size(), "\0"sv))
    return {};
  const ByteSpan rest = AfterKeyword(data);
  const std::vector<std::byte> inflated = compressed ? Inflate(Slice(rest, 1)) : std::vector<std::byte>();
  std::string_view text = AsText(compressed ? ByteSpan(inflated) : rest);
  // An empty line, the name, the length; then the digits.
  size_t line = text.find('\n', 1);
  line = line == std::string_view::npos ? line : text.find('\n', line + 1);
  if (line == std::string_view::npos) return {};
  std::vector<std::byte> bytes;
  int high = -1;
  for (const char c : text.substr(line)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high >= 0) bytes.push_back(static_cast<std::byte>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

void ReadRawProfiles(ByteSpan data, bool compressed, Metadata& metadata) {
  if (auto block = RawProfile(data, compressed, "iptc"); !block.empty()) metadata.iptc = IptcOfResources(block);
  for (const char* name : {"exif", "APP1"}) {
    auto block = RawProfile(data, compressed, name);
    if (!StartsWith(block, "Exif\0\0"sv) || !metadata.exif.empty()) continue;
    metadata.exif.assign(block.begin() + 6, block.end());
  }
}

struct ColourChunks {
  ByteSpan cicp, iccp, gama, chrm;
  bool srgb = false;
};

Colour ColourOf(const ColourChunks& chunks, std::vector<std::string>& notes) {
  if (chunks.cicp.size() >= 4) {
    const auto number = [&](size_t i) { return static_cast<int>(chunks.cicp[i]); };
    if (number(2) == 0 && number(3) == 1) return ColourOfCicp(number(0), number(1), notes);
    notes.push_back("cICP chunk ignored: PNG holds RGB in full range, and it says otherwise");
  }
  Colour colour;
  if (!chunks.iccp.empty()) {
    colour.icc = Inflate(Slice(AfterKeyword(chunks.iccp), 1));
    if (!colour.icc.empty()) return colour;
    notes.push_back("colour profile ignored: it is damaged");
  }
  if (chunks.srgb || chunks.gama.size() < 4) return colour;
  const double gamma = Numbers(chunks.gama, true).U32(0) / 1e5;
  if (gamma < 0.01 || gamma > 100) return colour;
  colour.transfer = Transfer::kGamma;
  colour.gamma = 1 / gamma;
  if (chunks.chrm.size() >= 32) {
    // White first, then red, green, blue.
    const Numbers numbers(chunks.chrm, true);
    Primaries primaries;
    for (size_t i = 0; i < 8; ++i) primaries.xy[(i + 6) % 8] = numbers.U32(4 * i) / 1e5;
    // Rounded to five digits, or less: what is sRGB's own to a thousandth stays exactly that.
    const bool srgb =
        std::ranges::equal(primaries.xy, kSrgbPrimaries.xy, [](double a, double b) { return std::abs(a - b) < 1e-3; });
    if (!srgb && RgbMatrix(primaries)) colour.primaries = primaries;
  }
  return colour;
}

}  // namespace

std::unexpected<Error> CutShort() { return Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing"); }

Result<FileFacts> PngFacts(ByteSpan file) {
  FileFacts facts;
  ColourChunks colours;
  const Numbers numbers(file, true);
  bool begun = false, data = false, transparent = false;
  int type = 0;
  std::optional<Density> exif_density;
  for (size_t at = 8;;) {
    const size_t size = numbers.U32(at);
    if (numbers.failed() || at + 12 > file.size() || size > file.size() - at - 12) return CutShort();
    const std::string_view name = AsText(Slice(file, at + 4, 4));
    const ByteSpan body = Slice(file, at + 8, size);
    if (name == "IEND") break;
    at += 12 + size;
    if (name == "IDAT") {
      data = true;
      continue;
    }
    // Damaged ancillary chunks are ignored.
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(file.data() + at - size - 8), static_cast<uInt>(size + 4));
    if (sum != numbers.U32(at - 4)) continue;
    if (name == "IHDR") {
      begun = true;
      facts.width = numbers.U32(16);
      facts.height = numbers.U32(20);
      facts.bits = numbers.U8(24);
      type = numbers.U8(25);
    } else if (name == "tRNS") {
      transparent = true;
    } else if (name == "acTL") {
      if (Numbers(body, true).U32(0) > 1)
        facts.frames = static_cast<int>(std::min(Numbers(body, true).U32(0), 1u << 30));
    } else if (name == "eXIf") {
      const ExifFacts exif = ReadExif(body);
      facts.orientation = exif.orientation;
      exif_density = exif.density;
      facts.metadata.exif.assign(body.begin(), body.end());
    } else if (name == "iTXt") {
      if (auto xmp = XmpText(body); !xmp.empty()) facts.metadata.xmp = std::move(xmp);
    } else if (name == "zTXt" || name == "tEXt") {
      ReadRawProfiles(body, name == "zTXt", facts.metadata);
    } else if (name == "pHYs" && size >= 9 && body[8] == std::byte{1}) {
      const Numbers density(body, true);
      if (density.U32(0) > 0 && density.U32(4) > 0) {
        facts.density = Density{static_cast<double>(density.U32(0)), static_cast<double>(density.U32(4))};
      }
    } else if (!data) {
      if (name == "cICP") colours.cicp = body;
      if (name == "iCCP") colours.iccp = body;
      if (name == "gAMA") colours.gama = body;
      if (name == "cHRM") colours.chrm = body;
      if (name == "sRGB") colours.srgb = true;
    }
  }
  if (!begun || !data) return Fail(ErrorCode::kCorruptImage, "damaged picture: it has no header or no data");
  facts.channels = (type == 0 || type == 4 ? 1 : 3) + (type == 4 || type == 6 || transparent ? 1 : 0);
  if (!facts.density) facts.density = exif_density;
  if (facts.frames > 1) facts.notes.push_back("animated PNG: its default picture used");
  facts.colour = ColourOf(colours, facts.notes);
  return facts;
}

}  // namespace decal::cli
