// The fused epilogue of a GEMM kernel: what it does to its sums before it stores them, as plain data.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/simd/activation.h"

namespace decal::cpu {

// y = sum + bias; [y += r]; y = post(y); [y += r].
struct Epilogue {
  enum class Post : uint8_t {
    kNone,
    kClamp,     // min(max(y, low), high): Relu and Clip
    kLeaky,     // y < 0 ? low * y : y
    kSlopes,    // y < 0 ? slope[channel] * y : y
    kActivate,  // any other activation, through ActivateRun on the finished tile
  };
  enum class Residual : uint8_t { kNone, kBeforePost, kAfterPost };

  Post post = Post::kNone;
  Residual residual = Residual::kNone;
  float low = 0;
  float high = 0;
  ActivationParams activation{Activation::kRelu};
};

// The operands of one tile's epilogue, at the tile's first column.
struct TileOperands {
  size_t rows = 0;                         // valid rows; the arrays below have that many entries
  size_t columns = 0;                      // valid columns
  const float* bias = nullptr;             // whole vectors may be read; null: none
  const float* slopes = nullptr;           // whole vectors may be read
  const float* const* residual = nullptr;  // one pointer per row
  float* const* out = nullptr;             // one pointer per row
};

}  // namespace decal::cpu
