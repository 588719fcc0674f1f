// Winograd convolutions: transforms of tiles and filters around the products.
// SPDX-License-Identifier: MIT
#include "engine/cpu/winograd/winograd.h"
#include "engine/base/assert.h"
#include "engine/base/buffer.h"

#include <algorithm>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/winograd/winograd.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/winograd/winograd-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Before a loop of a transform: unrolled, its memory would be turned into more variables than there are registers.
#undef DECAL_KEEP_LOOP
#if defined(__clang__) && HWY_TARGET != HWY_AVX3
#define DECAL_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#else
#define DECAL_KEEP_LOOP
#endif

size_t WinogradTileRowsTarget() { return kProductRows; }
size_t WinogradShortRowsTarget() { return kShortRows; }

// A tile's place: its picture and its first output pixel.
struct TilePlace {
  size_t n, y, x;

  TilePlace(const WinogradPlan& plan, size_t outputs, size_t tile) {
    const size_t tile_x = tile % plan.tiles_x;
    tile /= plan.tiles_x;
    const size_t tile_y = tile % plan.tiles_y;
    tile /= plan.tiles_y;
    x = tile % plan.phases_x + tile_x * outputs * plan.shape.dilation_x;
    tile /= plan.phases_x;
    y = tile % plan.phases_y + tile_y * outputs * plan.shape.dilation_y;
    n = tile / plan.phases_y;
  }
};

// Neighbours that are transformed together, sharing the vertical transforms of their common pixels. What they touch is
// to stay in a first-level cache until all vectors of a cache line have passed. One, two and four of them with AVX-512:
// 228, 215 and 203 GF/s for 64 to 16 channels at 512x512, but 310, 327 and 318 for 512 to 128 at 128x128; U-Net-p in
// WebAssembly takes 3 % longer with one or two than with four.
inline constexpr size_t kRunTiles = HWY_MAX_BYTES >= 32 ? 2 : 4;

template <class Float>
HWY_INLINE Float* TileInV(Float* v, size_t points, size_t point_floats, size_t tile) {
  return v + tile / kProductRows * points * point_floats + tile % kProductRows * kWinogradChannels;
}

// Transforms `tiles` horizontal neighbours whose input pixels all exist, the first of which is number `first` in V.
// Between its two directions a transform goes through memory: more vectors than there are registers are alive there,
// and compilers for WebAssembly do that worse than we do.
template <class F>
HWY_NOINLINE void TransformInput(const float* pixels, ptrdiff_t row, ptrdiff_t pixel, size_t depth, size_t tiles,
                                 float* v, size_t first) {
  constexpr size_t kPoints = F::kPoints, kMaxColumns = kRunTiles * F::kOutputs + F::kTaps - 1;
  const FloatTag d;
  const size_t lanes = hn::Lanes(d), point_floats = WinogradPointFloats(kProductRows, depth);
  const size_t columns = tiles * F::kOutputs + F::kTaps - 1;
  HWY_ALIGN float vertical[kMaxColumns * kPoints * hn::MaxLanes(FloatTag())];  // [x][point]
  for (size_t c = 0; c < depth; c += lanes) {
    const size_t valid = std::min(lanes, depth - c);
    const float* from = pixels + c;
    float* sums = vertical;
    DECAL_KEEP_LOOP for (size_t x = 0; x < columns; ++x, from += pixel, sums += kPoints * lanes) {
      FloatVector in[kPoints], out[kPoints];
      if (HWY_LIKELY(valid == lanes)) {
        for (size_t y = 0; y < kPoints; ++y) {
          in[y] = hn::LoadU(d, from + static_cast<ptrdiff_t>(y) * row);
          hwy::Prefetch(from + static_cast<ptrdiff_t>(y) * row + static_cast<ptrdiff_t>(tiles * F::kOutputs) * pixel);
        }
      } else {
        for (size_t y = 0; y < kPoints; ++y) in[y] = LoadPartial(d, from + static_cast<ptrdiff_t>(y) * row, valid);
      }
      F::Input(in, out);
      for (size_t y = 0; y < kPoints; ++y) hn::Store(out[y], d, sums + y * lanes);
    }
    const size_t channel = c / kWinogradChannels * kWinogradChannels * kProductRows + c % kWinogradChannels;
    for (size_t t = 0; t < tiles; ++t) {
      const float* tile = vertical + t * F::kOutputs * kPoints * lanes;
      float* to = TileInV(v, kPoints * kPoints, point_floats, first + t) + channel;
      DECAL_KEEP_LOOP for (size_t y = 0; y < kPoints; ++y, tile += lanes, to += kPoints * point_floats) {
        FloatVector in[kPoints], out[kPoints];
        for (size_t x = 0; x < kPoints; ++x) in[x] = hn::Load(d, tile + x * kPoints * lanes);
        F::Input(in, out);
        for (size_t x = 0; x < kPoints; ++x) hn::StoreU(out[x], d, to + x * point_floats);
      }
    }
  }
}

