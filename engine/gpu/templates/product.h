// The WebGPU kernel that convolutions and matrix products share: implicit GEMM over gathered rows.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

#include "engine/ops/epilogue.h"
#include "engine/gpu/request.h"

namespace decal {

// Strides (n, y, x) of a tensor's rows, in elements, and of the parts (groups or batch elements) it is cut into.
struct RowStrides {
  int64_t n = 0, y = 0, x = 0;
  std::array<int64_t, 3> part{};  // outermost first, over ProductSpec::parts
};

struct ProductSpec {
  std::string_view label = "product";
  std::string_view gather;     // WGSL: Place, place_of, fetch
  int64_t rows_n = 1, rows_y = 1, rows_x = 1;
  std::array<int64_t, 3> parts{1, 1, 1};  // groups of channels or elements of a batch, outermost first
  int64_t taps = 1, depth = 0, columns = 0;
  int64_t input_height = 1, input_width = 1;  // in rows of A
  int64_t step_y = 1, step_x = 1, first_y = 0, first_x = 0;
  int64_t taps_x = 1, tap_step_y = 0, tap_step_x = 0;
  int64_t channels = 0;        // not 0: `depth` runs over taps and channels, one element at a time
  RowStrides in, out, residual;
  // Which rows y of the input a band [begin, end) of product rows y reads; unset: no bands.
  size_t row_dimension = SIZE_MAX;  // of the tensors: what `y` is; SIZE_MAX if they cannot be cut
  bool whole_input = false;         // every band may read any row
  bool computed = false;            // `fetch` computes what memory does not hold
};

// B: packed constants [tap * depth][columns padded to 4] per part, or a tensor with strides.
struct ProductFactor {
  gpu::Tensor tensor;
  bool packed = true;
  int64_t k_stride = 0, column_stride = 1;
  std::array<int64_t, 3> part{};
};

struct ProductOperands {
  gpu::Tensor x, y;
  ProductFactor b;
  std::optional<gpu::Tensor> bias, slope, residual;  // of channels: padded to 4 per part
  int64_t bias_part = 0;                             // elements of bias and slope per part
  std::vector<std::pair<std::string_view, gpu::Tensor>> extra;  // what `gather` reads beside x
};

constexpr int64_t PaddedColumns(int64_t columns) { return (columns + 3) / 4 * 4; }

// Bias or slope (input i), padded per part; nothing if it is absent.
std::optional<gpu::Tensor> PackedChannels(const GpuRequest& request, size_t i, int64_t parts, int64_t columns,
                                          float scale = 1);

// The epilogue's text (epilogue.wgsl), and what it reads beside the residual.
void AddEpilogue(gpu::Kernel& kernel, const Epilogue& epilogue, const ProductOperands& operands);

// The tiles that the device could run the product in.
std::vector<GpuCandidate> ProductCandidates(const gpu::PlanBuilder& builder, const ProductSpec& spec,
                                            const ProductOperands& operands);

// In the tiles of that candidate. `adjust` may add parameters to each kernel that is made.
Status AddProduct(const GpuRequest& request, const ProductSpec& spec, const ProductOperands& operands,
                  const Epilogue& epilogue, size_t candidate, const std::function<void(gpu::Kernel&)>& adjust = {});

// In the tiles chosen for it.
Status AddProduct(const GpuRequest& request, const ProductSpec& spec, const ProductOperands& operands,
                  const Epilogue& epilogue, const std::function<void(gpu::Kernel&)>& adjust = {});

}  // namespace decal
