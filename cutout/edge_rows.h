// Computes the picture's rows along the outline: alpha of every pixel from its colour, and the subject's own colours.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cutout/alpha_plane.h"
#include "cutout/compose_rows.h"
#include "cutout/edge_fields.h"
#include "cutout/resample.h"

namespace decal {

// Pixels that are computed or skipped together. Every vector length divides it.
inline constexpr size_t kEdgeChunk = 32;

// Two rows of the planes at the picture's width, and their weights.
struct EdgeRowPair {
  const float* top[kEdgePlanes];
  const float* bottom[kEdgePlanes];
  float top_weight, bottom_weight;
};

// Alpha, 0..1, of `count` pixels (a multiple of kEdgeChunk). Without `slopes` those planes are zero, and not read. With `colours`, `to` gets the pixels of `from` with the
// subject's colours in place of the mixed ones, and with their own alpha. Colours follow Forte (2021): what neither
// side's colour nor their mixture explains of a pixel is shared out between the two by alpha. Every SIMD target gives
// the same bytes.
void RefinePixels(const EdgeRowPair& rows, bool slopes, bool colours, const uint8_t* from, size_t count, float* alpha,
                  uint8_t* to);

// The same if `alpha`, 0..1, is known: it is read, and the slopes are not.
void TakeApart(const EdgeRowPair& rows, const uint8_t* from, size_t count, const float* alpha, uint8_t* to);

// Composes a picture's rows by its edge fields. Each task has its own object, which holds the enlarged rows of the last
// call.
class EdgeRows {
 public:
  static size_t ScratchFloats(int picture_width, const EdgeFields& fields);

  // `rows` and `columns` enlarge the fields' grid to the picture; `scratch` holds ScratchFloats. With `plane`, alpha is
  // the plane's, and the fields, which must have colours, serve for those alone. `moved`: the plane's outline is
  // elsewhere, so pixels are separated by the fields' alpha.
  EdgeRows(const EdgeFields& fields, const ResampleAxis& rows, const ResampleAxis& columns, float* scratch,
           const AlphaPlane* plane = nullptr, bool moved = false);

  // Writes row `y` of the picture, `from`, to `to`, which may be the same; as ComposeRow. `visible`, unless null, grows by where the subject
  // is visible.
  void Compose(Composition composition, int y, const uint8_t* from, const std::array<uint8_t, 4>& background,
               uint8_t* to, Span* visible);

  // Alpha of that row as bytes.
  void Alpha(int y, const uint8_t* from, uint8_t* to);

 private:
  // Calls run(kind, begin, count) for adjacent chunks of one kind, up to the row's end.
  template <class RunFn>
  void ForRuns(int y, const RunFn& run);
  EdgeRowPair Pair(int y, size_t begin) const;
  void Enlarge(int row, int side);
  void MarkChunks(int row);
  uint8_t KindByFields(int row, size_t x) const;
  void MarkChunksOfPlane(int row);

  const EdgeFields& fields_;
  const ResampleAxis& rows_;
  const ResampleAxis& columns_;
  const AlphaPlane* plane_;
  bool moved_;
  size_t stride_;  // floats of an enlarged row: whole chunks
  float* planes_[2];  // plane_count() rows each
  int held_[2] = {-1, -1};  // the numbers of these rows in the grid
  float *alpha_, *pixels_, *constant_[2];
  uint8_t* chunks_;  // 0 all background, 1 all subject, 2 neither
  uint8_t* enlarged_[2];  // chunks of the rows that are held
  int marked_ = -1;
};

}  // namespace decal
