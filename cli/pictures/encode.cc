// RGBA8 to the format asked for. JPEG is libvips', but density and metadata are put in by ourselves: libvips writes a density always.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <vips/vips8>

#include "cli/interrupt.h"
#include "cli/pictures/byte_writer.h"
#include "cli/pictures/bytes.h"
#include "cli/pictures/encode_png.h"
#include "cli/pictures/encode_webp.h"
#include "cli/pictures/metadata.h"
#include "cli/pictures/vips_error.h"
#include "cli/picture_io.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;
using vips::VImage;

struct FreeBlob {
  void operator()(VipsBlob* blob) const { vips_area_unref(VIPS_AREA(blob)); }
};

Bytes JpegSegment(int marker, std::string_view prefix, ByteSpan body) {
  Bytes segment;
  if (prefix.size() + body.size() > 65533) return segment;  // too large for one segment: MetadataLeftOut says so
  AppendBig(segment, 0xff00u | static_cast<uint32_t>(marker), 2);
  AppendBig(segment, static_cast<uint32_t>(prefix.size() + body.size() + 2), 2);
  Append(segment, prefix);
  Append(segment, body);
  return segment;
}

// A profile in as many segments as it needs (ICC.1, annex B).
void AppendProfile(Bytes& to, ByteSpan profile) {
  constexpr size_t kPart = 65519;
  const size_t parts = (profile.size() + kPart - 1) / kPart;
  for (size_t i = 0; i < parts && parts < 256; ++i) {
    Bytes body;
    AppendBig(body, static_cast<uint32_t>(i + 1), 1);
    AppendBig(body, static_cast<uint32_t>(parts), 1);
    Append(body, Slice(profile, i * kPart, kPart));
    Append(to, JpegSegment(0xe2, "ICC_PROFILE\0"sv, body));
  }
}

// A JFIF header of our own, metadata and profile, and all that libvips wrote behind its header.
Bytes DressJpeg(ByteSpan jpeg, const EncodeOptions& options) {
  // Unit 0 with 1:1 says that pixels are square and no more; 1 counts by the inch, 2 by the centimetre.
  uint32_t unit = 0, x = 1, y = 1;
  if (options.density) {
    const double dpi = options.density->x * 0.0254;
    unit = std::abs(dpi - std::round(dpi)) < 0.02 ? 1 : 2;
    const double scale = unit == 1 ? 0.0254 : 0.01;
    x = Rounded(options.density->x * scale, 65535);
    y = Rounded(options.density->y * scale, 65535);
  }
  Bytes density;
  AppendBig(density, 0x0101, 2);
  AppendBig(density, unit, 1);
  AppendBig(density, x, 2);
  AppendBig(density, y, 2);
  AppendBig(density, 0, 2);  // no thumbnail
  Bytes dressed;
  dressed.reserve(jpeg.size() + 64);
  Append(dressed, Slice(jpeg, 0, 2));
  Append(dressed, JpegSegment(0xe0, "JFIF\0"sv, density));
  if (const Metadata* metadata = options.metadata) {
    if (!metadata->exif.empty()) Append(dressed, JpegSegment(0xe1, "Exif\0\0"sv, metadata->exif));
    if (!metadata->xmp.empty()) Append(dressed, JpegSegment(0xe1, "http://ns.adobe.com/xap/1.0/\0"sv, metadata->xmp));
    if (!metadata->iptc.empty()) {
      Append(dressed, JpegSegment(0xed, "Photoshop 3.0\0"sv, ResourcesOfIptc(metadata->iptc)));
    }
  }
  AppendProfile(dressed, options.channels == PictureChannels::kGrey ? ByteSpan() : options.profile);
  const Numbers numbers(jpeg, true);
  size_t at = 2;
  while (numbers.U16(at) == 0xffe0) at += 2 + size_t{numbers.U16(at + 2)};
  Append(dressed, Slice(jpeg, at));
  return dressed;
}

// libvips calls it after some rows, on the thread that encodes.
void StopIfCancelled(VipsImage* image, VipsProgress*, void*) {
  if (Cancelled()) vips_image_set_kill(image, TRUE);
}

Result<Bytes> EncodeJpeg(ImageView picture, const EncodeOptions& options) {
  const size_t size = picture.stride_bytes * static_cast<size_t>(picture.height);
  VImage image = VImage::new_from_memory(const_cast<uint8_t*>(picture.data), size, picture.width, picture.height, 4,
                                         VIPS_FORMAT_UCHAR);
  const bool grey = options.channels == PictureChannels::kGrey;
  image = image.extract_band(0, VImage::option()->set("n", grey ? 1 : 3));
  image =
      image.copy(VImage::option()->set("interpretation", grey ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB));
  vips_image_set_progress(image.get_image(), TRUE);
  g_signal_connect(image.get_image(), "eval", G_CALLBACK(StopIfCancelled), nullptr);
  const std::unique_ptr<VipsBlob, FreeBlob> blob(
      image.jpegsave_buffer(VImage::option()->set("Q", options.quality)->set("strip", true)));
  size_t bytes = 0;
  const auto* data = static_cast<const std::byte*>(vips_blob_get(blob.get(), &bytes));
  return DressJpeg(ByteSpan(data, bytes), options);
}

}  // namespace

Status CheckSides(int64_t width, int64_t height, PictureFormat format) {
  // libwebp's and libjpeg's own limits.
  const int64_t side = format == PictureFormat::kWebp ? 16383 : format == PictureFormat::kJpeg ? 65500 : INT32_MAX;
  if (std::max(width, height) <= side) return {};
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("{} x {} pixels do not fit into {}, which holds {} a side: choose png", width, height,
                          format == PictureFormat::kWebp ? "WebP" : "JPEG", side));
}

Result<std::vector<std::byte>> EncodePicture(ImageView picture, const EncodeOptions& options) try {
  if (Status fits = CheckSides(picture.width, picture.height, options.format); !fits)
    return std::unexpected(fits.error());
  switch (options.format) {
    case PictureFormat::kPng: return EncodePng(picture, options);
    case PictureFormat::kWebp: return EncodeWebp(picture, options);
    case PictureFormat::kJpeg: return EncodeJpeg(picture, options);
  }
  return Fail(ErrorCode::kInternal, "no encoder");
} catch (const vips::VError&) {
  const std::string reason = VipsReason();
  if (Cancelled()) return Fail(ErrorCode::kCancelled, "interrupted");
  return Fail(ErrorCode::kInternal, "cannot encode: " + reason);
}

}  // namespace decal::cli
