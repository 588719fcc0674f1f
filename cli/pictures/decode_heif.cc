// HEIC and AVIF with libheif, and what libheif leaves to its caller: the range of grey, nclx colours, premultiplied alpha, sequences.
// SPDX-License-Identifier: MIT
#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"
#include "cli/pictures/exif.h"
#include "cli/pictures/heif_boxes.h"
#include "cli/pictures/hevc_colour.h"

namespace decal::cli {
namespace {

struct Free {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
  void operator()(heif_color_profile_nclx* nclx) const { heif_nclx_color_profile_free(nclx); }
};
using Context = std::unique_ptr<heif_context, Free>;
using Handle = std::unique_ptr<heif_image_handle, Free>;
using Image = std::unique_ptr<heif_image, Free>;
using Nclx = std::unique_ptr<heif_color_profile_nclx, Free>;

Status Failed(const heif_error& error, const Canvas& canvas) {
  switch (error.code) {
    case heif_error_Memory_allocation_error:
      return canvas.Fail(ErrorCode::kLimitExceeded, fmt::format("over the decoder's limits: {}", error.message));
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      return canvas.Fail(ErrorCode::kUnsupported, fmt::format("this kind of HEIF is not read: {}", error.message));
    default: return canvas.Fail(ErrorCode::kCorruptImage, fmt::format("damaged picture: {}", error.message));
  }
}

// Whether no picture of the file has colours: its codecs' configurations say so (AV1-ISOBMFF 2.3, ISO/IEC 14496-15 8.3.3). The alpha
// of a colour picture is grey too, so one with colours decides.
bool IsGrey(ByteSpan file) {
  const std::string_view text = AsText(file);
  bool grey = false;
  for (size_t at = text.find("av1C"); at != std::string_view::npos; at = text.find("av1C", at + 4)) {
    if (at + 7 > text.size() || static_cast<uint8_t>(text[at + 4]) != 0x81) continue;
    grey = true;
    if ((static_cast<uint8_t>(text[at + 6]) & 0x10) == 0) return false;
  }
  for (size_t at = text.find("hvcC"); at != std::string_view::npos; at = text.find("hvcC", at + 4)) {
    if (at + 21 > text.size() || text[at + 4] != 1) continue;
    grey = true;
    if ((static_cast<uint8_t>(text[at + 20]) & 3) != 0) return false;
  }
  return grey;
}

// The picture's own box has priority over what libheif's decoder passes on.
Nclx NclxOf(const heif_image_handle* handle, const heif_image* image) {
  heif_color_profile_nclx* nclx = nullptr;
  if (heif_image_handle_get_nclx_color_profile(handle, &nclx).code == heif_error_Ok && nclx != nullptr)
    return Nclx(nclx);
  nclx = nullptr;
  if (image != nullptr && heif_image_get_nclx_color_profile(image, &nclx).code == heif_error_Ok && nclx != nullptr)
    return Nclx(nclx);
  return nullptr;
}

// A profile, a box of H.273's numbers, or what an HEVC stream says itself.
Colour ColourOf(ByteSpan file, const heif_image_handle* handle, const heif_color_profile_nclx* nclx,
                std::vector<std::string>& notes) {
  Colour colour;
  const heif_color_profile_type type = heif_image_handle_get_color_profile_type(handle);
  if (type == heif_color_profile_type_rICC || type == heif_color_profile_type_prof) {
    colour.icc.resize(heif_image_handle_get_raw_color_profile_size(handle));
    if (heif_image_handle_get_raw_color_profile(handle, colour.icc.data()).code != heif_error_Ok) colour.icc.clear();
    if (!colour.icc.empty()) return colour;
  }
  if (nclx != nullptr) return ColourOfCicp(nclx->color_primaries, nclx->transfer_characteristics, notes);
  const auto stream = HevcColour(file);
  return stream ? ColourOfCicp(stream->primaries, stream->transfer, notes) : colour;
}

void ReadMetadata(const heif_image_handle* handle, Metadata& metadata) {
  const int count = heif_image_handle_get_number_of_metadata_blocks(handle, nullptr);
  std::vector<heif_item_id> ids(static_cast<size_t>(std::max(count, 0)));
  heif_image_handle_get_list_of_metadata_block_IDs(handle, nullptr, ids.data(), count);
  for (const heif_item_id id : ids) {
    std::vector<std::byte> block(heif_image_handle_get_metadata_size(handle, id));
    if (block.empty() || heif_image_handle_get_metadata(handle, id, block.data()).code != heif_error_Ok) continue;
    const std::string_view type = heif_image_handle_get_metadata_type(handle, id);
    const std::string_view content = heif_image_handle_get_metadata_content_type(handle, id);
    if (type == "Exif" && block.size() > 4) {
      // Four bytes say where the TIFF header is.
      const ByteSpan exif = Slice(block, size_t{4} + Numbers(block, true).U32(0));
      metadata.exif.assign(exif.begin(), exif.end());
    } else if (type == "mime" && content == "application/rdf+xml") {
      metadata.xmp = std::move(block);
    }
  }
}

// HEIF has no place for it besides EXIF. The latter counts before irot, which libheif has applied.
void ReadDensity(const heif_image_handle* handle, Picture& picture) {
  picture.density = ReadExif(picture.metadata.exif).density;
  const int width = heif_image_handle_get_width(handle), height = heif_image_handle_get_height(handle);
  const bool turned = width != height && heif_image_handle_get_ispe_width(handle) == height &&
                      heif_image_handle_get_ispe_height(handle) == width;
  if (picture.density && turned) std::swap(picture.density->x, picture.density->y);
}

uint16_t Scaled(int value, int low, int high) {
  return static_cast<uint16_t>((static_cast<int64_t>(std::clamp(value, low, high) - low) * 65535 + (high - low) / 2) /
                               (high - low));
}

int SampleAt(const uint8_t* row, int x, int bits) {
  if (bits <= 8) return row[x];
  uint16_t value;
  std::memcpy(&value, row + 2 * x, 2);
  return value;
}

// The crop and the rotation to apply to the decoded picture.
struct Placement {
  int64_t x = 0, y = 0, width = 0, height = 0;  // 0 wide: all
  int orientation = 1;

