// Our own conversion of common formats, libswscale with the right coefficients for the others, and what that does not do: turning and colours
// behind transparent pixels.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/convert.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include <fmt/format.h>

#include "decal/yuv.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace decal::cli {
namespace {

// Rounded and with chroma between its samples: without these, flat colours of a 601 clip come back up to 3 levels off.
constexpr int kScaling = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;

// The yuvj formats are the others with full range; libswscale warns of them.
AVPixelFormat WithoutRange(int format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default: return static_cast<AVPixelFormat>(format);
  }
}

bool IsFull(const AVFrame& frame) {
  return frame.color_range == AVCOL_RANGE_JPEG || WithoutRange(frame.format) != frame.format;
}

// FFmpeg numbers its tables by the matrices of H.273, and knows those of constant luminance not at all.
const int* Coefficients(AVColorSpace matrix) {
  return sws_getCoefficients(matrix == AVCOL_SPC_BT2020_CL ? static_cast<int>(AVCOL_SPC_BT2020_NCL) : matrix);
}

// Shares of luma, by H.273.
YuvColours SharesOf(const VideoColours& colours) {
  switch (colours.matrix) {
    case AVCOL_SPC_FCC: return {0.30, 0.11, colours.full_range};
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: return {0.299, 0.114, colours.full_range};
    case AVCOL_SPC_SMPTE240M: return {0.212, 0.087, colours.full_range};
    case AVCOL_SPC_BT2020_NCL: return {0.2627, 0.0593, colours.full_range};
    default: return {0.2126, 0.0722, colours.full_range};
  }
}

// The planes of a frame in a format that cameras and common codecs have; nothing for others, which libswscale converts.
std::optional<YuvView> PlanesOf(const AVFrame& from) {
  YuvView view = {.width = from.width, .height = from.height};
  switch (WithoutRange(from.format)) {
    case AV_PIX_FMT_YUV420P: break;
    case AV_PIX_FMT_YUV422P: view.half_height = false; break;
    case AV_PIX_FMT_YUV440P: view.half_width = false; break;
    case AV_PIX_FMT_YUV444P: view.half_width = view.half_height = false; break;
    case AV_PIX_FMT_NV12: view.chroma_step = 2; break;
    default: return std::nullopt;
  }
  const bool alternating = view.chroma_step == 2;
  // Rows from the bottom up have negative strides.
  if (from.linesize[0] <= 0 || from.linesize[1] <= 0 || (!alternating && from.linesize[2] != from.linesize[1]))
    return std::nullopt;
  view.luma = from.data[0];
  view.luma_stride = static_cast<size_t>(from.linesize[0]);
  view.cb = from.data[1];
  view.cr = alternating ? from.data[1] + 1 : from.data[2];
  view.chroma_stride = static_cast<size_t>(from.linesize[1]);
  return view;
}

}  // namespace

Result<VideoFrame> VideoFrame::Create(int width, int height) {
  VideoFrame frame{.width = width, .height = height};
  // libswscale's vectors may read and write a little beyond the last row.
  constexpr size_t kPadding = 256;
  frame.rgba.reset(new (std::nothrow) uint8_t[frame.bytes() + kPadding]);
  if (!frame.rgba) return Fail(ErrorCode::kOutOfMemory, fmt::format("no memory for a frame of {} x {}", width, height));
  return frame;
}

VideoColours ColoursOf(const AVFrame& frame) {
  VideoColours colours{frame.colorspace, frame.color_primaries, frame.color_trc, IsFull(frame)};
  switch (colours.matrix) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL: break;
    case AVCOL_SPC_BT2020_CL: colours.matrix = AVCOL_SPC_BT2020_NCL; break;
    default: {  // RGB, or nothing that is said
      const bool high = frame.width >= 1280 || frame.height >= 720;
      colours.matrix = high ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    }
  }
  return colours;
}

Status FrameConverter::ToRgba(const AVFrame& from, MutableImageView to) {
  const AVPixelFormat format = WithoutRange(from.format);
  if (!sws_isSupportedInput(format))
    return Fail(ErrorCode::kUnsupported, fmt::format("frames of {} cannot be converted", av_get_pix_fmt_name(format)));
  // The caller's thread is one of several that are busy.
  if (const auto planes = PlanesOf(from); planes && from.width == to.width && from.height == to.height)
    return YuvToRgba(*planes, SharesOf(ColoursOf(from)), to, SerialRunner());
  scaler_.reset(sws_getCachedContext(scaler_.release(), from.width, from.height, format, to.width, to.height,
                                     AV_PIX_FMT_RGBA, kScaling, nullptr, nullptr, nullptr));
  if (!scaler_) return Fail(ErrorCode::kOutOfMemory, "no memory to convert a frame");
  const VideoColours colours = ColoursOf(from);
  const int* coefficients = Coefficients(colours.matrix);
  sws_setColorspaceDetails(scaler_.get(), coefficients, colours.full_range ? 1 : 0, coefficients, 1, 0, 1 << 16,
                           1 << 16);
  uint8_t* planes[4] = {to.data};
  const int strides[4] = {static_cast<int>(to.stride_bytes)};
  const int rows = sws_scale(scaler_.get(), from.data, from.linesize, 0, from.height, planes, strides);
  if (rows != to.height) return Fail(ErrorCode::kInternal, "a frame was not converted");
  return {};
}

