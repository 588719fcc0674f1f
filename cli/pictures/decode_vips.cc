// libvips as the decoder of JPEG, PNG, WebP, GIF, JPEG 2000 and SVG: rows from the top, never the whole picture where the format allows.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <vips/vips8>

#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"
#include "cli/pictures/exif.h"
#include "cli/pictures/facts.h"
#include "cli/pictures/vips_error.h"

namespace decal::cli {
namespace {

using vips::VImage;

struct UnrefBlob {
  void operator()(VipsBlob* blob) const { vips_area_unref(VIPS_AREA(blob)); }
};

Result<FileFacts> ReadFacts(ByteSpan file, PictureKind kind) {
  switch (kind) {
    case PictureKind::kJpeg: return JpegFacts(file);
    case PictureKind::kPng: return PngFacts(file);
    case PictureKind::kWebp: return WebpFacts(file);
    case PictureKind::kGif: return GifFacts(file);
    case PictureKind::kJp2: return Jp2Facts(file);
    default: return FileFacts{.channels = 4};  // SVG: its size is the renderer's to say
  }
}

VImage Open(VipsBlob* blob, PictureKind kind, VipsFailOn fail_on, double svg_scale) {
  vips::VOption* options = VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL)->set("fail_on", fail_on);
  switch (kind) {
    case PictureKind::kJpeg: return VImage::jpegload_buffer(blob, options);
    case PictureKind::kPng: return VImage::pngload_buffer(blob, options);
    case PictureKind::kWebp: return VImage::webpload_buffer(blob, options);
    case PictureKind::kGif: return VImage::gifload_buffer(blob, options);
    case PictureKind::kJp2: return VImage::jp2kload_buffer(blob, options);
    default: return VImage::svgload_buffer(blob, options->set("scale", svg_scale));
  }
}

// Rows as libvips makes them. Integers of JPEG 2000 lie in the highest bits of theirs: they are stretched to the whole range. Channels
// that are not part of the picture are left out.
struct Sink {
  Canvas& canvas;
  size_t bands, wanted, width;
  SampleType type = SampleType::kU8;
  int bits = 0;  // depth that does not use the range; 0: it does
  std::vector<uint8_t> bytes;
  std::vector<uint16_t> words;

  template <class T>
  void Stretch(int y, const void* samples, std::vector<T>& row) {
    row.resize(wanted * width);
    const T* values = static_cast<const T*>(samples);
    constexpr uint32_t kDepth = 8 * sizeof(T), kTop = (1u << kDepth) - 1;
    const uint32_t depth = bits > 0 ? static_cast<uint32_t>(bits) : kDepth, full = (1u << depth) - 1;
    for (size_t x = 0; x < width; ++x) {
      for (size_t k = 0; k < wanted; ++k) {
        const uint32_t value = static_cast<uint32_t>(values[x * bands + k]) >> (kDepth - depth);
        row[x * wanted + k] = static_cast<T>((value * kTop + full / 2) / full);
      }
    }
    canvas.Put(y, row.data());
  }

