// JPEG XL by libjxl: the first frame, turned, as 8- or 16-bit integers or floats.
// SPDX-License-Identifier: MIT
#include <jxl/decode.h>
#include <jxl/decode_cxx.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"
#include "cli/pictures/exif.h"
#include "cli/pictures/quiet_stderr.h"

namespace decal::cli {
namespace {

// Enumerated colours where the stream has them: a profile made of PQ or HLG would tone-map in its own way.
Colour ReadColour(JxlDecoder* decoder, bool& cmyk, std::vector<std::string>& notes) {
  cmyk = false;
  JxlColorEncoding encoding;
  Colour colour;
  if (JxlDecoderGetColorAsEncodedProfile(decoder, nullptr, JXL_COLOR_PROFILE_TARGET_DATA, &encoding) ==
          JXL_DEC_SUCCESS &&
      encoding.transfer_function != JXL_TRANSFER_FUNCTION_UNKNOWN) {
    const bool gamma = encoding.transfer_function == JXL_TRANSFER_FUNCTION_GAMMA;
    // libjxl's numbers are H.273's.
    colour = ColourOfCicp(2, gamma ? 2 : static_cast<int>(encoding.transfer_function), notes);
    if (gamma && encoding.gamma > 0.01) {
      colour.transfer = Transfer::kGamma;
      colour.gamma = 1 / encoding.gamma;
    }
    const auto& white = encoding.white_point_xy;
    colour.primaries.xy[6] = white[0];
    colour.primaries.xy[7] = white[1];
    if (encoding.color_space == JXL_COLOR_SPACE_RGB) {
      for (size_t i = 0; i < 2; ++i) {
        colour.primaries.xy[i] = encoding.primaries_red_xy[i];
        colour.primaries.xy[2 + i] = encoding.primaries_green_xy[i];
        colour.primaries.xy[4 + i] = encoding.primaries_blue_xy[i];
      }
    }
    bool srgb = true;
    for (size_t i = 0; i < 8; ++i) srgb = srgb && std::abs(colour.primaries.xy[i] - kSrgbPrimaries.xy[i]) < 1e-3;
    if (srgb) colour.primaries = kSrgbPrimaries;
    return colour;
  }
  size_t size = 0;
  if (JxlDecoderGetICCProfileSize(decoder, nullptr, JXL_COLOR_PROFILE_TARGET_DATA, &size) != JXL_DEC_SUCCESS)
    return colour;
  colour.icc.resize(size);
  if (JxlDecoderGetColorAsICCProfile(decoder, nullptr, JXL_COLOR_PROFILE_TARGET_DATA,
                                     reinterpret_cast<uint8_t*>(colour.icc.data()), size) != JXL_DEC_SUCCESS) {
    colour.icc.clear();
  }
  cmyk = HasAt(colour.icc, 16, "CMYK");
  return colour;
}

constexpr size_t kMaxBoxBytes = size_t{64} << 20;  // a compressed box may be a bomb

// EXIF and XMP lie in boxes beside the code stream, perhaps compressed. A decoder that is asked for nothing else passes over the
// stream.
Metadata ReadBoxes(ByteSpan file) {
  Metadata metadata;
  const JxlDecoderPtr decoder = JxlDecoderMake(nullptr);
  if (!decoder || JxlDecoderSubscribeEvents(decoder.get(), JXL_DEC_BOX) != JXL_DEC_SUCCESS) return metadata;
  JxlDecoderSetDecompressBoxes(decoder.get(), JXL_TRUE);
  JxlDecoderSetInput(decoder.get(), reinterpret_cast<const uint8_t*>(file.data()), file.size());
  JxlDecoderCloseInput(decoder.get());
  std::vector<std::byte> box;
  std::vector<std::byte>* target = nullptr;
  const auto add_room = [&](size_t filled) {
    box.resize(filled + (size_t{64} << 10));
    return JxlDecoderSetBoxBuffer(decoder.get(), reinterpret_cast<uint8_t*>(box.data()) + filled,
                                  box.size() - filled) == JXL_DEC_SUCCESS;
  };
  const auto finish = [&] {
    if (target == nullptr) return;
    box.resize(box.size() - JxlDecoderReleaseBoxBuffer(decoder.get()));
    *target = std::exchange(box, {});
    target = nullptr;
  };
  for (;;) {
    const JxlDecoderStatus status = JxlDecoderProcessInput(decoder.get());
    if (status == JXL_DEC_BOX) {
      finish();
      JxlBoxType type;
      if (JxlDecoderGetBoxType(decoder.get(), type, JXL_TRUE) != JXL_DEC_SUCCESS) break;
      const std::string_view name(type, 4);
      target = name == "Exif" ? &metadata.exif : name == "xml " ? &metadata.xmp : nullptr;
      if (target != nullptr && !add_room(0)) break;
    } else if (status == JXL_DEC_BOX_NEED_MORE_OUTPUT && target != nullptr && box.size() < kMaxBoxBytes) {
      const size_t filled = box.size() - JxlDecoderReleaseBoxBuffer(decoder.get());
      if (!add_room(filled)) break;
    } else {
      if (status == JXL_DEC_SUCCESS) finish();
      break;
    }
  }
  // Four bytes say where the TIFF header is.
  const size_t head = size_t{4} + Numbers(metadata.exif, true).U32(0);
  const ByteSpan exif = Slice(metadata.exif, head);
  metadata.exif = std::vector<std::byte>(exif.begin(), exif.end());
  return metadata;
}

class Reader {
 public:
  Reader(ByteSpan file, Canvas& canvas) : file_(file), canvas_(canvas), decoder_(JxlDecoderMake(nullptr)) {}