Status FrameConverter::FromRgba(ImageView from, const VideoColours& colours, AVFrame& to) {
  scaler_.reset(sws_getCachedContext(scaler_.release(), to.width, to.height, AV_PIX_FMT_RGBA, to.width, to.height,
                                     static_cast<AVPixelFormat>(to.format), kScaling, nullptr, nullptr, nullptr));
  if (!scaler_) return Fail(ErrorCode::kOutOfMemory, "no memory to convert a frame");
  const int* coefficients = Coefficients(colours.matrix);
  sws_setColorspaceDetails(scaler_.get(), coefficients, 1, coefficients, colours.full_range ? 1 : 0, 0, 1 << 16,
                           1 << 16);
  const uint8_t* planes[4] = {from.data};
  const int strides[4] = {static_cast<int>(from.stride_bytes)};
  if (sws_scale(scaler_.get(), planes, strides, 0, to.height, to.data, to.linesize) != to.height)
    return Fail(ErrorCode::kInternal, "a frame was not converted");
  return {};
}

bool OrientationOf(const int32_t* matrix, Orientation& orientation) {
  // (x, y) goes to (a x + c y, b x + d y).
  const int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  const auto small = [](int64_t one, int64_t than) { return std::llabs(one) <= std::llabs(than) / 64; };
  if (a != 0 && d != 0 && small(b, a) && small(c, d)) {
    orientation = {false, a < 0, d < 0};
    return true;
  }
  if (b != 0 && c != 0 && small(a, b) && small(d, c)) {
    orientation = {true, c < 0, b < 0};
    return true;
  }
  return false;
}

void Orient(ImageView from, const Orientation& orientation, MutableImageView to) {
  // In blocks, so that the columns of one side stay in the cache while they become rows of the other.
  constexpr int kBlock = 32;
  for (int top = 0; top < to.height; top += kBlock) {
    for (int left = 0; left < to.width; left += kBlock) {
      for (int y = top; y < std::min(top + kBlock, to.height); ++y) {
        uint8_t* out = to.row(y) + size_t{4} * static_cast<size_t>(left);
        for (int x = left; x < std::min(left + kBlock, to.width); ++x, out += 4) {
          const int u = orientation.flip_x ? to.width - 1 - x : x, v = orientation.flip_y ? to.height - 1 - y : y;
          const int column = orientation.transpose ? v : u, row = orientation.transpose ? u : v;
          std::memcpy(out, from.row(row) + size_t{4} * static_cast<size_t>(column), 4);
        }
      }
    }
  }
}

void SpreadColours(MutableImageView picture) {
  constexpr int kBlock = 16;
  for (int top = 0; top < picture.height; top += kBlock) {
    for (int left = 0; left < picture.width; left += kBlock) {
      const int bottom = std::min(top + kBlock, picture.height), right = std::min(left + kBlock, picture.width);
      uint32_t sum[4] = {};
      bool transparent = false;
      for (int y = top; y < bottom; ++y) {
        const uint8_t* pixel = picture.row(y) + size_t{4} * static_cast<size_t>(left);
        for (int x = left; x < right; ++x, pixel += 4) {
          transparent = transparent || pixel[3] == 0;
          for (int c = 0; c < 3; ++c) sum[c] += uint32_t{pixel[c]} * pixel[3];
          sum[3] += pixel[3];
        }
      }
      if (!transparent || sum[3] == 0) continue;
      uint8_t mean[3];
      for (int c = 0; c < 3; ++c) mean[c] = static_cast<uint8_t>((sum[c] + sum[3] / 2) / sum[3]);
      for (int y = top; y < bottom; ++y) {
        uint8_t* pixel = picture.row(y) + size_t{4} * static_cast<size_t>(left);
        for (int x = left; x < right; ++x, pixel += 4) {
          if (pixel[3] == 0) std::copy_n(mean, 3, pixel);
        }
      }
    }
  }
}

}  // namespace decal::cli
