// A runner of threads that stops early, for work on pictures.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

#include "decal/parallel.h"

namespace decal {

// Hands tasks on to another runner, and leaves out those that have not begun when `cancel` is set. What they would have made is then missing, and
// the caller throws the result away. For work on pictures (Composite, TakeFrame, ResizeImage); sessions heed a flag by themselves.
class HeedfulRunner final : public ThreadRunner {
 public:
  // Both outlive it.
  HeedfulRunner(ThreadRunner& runner, const std::atomic<bool>& cancel) : runner_(runner), cancel_(cancel) {}

  size_t thread_count() const override { return runner_.thread_count(); }
  void Run(size_t tasks, Task task, void* context) override {
    ParallelFor(runner_, tasks, [&](size_t index, size_t thread) {
      if (!cancel_.load(std::memory_order_relaxed)) task(context, index, thread);
    });
  }

 private:
  ThreadRunner& runner_;
  const std::atomic<bool>& cancel_;
};

}  // namespace decal