  Status Read() {
    if (!decoder_) return canvas_.Fail(ErrorCode::kOutOfMemory, "no memory to decode it");
    JxlDecoder* decoder = decoder_.get();
    JxlDecoderSubscribeEvents(decoder, JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE);
    JxlDecoderSetInput(decoder, reinterpret_cast<const uint8_t*>(file_.data()), file_.size());
    JxlDecoderCloseInput(decoder);
    for (;;) {
      if (Cancelled()) return canvas_.Fail(ErrorCode::kCancelled, "interrupted");
      switch (JxlDecoderProcessInput(decoder)) {
        case JXL_DEC_BASIC_INFO:
          if (Status read = ReadInfo(); !read) return read;
          break;
        case JXL_DEC_COLOR_ENCODING: {
          bool cmyk = false;
          layout_.colour = ReadColour(decoder, cmyk, canvas_.notes());
          if (cmyk) return canvas_.Fail(ErrorCode::kUnsupported, "JPEG XL with inks is not read");
          break;
        }
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
          if (Status made = MakeBuffer(); !made) return made;
          break;
        case JXL_DEC_FULL_IMAGE: return Put();  // the first frame; the decoder is told no more
        case JXL_DEC_NEED_MORE_INPUT:
          return canvas_.Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing");
        default: return canvas_.Fail(ErrorCode::kCorruptImage, "damaged picture: libjxl cannot decode it");
      }
    }
  }

 private:
  Status ReadInfo() {
    if (JxlDecoderGetBasicInfo(decoder_.get(), &info_) != JXL_DEC_SUCCESS)
      return canvas_.Fail(ErrorCode::kCorruptImage, "damaged picture: libjxl cannot decode it");
    layout_.model = info_.num_color_channels == 1 ? ColourModel::kGrey : ColourModel::kRgb;
    layout_.alpha = info_.alpha_bits > 0;
    layout_.premultiplied = layout_.alpha && info_.alpha_premultiplied == JXL_TRUE;
    layout_.type = info_.exponent_bits_per_sample > 0 ? SampleType::kF32
                   : info_.bits_per_sample > 8        ? SampleType::kU16
                                                      : SampleType::kU8;
    canvas_.picture().metadata = ReadBoxes(file_);
    // libjxl turns the picture as its own header says; EXIF's orientation does not count.
    auto& density = canvas_.picture().density;
    density = ReadExif(canvas_.picture().metadata.exif).density;
    if (density && SwapsSides(static_cast<int>(info_.orientation))) std::swap(density->x, density->y);
    if (info_.have_animation == JXL_TRUE) canvas_.Note("animated JPEG XL: its first frame used");
    if (Status fits = canvas_.CheckSize(info_.xsize, info_.ysize, layout_.pixel_bytes()); !fits) return fits;
    return {};
  }

  Status MakeBuffer() {
    const JxlDataType type = layout_.type == SampleType::kF32   ? JXL_TYPE_FLOAT
                             : layout_.type == SampleType::kU16 ? JXL_TYPE_UINT16
                                                                : JXL_TYPE_UINT8;
    const JxlPixelFormat format = {static_cast<uint32_t>(layout_.channels()), type, JXL_NATIVE_ENDIAN, 0};
    size_t size = 0;
    if (JxlDecoderImageOutBufferSize(decoder_.get(), &format, &size) != JXL_DEC_SUCCESS ||
        size != layout_.pixel_bytes() * info_.xsize * info_.ysize) {
      return canvas_.Fail(ErrorCode::kCorruptImage, "damaged picture: libjxl cannot decode it");
    }
    pixels_.resize((size + 3) / 4);
    if (JxlDecoderSetImageOutBuffer(decoder_.get(), &format, pixels_.data(), size) != JXL_DEC_SUCCESS) {
      return canvas_.Fail(ErrorCode::kCorruptImage, "damaged picture: libjxl cannot decode it");
    }
    return {};
  }

  Status Put() {
    if (Status begun = canvas_.Begin(info_.xsize, info_.ysize, layout_); !begun) return begun;
    const auto* rows = reinterpret_cast<const std::byte*>(pixels_.data());
    const size_t row_bytes = layout_.pixel_bytes() * info_.xsize;
    for (uint32_t y = 0; y < info_.ysize; ++y) canvas_.Put(static_cast<int>(y), rows + row_bytes * y);
    return {};
  }

  ByteSpan file_;
  Canvas& canvas_;
  JxlDecoderPtr decoder_;
  JxlBasicInfo info_{};  // NOLINT(bugprone-invalid-enum-default-initialization): the decoder fills it
  SampleLayout layout_;
  std::vector<uint32_t> pixels_;
};

}  // namespace

Status DecodeJxl(ByteSpan file, Canvas& canvas) {
  const QuietStderr quiet;
  return Reader(file, canvas).Read();
}

}  // namespace decal::cli
