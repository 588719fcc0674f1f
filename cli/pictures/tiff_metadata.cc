// A TIFF's descriptive tags as an EXIF block: directories read from one file and written into another, in the same byte order.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <map>

#include "cli/pictures/byte_writer.h"
#include "cli/pictures/metadata.h"

namespace decal::cli {
namespace {

// A few tags of the first directory; all of those below it, whose values may all lie in one place.
constexpr size_t kMaxMainBytes = size_t{64} << 20, kMaxExifBytes = size_t{1} << 20;
constexpr uint16_t kOrientationTag = 0x0112, kXmpTag = 700, kIptcTag = 33723, kPhotoshopTag = 34377;
constexpr uint16_t kExifTag = 0x8769, kGpsTag = 0x8825, kInteropTag = 0xa005, kMakerNoteTag = 0x927c;
constexpr uint16_t kShort = 3, kLong = 4;
// Of a first directory what describes the picture and not its place in the file (EXIF 2.32, 4.6.4, and Windows' titles).
constexpr uint16_t kDescriptive[] = {0x010d, 0x010e, 0x010f, 0x0110, 0x011a, 0x011b, 0x0128, 0x0131, 0x0132, 0x013b,
                                     0x013c, 0x4746, 0x4749, 0x8298, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f};
// Types from 16 on are BigTIFF's, of 8 bytes.
constexpr std::array<uint8_t, 19> kTypeBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
constexpr uint16_t kFirstBigType = 16;

struct Entry {
  uint16_t type = 0;
  uint32_t count = 0;
  Bytes data;
};
using Entries = std::map<uint16_t, Entry>;

// Reads directories of classic TIFF and BigTIFF.
class Source {
 public:
  explicit Source(ByteSpan file)
      : file_(file), big_endian_(StartsWith(file, "MM")), big_(Numbers(file, big_endian_).U16(2) == 43) {}

  bool big_endian() const { return big_endian_; }
  uint64_t first() const { return big_ ? Read(8, 8) : Read(4, 4); }

  // The readable entries of the directory that are wanted. Values beyond the budget are dropped.
  template <class Wanted>
  Entries At(uint64_t offset, size_t budget, const Wanted& wanted) const {
    Entries directory;
    const uint64_t count = Read(offset, big_ ? 8 : 2);
    const size_t step = big_ ? 20 : 12, head = big_ ? 8 : 2;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, 65535); ++i) {
      const uint64_t at = offset + head + i * step;
      if (at + step > file_.size()) break;
      const auto tag = static_cast<uint16_t>(Read(at, 2)), type = static_cast<uint16_t>(Read(at + 2, 2));
      const uint64_t values = Read(at + 4, big_ ? 8 : 4);
      if (type >= kTypeBytes.size() || kTypeBytes[type] == 0 || values > budget || !wanted(tag, type)) continue;
      const uint64_t bytes = values * kTypeBytes[type], room = big_ ? 8 : 4;
      const uint64_t place = bytes <= room ? at + (big_ ? 12 : 8) : Read(at + (big_ ? 12 : 8), static_cast<int>(room));
      const ByteSpan data = Slice(file_, place, bytes);
      if (data.size() < bytes || bytes > budget) continue;
      budget -= bytes;
      directory[tag] = {type, static_cast<uint32_t>(values), {data.begin(), data.end()}};
    }
    return directory;
  }

  // The place that an entry of offsets names; 0 if there is none.
  uint64_t PlaceIn(const Entries& directory, uint16_t tag) const {
    const auto found = directory.find(tag);
    if (found == directory.end() || found->second.data.size() < 4) return 0;
    return Numbers(found->second.data, big_endian_).Get(0, found->second.type < kFirstBigType ? 4 : 8);
  }

 private:
  uint64_t Read(uint64_t offset, int size) const { return Numbers(file_, big_endian_).Get(offset, size); }

  ByteSpan file_;
  bool big_endian_, big_;
};

// Writes directories of a classic TIFF one behind the other.
class Target {
 public:
  explicit Target(bool big_endian) : big_endian_(big_endian) {
    Append(out_, big_endian ? "MM" : "II");
    Put(42, 2);
    Put(8, 4);
  }

