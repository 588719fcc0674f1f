// A PNG file: its chunks, around strips that are filtered and compressed beside each other.
// SPDX-License-Identifier: MIT
#include "cli/pictures/encode_png.h"

#include <isa-l/crc.h>
#include <zlib.h>

#include <string>

#include "cli/pictures/byte_writer.h"
#include "cli/pictures/metadata.h"
#include "decal/parallel.h"
#include "png/stream.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

int ChannelCount(PictureChannels channels) {
  switch (channels) {
    case PictureChannels::kGrey: return 1;
    case PictureChannels::kRgb: return 3;
    case PictureChannels::kRgba: break;
  }
  return 4;
}

// `body` after a chunk's length and name, followed by the checksum.
void AppendChunk(Bytes& to, std::string_view name, ByteSpan body) {
  AppendBig(to, static_cast<uint32_t>(body.size()), 4);
  const size_t named = to.size();
  Append(to, name);
  Append(to, body);
  AppendBig(to, crc32_gzip_refl(0, reinterpret_cast<const uint8_t*>(to.data() + named), to.size() - named), 4);
}

Bytes Header(ImageView picture, int channels) {
  constexpr uint8_t kColourTypes[] = {0, 0, 0, 2, 6};  // by number of channels: grey, RGB, RGBA
  Bytes header;
  AppendBig(header, static_cast<uint32_t>(picture.width), 4);
  AppendBig(header, static_cast<uint32_t>(picture.height), 4);
  AppendBig(header, 8, 1);
  AppendBig(header, kColourTypes[channels], 1);
  AppendBig(header, 0, 3);  // deflate, the five filters, not interlaced
  return header;
}

// A chunk of `head` and of `content`, compressed.
void AppendPackedChunk(Bytes& file, std::string_view name, std::string_view head, ByteSpan content) {
  uLongf size = compressBound(static_cast<uLong>(content.size()));
  std::vector<Bytef> packed(size);
  if (compress(packed.data(), &size, reinterpret_cast<const Bytef*>(content.data()),
               static_cast<uLong>(content.size())) != Z_OK) {
    return;
  }
  Bytes body;
  Append(body, head);
  Append(body, std::as_bytes(std::span(packed.data(), size)));
  AppendChunk(file, name, body);
}

// PNG has no chunk for IPTC. ExifTool, Exiv2 and ImageMagick look for it in this text chunk.
void AppendIptc(Bytes& file, ByteSpan iptc) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const Bytes resources = ResourcesOfIptc(iptc);
  const std::string length = std::to_string(resources.size());
  std::string text = "\niptc\n" + std::string(8 - std::min<size_t>(length.size(), 8), ' ') + length;
  for (size_t i = 0; i < resources.size(); ++i) {
    if (i % 36 == 0) text += '\n';
    const auto byte = static_cast<size_t>(resources[i]);
    text += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  text += '\n';
  AppendPackedChunk(file, "zTXt", "Raw profile type iptc\0\0"sv, std::as_bytes(std::span(text)));
}

// The chunks between the header and the pixels.
void AppendFacts(Bytes& file, const EncodeOptions& options, int channels) {
  if (!options.profile.empty() && channels > 1) AppendPackedChunk(file, "iCCP", "icc\0\0"sv, options.profile);
  if (options.density) {
    Bytes body;
    AppendBig(body, Rounded(options.density->x, 2e9), 4);
    AppendBig(body, Rounded(options.density->y, 2e9), 4);
    AppendBig(body, 1, 1);  // per metre
    AppendChunk(file, "pHYs", body);
  }
  if (const Metadata* metadata = options.metadata) {
    if (!metadata->exif.empty()) AppendChunk(file, "eXIf", metadata->exif);
    if (!metadata->xmp.empty()) {
      Bytes body;
      Append(body, "XML:com.adobe.xmp\0\0\0\0\0"sv);
      Append(body, metadata->xmp);
      AppendChunk(file, "iTXt", body);
    }
    if (!metadata->iptc.empty()) AppendIptc(file, metadata->iptc);
  }
}

}  // namespace

Result<std::vector<std::byte>> EncodePng(ImageView picture, const EncodeOptions& options) {
  const int channels = ChannelCount(options.channels);
  ThreadRunner& runner = options.runner != nullptr ? *options.runner : SerialRunner();
  auto parts = PackPngStream(picture, channels, runner);
  if (!parts) return std::unexpected(std::move(parts).error());

  Bytes file;
  size_t size = 4096;
  for (const PngPart& part : *parts) size += part.size + 12;
  file.reserve(size);
  Append(file, "\x89PNG\r\n\x1a\n"sv);
  AppendChunk(file, "IHDR", Header(picture, channels));
  AppendFacts(file, options, channels);
  for (PngPart& part : *parts) {
    AppendChunk(file, "IDAT", std::as_bytes(part.bytes()));
    part = {};
  }
  AppendChunk(file, "IEND", {});
  return file;
}

}  // namespace decal::cli
