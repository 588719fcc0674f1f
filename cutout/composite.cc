// Composite: brings the matte to the picture's size, refines it if requested, and composes row by row.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <optional>
#include <string>

#include "cutout/alpha_plane.h"
#include "cutout/compose_rows.h"
#include "cutout/edge_fields.h"
#include "cutout/edge_rows.h"
#include "cutout/matte_rows.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "cutout/shadow.h"
#include "cutout/shape_matte.h"
#include "decal/cutout.h"

namespace decal {
namespace {

// Rows per task. A row of the matte is stretched to the picture's width once per task that uses it, so few rows cost
// repetitions, and many leave threads idle at the end. 5203 x 7800 with a matte of 1024 x 1024, natively on one thread
// (bench/pictures_bench.cc): 26.4 ms with 8 rows, 23.1 with 32, 21.8 with 128.
constexpr int kRowsPerTask = 32;

// Calls row(y, state, thread) for all rows, with one state for each task.
template <class MakeState, class RowFn>
void ForRows(int height, ThreadRunner& runner, const MakeState& make_state, const RowFn& row) {
  const size_t tasks = (static_cast<size_t>(height) + kRowsPerTask - 1) / kRowsPerTask;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    auto state = make_state(thread);
    const int begin = static_cast<int>(task) * kRowsPerTask;
    const int end = std::min(height - begin, kRowsPerTask) + begin;
    for (int y = begin; y < end; ++y) row(y, state, thread);
  });
}

Extent ExtentOf(ImageView picture) { return {picture.width, picture.height}; }
Extent ExtentOf(MatteView matte) { return {matte.width, matte.height}; }

// The matte itself needs no colours.
bool WantsColours(const CompositeOptions& options) { return options.decontaminate && !options.mask_only; }

float ShadowStrength(const CompositeOptions& options) {
  return options.mask_only || options.background_only ? 0 : options.shadow;
}

// How a picture and its matte are processed.
struct Route {
  bool fields = false;  // by edge fields
  bool plane = false;  // by way of a plane of alpha, for operations that read neighbours
  bool plane_of_fields = false;  // the plane comes from the fields instead of the matte
};

Route ChooseRoute(ImageView picture, MatteView matte, const CompositeOptions& options) {
  Route route;
  const bool changes = options.background_only || options.threshold;
  const bool neighbours = options.smooth > 0 || options.grow != 0 || ShadowStrength(options) > 0;
  const bool possible = HasEdgeFields(ExtentOf(picture), ExtentOf(matte));
  const bool finer = options.refine == Refine::kOff && IsFinerThanFields(ExtentOf(picture), ExtentOf(matte));
  const bool refined = options.refine != Refine::kOff;
  route.plane = neighbours || (changes && (!possible || finer)) || (WantsColours(options) && possible && finer);
  route.fields = possible && (refined || WantsColours(options) || (changes && !route.plane));
  route.plane_of_fields = route.plane && route.fields && !finer;
  return route;
}

Status CheckRange(float value, float least, float most, const char* option) {
  if (value >= least && value <= most) return {};  // not so for NaN
  const auto text = [](float limit) { return std::to_string(static_cast<int>(limit)); };
  return Fail(ErrorCode::kInvalidArgument,
              std::string(option) + " is not within " + text(least) + " and " + text(most));
}

Status CheckOptions(const CompositeOptions& options) {
  DECAL_TRY(CheckRange(options.threshold.value_or(0), 0, 1, "threshold"));
  DECAL_TRY(CheckRange(options.remove_islands, 0, 1, "remove_islands"));
  DECAL_TRY(CheckRange(options.fill_holes, 0, 1, "fill_holes"));
  DECAL_TRY(CheckRange(options.smooth, 0, 50, "smooth"));
  DECAL_TRY(CheckRange(options.grow, -50, 50, "grow"));
  return CheckRange(options.shadow, 0, 1, "shadow");
}