// `floats` filters (channels times columns), [tap][channel][column], to U: [point][channel][column].
template <class F>
HWY_NOINLINE void TransformFilters(const float* filters, size_t floats, float* HWY_RESTRICT u) {
  constexpr size_t kPoints = F::kPoints, kTaps = F::kTaps;
  const FloatTag d;
  const size_t lanes = hn::Lanes(d), stride = WinogradFilterStride(floats);
  HWY_ALIGN float vertical[kPoints * kTaps * hn::MaxLanes(FloatTag())];  // [point][x]
  for (size_t at = 0; at < floats; at += lanes) {
    DECAL_KEEP_LOOP for (size_t x = 0; x < kTaps; ++x) {
      FloatVector in[kTaps], out[kPoints];
      for (size_t y = 0; y < kTaps; ++y) in[y] = hn::LoadU(d, filters + (y * kTaps + x) * stride + at);
      F::Filter(in, out);
      for (size_t y = 0; y < kPoints; ++y) hn::Store(out[y], d, vertical + (y * kTaps + x) * lanes);
    }
    float* to = u + at;
    DECAL_KEEP_LOOP for (size_t y = 0; y < kPoints; ++y) {
      FloatVector in[kTaps], out[kPoints];
      for (size_t x = 0; x < kTaps; ++x) in[x] = hn::Load(d, vertical + (y * kTaps + x) * lanes);
      F::Filter(in, out);
      for (size_t x = 0; x < kPoints; ++x, to += stride) hn::StoreU(out[x], d, to);
    }
  }
}

// Where the outputs of one tile and one vector of columns go, and what is done to them first.
struct OutputTile {
  const float* bias = nullptr;  // or null
  float low = 0, high = 0;
  const float* residual = nullptr;  // or null; one of the two flags says where it is added
  bool residual_first = false;
  float* out = nullptr;
  PixelStrides out_step, residual_step;
};

// M of a tile whose pixels and channels all exist, through bias, limits and residual, to output pixels.
template <class F>
HWY_NOINLINE void TransformOutput(const float* m, size_t width, const OutputTile& tile) {
  constexpr size_t kPoints = F::kPoints, kOutputs = F::kOutputs;
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float vertical[kOutputs * kPoints * hn::MaxLanes(FloatTag())];  // [y][x]
  DECAL_KEEP_LOOP for (size_t x = 0; x < kPoints; ++x) {
    FloatVector in[kPoints], out[kOutputs];
    for (size_t y = 0; y < kPoints; ++y) in[y] = hn::LoadU(d, m + (y * kPoints + x) * width);
    F::Output(in, out);
    for (size_t y = 0; y < kOutputs; ++y) hn::Store(out[y], d, vertical + (y * kPoints + x) * lanes);
  }
  const FloatVector bias = tile.bias ? hn::LoadU(d, tile.bias) : hn::Zero(d);
  const FloatVector low = hn::Set(d, tile.low), high = hn::Set(d, tile.high), zero = hn::Zero(d);
  float* to = tile.out;
  const float* residual = tile.residual;
  DECAL_KEEP_LOOP for (size_t y = 0; y < kOutputs; ++y, to += tile.out_step.row) {
    FloatVector in[kPoints], out[kOutputs];
    for (size_t x = 0; x < kPoints; ++x) in[x] = hn::Load(d, vertical + (y * kPoints + x) * lanes);
    F::Output(in, out);
    if (residual == nullptr) {
      for (size_t x = 0; x < kOutputs; ++x) out[x] = AtMost(AtLeast(hn::Add(out[x], bias), low), high);
    } else {
      for (size_t x = 0; x < kOutputs; ++x) {
        const FloatVector r = hn::LoadU(d, residual + static_cast<ptrdiff_t>(x) * tile.residual_step.pixel);
        const FloatVector sum = hn::Add(hn::Add(out[x], bias), tile.residual_first ? r : zero);
        out[x] = hn::Add(AtMost(AtLeast(sum, low), high), tile.residual_first ? zero : r);
      }
      residual += tile.residual_step.row;
    }
    for (size_t x = 0; x < kOutputs; ++x) hn::StoreU(out[x], d, to + static_cast<ptrdiff_t>(x) * tile.out_step.pixel);
  }
}

