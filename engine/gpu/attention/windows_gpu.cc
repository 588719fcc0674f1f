// WebGPU kernels of WindowPartition and WindowMerge: one gather each.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/base/rounding.h"
#include "engine/gpu/attention/attention_gpu.h"

namespace decal {
namespace {

constexpr std::string_view kWindows =
#include "engine/gpu/attention/windows.wgsl.inc"
    ;

// Either operator, over the map [N,H,W,C] and the windows [N * nh * nw, tokens, C].
template <class T>
Status Move(const T& op, const GpuRequest& request, const gpu::Tensor& map, const gpu::Tensor& windows, bool cut) {
  if (map.shape.elements() == 0 || windows.shape.elements() == 0) return {};
  const int64_t channels = map.shape[3], height = map.shape[1], width = map.shape[2];
  if (channels > 1 && (map.strides[3] != 1 || windows.strides[2] != 1))
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for windows of channels-first maps");
  const int64_t rows = CeilDiv(height, op.window_h), columns = CeilDiv(width, op.window_w);
  const int64_t padded_y = rows * op.window_h, padded_x = columns * op.window_w;
  const bool vectors = gpu::HoldsVectors(map, 3) && gpu::HoldsVectors(windows, 2);
  const int64_t step = vectors ? 4 : 1, pixels_y = cut ? padded_y : height, pixels_x = cut ? padded_x : width;
  const int64_t items = map.shape[0] * pixels_y * pixels_x * (channels / step);
  gpu::Kernel kernel(cut ? "window partition" : "window merge", kWindows);
  kernel.Flag("CUT", cut).Const("WIDTH", step).Elements(items);
  kernel.Include(vectors ? "fn transfer(source: i32, place: i32) { y_set4(place, x_at4(source, 4), 4); }\n"
                           "fn clear(place: i32) { y_set4(place, vec4f(0.0), 4); }\n"
                         : "fn transfer(source: i32, place: i32) { y_set(place, x_at(source)); }\n"
                           "fn clear(place: i32) { y_set(place, 0.0); }\n");
  kernel.Param("channels", channels / step).Param("pixels_y", pixels_y).Param("pixels_x", pixels_x);
  kernel.Param("padded_y", padded_y).Param("padded_x", padded_x).Param("height", height).Param("width", width);
  kernel.Param("windows_y", rows)
      .Param("windows_x", columns)
      .Param("window_y", op.window_h)
      .Param("window_x", op.window_w);
  kernel.Param("shift_y", op.shift_y % padded_y).Param("shift_x", op.shift_x % padded_x);
  kernel.Param("m_b", map.strides[0]).Param("m_y", map.strides[1]).Param("m_x", map.strides[2]);
  kernel.Param("w_b", windows.strides[0]).Param("w_n", windows.strides[1]);
  kernel.Read("x", cut ? map : windows, vectors).Write("y", cut ? windows : map, vectors);
  request.builder.Algorithm("gather");
  return request.builder.Add(kernel);
}

}  // namespace

Status MakeGpuKernel(const WindowPartition& op, const GpuRequest& request) {
  return Move(op, request, request.At(0), request.out(), true);
}

Status MakeGpuKernel(const WindowMerge& op, const GpuRequest& request) {
  return Move(op, request, request.out(), request.At(0), false);
}

}  // namespace decal
