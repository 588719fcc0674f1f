// Photoshop's resources and XMP, and which blocks each format can hold.
// SPDX-License-Identifier: MIT
#include "cli/pictures/metadata.h"

#include <utility>

#include "cli/pictures/byte_writer.h"
#include "cli/pictures/exif.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

constexpr size_t kJpegSegment = 65533;  // bytes behind a segment's length

// The value of `tiff:Orientation`, as an attribute or an element, becomes 1; a digit stays a digit.
void ResetOrientation(std::string& xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = xmp.find(kName); at != std::string::npos; at = xmp.find(kName, at)) {
    at += kName.size();
    while (at < xmp.size() && (xmp[at] == ' ' || xmp[at] == '=' || xmp[at] == '"' || xmp[at] == '\'' || xmp[at] == '>'))
      ++at;
    if (at < xmp.size() && xmp[at] >= '1' && xmp[at] <= '8') xmp[at] = '1';
  }
}

void RemoveElements(std::string& xmp, std::string_view name) {
  const std::string open = "<" + std::string(name), close = "</" + std::string(name) + ">";
  for (size_t at = xmp.find(open); at != std::string::npos; at = xmp.find(open, at)) {
    const size_t end = xmp.find(close, at);
    if (end == std::string::npos) {
      xmp.clear();  // an element without its end: no XML
      return;
    }
    xmp.erase(at, end + close.size() - at);
  }
}

}  // namespace

std::vector<std::byte> IptcOfResources(ByteSpan resources) {
  const Numbers numbers(resources, true);
  for (size_t at = 0; HasAt(resources, at, "8BIM");) {
    const size_t name = numbers.U8(at + 6);
    const size_t data = at + 6 + ((name + 2) & ~size_t{1});
    const size_t size = numbers.U32(data);
    if (numbers.failed() || size > resources.size()) return {};
    if (numbers.U16(at + 4) == 0x0404) {
      const ByteSpan iptc = Slice(resources, data + 4, size);
      return {iptc.begin(), iptc.end()};
    }
    at = data + 4 + ((size + 1) & ~size_t{1});
  }
  return {};
}

std::vector<std::byte> ResourcesOfIptc(ByteSpan iptc) {
  Bytes resource;
  Append(resource, "8BIM\x04\x04\0\0"sv);
  AppendBig(resource, static_cast<uint32_t>(iptc.size()), 4);
  Append(resource, iptc);
  if (iptc.size() % 2 != 0) resource.push_back(std::byte{0});
  return resource;
}

Metadata MetadataToKeep(Metadata metadata) {
  metadata.exif = ExifToKeep(metadata.exif);
  std::string xmp(AsText(metadata.xmp));
  ResetOrientation(xmp);
  for (const char* name : {"xmp:Thumbnails", "xap:Thumbnails"}) RemoveElements(xmp, name);
  metadata.xmp.clear();
  Append(metadata.xmp, xmp);
  return metadata;
}

std::vector<std::string> MetadataLeftOut(const Metadata& metadata, PictureFormat format) {
  std::vector<std::string> left;
  if (format == PictureFormat::kWebp && !metadata.iptc.empty())
    left.push_back("IPTC left out: WebP has no place for it");
  if (format != PictureFormat::kJpeg) return left;
  const auto check = [&](const char* name, size_t bytes) {
    if (bytes > kJpegSegment) left.push_back(std::string(name) + " left out: larger than the 64 KiB that JPEG holds");
  };
  check("EXIF", metadata.exif.size() + 6);
  check("XMP", metadata.xmp.size() + 29);
  check("IPTC", metadata.iptc.size() + 27);
  return left;
}

}  // namespace decal::cli
