// Four pixels at a time, with four values of their blocks to a vector. As a GEMM each value would be a product of its own with a single
// column: MediaPipe's selfie segmentation ends in one of 2 x 2, which took 1.04 of its 3.73 ms that way.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/upsampling_conv.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/upsampling_conv.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {
namespace {

// Four values of a block, or one on Highway's scalar target.
using BlockTag = hn::CappedTag<float, 4>;

// The blocks of kCount pixels, `weights` floats each, one after the other.
template <size_t kCount>
HWY_INLINE void SumBlocks(const float* in, ptrdiff_t pixel, size_t depth, const float* packed, size_t weights,
                          float* sums) {
  const BlockTag d;
  for (size_t at = 0; at < weights; at += hn::MaxLanes(d)) {
    hn::Vec<BlockTag> acc[kCount];
    for (size_t i = 0; i < kCount; ++i) acc[i] = hn::Zero(d);
    const float* weight = packed + at;
    for (size_t c = 0; c < depth; ++c, weight += weights) {
      const auto w = hn::LoadU(d, weight);
      for (size_t i = 0; i < kCount; ++i)
        acc[i] = FusedMulAdd(hn::Set(d, in[static_cast<ptrdiff_t>(i) * pixel + static_cast<ptrdiff_t>(c)]), w, acc[i]);
    }
    for (size_t i = 0; i < kCount; ++i) hn::StoreU(acc[i], d, sums + i * weights + at);
  }
}

}  // namespace

// The blocks of `count` input pixels.
void SumBlocksTarget(const float* in, ptrdiff_t pixel, size_t count, size_t depth, const float* packed, size_t weights,
                     float* sums) {
  size_t x = 0;
  for (; x + 4 <= count; x += 4)
    SumBlocks<4>(in + static_cast<ptrdiff_t>(x) * pixel, pixel, depth, packed, weights, sums + x * weights);
  for (; x < count; ++x)
    SumBlocks<1>(in + static_cast<ptrdiff_t>(x) * pixel, pixel, depth, packed, weights, sums + x * weights);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(SumBlocksTarget);

namespace {

// y = post(sum + bias) for `count` values.
void Finish(const Epilogue& epilogue, const float* bias, float* values, size_t count) {
  if (bias != nullptr) {
    for (size_t i = 0; i < count; ++i) values[i] += bias[0];
  }
  switch (epilogue.post) {
    case Epilogue::Post::kNone:
    case Epilogue::Post::kSlopes: break;
    case Epilogue::Post::kClamp:
      // As AtLeast and AtMost have it: NaN stays.
      for (size_t i = 0; i < count; ++i) {
        values[i] = values[i] < epilogue.low ? epilogue.low : values[i];
        values[i] = values[i] > epilogue.high ? epilogue.high : values[i];
      }
      break;
    case Epilogue::Post::kLeaky:
      for (size_t i = 0; i < count; ++i) values[i] = values[i] < 0 ? epilogue.low * values[i] : values[i];
      break;
    case Epilogue::Post::kActivate: ActivateRun(epilogue.activation, values, values, count); break;
  }
}

// A row of each block, one after the other. Two pixels, the usual number, need no call of memmove, which took a third of the kernel's time.
void TakeRow(const float* blocks, size_t stride, size_t count, size_t width, float* out) {
  if (width == 2) {
    for (size_t i = 0; i < count; ++i) {
      out[2 * i] = blocks[i * stride];
      out[2 * i + 1] = blocks[i * stride + 1];
    }
    return;
  }
  for (size_t i = 0; i < count; ++i) std::copy_n(blocks + i * stride, width, out + i * width);
}

}  // namespace

void RunUpsamplingRows(const UpsamplingShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                       size_t first_row, size_t rows) {
  DECAL_DASSERT(first_row + rows <= shape.batch * shape.in_height);
  DECAL_DASSERT(buffers.packed != nullptr && shape.block() <= kMostBlockPixels);
  DECAL_DASSERT(epilogue.residual == Epilogue::Residual::kNone && epilogue.post != Epilogue::Post::kSlopes);
  constexpr size_t kPixels = 32;  // 2 x 2 blocks of them take 512 bytes
  alignas(64) float sums[kPixels * kMostBlockPixels], run[kPixels * kMostBlockPixels];
  const size_t weights = UpsamplingWeights(shape), width = shape.block_width;
  for (size_t row = first_row; row < first_row + rows; ++row) {
    const size_t n = row / shape.in_height, y = row % shape.in_height;
    for (size_t x = 0; x < shape.in_width; x += kPixels) {
      const size_t count = std::min(kPixels, shape.in_width - x);
      HWY_DYNAMIC_DISPATCH(SumBlocksTarget)
      (buffers.in + PixelOffset(shape.in, n, y, x), shape.in.pixel, count, shape.depth, buffers.packed, weights, sums);
      for (size_t ky = 0; ky < shape.block_height; ++ky) {
        TakeRow(sums + ky * width, weights, count, width, run);
        Finish(epilogue, buffers.bias, run, count * width);
        float* out = buffers.out + PixelOffset(shape.out, n, y * shape.block_height + ky, x * width);
        for (size_t i = 0; i < count * width; ++i) out[static_cast<ptrdiff_t>(i) * shape.out.pixel] = run[i];
      }
    }
  }
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
