// libvips behind Results: nothing of it, exceptions included, leaves this file.
#include "cli/picture_io.h"

#include <new>

#include <fmt/format.h>
#include <vips/vips8>

namespace decal::cli {
namespace {

using vips::VImage;

// 2^28 pixels are 1 GiB as RGBA8: above any camera, below what a small machine survives.
constexpr int64_t kMaxPixels = int64_t{1} << 28;

// The first line of libvips' error text; the rest repeats it in other words.
std::string VipsReason() {
  std::string text = vips_error_buffer();
  vips_error_clear();
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "the decoder gave no reason" : text;
}

// Alpha as one 8-bit band. 16-bit alpha uses the whole range, whatever the colour bands mean.
VImage AlphaTo8Bit(VImage alpha) {
  if (alpha.format() == VIPS_FORMAT_USHORT) alpha = (alpha / 257.0).rint();
  return alpha.cast(VIPS_FORMAT_UCHAR);
}

VImage ColourToSrgb8(VImage colour) {
  if (colour.get_typeof(VIPS_META_ICC_NAME) != 0) {
    try {
      colour = colour.icc_transform("srgb", VImage::option()->set("embedded", true)->set("depth", 8));
    } catch (const vips::VError&) {
      // A profile that does not fit its picture says nothing; every browser ignores it too.
      vips_error_clear();
    }
  }
  if (colour.interpretation() != VIPS_INTERPRETATION_sRGB) colour = colour.colourspace(VIPS_INTERPRETATION_sRGB);
  colour = colour.cast(VIPS_FORMAT_UCHAR);
  return colour.bands() == 1 ? VImage::bandjoin({colour, colour, colour}) : colour;
}

VImage ToRgba8(VImage image) {
  // Turning needs random access, the decoders deliver rows from the top.
  if (vips_image_get_orientation(image.get_image()) > 1) image = image.copy_memory().autorot();
  if (!image.has_alpha()) return ColourToSrgb8(image).bandjoin(255);
  const int colours = image.bands() - 1;
  const VImage both = image.copy_memory();  // read twice below
  return ColourToSrgb8(both.extract_band(0, VImage::option()->set("n", colours)))
      .bandjoin(AlphaTo8Bit(both.extract_band(colours)));
}

struct BlobFree {
  void operator()(VipsBlob* blob) const { vips_area_unref(VIPS_AREA(blob)); }
};

VipsBlob* Save(const VImage& image, PictureFormat format, int quality) {
  switch (format) {
    case PictureFormat::kPng:
      // zlib level 3 with adaptive filters: 7 % larger than level 6 on photos, in a third of the time.
      return image.pngsave_buffer(
          VImage::option()->set("compression", 3)->set("filter", VIPS_FOREIGN_PNG_FILTER_ALL));
    case PictureFormat::kWebp: return image.webpsave_buffer(VImage::option()->set("Q", quality));
    case PictureFormat::kJpeg: return image.jpegsave_buffer(VImage::option()->set("Q", quality));
  }
  return nullptr;
}

}  // namespace

Status InitPictures(const char* program, int threads) {
  if (VIPS_INIT(program) != 0) return Fail(ErrorCode::kInternal, "libvips does not start: " + VipsReason());
  // Pictures come from anywhere: only decoders that libvips holds to be tested against hostile files.
  vips_block_untrusted_set(TRUE);
  vips_cache_set_max(0);  // every picture is seen once
  if (threads > 0) vips_concurrency_set(threads);
  // Its warnings arrive as errors where they matter (fail_on below).
  g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, [](const char*, GLogLevelFlags, const char*, void*) {}, nullptr);
  return {};
}

Result<Picture> DecodePicture(std::span<const std::byte> file, const std::string& where) try {
  if (file.empty()) return Fail(ErrorCode::kCorruptImage, "the file is empty", where);
  if (vips_foreign_find_load_buffer(file.data(), file.size()) == nullptr) {
    vips_error_clear();
    return Fail(ErrorCode::kCorruptImage, "not a picture we can decode", where);
  }
  // The level "error" includes truncation: half a picture must not pass for one.
  const VImage image = VImage::new_from_buffer(
      file.data(), file.size(), "",
      VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL)->set("fail_on", VIPS_FAIL_ON_ERROR));
  if (int64_t{image.width()} * image.height() > kMaxPixels) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("{} x {} pixels are over the limit of {}", image.width(), image.height(), kMaxPixels),
                where);
  }
  const VImage rgba = ToRgba8(image);
  if (rgba.bands() != 4) return Fail(ErrorCode::kCorruptImage, "not a colour or grey picture", where);
  Picture picture{.width = rgba.width(), .height = rgba.height()};
  const size_t bytes = size_t{4} * static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  picture.rgba.reset(new (std::nothrow) uint8_t[bytes]);
  if (!picture.rgba) {
    return Fail(ErrorCode::kOutOfMemory,
                fmt::format("no memory for {} x {} pixels", picture.width, picture.height), where);
  }
  rgba.write(VImage::new_from_memory(picture.rgba.get(), bytes, picture.width, picture.height, 4, VIPS_FORMAT_UCHAR));
  return picture;
} catch (const vips::VError&) {
  return Fail(ErrorCode::kCorruptImage, "damaged picture: " + VipsReason(), where);
}

Result<std::vector<std::byte>> EncodePicture(ImageView picture, PictureFormat format, PictureChannels channels,
                                             int quality) try {
  const size_t size = picture.stride_bytes * static_cast<size_t>(picture.height);
  VImage image = VImage::new_from_memory(const_cast<uint8_t*>(picture.data), size, picture.width, picture.height, 4,
                                         VIPS_FORMAT_UCHAR);
  switch (channels) {
    case PictureChannels::kGrey: image = image.extract_band(0); break;
    case PictureChannels::kRgb: image = image.extract_band(0, VImage::option()->set("n", 3)); break;
    case PictureChannels::kRgba: break;
  }
  image = image.copy(VImage::option()->set("interpretation", channels == PictureChannels::kGrey
                                                                 ? VIPS_INTERPRETATION_B_W
                                                                 : VIPS_INTERPRETATION_sRGB));
  const std::unique_ptr<VipsBlob, BlobFree> blob(Save(image, format, quality));
  size_t bytes = 0;
  const auto* data = static_cast<const std::byte*>(vips_blob_get(blob.get(), &bytes));
  return std::vector<std::byte>(data, data + bytes);
} catch (const vips::VError&) {
  return Fail(ErrorCode::kInternal, "cannot encode: " + VipsReason());
}

}  // namespace decal::cli