float ThresholdOf(const CompositeOptions& options) {
  return std::clamp(options.threshold.value_or(0.5f), 1.0f / 255, 254.0f / 255);
}

// Alpha is linear in the fields, and so are its complement and a steeper version.
void ShapeFields(const CompositeOptions& options, EdgeFields& fields) {
  const float sign = options.background_only ? -1.0f : 1.0f;
  // From none to full within a 65,536th: no byte lies in between.
  const float steep = options.threshold ? 65536.0f : 1.0f;
  const float middle = ThresholdOf(options);
  for (size_t i = 0; i < 3 * fields.cells(); ++i) fields.plane(kSlope)[i] *= sign * steep;
  for (size_t i = 0; i < fields.cells(); ++i) {
    float& offset = fields.plane(kOffset)[i];
    offset = ((offset - middle) * steep + (options.threshold ? 0.5f : middle) - 0.5f) * sign + 0.5f;
  }
  if (options.background_only && fields.has_colours) {
    std::swap_ranges(fields.plane(kFront), fields.plane(kBack), fields.plane(kBack));
  }
}

// The same for bytes.
std::array<uint8_t, 256> ShapeOfBytes(const CompositeOptions& options) {
  std::array<uint8_t, 256> table;
  for (size_t i = 0; i < 256; ++i) {
    const bool whole = static_cast<float>(i) >= ThresholdOf(options) * 255;
    const auto value = static_cast<uint8_t>(options.threshold ? (whole ? 255 : 0) : i);
    table[i] = options.background_only ? static_cast<uint8_t>(255 - value) : value;
  }
  return table;
}

// The box around spans of rows, from many threads.
class VisibleBox {
 public:
  void Add(int y, Span span) {
    if (span.right <= span.left) return;
    Lower(left_, span.left), Lower(top_, y);
    Raise(right_, span.right), Raise(bottom_, y + 1);
  }
  Box box() const {
    if (right_ == 0) return {};
    return {left_, top_, right_ - left_, bottom_ - top_};
  }

 private:
  static void Lower(std::atomic<int>& least, int value) {
    for (int seen = least; value < seen && !least.compare_exchange_weak(seen, value);) {
    }
  }
  static void Raise(std::atomic<int>& most, int value) {
    for (int seen = most; value > seen && !most.compare_exchange_weak(seen, value);) {
    }
  }

  std::atomic<int> left_ = INT_MAX, top_ = INT_MAX, right_ = 0, bottom_ = 0;
};

// One picture, its matte and the requested operations.
struct Work {
  ImageView picture;
  MatteView matte;
  const CompositeOptions& options;
  MutableImageView out;
  ThreadRunner& runner;
  VisibleBox* visible;  // null: nobody asks

  Composition composition() const {
    return options.mask_only ? Composition::kMask : options.background ? Composition::kOver : Composition::kCutOut;
  }
  std::array<uint8_t, 4> background() const { return options.background.value_or(std::array<uint8_t, 4>{}); }
  size_t width() const { return static_cast<size_t>(picture.width); }
  // Where row `y` is visible with that alpha.
  void See(int y, const float* alpha) const {
    if (visible == nullptr) return;
    Span span;
    span.Add(alpha, picture.row(y), 0, width());
    visible->Add(y, span);
  }
};

// Calls row(y, matte_rows) for all rows.
template <class RowFn>
Status ForMatteRows(const Work& work, MatteView matte, const RowFn& row) {
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, work.picture.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, work.picture.width));
  DECAL_TRY_ASSIGN(
      ThreadScratch scratch,
      ThreadScratch::Allocate(MatteRows::ScratchFloats(work.picture.width, matte) + work.width(), work.runner));
  ForRows(
      work.picture.height, work.runner,
      [&](size_t thread) { return MatteRows(matte, rows, columns, scratch.thread(thread) + work.width()); },
      [&](int y, MatteRows& matte_rows, size_t thread) { row(y, matte_rows.Row(y), scratch.thread(thread)); });
  return {};
}

