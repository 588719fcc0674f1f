// The C interface of the cut-out module: a picture and its matte become a result.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <array>
#include <cstdint>

#include "border/exports.h"
#include "cutout/scratch.h"
#include "decal/cutout.h"
#include "decal/temporal.h"
#include "wasm/cutout_host.h"

namespace decal {
namespace {

std::array<uint8_t, 4> Colour(uint32_t rgba) {
  return {static_cast<uint8_t>(rgba), static_cast<uint8_t>(rgba >> 8), static_cast<uint8_t>(rgba >> 16),
          static_cast<uint8_t>(rgba >> 24)};
}

CompositeOptions MakeOptions(const border::CompositeParameters& from) {
  CompositeOptions options{.mask_only = from.mask != 0,
                           .refine = static_cast<Refine>(from.refine),
                           .decontaminate = from.decontaminate != 0,
                           .background_only = from.background_only != 0,
                           .remove_islands = from.remove_islands,
                           .fill_holes = from.fill_holes,
                           .smooth = from.smooth,
                           .grow = from.grow,
                           .shadow = from.shadow};
  if (from.has_background != 0) options.background = Colour(from.background);
  if (!(from.threshold < 0)) options.threshold = from.threshold;
  return options;
}

// Dense rows. A host has them in this memory, so that no size overflows; ours are made only from what it says.
MutableImageView Rows(uint8_t* rgba, int32_t width, int32_t height) {
  return {rgba, width, height, size_t{4} * static_cast<size_t>(width)};
}

// Results are never changed where the host says that they are not.
ImageView Rows(const uint8_t* rgba, int32_t width, int32_t height) {
  return Rows(const_cast<uint8_t*>(rgba), width, height);
}

}  // namespace
}  // namespace decal

using namespace decal;  // NOLINT: the exports are the outside of that namespace

int decal_composite(const float* matte, int32_t matte_width, int32_t matte_height, uint8_t* rgba, int32_t width,
                    int32_t height, const border::CompositeParameters* parameters, border::PixelBox* visible) {
  const MutableImageView picture = Rows(rgba, width, height);
  Box box;
  const Status status =
      Composite(picture, {matte, matte_width, matte_height}, MakeOptions(*parameters), picture, EngineThreads(), &box);
  *visible = {box.x, box.y, box.width, box.height};
  return ReportToEngine(status);
}

double decal_composite_bytes(int32_t matte_width, int32_t matte_height, int32_t width, int32_t height,
                             const border::CompositeParameters* parameters) {
  const size_t bytes = CompositeScratchBytes({nullptr, width, height, 0}, {nullptr, matte_width, matte_height},
                                             MakeOptions(*parameters), EngineThreads().thread_count());
  return static_cast<double>(bytes);
}

int decal_frame(int32_t width, int32_t height, const border::PixelBox* visible,
                const border::FrameParameters* parameters, border::PixelFrame* frame) {
  FrameOptions options{.aspect_ratio = parameters->aspect_ratio,
                       .size = {parameters->width, parameters->height},
                       .scale = parameters->scale};
  if (!(parameters->crop < 0)) options.crop = parameters->crop;
  const auto chosen = ChooseFrame({width, height}, {visible->x, visible->y, visible->width, visible->height}, options);
  if (!chosen) return ReportToEngine(std::unexpected(chosen.error()));
  const Box& box = chosen->source;
  *frame = {box.x, box.y, box.width, box.height, chosen->extent.width, chosen->extent.height};
  return ReportToEngine({});
}

int decal_take_frame(const uint8_t* rgba, int32_t width, int32_t height, const border::PixelFrame* frame,
                     uint32_t beyond, uint8_t* out) {
  const Frame chosen{{frame->x, frame->y, frame->width, frame->height}, {frame->result_width, frame->result_height}};
  return ReportToEngine(TakeFrame(Rows(rgba, width, height), chosen, Colour(beyond),
                                  Rows(out, frame->result_width, frame->result_height), EngineThreads()));
}

void* decal_temporal_new() { return new TemporalMatte; }

void decal_temporal_free(void* temporal) { delete static_cast<TemporalMatte*>(temporal); }

const float* decal_temporal_next(void* temporal, const float* matte, int32_t matte_width, int32_t matte_height,
                                 const uint8_t* rgba, int32_t width, int32_t height) {
  const auto steadied = static_cast<TemporalMatte*>(temporal)->Next(
      Rows(rgba, width, height), {matte, matte_width, matte_height}, EngineThreads());
  if (!steadied) {
    ReportToEngine(std::unexpected(steadied.error()));
    return nullptr;
  }
  ReportToEngine({});
  return steadied->data;
}

void decal_temporal_reset(void* temporal) { static_cast<TemporalMatte*>(temporal)->Reset(); }
