// The WebGPU kernel of Resize: all modes come down to tables of taps for rows and columns.
// SPDX-License-Identifier: MIT
#include "engine/gpu/resize/resize_gpu.h"

#include <algorithm>
#include <bit>

#include "engine/gpu/templates/map.h"
#include "engine/ops/resize/resize.h"
#include "engine/ops/resize/resize_taps.h"

namespace decal {
namespace {

constexpr std::string_view kResize =
#include "engine/gpu/resize/resize.wgsl.inc"
    ;

// Equal tables are shared by all resizes of a plan, under this owner and a hash of their contents.
constexpr char kTables = 0;

// One axis: for every output position `pairs` entries of two taps each.
struct AxisTaps {
  int64_t pairs = 1;
  bool single = true;    // one tap of weight 1 everywhere
  bool outside = false;  // some positions lie outside of the region
  std::vector<WideTaps> taps;
};

AxisTaps TableOf(const Resize& op, const ResizeAxis& axis) {
  AxisTaps table;
  for (int64_t at = 0; at < axis.out; ++at) {
    WideTaps taps = IsIdentity(op, axis) ? WideTaps{{at}, {1}} : WideTapsAt(op, axis, at);
    const int64_t count = static_cast<int64_t>(taps.index.size());
    table.pairs = std::max(table.pairs, (count + 1) / 2);
    table.outside = table.outside || taps.outside;
    table.single = table.single && (taps.outside || (count == 1 && taps.weight[0] == 1));
    table.taps.push_back(std::move(taps));
  }
  return table;
}

void Append(const AxisTaps& table, std::vector<float>& entries) {
  for (const WideTaps& taps : table.taps) {
    for (int64_t pair = 0; pair < table.pairs; ++pair) {
      float index[2], weight[2];
      for (size_t k = 0; k < 2; ++k) {
        const size_t tap = static_cast<size_t>(pair) * 2 + k;
        const bool exists = tap < taps.index.size();
        // Taps that do not exist read what is there anyway.
        index[k] = taps.outside ? -1.0f : static_cast<float>(exists ? taps.index[tap] : taps.index[0]);
        weight[k] = exists ? static_cast<float>(taps.weight[tap]) : 0.0f;
      }
      entries.insert(entries.end(), {index[0], index[1], weight[0], weight[1]});
    }
  }
}

gpu::Tensor Upload(const GpuRequest& request, std::vector<float> entries) {
  std::vector<int64_t> bits;
  for (const float entry : entries) bits.push_back(std::bit_cast<int32_t>(entry));
  const uint64_t id = PackingId(bits);
  return FloatTable(request, &kTables, id, std::move(entries));
}

// The loops over what linear and cubic filters need are written out; those of antialiasing ones have any length.
int64_t Unrolled(const AxisTaps& table) { return table.pairs <= 2 ? table.pairs : 0; }

gpu::Span SourceRows(const AxisTaps& table, int64_t begin, int64_t end) {
  gpu::Span rows{INT64_MAX, 0};
  for (int64_t at = begin; at < end; ++at) {
    for (const int64_t index : table.taps[static_cast<size_t>(at)].index) {
      rows.begin = std::min(rows.begin, index);
      rows.end = std::max(rows.end, index + 1);
    }
  }
  return rows;
}

}  // namespace

Status MakeGpuKernel(const Resize& op, const GpuRequest& request) {
  std::vector<TensorView> views;
  for (const GpuOperand& input : request.inputs) views.push_back(input.present ? ViewOf(input) : TensorView{});
  DECAL_TRY_ASSIGN(const ResizeParameters parameters, ReadResizeParameters(op, views));
  DECAL_TRY_ASSIGN(const ResizeAxes axes, AxesOf(op, views[0].shape, parameters));
  DECAL_TRY_ASSIGN(const gpu::Tensor x, AsRank4Map(request.At(0), "Resize"));
  DECAL_TRY_ASSIGN(const gpu::Tensor y, AsRank4Map(request.out(), "Resize"));
  for (size_t d = 0; d < 2; ++d)
    if (!IsIdentity(op, axes.axes[d]))
      return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for Resize of channels");
  const AxisTaps rows = TableOf(op, axes.rank == 4 ? axes.axes[2] : ResizeAxis{}),
                 columns = TableOf(op, axes.axes[axes.rank - 1]);
  std::vector<float> entries;
  Append(rows, entries);
  const int64_t first_column = static_cast<int64_t>(entries.size()) / 4;
  Append(columns, entries);
  const gpu::Tensor table = Upload(request, std::move(entries));
  request.builder.Algorithm("tables of taps");
  return AddMapKernel(request.builder,
                      {.label = "resize",
                       .body = kResize,
                       .x = x,
                       .y = y,
                       .source_rows = [&](int64_t begin, int64_t end) { return SourceRows(rows, begin, end); },
                       .adjust =
                           [&](gpu::Kernel& kernel, const MapBand&) {
                             kernel.Const("PAIRS_Y", Unrolled(rows)).Const("PAIRS_X", Unrolled(columns));
                             kernel.Param("pairs_y", rows.pairs).Param("pairs_x", columns.pairs);
                             kernel.Flag("SINGLE_Y", rows.single).Flag("SINGLE_X", columns.single);
                             kernel.Flag("EXTRAPOLATES", rows.outside || columns.outside);
                             kernel.Param("first_column", first_column).Param("extrapolation", op.extrapolation);
                             kernel.Read("table", table, true);
                           }});
}

}  // namespace decal