  // Where the directory begins.
  uint32_t Add(const Entries& directory) {
    if (out_.size() % 2 != 0) out_.push_back(std::byte{0});
    const auto begin = static_cast<uint32_t>(out_.size());
    Put(static_cast<uint32_t>(directory.size()), 2);
    size_t place = begin + 2 + 12 * directory.size() + 4;
    for (const auto& [tag, entry] : directory) {
      Put(tag, 2);
      Put(entry.type, 2);
      Put(entry.count, 4);
      if (entry.data.size() <= 4) {
        Append(out_, entry.data);
        out_.resize(out_.size() + 4 - entry.data.size());
      } else {
        Put(static_cast<uint32_t>(place), 4);
        place += (entry.data.size() + 1) & ~size_t{1};
      }
    }
    Put(0, 4);  // no further directory
    for (const auto& [tag, entry] : directory) {
      if (entry.data.size() <= 4) continue;
      Append(out_, entry.data);
      if (entry.data.size() % 2 != 0) out_.push_back(std::byte{0});
    }
    return begin;
  }

  Entry Number(uint16_t type, uint32_t value) const {
    Target scratch(big_endian_);
    scratch.out_.clear();
    scratch.Put(value, type == kShort ? 2 : 4);
    return {type, 1, std::move(scratch.out_)};
  }
  void PutAt(size_t place, uint32_t value) {
    const Entry number = Number(kLong, value);
    std::ranges::copy(number.data, out_.begin() + static_cast<ptrdiff_t>(place));
  }
  Bytes Take() { return std::move(out_); }

 private:
  void Put(uint32_t value, int size) {
    for (int i = 0; i < size; ++i)
      out_.push_back(static_cast<std::byte>(value >> (8 * (big_endian_ ? size - 1 - i : i))));
  }

  bool big_endian_;
  Bytes out_;
};

// IPTC in a tag of longs, as old writers have it, may have been turned with them.
Bytes Iptc(Bytes data) {
  constexpr std::byte kMarker{0x1c};
  if (data.size() >= 4 && data[0] != kMarker && data[3] == kMarker) {
    for (size_t i = 0; i + 4 <= data.size(); i += 4)
      std::reverse(data.begin() + static_cast<ptrdiff_t>(i), data.begin() + static_cast<ptrdiff_t>(i + 4));
  }
  return !data.empty() && data[0] == kMarker ? data : Bytes();
}

Bytes ExifBlock(const Source& source, const Entries& tags) {
  Entries main;
  for (const uint16_t tag : kDescriptive) {
    if (const auto found = tags.find(tag); found != tags.end()) main.insert(*found);
  }
  const auto below = [&](const Entries& directory, uint16_t link) {
    const uint64_t place = source.PlaceIn(directory, link);
    const auto wanted = [](uint16_t tag, uint16_t type) { return tag != kMakerNoteTag && type < kFirstBigType; };
    return place != 0 ? source.At(place, kMaxExifBytes, wanted) : Entries();
  };
  Entries exif = below(tags, kExifTag), gps = below(tags, kGpsTag), interop = below(exif, kInteropTag);
  exif.erase(kInteropTag);
  if (main.empty() && exif.empty() && gps.empty()) return {};

  // Places are known from back to front, so the first directory is written last and the header points to it.
  Target target(source.big_endian());
  main[kOrientationTag] = target.Number(kShort, 1);
  if (!interop.empty()) exif[kInteropTag] = target.Number(kLong, target.Add(interop));
  if (!exif.empty()) main[kExifTag] = target.Number(kLong, target.Add(exif));
  if (!gps.empty()) main[kGpsTag] = target.Number(kLong, target.Add(gps));
  target.PutAt(4, target.Add(main));
  return target.Take();
}

}  // namespace

Metadata TiffMetadata(ByteSpan file, uint64_t directory) {
  const Source source(file);
  const auto wanted = [](uint16_t tag, uint16_t) {
    return tag == kXmpTag || tag == kIptcTag || tag == kPhotoshopTag || tag == kExifTag || tag == kGpsTag ||
           std::ranges::find(kDescriptive, tag) != std::end(kDescriptive);
  };
  Entries tags = source.At(directory, kMaxMainBytes, wanted);
  Entries first = source.At(source.first(), kMaxMainBytes, wanted);
  tags.merge(first);
  Metadata metadata;
  const auto take = [&](uint16_t tag) {
    const auto found = tags.find(tag);
    return found == tags.end() ? Bytes() : found->second.data;
  };
  metadata.xmp = take(kXmpTag);
  metadata.iptc = Iptc(take(kIptcTag));
  if (metadata.iptc.empty()) metadata.iptc = IptcOfResources(take(kPhotoshopTag));
  metadata.exif = ExifBlock(source, tags);
  return metadata;
}

}  // namespace decal::cli