// Calls row(y, edge_rows) for all rows.
template <class RowFn>
Status ForEdgeRows(const Work& work, const EdgeFields& fields, const AlphaPlane* plane, const RowFn& row) {
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(fields.height, work.picture.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(fields.width, work.picture.width));
  DECAL_TRY_ASSIGN(ThreadScratch scratch,
                   ThreadScratch::Allocate(EdgeRows::ScratchFloats(work.picture.width, fields), work.runner));
  ForRows(
      work.picture.height, work.runner,
      [&](size_t thread) {
        return EdgeRows(fields, rows, columns, scratch.thread(thread), plane, work.options.grow != 0);
      },
      [&](int y, EdgeRows& edges, size_t) { row(y, edges); });
  return {};
}

void Stretched(const MatteRow& row, size_t count, float* out) {
  for (size_t x = 0; x < count; ++x) out[x] = row.top_weight * row.top[x] + row.bottom_weight * row.bottom[x];
}

// Alpha of every pixel, before anything is written over the picture.
Result<AlphaPlane> MakePlane(const Work& work, const Route& route, const EdgeFields& fields) {
  DECAL_TRY_ASSIGN(AlphaPlane plane, AlphaPlane::Create(ExtentOf(work.picture)));
  if (route.plane_of_fields) {
    DECAL_TRY(ForEdgeRows(work, fields, nullptr,
                          [&](int y, EdgeRows& edges) { edges.Alpha(y, work.picture.row(y), plane.row(y)); }));
  } else {
    DECAL_TRY(ForMatteRows(work, work.matte, [&](int y, const MatteRow& row, float* scratch) {
      Stretched(row, work.width(), scratch);
      ToBytes(scratch, work.width(), plane.row(y));
    }));
  }
  if (work.options.smooth > 0) DECAL_TRY(SmoothPlane(plane, work.options.smooth, work.runner));
  if (work.options.grow != 0) DECAL_TRY(GrowPlane(plane, work.options.grow, work.runner));
  return plane;
}

// Row `y` of the cut-out or mask from the plane, with colours if requested.
Status ComposeByPlane(const Work& work, const AlphaPlane& plane, const EdgeFields& fields, const Shadow* shadow) {
  const bool over_shadow = shadow != nullptr;
  const Composition composition = over_shadow ? Composition::kCutOut : work.composition();
  const auto background = work.background();
  if (fields.has_colours) {
    DECAL_TRY(ForEdgeRows(work, fields, &plane, [&](int y, EdgeRows& edges) {
      Span span;
      edges.Compose(composition, y, work.picture.row(y), background, work.out.row(y), work.visible ? &span : nullptr);
      if (work.visible) work.visible->Add(y, span);
    }));
  } else {
    DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::Allocate(work.width(), work.runner));
    ForRows(
        work.picture.height, work.runner, [&](size_t thread) { return scratch.thread(thread); },
        [&](int y, float* alpha, size_t) {
          ToUnit(plane.row(y), work.width(), alpha);
          work.See(y, alpha);
          ComposeRow(composition, work.picture.row(y), {alpha, alpha, 1, 0}, work.width(), background, work.out.row(y));
        });
  }
  if (!over_shadow) return {};
  return ForMatteRows(work, shadow->view, [&](int y, const MatteRow& row, float* darkness) {
    uint8_t* pixels = work.out.row(y);
    Stretched(row, work.width(), darkness);
    PutShadowBehind(darkness, work.width(), pixels);
    const auto is_dark = [&](size_t x) { return darkness[x] >= 0.05f; };
    Span span;
    for (size_t x = 0; x < work.width(); ++x) {
      if (!is_dark(x)) continue;
      span.left = std::min(span.left, static_cast<int>(x));
      span.right = static_cast<int>(x) + 1;
    }
    if (work.visible) work.visible->Add(y, span);
    if (!work.options.background) return;
    std::fill_n(darkness, work.width(), 1.0f);
    ComposeRow(Composition::kOver, pixels, {darkness, darkness, 1, 0}, work.width(), background, pixels);
  });
}

