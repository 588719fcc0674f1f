// The segments of a JPEG file up to its scan.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cli/pictures/exif.h"
#include "cli/pictures/facts.h"
#include "cli/pictures/metadata.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

constexpr std::string_view kExif = "Exif\0\0"sv, kXmp = "http://ns.adobe.com/xap/1.0/\0"sv, kIcc = "ICC_PROFILE\0"sv,
                           kPhotoshop = "Photoshop 3.0\0"sv, kJfif = "JFIF\0"sv;

std::vector<std::byte> Copy(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

class Segments {
 public:
  explicit Segments(FileFacts& facts) : facts_(facts) {}

  void App(int marker, ByteSpan body) {
    const auto after = [&](std::string_view name) { return Slice(body, name.size()); };
    if (marker == 0xe0 && StartsWith(body, kJfif)) {
      const Numbers numbers(body, true);
      const int unit = numbers.U8(7);  // 1 inch, 2 cm
      facts_.density = DensityOf(numbers.U16(8), numbers.U16(10), unit == 0 ? 0 : unit + 1);
    } else if (marker == 0xe1 && StartsWith(body, kExif) && facts_.metadata.exif.empty()) {
      facts_.metadata.exif = Copy(after(kExif));
    } else if (marker == 0xe1 && StartsWith(body, kXmp)) {
      facts_.metadata.xmp = Copy(after(kXmp));
    } else if (marker == 0xe2 && StartsWith(body, kIcc) && body.size() > 14) {
      parts_[static_cast<int>(body[12])] = Slice(body, 14);
      part_count_ = static_cast<int>(body[13]);
    } else if (marker == 0xed && StartsWith(body, kPhotoshop)) {
      facts_.metadata.iptc = IptcOfResources(after(kPhotoshop));
    }
  }

  // A profile is whole or none (ICC.1 annex B).
  void End() {
    const ExifFacts exif = ReadExif(facts_.metadata.exif);
    facts_.orientation = exif.orientation;
    if (!facts_.density) facts_.density = exif.density;
    if (parts_.empty()) return;
    bool whole = static_cast<int>(parts_.size()) == part_count_;
    for (int i = 1; i <= part_count_ && whole; ++i) whole = parts_.contains(i);
    if (!whole) {
      facts_.notes.push_back("colour profile ignored: parts of it are missing");
      return;
    }
    for (const auto& [number, part] : parts_)
      facts_.colour.icc.insert(facts_.colour.icc.end(), part.begin(), part.end());
  }

 private:
  FileFacts& facts_;
  std::map<int, ByteSpan> parts_;
  int part_count_ = 0;
};

// SOF0..SOF15 without DHT, JPG and DAC.
bool IsFrame(int marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Of a frame: what its scans' restarts depend on.
struct Sampling {
  bool sequential = false;
  int64_t units = 0;  // of a scan with all components: MCUs

  void Read(const Numbers& numbers, size_t at, int marker) {
    sequential = marker <= 0xc1;
    const int components = numbers.U8(at + 9);
    int across = 1, down = 1;
    for (int i = 0; i < components; ++i) {
      const int sampling = numbers.U8(at + 11 + 3 * static_cast<size_t>(i));
      across = std::max(across, sampling >> 4);
      down = std::max(down, sampling & 15);
    }
    // One component is never interleaved: its blocks are the units.
    if (components == 1) across = down = 1;
    const auto count = [](int64_t pixels, int blocks) { return (pixels + 8 * blocks - 1) / (8 * blocks); };
    units = count(numbers.U16(at + 7), across) * count(numbers.U16(at + 5), down);
  }
};

// libjpeg goes on without a restart marker and only says that bytes are left over at the end, as cameras leave them.
bool RestartsAreMissing(ByteSpan file, size_t scan, int64_t expected) {
  const std::string_view text = AsText(file);
  int64_t found = 0;
  for (size_t at = scan; found < expected; at += 2) {
    at = text.find('\xff', at);
    if (at == std::string_view::npos || at + 1 >= text.size()) return true;
    const auto next = static_cast<uint8_t>(text[at + 1]);
    if (next >= 0xd0 && next <= 0xd7) ++found;
    else if (next == 0xff) --at;  // fill byte
    else if (next != 0) return true;
  }
  return false;
}

}  // namespace

Result<FileFacts> JpegFacts(ByteSpan file) {
  FileFacts facts;
  Segments segments(facts);
  const Numbers numbers(file, true);
  Sampling sampling;
  int64_t restart_interval = 0;
  for (size_t at = 2; at + 4 <= file.size();) {
    if (numbers.U8(at) != 0xff) {
      facts.stray_bytes = true;
      ++at;
      continue;
    }
    const int marker = numbers.U8(at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    const size_t size = numbers.U16(at + 2);
    if (size < 2 || at + 2 + size > file.size()) return CutShort();
    const ByteSpan body = Slice(file, at + 4, size - 2);
    if (IsFrame(marker)) {
      facts.bits = numbers.U8(at + 4);
      facts.height = numbers.U16(at + 5);
      facts.width = numbers.U16(at + 7);
      facts.channels = numbers.U8(at + 9);
      sampling.Read(numbers, at, marker);
      if (marker == 0xc3 || (marker >= 0xc5 && marker <= 0xc7) || marker >= 0xcb) {
        if (marker != 0xc9 && marker != 0xca) {
          return Fail(ErrorCode::kUnsupported,
                      marker == 0xc3 || marker == 0xcb ? "lossless JPEG is not read" : "hierarchical JPEG is not read");
        }
      }
      if (facts.bits != 8)
        return Fail(ErrorCode::kUnsupported, fmt::format("JPEG with {} bits is not read", facts.bits));
    }
    if (marker == 0xdd) restart_interval = numbers.U16(at + 4);
    if (marker == 0xda) {
      if (facts.channels == 0) break;
      const bool whole = sampling.sequential && numbers.U8(at + 4) == facts.channels && sampling.units > 0;
      if (whole && restart_interval > 0 &&
          RestartsAreMissing(file, at + 2 + size, (sampling.units - 1) / restart_interval)) {
        return Fail(ErrorCode::kCorruptImage, "damaged picture: restart markers of its scan are missing");
      }
      segments.End();
      return facts;
    }
    if (marker >= 0xe0 && marker <= 0xef) segments.App(marker, body);
    at += 2 + size;
  }
  return CutShort();
}

}  // namespace decal::cli
