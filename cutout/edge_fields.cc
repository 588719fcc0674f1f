// Fits alpha as a linear function of colour along the matte's outline: a guided filter (He et al. 2013; on a coarse
// grid, He et al. 2015). A low-resolution matte is reliable away from its outline and guesses near it. So cells near
// the outline hardly count in the regression, and alpha there follows from the colours of both sides. A matte that
// proves accurate to a fraction of a cell is believed instead: the function then says how alpha runs within a cell, and
// the cell's mean stays the matte's. docs/design/edges.md explains the method.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "cutout/edge_fields.h"
#include "cutout/matte_rows.h"
#include "cutout/scratch.h"

namespace decal {
namespace {

// Constants of one fit. Measured by bench/edges.py on composites and the lemur photo (docs/design/edges.md has the table, and
// what else was tried).
struct FitOptions {
  int reach;  // the band's width on both sides, in cells: how far off the outline may be
  int radius;  // of the regression's windows, which must reach beyond the band
  float least_trust;  // the largest weight of a cell of the band; cells outside have weight 1
  double noise;  // variance of noise in colours (0..1 squared); smaller differences explain nothing
};
constexpr FitOptions kOnceFit = {2, 5, 0.05f, 1e-4};
constexpr FitOptions kFirstFit = {3, 6, 0.05f, 1e-4},
                     kSecondFit = {1, 4, 0.3f, 1e-4};  // of `best`: the second fit is on a grid twice as fine
constexpr FitOptions kExactFit = {1, 2, 0.05f, 2e-5};  // for a matte that is believed

// A cell of a matte is soft if alpha lies between kSoft and 1 - kSoft. Other cells are reliable.
constexpr float kSoft = 0.05f;
// Closer to nothing or everything than this, a cell makes no difference to a byte of alpha. Networks and running means hardly ever say
// exactly 0 or 1: without this limit all of a frame would be its outline.
constexpr float kUnseen = 0.5f / 255;
// Share of alpha's variance that colours explain: at the first the fit begins to count, from the second on it alone
// counts.
constexpr float kLeastExplained = 0.3f, kWellExplained = 0.8f;
// Soft cells for each cell of outline: up to the first the edge is sharp; from the second on it is hair, or the network
// does not know.
constexpr float kSharpEdge = 1.5f, kSoftEdge = 3.5f;
// Regression flattens edges: alpha is made steeper by this factor at sharp ones.
constexpr float kSteeper = 1.3f;
// Limit for the second grid of `best`: 14 planes of it take 36 MB.
constexpr size_t kMostCells = 640 * 1024;
// Limit for the first grid: the mattes of the largest known models are 1024 x 1024. Mattes from callers may be as large
// as the picture.
constexpr size_t kMostFirstCells = 1024 * 1024;

// A matte is believed if at least this share of its steps across one half pass through a soft cell: not at all below
// the first, fully from the second on. Reduced true mattes have 0.99 and more (40 composites); of the default model's
// own steps 4 to 54 % are hard.
constexpr float kLeastSoftSteps = 0.96f, kSoftSteps = 0.98f;
// Sharp edges are believed if there is about one soft cell for each cell of outline (blurred mattes have 2.5 and more)
// and the matte is not much softer than the picture's colours suggest: true mattes are 0.7 to 1.47 times as soft,
// equally thin ones of U-2-Net-p 1.43 to 2.6 times.
constexpr float kThinEdge = 1.6f, kThickEdge = 1.8f;
constexpr float kExactSoftness = 1.45f, kBlurredSoftness = 1.65f;

// How far a matte is believed, 0..1: along sharp edges, and in soft parts.
struct Trust {
  float edges = 0, soft = 0;
  bool any() const { return edges > 0 || soft > 0; }
  float at(float softness) const { return edges * (1 - softness) + soft * softness; }
};

constexpr int kMoments = 15;  // w, wR, wG, wB, wRR, wRG, wRB, wGG, wGB, wBB, wT, wTR, wTG, wTB, wTT

struct Grid {
  int width, height;
  const float* rgb;  // three planes
  const float* matte;  // clean