// A variant's transforms; all else is the same code for every variant.
struct Transforms {
  WinogradExtents extents;
  decltype(&TransformInput<F4x3>) input;
  decltype(&TransformFilters<F4x3>) filters;
  decltype(&TransformOutput<F4x3>) output;

  template <class F>
  static Transforms Of() {
    return {{F::kOutputs, F::kTaps, F::kPoints}, TransformInput<F>, TransformFilters<F>, TransformOutput<F>};
  }
};

Transforms TransformsOf(WinogradVariant variant) {
  switch (variant) {
    case WinogradVariant::kF6x3: return Transforms::Of<F6x3>();
    case WinogradVariant::kF4x3: break;
    case WinogradVariant::kF2x3: return Transforms::Of<F2x3>();
    case WinogradVariant::kF4x5: return Transforms::Of<F4x5>();
  }
  return Transforms::Of<F4x3>();
}

// Rows [0, rows) of one point; `rows` at most kProductRows, and m has room for whole groups of kShortRows.
template <size_t kVectors>
HWY_INLINE void MultiplyRows(size_t rows, const float* v, const float* u, size_t depth, float* m, size_t m_stride,
                             bool accumulate) {
  if (rows + kShortRows > kProductRows) {
    MultiplyPoint<kProductRows, kVectors>(v, u, depth, m, m_stride, accumulate);
    return;
  }
  for (size_t row = 0; row < rows; row += kShortRows)
    MultiplyPoint<kShortRows, kVectors>(v + row * kWinogradChannels, u, depth, m + row * m_stride, m_stride,
                                        accumulate);
}

// One depth block of a panel, all tiles and points.
template <size_t kVectors>
HWY_NOINLINE void MultiplyPanel(size_t points, size_t tiles, const float* v, const float* u, size_t depth, float* m,
                                bool accumulate) {
  const size_t width = kVectors * hn::Lanes(FloatTag()), point_floats = WinogradPointFloats(kProductRows, depth);
  for (size_t point = 0; point < points; ++point, u += WinogradFilterStride(depth * width))
    for (size_t tile = 0; tile < tiles; tile += kProductRows)
      MultiplyRows<kVectors>(std::min(kProductRows, tiles - tile),
                             TileInV(v, points, point_floats, tile) + point * point_floats, u, depth,
                             m + (tile * points + point) * width, points * width, accumulate);
}

// Panel `panel` of the implicit GEMM's, channels [k, k + depth), to U; through `gathered`, because their taps may lie a
// power of two apart.
void TransformPanel(const WinogradPlan& plan, const Transforms& transforms, const IndirectConvBuffers& filters,
                    size_t panel, size_t k, size_t depth, float* gathered, float* u) {
  const size_t taps = transforms.extents.taps * transforms.extents.taps;
  const size_t width = WinogradPanelWidth(plan, panel), tap_stride = plan.shape.depth * width, floats = depth * width;
  size_t from = panel * plan.tile.width * plan.shape.depth * taps + k * width;
  float* to = gathered;
  for (size_t tap = 0; tap < taps; ++tap, from += tap_stride, to += WinogradFilterStride(floats)) {
    if (filters.packed_half != nullptr) {
      WidenRun(filters.packed_half + from, floats, to);
    } else {
      std::memcpy(to, filters.packed + from, floats * sizeof(float));
    }
  }
  transforms.filters(gathered, floats, u);
}

