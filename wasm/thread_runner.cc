// A job is one counter of untaken tasks that all threads lower, and a futex on it. The caller takes them from the front, workers from the
// back, so that the same parts of one layer after the other stay in a core's cache.
// SPDX-License-Identifier: MIT
#include "wasm/thread_runner.h"

#include <algorithm>
#include <cstdlib>

namespace decal {
namespace {

constexpr uint32_t kStopping = UINT32_MAX;

// How often a thread looks before it sleeps in the futex: about 20 us, what being woken costs. Layers follow one
// another faster than that. Measured on two cores with jobs of 80 us: 61 us each without spinning, 57 with 500
// looks, 47 with 4,000, 43 with 20,000.
constexpr int kSpins = 20'000;

// Not inlined: V8 11.3 (Node 20) loses the address when its baseline code waits twice in one loop.
[[gnu::noinline]] void FutexWait(std::atomic<uint32_t>& word, uint32_t expected) {
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(&word), static_cast<int>(expected), -1);
}

[[gnu::noinline]] void FutexWake(std::atomic<uint32_t>& word, uint32_t count) {
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&word), count);
}

}  // namespace

bool WorkerRunner::Init(size_t threads) {
  if (threads > 1) {
    stacks_ = static_cast<std::byte*>(std::aligned_alloc(64, (threads - 1) * kStackBytes));
    if (stacks_ == nullptr) return false;
  }
  threads_ = threads;
  return true;
}

uintptr_t WorkerRunner::stack_pointer(size_t index) const {
  return reinterpret_cast<uintptr_t>(stacks_ + index * kStackBytes);
}

void WorkerRunner::Run(size_t tasks, Task task, void* context) {
  const uint32_t workers = workers_ready();
  if (failed_.load(std::memory_order_acquire)) __builtin_trap();
  if (tasks <= 1 || workers == 0) {
    for (size_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  task_ = task;
  context_ = context;
  tasks_ = static_cast<uint32_t>(tasks);
  taken_in_front_ = 0;
  taken_behind_.store(0, std::memory_order_relaxed);
  unfinished_.store(tasks_, std::memory_order_relaxed);
  // Sequentially consistent with WaitForWork: either we see the sleeper or it sees the tasks.
  remaining_.store(tasks_, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) FutexWake(remaining_, std::min(workers, tasks_ - 1));
  RunAll(0);
  for (int spin = 0;; ++spin) {
    const uint32_t unfinished = unfinished_.load(std::memory_order_acquire);
    if (unfinished == 0) return;
    if (failed_.load(std::memory_order_acquire)) __builtin_trap();
    if (spin >= kSpins) FutexWait(unfinished_, unfinished);
  }
}

void WorkerRunner::WorkerMain(size_t index) {
  ready_.fetch_add(1, std::memory_order_release);
  while (remaining_.load(std::memory_order_acquire) != kStopping) {
    RunAll(index);
    WaitForWork();
  }
}

void WorkerRunner::WorkerFailed() {
  failed_.store(true, std::memory_order_release);
  // Any change of the futex's value ends a wait that is about to begin; the count itself is void now.
  unfinished_.fetch_or(1u << 31, std::memory_order_acq_rel);
  FutexWake(unfinished_, 1);
}

void WorkerRunner::Stop() {
  remaining_.store(kStopping, std::memory_order_seq_cst);
  FutexWake(remaining_, UINT32_MAX);
}

void WorkerRunner::WaitForWork() {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (remaining_.load(std::memory_order_acquire) != 0) return;
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  FutexWait(remaining_, 0);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

// Not inlined into loops that last for a worker's whole life: V8 replaces baseline code by optimised code
// only when a function is entered, and would leave the kernel inside them in baseline code for ever.
[[gnu::noinline]] void WorkerRunner::RunAll(size_t thread) {
  while (TakeOne(thread)) {
  }
}

bool WorkerRunner::TakeOne(size_t thread) {
  uint32_t remaining = remaining_.load(std::memory_order_acquire);
  do {
    if (remaining == 0 || remaining == kStopping) return false;
  } while (!remaining_.compare_exchange_weak(remaining, remaining - 1, std::memory_order_acq_rel));
  // As many as `remaining_` had are taken in all, so that front and back do not meet.
  const uint32_t index =
      thread == 0 ? taken_in_front_++ : tasks_ - 1 - taken_behind_.fetch_add(1, std::memory_order_relaxed);
  task_(context_, index, thread);
  // The last one wakes the caller, who is in Run and may be asleep.
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1 && thread != 0) FutexWake(unfinished_, 1);
  return true;
}

}  // namespace decal