  size_t at(int x, int y) const { return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x); }
};

// What counts as soft there.
constexpr float kSoftCell = 0.1f;
bool IsSoft(float value) { return value > kSoftCell && value < 1 - kSoftCell; }

// 1 up to `from`, 0 from `to` on.
float Falling(float value, float from, float to) { return std::clamp((to - value) / (to - from), 0.0f, 1.0f); }

// `alpha` is what the picture's colours make of the matte.
Trust HowFarToTrust(const Grid& grid, const float* alpha) {
  int steps = 0, soft_steps = 0, soft_cells = 0, outline = 0;
  double softness = 0, expected = 0;
  const auto crosses = [&](float a, float b) {
    if ((a > 0.5f) == (b > 0.5f)) return false;
    ++steps;
    soft_steps += IsSoft(a) || IsSoft(b);
    return true;
  };
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const float* at = grid.matte + grid.at(x, y);
      const bool left = x > 0 && crosses(at[-1], *at), above = y > 0 && crosses(at[-grid.width], *at);
      outline += left || above;
      soft_cells += IsSoft(*at);
      const double own = double{*at}, made = double{alpha[grid.at(x, y)]};
      softness += own * (1 - own);
      expected += made * (1 - made);
    }
  }
  if (steps == 0) return {};
  const float share = static_cast<float>(soft_steps) / static_cast<float>(steps);
  const float width = static_cast<float>(soft_cells) / static_cast<float>(outline);
  const float blur = static_cast<float>(softness / std::max(expected, 1e-6));
  const float all = Falling(1 - share, 1 - kSoftSteps, 1 - kLeastSoftSteps);
  const float edges = all * Falling(width, kThinEdge, kThickEdge) * Falling(blur, kExactSoftness, kBlurredSoftness);
  return {edges, all};
}

// 0 where the values around a cell have a sharp edge, 1 where the edge is soft. The counts of a row are summed over rows once.
void Softness(const Grid& grid, const float* values, int radius, int y, const uint8_t* wanted, float* soft,
              float* edges, float* out) {
  const int top = std::max(0, y - radius), bottom = std::min(grid.height - 1, y + radius);
  std::fill_n(soft, grid.width, 0.0f);
  std::fill_n(edges, grid.width, 0.0f);
  for (int row = top; row <= bottom; ++row) {
    const float* here = values + grid.at(0, row);
    const float* above = row > 0 ? here - grid.width : here;
    for (int x = 0; x < grid.width; ++x) {
      const float left = here[x > 0 ? x - 1 : 0];
      soft[x] += IsSoft(here[x]) ? 1.0f : 0.0f;
      edges[x] += (here[x] > 0.5f) != (left > 0.5f) || (here[x] > 0.5f) != (above[x] > 0.5f) ? 1.0f : 0.0f;
    }
  }
  const float size = static_cast<float>((2 * radius + 1) * (2 * radius + 1));
  for (int x = 0; x < grid.width; ++x) {
    if (!wanted[x]) continue;
    float soft_sum = 0, edge_sum = 0.02f * size;
    for (int k = std::max(0, x - radius); k <= std::min(grid.width - 1, x + radius); ++k) {
      soft_sum += soft[k];
      edge_sum += edges[k];
    }
    out[x] = std::clamp((soft_sum / edge_sum - kSharpEdge) * (1 / (kSoftEdge - kSharpEdge)), 0.0f, 1.0f);
  }
}

// Row `y` of the band: cells that have, within `reach`, a value above `low` and one below 1 - `low`.
void MarkBand(const Grid& grid, int reach, float low, int y, float* highest, float* lowest, uint8_t* band) {
  std::copy_n(grid.matte + grid.at(0, y), grid.width, highest);
  std::copy_n(highest, grid.width, lowest);
  for (int row = std::max(0, y - reach); row <= std::min(grid.height - 1, y + reach); ++row) {
    const float* from = grid.matte + grid.at(0, row);
    for (int x = 0; x < grid.width; ++x) {
      highest[x] = std::max(highest[x], from[x]);
      lowest[x] = std::min(lowest[x], from[x]);
    }
  }
  for (int x = 0; x < grid.width; ++x) {
    const int begin = std::max(0, x - reach), end = std::min(grid.width, x + reach + 1);
    band[x] = *std::max_element(highest + begin, highest + end) > low &&
              *std::min_element(lowest + begin, lowest + end) < 1 - low;
  }
}

