// Working memory for the picture stages: one block per thread, allocated before any work starts.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

#include "cutout/resample.h"
#include "decal/cutout.h"
#include "decal/parallel.h"

namespace decal {

class ThreadScratch {
 public:
  // `floats` for every thread of `runner`.
  static Result<ThreadScratch> Allocate(size_t floats, const ThreadRunner& runner) {
    Buffer own;
    DECAL_TRY_ASSIGN(ThreadScratch scratch, In(own, floats, runner));
    scratch.own_ = std::move(own);
    return scratch;
  }
  // The same in a buffer that outlives it.
  static Result<ThreadScratch> In(Buffer& buffer, size_t floats, const ThreadRunner& runner) {
    // Whole cache lines, so that two threads never write to the same one.
    const size_t stride = AlignUp(floats, kAlignment / sizeof(float));
    DECAL_TRY_ASSIGN(float* const first,
                     Reserve<float>(buffer, uint64_t{stride} * runner.thread_count(), "picture rows"));
    return ThreadScratch(first, stride);
  }

  float* thread(size_t index) { return first_ + index * stride_; }

 private:
  ThreadScratch(float* first, size_t stride) : first_(first), stride_(stride) {}

  float* first_;
  size_t stride_;
  Buffer own_;
};

// What the stages allocate for such a picture, their small tables aside: for CutoutReport::memory_bytes.
size_t PrepareInputScratchBytes(ImageView picture, const InputSpec& spec, size_t threads);
size_t CompositeScratchBytes(ImageView picture, MatteView matte, const CompositeOptions& options, size_t threads);

}  // namespace decal
