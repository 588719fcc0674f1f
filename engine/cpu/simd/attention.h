// Scaled dot-product attention of one head, block by block with a running softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace decal::cpu {

// Rows have their elements side by side; strides in elements.
struct AttentionShape {
  size_t queries = 0, keys = 0;
  size_t depth = 0, columns = 0;  // elements of a query and of a value
  float scale = 1;
  ptrdiff_t q_row = 0, k_row = 0, v_row = 0, out_row = 0;
};

struct AttentionBias {
  const float* data = nullptr;  // [queries, keys] of this head; null adds nothing
  ptrdiff_t row = 0;
};
inline constexpr size_t kAttentionBiases = 2;

struct AttentionBuffers {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  AttentionBias biases[kAttentionBiases];
  float* out = nullptr;
};

// Queries that share one packing of the keys and values: packing an element costs about as much as a few of its
// products with a query, so 256 of them make it vanish.
inline constexpr size_t kAttentionQueries = 256;

// Scratch of one thread for any number of queries and keys.
size_t AttentionScratchBytes(const AttentionShape& shape);

// Queries [first, first + count) of one head; count is at most kAttentionQueries.
void RunAttention(const AttentionShape& shape, const AttentionBuffers& buffers, size_t first, size_t count,
                  std::byte* scratch);

}  // namespace decal::cpu