// The weighted regression of the matte on colour, from its moments: slopes and offset, blended with `own` if colours
// explain little.
void Solve(const float* sums, float own, double noise, float* slope, float& offset) {
  const double w = 1 / (static_cast<double>(sums[0]) + 1e-6);
  double mean[3], c[3];
  for (int i = 0; i < 3; ++i) mean[i] = sums[1 + i] * w;
  const double target = sums[10] * w;
  for (int i = 0; i < 3; ++i) c[i] = sums[11 + i] * w - mean[i] * target;
  const double rr = sums[4] * w - mean[0] * mean[0] + noise, rg = sums[5] * w - mean[0] * mean[1];
  const double rb = sums[6] * w - mean[0] * mean[2], gg = sums[7] * w - mean[1] * mean[1] + noise;
  const double gb = sums[8] * w - mean[1] * mean[2], bb = sums[9] * w - mean[2] * mean[2] + noise;
  // Cramer's rule. The noise on the diagonal makes the matrix positive definite.
  const double a00 = gg * bb - gb * gb, a01 = rb * gb - rg * bb, a02 = rg * gb - rb * gg;
  const double a11 = rr * bb - rb * rb, a12 = rg * rb - rr * gb, a22 = rr * gg - rg * rg;
  const double scale = 1 / std::max(rr * a00 + rg * a01 + rb * a02, 1e-12);
  const double s[3] = {(a00 * c[0] + a01 * c[1] + a02 * c[2]) * scale, (a01 * c[0] + a11 * c[1] + a12 * c[2]) * scale,
                       (a02 * c[0] + a12 * c[1] + a22 * c[2]) * scale};
  const double variance = std::max(sums[14] * w - target * target, 1e-4);
  const double explained = (s[0] * c[0] + s[1] * c[1] + s[2] * c[2]) / variance;
  const double share = std::clamp((explained - kLeastExplained) / (kWellExplained - kLeastExplained), 0.0, 1.0);
  for (int i = 0; i < 3; ++i) slope[i] = static_cast<float>(share * s[i]);
  const double level = target - s[0] * mean[0] - s[1] * mean[1] - s[2] * mean[2];
  offset = static_cast<float>(share * level + (1 - share) * own);
}

// Adds a row's moments to the sums over rows.
void AddMoments(const Grid& grid, const float* weights, int y, int begin, int end, float* sums) {
  const size_t width = static_cast<size_t>(grid.width), cells = width * static_cast<size_t>(grid.height),
               row = grid.at(0, y);
  for (int i = begin; i < end; ++i) {
    const size_t x = static_cast<size_t>(i), at = row + x;
    const float w = weights[at], r = grid.rgb[at], g = grid.rgb[cells + at], b = grid.rgb[2 * cells + at],
                t = grid.matte[at];
    const float wr = w * r, wg = w * g, wb = w * b, wt = w * t;
    float* to = sums + x;
    to[0] += w, to[width] += wr, to[2 * width] += wg, to[3 * width] += wb;
    to[4 * width] += wr * r, to[5 * width] += wr * g, to[6 * width] += wr * b;
    to[7 * width] += wg * g, to[8 * width] += wg * b, to[9 * width] += wb * b;
    to[10 * width] += wt, to[11 * width] += wt * r, to[12 * width] += wt * g, to[13 * width] += wt * b;
    to[14 * width] += wt * t;
  }
}

// The fitted alpha at the grid's own cells.
float OwnAlpha(const Grid& grid, const EdgeFields& fields, size_t i) {
  const size_t cells = fields.cells();
  float alpha = fields.plane(kOffset)[i];
  for (int c = 0; c < 3; ++c) alpha += fields.plane(kSlope + c)[i] * grid.rgb[static_cast<size_t>(c) * cells + i];
  return std::clamp(alpha, 0.0f, 1.0f);
}