class TaskRunner {
 public:
  TaskRunner(const WinogradPlan& plan, const IndirectConvBuffers& buffers, const WinogradTask& task, float* scratch)
      : plan_(plan), buffers_(buffers), task_(task), transforms_(TransformsOf(plan.variant)),
        points_(transforms_.extents.points * transforms_.extents.points), v_(scratch), m_(v_ + plan.v_floats),
        u_(m_ + plan.m_floats), patch_(u_ + plan.u_floats) {}

  void Run() {
    const size_t depth = plan_.shape.depth, end = task_.first_panel + task_.panels;
    const bool whole = depth <= kWinogradDepthBlock;  // a panel's sums are complete at once
    for (size_t k = 0; k < depth; k += kWinogradDepthBlock) {
      const size_t block = std::min(kWinogradDepthBlock, depth - k);
      TransformTiles(k, block);
      for (size_t panel = task_.first_panel; panel < end; ++panel) {
        Multiply(panel, k, block);
        if (whole) Finish(panel);
      }
    }
    for (size_t panel = task_.first_panel; !whole && panel < end; ++panel) Finish(panel);
  }

 private:
  void TransformTiles(size_t k, size_t depth) {
    const WinogradShape& s = plan_.shape;
    const WinogradExtents& e = transforms_.extents;
    const ptrdiff_t reach_y = static_cast<ptrdiff_t>((e.points - 1) * s.dilation_y);
    const ptrdiff_t reach_x = static_cast<ptrdiff_t>((e.points - 1) * s.dilation_x);
    const ptrdiff_t tile_step = static_cast<ptrdiff_t>(e.outputs * s.dilation_x);
    const ptrdiff_t height = static_cast<ptrdiff_t>(s.in_height), width = static_cast<ptrdiff_t>(s.in_width);
    const PixelStrides step = Stretched(s.in);
    for (size_t t = 0; t < task_.tiles;) {
      const size_t tile = task_.first_tile + t;
      const TilePlace place(plan_, e.outputs, tile);
      const ptrdiff_t y = static_cast<ptrdiff_t>(place.y) - s.pad_top, x = static_cast<ptrdiff_t>(place.x) - s.pad_left;
      const float* pixels =
          buffers_.in + static_cast<ptrdiff_t>(place.n) * s.in.batch + y * s.in.row + x * s.in.pixel + k;
      size_t run = 1;
      if (y >= 0 && y + reach_y < height && x >= 0 && x + reach_x < width) {
        const size_t inside = static_cast<size_t>((width - 1 - reach_x - x) / tile_step) + 1;
        run = std::min({task_.tiles - t, plan_.tiles_x - tile % plan_.tiles_x, inside, kRunTiles});
        transforms_.input(pixels, step.row, step.pixel, depth, run, v_, t);
      } else {
        CopyPatch(pixels, step, y, x, depth);
        const ptrdiff_t pixel = static_cast<ptrdiff_t>(depth);
        transforms_.input(patch_, pixel * static_cast<ptrdiff_t>(e.points), pixel, depth, 1, v_, t);
      }
      t += run;
    }
  }

  // A tile's input with zeros for what lies outside.
  void CopyPatch(const float* pixels, const PixelStrides& step, ptrdiff_t first_y, ptrdiff_t first_x, size_t depth) {
    const WinogradShape& s = plan_.shape;
    const size_t points = transforms_.extents.points;
    float* to = patch_;
    for (size_t i = 0; i < points; ++i) {
      const ptrdiff_t y = first_y + static_cast<ptrdiff_t>(i * s.dilation_y);
      for (size_t j = 0; j < points; ++j, to += depth) {
        const ptrdiff_t x = first_x + static_cast<ptrdiff_t>(j * s.dilation_x);
        if (y >= 0 && y < static_cast<ptrdiff_t>(s.in_height) && x >= 0 && x < static_cast<ptrdiff_t>(s.in_width)) {
          std::memcpy(to, pixels + PixelOffset(step, 0, i, j), depth * sizeof(float));
        } else {
          std::memset(to, 0, depth * sizeof(float));
        }
      }
    }
  }