  Placement Within(int whole_width, int whole_height) const {
    if (width > 0 && x + width <= whole_width && y + height <= whole_height) return *this;
    return {0, 0, whole_width, whole_height, orientation};
  }
};

// Grey as stored in the stream. Limited range is expanded here.
Status DecodeGrey(ByteSpan file, heif_image_handle* handle, Canvas& canvas, SampleLayout layout, Placement placement) {
  heif_image* decoded = nullptr;
  heif_channel channel = heif_channel_Y;
  heif_error error = heif_decode_image(handle, &decoded, heif_colorspace_monochrome, heif_chroma_monochrome, nullptr);
  if (error.code == heif_error_Unsupported_feature) {
    // libheif 1.15 returns grey HEVC, decoded by libde265, as three equal planes.
    channel = heif_channel_R;
    error = heif_decode_image(handle, &decoded, heif_colorspace_RGB, heif_chroma_444, nullptr);
  }
  const Image image(decoded);
  if (error.code != heif_error_Ok) return Failed(error, canvas);
  const Nclx nclx = NclxOf(handle, image.get());
  layout.colour = ColourOf(file, handle, nclx.get(), canvas.notes());
  layout.model = ColourModel::kGrey;
  layout.type = SampleType::kU16;
  int stride = 0, alpha_stride = 0;
  const uint8_t* luma = heif_image_get_plane_readonly(image.get(), channel, &stride);
  const uint8_t* alpha =
      layout.alpha ? heif_image_get_plane_readonly(image.get(), heif_channel_Alpha, &alpha_stride) : nullptr;
  layout.alpha = alpha != nullptr;
  if (luma == nullptr) return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: it has no samples");
  const int bits = heif_image_get_bits_per_pixel_range(image.get(), channel);
  const int alpha_bits = alpha != nullptr ? heif_image_get_bits_per_pixel_range(image.get(), heif_channel_Alpha) : 8;
  if (bits < 8 || bits > 16 || alpha_bits < 1 || alpha_bits > 16)
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: a depth that no codec has");
  // ITU-T H.273: luma from 16 to 235, times 2 for each further bit.
  const auto stream = nclx == nullptr ? HevcColour(file) : std::nullopt;
  const bool full = nclx != nullptr ? nclx->full_range_flag != 0 : !stream || stream->full_range;
  const int low = full ? 0 : 16 << (bits - 8), high = full ? (1 << bits) - 1 : 235 << (bits - 8);
  const Placement part =
      placement.Within(heif_image_get_width(image.get(), channel), heif_image_get_height(image.get(), channel));
  if (Status begun = canvas.Begin(part.width, part.height, layout, part.orientation); !begun) return begun;
  const size_t channels = layout.alpha ? 2 : 1;
  std::vector<uint16_t> row(channels * static_cast<size_t>(part.width));
  for (int64_t y = 0; y < part.height; ++y) {
    if (Cancelled()) return canvas.Fail(ErrorCode::kCancelled, "interrupted");
    const uint8_t* luma_row = luma + (part.y + y) * stride;
    const uint8_t* alpha_row = layout.alpha ? alpha + (part.y + y) * alpha_stride : nullptr;
    for (int64_t x = 0; x < part.width; ++x) {
      const int at = static_cast<int>(part.x + x);
      row[channels * static_cast<size_t>(x)] = Scaled(SampleAt(luma_row, at, bits), low, high);
      if (layout.alpha)
        row[2 * static_cast<size_t>(x) + 1] = Scaled(SampleAt(alpha_row, at, alpha_bits), 0, (1 << alpha_bits) - 1);
    }
    canvas.Put(static_cast<int>(y), row.data());
  }
  return {};
}

Status DecodeColour(ByteSpan file, heif_image_handle* handle, Canvas& canvas, SampleLayout layout,
                    Placement placement) {
  const bool wide = heif_image_handle_get_luma_bits_per_pixel(handle) > 8;
  const heif_chroma chroma =
      wide ? (layout.alpha ? heif_chroma_interleaved_RRGGBBAA_LE : heif_chroma_interleaved_RRGGBB_LE)
           : (layout.alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB);
  heif_image* decoded = nullptr;
  const heif_error error = heif_decode_image(handle, &decoded, heif_colorspace_RGB, chroma, nullptr);
  const Image image(decoded);
  if (error.code != heif_error_Ok) return Failed(error, canvas);
  const Nclx nclx = NclxOf(handle, image.get());
  layout.colour = ColourOf(file, handle, nclx.get(), canvas.notes());
  layout.type = wide ? SampleType::kU16 : SampleType::kU8;
  int stride = 0;
  const uint8_t* plane = heif_image_get_plane_readonly(image.get(), heif_channel_interleaved, &stride);
  const Placement part = placement.Within(heif_image_get_width(image.get(), heif_channel_interleaved),
                                          heif_image_get_height(image.get(), heif_channel_interleaved));
  const int bits = heif_image_get_bits_per_pixel_range(image.get(), heif_channel_interleaved);
  if (plane == nullptr || bits < 8 || bits > 16)
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: it has no samples");
  if (Status begun = canvas.Begin(part.width, part.height, layout, part.orientation); !begun) return begun;
  const int64_t channels = layout.channels();
  std::vector<uint16_t> row(static_cast<size_t>(channels * part.width));
  for (int64_t y = 0; y < part.height; ++y) {
    if (Cancelled()) return canvas.Fail(ErrorCode::kCancelled, "interrupted");
    const uint8_t* from = plane + (part.y + y) * stride + part.x * channels * (wide ? 2 : 1);
    if (wide) {
      for (size_t i = 0; i < row.size(); ++i) row[i] = Scaled(from[2 * i] | from[2 * i + 1] << 8, 0, (1 << bits) - 1);
    }
    canvas.Put(static_cast<int>(y), wide ? static_cast<const void*>(row.data()) : from);
  }
  return {};
}

}  // namespace

Status DecodeHeif(ByteSpan whole, Canvas& canvas) {
  const std::optional<HeifTransforms> transforms = TakeTransforms(whole);
  const ByteSpan file = transforms ? ByteSpan(transforms->file) : whole;
  const Placement placement = transforms ? Placement{transforms->x, transforms->y, transforms->width,
                                                     transforms->height, transforms->orientation}
                                         : Placement{};
  const Context context(heif_context_alloc());
  if (!context) return canvas.Fail(ErrorCode::kOutOfMemory, "no memory to decode it");
  const std::string_view major = AsText(Slice(file, 8, 4));
  heif_error error = heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr);
  heif_image_handle* primary = nullptr;
  if (error.code == heif_error_Ok) error = heif_context_get_primary_image_handle(context.get(), &primary);
  const Handle handle(primary);
  const bool sequence = major == "avis" || major == "msf1" || major == "hevs";
  if (error.code != heif_error_Ok) {
    if (sequence) return canvas.Fail(ErrorCode::kUnsupported, "a sequence without a still picture is not read");
    return Failed(error, canvas);
  }
  SampleLayout layout{.alpha = heif_image_handle_has_alpha_channel(primary) != 0};
  layout.premultiplied = layout.alpha && heif_image_handle_is_premultiplied_alpha(primary) != 0;
  const bool wide = heif_image_handle_get_luma_bits_per_pixel(primary) > 8;
  const size_t pixel_bytes = static_cast<size_t>(layout.channels()) * (wide ? 2 : 1);
  if (Status fits =
          canvas.CheckSize(heif_image_handle_get_width(primary), heif_image_handle_get_height(primary), pixel_bytes);
      !fits)
    return fits;
  const int pictures = heif_context_get_number_of_top_level_images(context.get());
  if (sequence) canvas.Note("animated picture: its first frame or primary still used");
  else if (pictures > 1) canvas.Note(fmt::format("the main one of {} pictures used", pictures));
  ReadMetadata(primary, canvas.picture().metadata);
  ReadDensity(primary, canvas.picture());
  return IsGrey(file) ? DecodeGrey(file, primary, canvas, layout, placement)
                      : DecodeColour(file, primary, canvas, layout, placement);
}

}  // namespace decal::cli