// Slopes and offset of every cell. `alpha` becomes the fitted alpha; `weights` is scratch of the same size.
Status Fit(const Grid& grid, const FitOptions& options, Trust trust, EdgeMemory& memory, float* weights, float* alpha,
           ThreadRunner& runner) {
  EdgeFields& fields = memory.fields;
  const size_t width = static_cast<size_t>(grid.width), height = static_cast<size_t>(grid.height);
  DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::In(memory.threads, kMoments * width, runner));
  ParallelFor(runner, height, [&](size_t y, size_t thread) {
    float* rows = scratch.thread(thread);
    uint8_t* band = fields.band() + y * width;
    const float* matte = grid.matte + y * width;
    MarkBand(grid, options.reach, kSoft, static_cast<int>(y), rows, rows + width, band);
    float* softness = rows + 2 * width;
    Softness(grid, grid.matte, options.radius, static_cast<int>(y), band, rows, rows + width, softness);
    for (size_t x = 0; x < width; ++x) {
      const float sure = 2 * matte[x] - 1;
      // A soft matte is trusted: in soft parts its own values count as much as those outside the band.
      const float knows = options.least_trust * sure * sure * (1 - softness[x]) + softness[x] + 1e-4f;
      weights[y * width + x] = band[x] ? std::max(knows, trust.edges * (1 - softness[x])) : 1.0f;
    }
  });
  ParallelFor(runner, height, [&](size_t task, size_t thread) {
    const int y = static_cast<int>(task);
    const uint8_t* band = fields.band() + grid.at(0, y);
    const auto* first = std::find(band, band + width, uint8_t{1});
    const int begin = static_cast<int>(first - band);
    int end = grid.width;
    while (end > begin && !band[end - 1]) --end;
    float* sums = scratch.thread(thread);
    std::fill_n(sums, kMoments * width, 0.0f);
    if (begin < end) {
      for (int row = std::max(0, y - options.radius); row <= std::min(grid.height - 1, y + options.radius); ++row) {
        AddMoments(grid, weights, row, std::max(0, begin - options.radius), std::min(grid.width, end + options.radius),
                   sums);
      }
    }
    for (int x = 0; x < grid.width; ++x) {
      const size_t i = grid.at(x, y);
      float slope[3] = {}, offset = grid.matte[i] > 0.5f ? 1.0f : 0.0f;
      if (band[x]) {
        float around[kMoments] = {};
        for (int k = std::max(0, x - options.radius); k <= std::min(grid.width - 1, x + options.radius); ++k) {
          for (size_t m = 0; m < kMoments; ++m) around[m] += sums[m * width + static_cast<size_t>(k)];
        }
        Solve(around, grid.matte[i], options.noise, slope, offset);
      }
      for (int c = 0; c < 3; ++c) fields.plane(kSlope + c)[i] = slope[c];
      fields.plane(kOffset)[i] = offset;
      alpha[i] = OwnAlpha(grid, fields, i);
    }
  });
  ParallelFor(runner, height, [&](size_t y, size_t thread) {
    float* rows = scratch.thread(thread);
    const uint8_t* band = fields.band() + y * width;
    float *softness = rows + 2 * width, *softness_of_matte = rows + 3 * width;
    Softness(grid, alpha, options.radius, static_cast<int>(y), band, rows, rows + width, softness);
    if (trust.any()) {
      Softness(grid, grid.matte, options.radius, static_cast<int>(y), band, rows, rows + width, softness_of_matte);
    } else {
      std::fill_n(softness_of_matte, width, 0.0f);
    }
    for (size_t x = 0; x < width; ++x) {
      if (!band[x]) continue;
      const size_t i = y * width + x;
      const float believed = trust.at(softness_of_matte[x]);
      const float steeper = 1 + (kSteeper - 1) * (1 - softness[x]) * (1 - believed);
      for (int c = 0; c < 3; ++c) fields.plane(kSlope + c)[i] *= steeper;
      float& offset = fields.plane(kOffset)[i];
      offset = (offset - 0.5f) * steeper + 0.5f;
      float own = offset;
      for (size_t c = 0; c < 3; ++c)
        own += fields.plane(kSlope + static_cast<int>(c))[i] * grid.rgb[c * width * height + i];
      offset += believed * (grid.matte[i] - own);
    }
  });
  ParallelFor(runner, height, [&](size_t y, size_t) {
    for (size_t x = y * width; x < (y + 1) * width; ++x) alpha[x] = OwnAlpha(grid, fields, x);
  });
  return {};
}