  // From one pixel of a tile to the next.
  PixelStrides Stretched(const PixelStrides& s) const {
    return {s.batch, s.row * static_cast<ptrdiff_t>(plan_.shape.dilation_y),
            s.pixel * static_cast<ptrdiff_t>(plan_.shape.dilation_x)};
  }

  float* PanelSums(size_t panel) const {
    const size_t slot = plan_.shape.depth <= kWinogradDepthBlock ? 0 : panel - task_.first_panel;
    return m_ + slot * plan_.panel_floats;
  }

  void Multiply(size_t panel, size_t k, size_t depth) {
    const size_t width = WinogradPanelWidth(plan_, panel);
    const float* u = u_;
    if (plan_.resident) {
      u = buffers_.packed + WinogradFiltersBefore(plan_, panel, k) * points_;
    } else {
      TransformPanel(plan_, transforms_, buffers_, panel, k, depth, patch_, u_);
    }
    if (width > plan_.tile.lanes) {
      MultiplyPanel<2>(points_, task_.tiles, v_, u, depth, PanelSums(panel), k > 0);
    } else {
      MultiplyPanel<1>(points_, task_.tiles, v_, u, depth, PanelSums(panel), k > 0);
    }
  }

  void Finish(size_t panel) {
    const WinogradShape& s = plan_.shape;
    const WinogradExtents& e = transforms_.extents;
    const Epilogue& epilogue = plan_.epilogue;
    const size_t lanes = plan_.tile.lanes, width = WinogradPanelWidth(plan_, panel);
    // Bias, limits and residual belong to the transform; all else, and what is not whole, takes a second step.
    const bool simple = epilogue.post == Epilogue::Post::kNone || epilogue.post == Epilogue::Post::kClamp;
    const bool limits = epilogue.post == Epilogue::Post::kClamp;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    OutputTile tile{.low = limits ? epilogue.low : -kInfinity,
                    .high = limits ? epilogue.high : kInfinity,
                    .residual_first = epilogue.residual == Epilogue::Residual::kBeforePost,
                    .out_step = Stretched(s.out),
                    .residual_step = Stretched(s.residual)};
    const float* m = PanelSums(panel);
    for (size_t t = 0; t < task_.tiles; ++t, m += points_ * width) {
      const TilePlace place(plan_, e.outputs, task_.first_tile + t);
      if (place.y >= s.out_height || place.x >= s.out_width) continue;  // a phase with fewer pixels than the first
      const size_t rows = std::min(e.outputs, (s.out_height - 1 - place.y) / s.dilation_y + 1);
      const size_t pixels = std::min(e.outputs, (s.out_width - 1 - place.x) / s.dilation_x + 1);
      const ptrdiff_t out = PixelOffset(s.out, place.n, place.y, place.x);
      const ptrdiff_t residual = PixelOffset(s.residual, place.n, place.y, place.x);
      for (size_t v = 0; v < width; v += lanes) {
        const size_t column = panel * plan_.tile.width + v;
        const float* bias = buffers_.bias ? buffers_.bias + column : nullptr;
        tile.out = buffers_.out + out + column;
        tile.residual = buffers_.residual ? buffers_.residual + residual + column : nullptr;
        if (simple && rows == e.outputs && pixels == e.outputs && column + lanes <= s.columns) {
          tile.bias = bias;
          transforms_.output(m + v, width, tile);
        } else {
          FinishSums(m + v, width, tile, bias, column, rows, pixels);
        }
      }
    }
  }