Status ComposeAll(const Work& work) {
  const CompositeOptions& options = work.options;
  const Route route = ChooseRoute(work.picture, work.matte, options);
  const auto background = work.background();
  if (!route.fields && !route.plane) {
    return ForMatteRows(work, work.matte, [&](int y, const MatteRow& row, float* alpha) {
      if (work.visible) Stretched(row, work.width(), alpha);
      work.See(y, alpha);
      ComposeRow(work.composition(), work.picture.row(y), row, work.width(), background, work.out.row(y));
    });
  }
  // Everything that is read of the picture besides the current row is read before the first row is written, because
  // `out` may be the picture.
  EdgeFields fields;
  if (route.fields) {
    DECAL_TRY_ASSIGN(fields, FitEdges(work.picture, work.matte, options.refine, WantsColours(options), work.runner));
  }
  if (!route.plane) {
    if (options.background_only || options.threshold) ShapeFields(options, fields);
    return ForEdgeRows(work, fields, nullptr, [&](int y, EdgeRows& edges) {
      Span span;
      edges.Compose(work.composition(), y, work.picture.row(y), background, work.out.row(y),
                    work.visible ? &span : nullptr);
      if (work.visible) work.visible->Add(y, span);
    });
  }
  DECAL_TRY_ASSIGN(AlphaPlane plane, MakePlane(work, route, fields));
  if (options.background_only || options.threshold) MapPlane(plane, ShapeOfBytes(options), work.runner);
  // By the alpha that the pixel had, not by the changed one.
  if (options.background_only && route.fields) ShapeFields({.background_only = true}, fields);
  if (ShadowStrength(options) <= 0) return ComposeByPlane(work, plane, fields, nullptr);
  DECAL_TRY_ASSIGN(const Shadow shadow, CastShadow(plane, options.shadow, work.runner));
  return ComposeByPlane(work, plane, fields, &shadow);
}

}  // namespace

size_t CompositeScratchBytes(ImageView picture, MatteView matte, const CompositeOptions& options, size_t threads) {
  const Route route = ChooseRoute(picture, matte, options);
  const size_t width = static_cast<size_t>(picture.width);
  size_t floats = MatteRows::ScratchFloats(picture.width, matte) + width, bytes = 0;
  if (route.fields) {
    floats = (2 * kEdgePlanes + 5) * width;
    bytes = EdgeFieldsBytes(ExtentOf(picture), ExtentOf(matte), options.refine, WantsColours(options));
  }
  if (route.plane) bytes += width * static_cast<size_t>(picture.height);
  return bytes + floats * threads * sizeof(float);
}

Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner, Box* visible) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(CheckPicture(out));
  if (out.width != picture.width || out.height != picture.height) {
    return Fail(ErrorCode::kInvalidArgument, "picture and result differ in size");
  }
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  }
  DECAL_TRY(CheckOptions(options));
  Buffer shaped;
  if (options.remove_islands > 0 || options.fill_holes > 0) {
    const size_t cells = static_cast<size_t>(matte.width) * static_cast<size_t>(matte.height);
    DECAL_TRY_ASSIGN(shaped, AllocateArray<float>(cells, "a matte"));
    auto* values = reinterpret_cast<float*>(shaped.data());
    for (size_t i = 0; i < cells; ++i) values[i] = CleanMatte(matte.data[i]);
    matte.data = values;
    DECAL_TRY(ShapeMatte({values, cells}, matte.width, options.remove_islands, options.fill_holes));
  }
  VisibleBox box;
  DECAL_TRY(ComposeAll({picture, matte, options, out, runner, visible != nullptr ? &box : nullptr}));
  if (visible != nullptr) *visible = box.box();
  return {};
}

}  // namespace decal
