// The matte meets the picture: at its size, refined where that is asked for, and composed row by row.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "cutout/compose_rows.h"
#include "cutout/edge_fields.h"
#include "cutout/edge_rows.h"
#include "cutout/matte_rows.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "cutout/shape_matte.h"
#include "decal/cutout.h"

namespace decal {
namespace {

// Rows per task. A row of the matte is stretched to the picture's width once per task that uses it, so few rows cost
// repetitions, and many leave threads idle at the end. 5203 x 7800 with a matte of 1024 x 1024, natively on one thread
// (bench/pictures_bench.cc): 26.4 ms with 8 rows, 23.1 with 32, 21.8 with 128.
constexpr int kRowsPerTask = 32;

// Calls row(y, state) for all rows, with one state for each task.
template <class MakeState, class RowFn>
void ForRows(int height, ThreadRunner& runner, const MakeState& make_state, const RowFn& row) {
  const size_t tasks = (static_cast<size_t>(height) + kRowsPerTask - 1) / kRowsPerTask;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    auto state = make_state(thread);
    const int begin = static_cast<int>(task) * kRowsPerTask;
    const int end = std::min(height - begin, kRowsPerTask) + begin;
    for (int y = begin; y < end; ++y) row(y, state);
  });
}

// The matte itself needs no colours.
bool WantsColours(const CompositeOptions& options) { return options.decontaminate && !options.mask_only; }

bool WantsFields(ImageView picture, MatteView matte, const CompositeOptions& options) {
  const bool wanted =
      options.refine != Refine::kOff || WantsColours(options) || options.background_only || options.threshold;
  return kEdgesAreBuilt && wanted && HasEdgeFields({picture.width, picture.height}, {matte.width, matte.height});
}

Status CheckShare(float value, const char* option) {
  if (value >= 0 && value <= 1) return {};  // not so for NaN
  return Fail(ErrorCode::kInvalidArgument, std::string(option) + " is not within 0 and 1");
}

// Alpha is linear in the fields, and so is its rest and what is made steeper.
void ShapeFields(const CompositeOptions& options, EdgeFields& fields) {
  const float sign = options.background_only ? -1.0f : 1.0f;
  // From nothing to whole within a 65,536th: no byte lies between.
  const float steep = options.threshold ? 65536.0f : 1.0f;
  const float middle = std::clamp(options.threshold.value_or(0.5f), 1.0f / 255, 254.0f / 255);
  for (size_t i = 0; i < 3 * fields.cells(); ++i) fields.plane(kSlope)[i] *= sign * steep;
  for (size_t i = 0; i < fields.cells(); ++i) {
    float& offset = fields.plane(kOffset)[i];
    offset = ((offset - middle) * steep + (options.threshold ? 0.5f : middle) - 0.5f) * sign + 0.5f;
  }
  if (options.background_only && fields.has_colours) {
    std::swap_ranges(fields.plane(kFront), fields.plane(kBack), fields.plane(kBack));
  }
}

}  // namespace

size_t CompositeScratchBytes(ImageView picture, MatteView matte, const CompositeOptions& options, size_t threads) {
  size_t floats = MatteRows::ScratchFloats(picture.width, matte), fields = 0;
  if (WantsFields(picture, matte, options)) {
    floats = (2 * kEdgePlanes + 5) * static_cast<size_t>(picture.width);
    fields = EdgeFieldsBytes({picture.width, picture.height}, {matte.width, matte.height}, options.refine,
                             WantsColours(options));
  }
  return fields + floats * threads * sizeof(float);
}

Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(CheckPicture(out));
  if (out.width != picture.width || out.height != picture.height) {
    return Fail(ErrorCode::kInvalidArgument, "picture and result differ in size");
  }
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  }
  DECAL_TRY(CheckShare(options.threshold.value_or(0), "threshold"));
  DECAL_TRY(CheckShare(options.remove_islands, "remove_islands"));
  DECAL_TRY(CheckShare(options.fill_holes, "fill_holes"));
  Buffer shaped;
  if (kEdgesAreBuilt && (options.remove_islands > 0 || options.fill_holes > 0)) {
    const size_t cells = static_cast<size_t>(matte.width) * static_cast<size_t>(matte.height);
    DECAL_TRY_ASSIGN(shaped, AllocateArray<float>(cells, "a matte"));
    auto* values = reinterpret_cast<float*>(shaped.data());
    for (size_t i = 0; i < cells; ++i) values[i] = CleanMatte(matte.data[i]);
    matte.data = values;
    DECAL_TRY(ShapeMatte({values, cells}, matte.width, options.remove_islands, options.fill_holes));
  }
  const Composition composition = options.mask_only    ? Composition::kMask
                                  : options.background ? Composition::kOver
                                                       : Composition::kCutOut;
  const std::array<uint8_t, 4> background = options.background.value_or(std::array<uint8_t, 4>{});
  const size_t width = static_cast<size_t>(picture.width);
  if (WantsFields(picture, matte, options)) {
    // All that is read of the picture beside the row itself is read before the first row is written: `out` may be it.
    DECAL_TRY_ASSIGN(EdgeFields fields, FitEdges(picture, matte, options.refine, WantsColours(options), runner));
    if (options.background_only || options.threshold) ShapeFields(options, fields);
    DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(fields.height, picture.height));
    DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(fields.width, picture.width));
    DECAL_TRY_ASSIGN(ThreadScratch scratch,
                     ThreadScratch::Allocate(EdgeRows::ScratchFloats(picture.width, fields), runner));
    ForRows(
        picture.height, runner, [&](size_t thread) { return EdgeRows(fields, rows, columns, scratch.thread(thread)); },
        [&](int y, EdgeRows& edges) { edges.Compose(composition, y, picture.row(y), background, out.row(y)); });
    return {};
  }
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, picture.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, picture.width));
  DECAL_TRY_ASSIGN(ThreadScratch scratch,
                   ThreadScratch::Allocate(MatteRows::ScratchFloats(picture.width, matte), runner));
  ForRows(
      picture.height, runner, [&](size_t thread) { return MatteRows(matte, rows, columns, scratch.thread(thread)); },
      [&](int y, MatteRows& matte_rows) {
        ComposeRow(composition, picture.row(y), matte_rows.Row(y), width, background, out.row(y));
      });
  return {};
}

}  // namespace decal