  // The sums alone, to memory; then the general epilogue, row by row.
  void FinishSums(const float* m, size_t width, const OutputTile& tile, const float* bias, size_t column, size_t rows,
                  size_t pixels) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const size_t outputs = transforms_.extents.outputs;
    const ptrdiff_t lanes = static_cast<ptrdiff_t>(plan_.tile.lanes);
    HWY_ALIGN float sums[kMaxOutputs * kMaxOutputs * hn::MaxLanes(FloatTag())];
    transforms_.output(m, width,
                       {.low = -kInfinity,
                        .high = kInfinity,
                        .out = sums,
                        .out_step = {0, lanes * static_cast<ptrdiff_t>(outputs), lanes}});
    TileOperands operands;
    operands.rows = pixels;
    operands.columns = std::min(plan_.tile.lanes, plan_.shape.columns - column);
    operands.bias = bias;
    operands.slopes = buffers_.slopes ? buffers_.slopes + column : nullptr;
    for (size_t y = 0; y < rows; ++y) {
      float* outs[kMaxOutputs];
      const float* residuals[kMaxOutputs] = {};
      for (size_t x = 0; x < pixels; ++x) {
        outs[x] = tile.out + PixelOffset(tile.out_step, 0, y, x);
        if (tile.residual) residuals[x] = tile.residual + PixelOffset(tile.residual_step, 0, y, x);
      }
      operands.out = outs;
      operands.residual = residuals;
      const FloatTag d;
      FloatVector acc[kMaxOutputs][1];
      for (size_t x = 0; x < kMaxOutputs; ++x)
        acc[x][0] = hn::Load(d, sums + (y * outputs + std::min(x, pixels - 1)) * plan_.tile.lanes);
      FinishTile<kMaxOutputs, 1>(plan_.epilogue, operands, acc);
    }
  }

  static constexpr size_t kMaxOutputs = 6;

  const WinogradPlan& plan_;
  const IndirectConvBuffers& buffers_;
  const WinogradTask& task_;
  const Transforms transforms_;
  const size_t points_;  // in both directions
  float* v_;
  float* m_;
  float* u_;
  float* patch_;  // also for filters on their way to U
};

HWY_NOINLINE void RunWinogradTaskTarget(const WinogradPlan& plan, const IndirectConvBuffers& buffers, size_t index,
                                        std::byte* scratch) {
  TaskRunner(plan, buffers, plan.tasks[index], reinterpret_cast<float*>(scratch)).Run();
}

HWY_NOINLINE void TransformFiltersTarget(const WinogradPlan& plan, const IndirectConvBuffers& filters, size_t panel,
                                         float* gathered, float* u) {
  const Transforms transforms = TransformsOf(plan.variant);
  const size_t points = transforms.extents.points * transforms.extents.points;
  for (size_t k = 0; k < plan.shape.depth; k += kWinogradDepthBlock)
    TransformPanel(plan, transforms, filters, panel, k, std::min(kWinogradDepthBlock, plan.shape.depth - k), gathered,
                   u + WinogradFiltersBefore(plan, panel, k) * points);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(WinogradTileRowsTarget);
HWY_EXPORT(WinogradShortRowsTarget);
HWY_EXPORT(RunWinogradTaskTarget);
HWY_EXPORT(TransformFiltersTarget);

size_t WinogradTileRows() { return HWY_DYNAMIC_DISPATCH(WinogradTileRowsTarget)(); }
size_t WinogradShortRows() { return HWY_DYNAMIC_DISPATCH(WinogradShortRowsTarget)(); }

void RunWinogradTask(const WinogradPlan& plan, const IndirectConvBuffers& buffers, size_t task, std::byte* scratch) {
  DECAL_DASSERT(task < plan.tasks.size());
  DECAL_DASSERT(plan.tasks[task].first_tile + plan.tasks[task].tiles <= plan.tiles());
  DECAL_DASSERT(plan.tasks[task].first_panel + plan.tasks[task].panels <= plan.panels());
  DECAL_DASSERT(buffers.packed != nullptr || (!plan.resident && buffers.packed_half != nullptr));
  DECAL_DASSERT(plan.epilogue.residual == Epilogue::Residual::kNone || buffers.residual != nullptr);
  DECAL_DASSERT(IsAligned(scratch, kAlignment));
  HWY_DYNAMIC_DISPATCH(RunWinogradTaskTarget)(plan, buffers, task, scratch);
}

void TransformWinogradFilters(const WinogradPlan& plan, const IndirectConvBuffers& panels, size_t panel,
                              float* gathered, float* transformed) {
  DECAL_DASSERT(panel < plan.panels());
  DECAL_DASSERT(panels.packed != nullptr || panels.packed_half != nullptr);
  HWY_DYNAMIC_DISPATCH(TransformFiltersTarget)(plan, panels, panel, gathered, transformed);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
