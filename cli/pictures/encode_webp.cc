// libwebp itself, because libvips keeps its threads and the speed of its alpha to itself.
// SPDX-License-Identifier: MIT
#include "cli/pictures/encode_webp.h"

#include <webp/encode.h>
#include <webp/mux.h>

#include <memory>

#include "cli/interrupt.h"
#include "cli/pictures/byte_writer.h"
#include "decal/parallel.h"

namespace decal::cli {
namespace {

// libwebp's own choice is 4. A cut-out of 6 megapixels at quality 90 takes 1.72 s of processor time and 296 kB with 4, 1.42 s and 302 kB with
// 3, 1.22 s and 305 kB with 2, 1.04 s and 326 kB with 1, 0.50 s and 493 kB with 0, all with 41.4 dB in what is opaque.
constexpr int kMethod = 2;

// With its own choice, 1, libwebp compresses some mattes twice, as they are and filtered, and keeps the smaller one. Alpha takes longer than the
// colours beside it: a cut-out of 24 megapixels takes 1.49 s on two threads without filters and 2.70 s with them, in the same bytes; smaller ones
// had 0 to 0.4 % more bytes.
constexpr int kAlphaFilter = 0;

struct FreePicture {
  void operator()(WebPPicture* picture) const { WebPPictureFree(picture); }
};
struct FreeMux {
  void operator()(WebPMux* mux) const { WebPMuxDelete(mux); }
};
struct ClearData {
  void operator()(WebPData* data) const { WebPDataClear(data); }
};

std::unexpected<Error> Failed(WebPEncodingError error) {
  if (error == VP8_ENC_ERROR_USER_ABORT) return Fail(ErrorCode::kCancelled, "interrupted");
  const bool memory = error == VP8_ENC_ERROR_OUT_OF_MEMORY || error == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY;
  return Fail(memory ? ErrorCode::kOutOfMemory : ErrorCode::kInternal,
              "cannot encode as WebP: libwebp says " + std::to_string(static_cast<int>(error)));
}

// What of a pixel is stored, as libwebp wants it: 0xAARRGGBB.
uint32_t Argb(const uint8_t* rgba, PictureChannels channels) {
  const uint32_t r = rgba[0], g = channels == PictureChannels::kGrey ? r : rgba[1];
  const uint32_t b = channels == PictureChannels::kGrey ? r : rgba[2];
  const uint32_t alpha = channels == PictureChannels::kRgba ? rgba[3] : 255;
  return alpha << 24 | r << 16 | g << 8 | b;
}

int Collect(const uint8_t* data, size_t size, const WebPPicture* picture) {
  Append(*static_cast<Bytes*>(picture->custom_ptr), std::as_bytes(std::span(data, size)));
  return 1;
}

// libwebp asks after each row of blocks, on the thread that encodes: alpha, which may have another one, is asked about at its end.
int GoOn(int, const WebPPicture*) { return Cancelled() ? 0 : 1; }

Result<Bytes> Encode(ImageView view, const EncodeOptions& options, ThreadRunner& runner) {
  WebPConfig config;
  WebPPicture picture;
  if (WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, static_cast<float>(options.quality)) == 0 ||
      WebPPictureInit(&picture) == 0) {
    return Fail(ErrorCode::kInternal, "libwebp is of another version");
  }
  config.method = kMethod;
  config.alpha_filtering = kAlphaFilter;
  config.thread_level = runner.thread_count() > 1 ? 1 : 0;  // alpha and colours beside each other
  const std::unique_ptr<WebPPicture, FreePicture> owner(&picture);
  picture.width = view.width;
  picture.height = view.height;
  picture.use_argb = 1;
  if (WebPPictureAlloc(&picture) == 0) return Failed(picture.error_code);
  ParallelFor(runner, static_cast<size_t>(view.height), [&](size_t y, size_t) {
    const uint8_t* from = view.row(static_cast<int>(y));
    uint32_t* to = picture.argb + y * static_cast<size_t>(picture.argb_stride);
    for (int x = 0; x < view.width; ++x) to[x] = Argb(from + size_t{4} * static_cast<size_t>(x), options.channels);
  });
  Bytes file;
  picture.writer = Collect;
  picture.custom_ptr = &file;
  picture.progress_hook = GoOn;
  if (WebPEncode(&config, &picture) == 0) return Failed(picture.error_code);
  return file;
}

WebPData View(ByteSpan bytes) { return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}; }

// The file with profile and metadata in chunks of their own.
Result<Bytes> Dress(Bytes file, const EncodeOptions& options) {
  const ByteSpan profile = options.channels == PictureChannels::kGrey ? ByteSpan() : options.profile;
  const ByteSpan exif = options.metadata != nullptr ? ByteSpan(options.metadata->exif) : ByteSpan();
  const ByteSpan xmp = options.metadata != nullptr ? ByteSpan(options.metadata->xmp) : ByteSpan();
  if (profile.empty() && exif.empty() && xmp.empty()) return file;
  const WebPData encoded = View(file);
  const std::unique_ptr<WebPMux, FreeMux> mux(WebPMuxCreate(&encoded, 0));
  const auto add = [&](const char* name, ByteSpan bytes) {
    const WebPData chunk = View(bytes);
    return bytes.empty() || WebPMuxSetChunk(mux.get(), name, &chunk, 0) == WEBP_MUX_OK;
  };
  WebPData assembled = {};
  const std::unique_ptr<WebPData, ClearData> owner(&assembled);
  if (!mux || !add("ICCP", profile) || !add("EXIF", exif) || !add("XMP ", xmp) ||
      WebPMuxAssemble(mux.get(), &assembled) != WEBP_MUX_OK) {
    return Fail(ErrorCode::kInternal, "cannot put metadata into the WebP file");
  }
  Bytes dressed;
  Append(dressed, std::as_bytes(std::span(assembled.bytes, assembled.size)));
  return dressed;
}

}  // namespace

Result<std::vector<std::byte>> EncodeWebp(ImageView picture, const EncodeOptions& options) {
  ThreadRunner& runner = options.runner != nullptr ? *options.runner : SerialRunner();
  auto file = Encode(picture, options, runner);
  if (!file) return file;
  return Dress(*std::move(file), options);
}

}  // namespace decal::cli