  void Put(int y, const void* samples) {
    if (bits == 0 && bands == wanted) canvas.Put(y, samples);
    else if (type == SampleType::kU8) Stretch(y, samples, bytes);
    else Stretch(y, samples, words);
  }
};

// No exception may cross libvips.
int WriteRegion(VipsRegion* region, VipsRect* area, void* sink) try {
  if (Cancelled()) {
    vips_error("decal", "interrupted");
    return -1;
  }
  for (int y = area->top; y < area->top + area->height; ++y) {
    static_cast<Sink*>(sink)->Put(y, VIPS_REGION_ADDR(region, area->left, y));
  }
  return 0;
} catch (const std::bad_alloc&) {
  vips_error("decal", "no memory");
  return -1;
}

// Passes regions on, and remembers in an std::atomic<bool> that one could not be made.
int PassRegion(VipsRegion* out, void* in, void*, void* failed, gboolean*) {
  auto* const from = static_cast<VipsRegion*>(in);
  if (vips_region_prepare(from, &out->valid) == 0 &&
      vips_region_region(out, from, &out->valid, out->valid.left, out->valid.top) == 0) {
    return 0;
  }
  static_cast<std::atomic<bool>*>(failed)->store(true);
  return -1;
}

struct UnrefImage {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};

// Reads all rows, on libvips' threads. Throws VError. vips_sink_disc (8.14) loses an error of the last strips now and then: it looks at its
// pool's result before the thread that meets the error has ended. By its return all threads have ended, so what they met counts here.
void ReadRows(const VImage& image, Sink& sink) {
  std::atomic<bool> failed = false;
  const std::unique_ptr<VipsImage, UnrefImage> watched(vips_image_new());
  if (vips_image_pipelinev(watched.get(), VIPS_DEMAND_STYLE_THINSTRIP, image.get_image(), nullptr) != 0 ||
      vips_image_generate(watched.get(), vips_start_one, PassRegion, vips_stop_one, image.get_image(), &failed) != 0 ||
      vips_sink_disc(watched.get(), WriteRegion, &sink) != 0 || failed) {
    throw vips::VError();
  }
}

// libjpeg's warnings of what real cameras and programs write, without harm to the picture: bytes behind the scan, and headers out of
// the ordinary. All others mean that the scan is damaged.
bool IsHarmless(const std::string& warning) {
  for (const char* harmless :
       {"before marker 0xd9", "Adobe color transform", "JFIF major revision", "progression sequence"}) {
    if (warning.find(harmless) != std::string::npos) return true;
  }
  return false;
}

// Outside its first frame a GIF's canvas is transparent, as in every browser.
void ClearAround(const FileFacts& facts, Picture& picture) {
  for (int64_t y = 0; y < picture.height; ++y) {
    const bool row_inside = y >= facts.frame_y && y < facts.frame_y + facts.frame_height;
    uint8_t* row = picture.rgba.get() + 4 * y * picture.width;
    for (int64_t x = 0; x < picture.width; ++x) {
      if (row_inside && x >= facts.frame_x && x < facts.frame_x + facts.frame_width) continue;
      std::memset(row + 4 * x, 0, 4);
    }
  }
}

Status Decode(VipsBlob* blob, PictureKind kind, VipsFailOn fail_on, FileFacts& facts, Canvas& canvas) {
  VImage image = Open(blob, kind, fail_on, 1);
  if (kind == PictureKind::kSvg && canvas.options().svg_size > 0) {
    const double scale = static_cast<double>(canvas.options().svg_size) / std::max(image.width(), image.height());
    image = Open(blob, kind, fail_on, scale);
  }
  SampleLayout layout{.colour = facts.colour};
  const int bands = image.bands();
  int wanted = bands;
  if (kind == PictureKind::kJp2) {
    wanted = facts.colours + (facts.alpha != Alpha::kNone ? 1 : 0);
    if (wanted > bands) return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: channels are missing");
    layout.alpha = facts.alpha != Alpha::kNone;
    layout.premultiplied = facts.alpha == Alpha::kPremultiplied;
    if (wanted < bands)
      canvas.Note(fmt::format("JPEG 2000: {} extra channel{} ignored: not marked as transparency", bands - wanted,
                              bands - wanted == 1 ? "" : "s"));
  } else {
    layout.alpha = bands == 2 || (bands == 4 && image.interpretation() != VIPS_INTERPRETATION_CMYK) || bands == 5;
  }
  const int colours = wanted - (layout.alpha ? 1 : 0);
  layout.model = colours == 1 ? ColourModel::kGrey : colours == 4 ? ColourModel::kCmyk : ColourModel::kRgb;
  layout.type = image.format() == VIPS_FORMAT_UCHAR ? SampleType::kU8 : SampleType::kU16;
  if (layout.channels() != wanted || (image.format() != VIPS_FORMAT_UCHAR && image.format() != VIPS_FORMAT_USHORT)) {
    return canvas.Fail(ErrorCode::kUnsupported,
                       fmt::format("a picture with {} channels of this depth is not read", bands));
  }
  if (kind == PictureKind::kJp2 && image.get_typeof(VIPS_META_ICC_NAME) != 0) {
    size_t size = 0;
    const auto* icc = static_cast<const std::byte*>(image.get_blob(VIPS_META_ICC_NAME, &size));
    layout.colour.icc.assign(icc, icc + size);
  }
  if (Status begun = canvas.Begin(image.width(), image.height(), layout, facts.orientation); !begun) return begun;
  Sink sink{canvas, static_cast<size_t>(bands), static_cast<size_t>(wanted), static_cast<size_t>(image.width()),
            layout.type};
  if (kind == PictureKind::kJp2 && facts.bits < static_cast<int>(8 * layout.sample_bytes())) sink.bits = facts.bits;
  ReadRows(image, sink);
  if (kind == PictureKind::kGif) ClearAround(facts, canvas.picture());
  return {};
}

}  // namespace

Status DecodeByVips(ByteSpan file, PictureKind kind, Canvas& canvas) {
  auto facts = ReadFacts(file, kind);
  if (!facts) return canvas.Fail(facts.error().code, facts.error().message);
  if (kind != PictureKind::kSvg) {
    if (Status fits = canvas.CheckSize(facts->width, facts->height, facts->pixel_bytes()); !fits) return fits;
  }
  const std::unique_ptr<VipsBlob, UnrefBlob> blob(vips_blob_new(nullptr, file.data(), file.size()));
  // The level "error" includes truncation: half a picture must not pass for one. A JPEG's scan tells of damage in warnings; those of
  // stray bytes between the segments before it do not count.
  VipsFailOn fail_on = kind == PictureKind::kJpeg && !facts->stray_bytes ? VIPS_FAIL_ON_WARNING : VIPS_FAIL_ON_ERROR;
  const std::vector<std::string> before = canvas.notes();
  for (;;) {
    canvas.picture() = {};
    canvas.notes() = before;
    for (const std::string& note : facts->notes) canvas.Note(note);
    canvas.picture().density = facts->density;
    canvas.picture().metadata = facts->metadata;
    try {
      const Status decoded = Decode(blob.get(), kind, fail_on, *facts, canvas);
      vips_error_clear();  // harmless warnings, which would be the reason of the next error
      return decoded;
    } catch (const vips::VError&) {
      const std::string reason = VipsReason();
      if (Cancelled()) return canvas.Fail(ErrorCode::kCancelled, "interrupted");
      if (fail_on != VIPS_FAIL_ON_WARNING || !IsHarmless(reason)) {
        return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: " + reason);
      }
      fail_on = VIPS_FAIL_ON_ERROR;
    }
  }
}

}  // namespace decal::cli