// `fields` evaluated on a finer grid.
Status Refined(const EdgeFields& fields, const Grid& finer, float* alpha, ThreadRunner& runner) {
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(fields.height, finer.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(fields.width, finer.width));
  const size_t width = static_cast<size_t>(finer.width), cells = width * static_cast<size_t>(finer.height);
  ParallelFor(runner, static_cast<size_t>(finer.height), [&](size_t task, size_t) {
    const int y = static_cast<int>(task);
    for (int x = 0; x < finer.width; ++x) {
      const size_t i = finer.at(x, y);
      float sum = 0;
      for (int plane = 0; plane < kFront; ++plane) {
        float value = 0;
        for (int k = 0; k < rows.taps(); ++k) {
          const float* from =
              fields.plane(plane) + static_cast<size_t>(rows.first(y) + k) * static_cast<size_t>(fields.width);
          for (int j = 0; j < columns.taps(); ++j)
            value += rows.weights(y)[k] * columns.weights(x)[j] * from[columns.first(x) + j];
        }
        sum += plane == kOffset ? value : value * finer.rgb[static_cast<size_t>(plane) * cells + i];
      }
      alpha[i] = std::clamp(sum, 0.0f, 1.0f);
    }
  });
  return {};
}

size_t Cells(Extent extent) { return static_cast<size_t>(extent.width) * static_cast<size_t>(extent.height); }

Extent GridOf(Extent picture, Extent matte) {
  const Extent grid{std::min(matte.width, picture.width), std::min(matte.height, picture.height)};
  if (Cells(grid) <= kMostFirstCells) return grid;
  const double scale = std::sqrt(static_cast<double>(kMostFirstCells) / static_cast<double>(Cells(grid)));
  const auto scaled = [&](int side) { return std::max(1, static_cast<int>(side * scale)); };
  return {scaled(grid.width), scaled(grid.height)};
}

// The grid of the second fit of `best`; the first grid if there is no second fit.
Extent FinerGrid(Extent picture, Extent grid) {
  const Extent finer = GridOf(picture, {2 * grid.width, 2 * grid.height});
  return Cells(finer) <= kMostCells ? finer : grid;
}

Status Allocate(Extent extent, bool colours, EdgeFields& fields) {
  fields.width = extent.width;
  fields.height = extent.height;
  fields.has_colours = colours;
  const uint64_t cells = fields.cells(), planes = static_cast<uint64_t>(fields.plane_count());
  DECAL_TRY(Reserve<float>(fields.planes, cells * planes, "edge fields"));
  DECAL_TRY(Reserve<uint8_t>(fields.band_flags, cells, "edge fields"));
  return {};
}

// The picture's colours, 0..1, the matte, and two planes of scratch.
constexpr size_t kWorkPlanes = 6;

Status Reduce(ImageView picture, Extent extent, Buffer& work, ThreadRunner& runner) {
  const size_t cells = static_cast<size_t>(extent.width) * static_cast<size_t>(extent.height);
  DECAL_TRY_ASSIGN(float* const planes, Reserve<float>(work, uint64_t{kWorkPlanes} * cells, "edge work"));
  return PrepareInput(picture, {extent, {0, 0, 0}, {1, 1, 1}}, {planes, 3 * cells}, runner);
}

}  // namespace

bool HasEdgeFields(Extent picture, Extent matte) {
  const Extent grid = GridOf(picture, matte);
  return grid.width > 1 && grid.height > 1;
}

bool IsFinerThanFields(Extent picture, Extent matte) {
  const Extent grid = GridOf(picture, matte);
  return grid.width < std::min(picture.width, matte.width) || grid.height < std::min(picture.height, matte.height);
}

size_t EdgeFieldsBytes(Extent picture, Extent matte, Refine refine, bool colours) {
  Extent grid = GridOf(picture, matte);
  if (refine == Refine::kBest) grid = FinerGrid(picture, grid);
  // The planes, one more for the band's bytes, and both pyramids.
  const size_t planes = static_cast<size_t>(colours ? kEdgePlanes : kFront) + kWorkPlanes + 1 + (colours ? 11 : 0);
  return Cells(grid) * planes * sizeof(float);
}

Status FitEdges(ImageView picture, MatteView matte, Refine refine, bool colours, EdgeMemory& memory,
                ThreadRunner& runner) {
  const Extent extent{picture.width, picture.height}, first = GridOf(extent, {matte.width, matte.height});
  EdgeFields& fields = memory.fields;
  Buffer& work = memory.work;
  DECAL_TRY(Allocate(first, colours, fields));
  DECAL_TRY(Reduce(picture, first, work, runner));
  size_t cells = fields.cells();
  const auto plane = [&](size_t index) { return reinterpret_cast<float*>(work.data()) + index * cells; };
  {
    DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, first.height));
    DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, first.width));
    DECAL_TRY_ASSIGN(float* const scratch,
                     Reserve<float>(memory.matte_rows, MatteRows::ScratchFloats(first.width, matte), "picture rows"));
    MatteRows matte_rows(matte, rows, columns, scratch);
    float* to = plane(3);
    for (int y = 0; y < first.height; ++y) {
      const MatteRow row = matte_rows.Row(y);
      for (int x = 0; x < first.width; ++x) *to++ = row.top_weight * row.top[x] + row.bottom_weight * row.bottom[x];
    }
  }
  Grid grid{first.width, first.height, plane(0), plane(3)};
  const float* alpha = plane(3);
  if (refine == Refine::kOff) {
    fields.has_slopes = false;
    std::fill_n(fields.plane(kSlope), 3 * cells, 0.0f);
    std::copy_n(plane(3), cells, fields.plane(kOffset));
    DECAL_TRY_ASSIGN(ThreadScratch scratch,
                     ThreadScratch::In(memory.threads, 2 * static_cast<size_t>(first.width), runner));
    ParallelFor(runner, static_cast<size_t>(first.height), [&](size_t y, size_t thread) {
      float* row = scratch.thread(thread);
      MarkBand(grid, 1, kUnseen, static_cast<int>(y), row, row + first.width,
               fields.band() + y * static_cast<size_t>(first.width));
    });
  } else {
    fields.has_slopes = true;
    const Extent second = refine == Refine::kBest ? FinerGrid(extent, first) : first;
    const FitOptions& wide = second == first ? kOnceFit : kFirstFit;
    DECAL_TRY(Fit(grid, wide, {}, memory, plane(4), plane(5), runner));
    const Trust trust = HowFarToTrust(grid, plane(5));
    if (trust.any())
      DECAL_TRY(Fit(grid, trust.edges > 0.5f ? kExactFit : wide, trust, memory, plane(4), plane(5), runner));
    alpha = plane(5);
    if (second != first) {
      DECAL_TRY(Reduce(picture, second, work, runner));
      cells = static_cast<size_t>(second.width) * static_cast<size_t>(second.height);
      grid = {second.width, second.height, plane(0), plane(3)};
      DECAL_TRY(Refined(fields, grid, plane(3), runner));
      DECAL_TRY(Allocate(second, colours, fields));
      DECAL_TRY(Fit(grid, trust.edges > 0.5f ? kExactFit : kSecondFit, trust, memory, plane(4), plane(5), runner));
      alpha = plane(5);
    }
  }
  if (colours) DECAL_TRY(SpreadColours(plane(0), alpha, memory, runner));
  return {};
}

}  // namespace decal
