// The native thread pool: std::threads that each take tasks from their own part of a job, then from others', and that wait for the next
// job awake for a moment before they park. A worker that wakes up late misses the job.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "decal/parallel.h"
#include "engine/base/assert.h"

namespace decal {
namespace {

// How long a thread waits awake. Layers of small networks take 10 to 100 microseconds, and to wake a parked thread takes 15 of the caller's.
// Milliseconds on two cores, medians of runs in turn (selfie segmentation; the default model): parked at once 2.89; 81.7, after 10 us
// 2.19; 77.7, 30 us 1.93; 77.0, 100 us 1.80; 74.7, 300 us 1.80; 73.4, 1 ms 1.80; 78.2. Three such processes at once take 1.05 and 1.00 times
// as long with 100 us as with none.
constexpr std::chrono::microseconds kAwake{100};

// For a loop that waits: the other thread of the core runs, and the loop leaves without a mispredicted branch.
inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Whether `done()` within kAwake.
template <class Done>
bool WaitAwake(const Done& done) {
  constexpr int kLooks = 32;  // between two looks at the clock, which take as long as one of them
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() - begin < kAwake);
  return false;
}

// A job ends when its tasks have ended, not when every worker has woken up: with more threads than cores, most wake up
// when no task is left. Measured on two busy cores with the default model, medians of six interleaved turns: when a job
// waited for every worker, 8 threads took 1.34 times as long as 2 (1,500 context switches a run), and then 0.98 times (550). Today, on
// another machine's two idle cores, they take 1.5 times as long (106 and 70.6 ms): the two stay awake, eight are woken.
class ThreadPool final : public ThreadRunner {
 public:
  // Threads beyond the cores park at once: awake they would keep those from the cores that have work.
  explicit ThreadPool(size_t threads) : awake_(threads <= std::thread::hardware_concurrency()), shares_(threads) {
    for (size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
  }

  ~ThreadPool() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  size_t thread_count() const override { return workers_.size() + 1; }

  void Run(size_t tasks, Task task, void* context) override {
    if (workers_.empty() || tasks <= 1) {
      for (size_t i = 0; i < tasks; ++i) task(context, i, 0);
      return;
    }
    DECAL_DASSERT(tasks <= UINT32_MAX);
    task_ = task;
    context_ = context;
    unfinished_.store(tasks, std::memory_order_relaxed);
    const size_t threads = shares_.size();
    for (size_t i = 0; i < threads; ++i) shares_[i].Set(i * tasks / threads, (i + 1) * tasks / threads);
    // Sequentially consistent, as in Work: either this sees that a worker is about to park, or it sees the new job.
    generation_.fetch_add(1);
    if (const size_t parked = parked_.load(); parked > 0) {
      // Whoever was about to park waits once the lock was free.
      std::unique_lock(mutex_).unlock();
      if (tasks > parked) {
        wake_.notify_all();
      } else {
        for (size_t i = 1; i < tasks; ++i) wake_.notify_one();
      }
    }
    TakeTasks(0);
    const auto finished = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
    if (finished() || (awake_ && WaitAwake(finished))) return;
    std::unique_lock lock(mutex_);
    caller_parked_.store(true);
    idle_.wait(lock, [this] { return unfinished_.load() == 0; });
    caller_parked_.store(false);
  }

 private:
  // A thread's part of the job's tasks, [begin, end): it takes them in order, others from the end. So the same part of one layer after
  // the other stays in a core's cache: 1.47 ms instead of 1.74 with one counter for all (selfie segmentation), 70.6 instead of 75.9
  // (the default model; two cores, runs in turn). On a cache line of its own.
  class alignas(64) Share {
   public:
    void Set(size_t begin, size_t end) { range_.store(Pack(begin, end), std::memory_order_release); }

    // Takes a task, if any is left: its index.
    std::optional<size_t> Take(bool own) {
      uint64_t range = range_.load(std::memory_order_acquire);
      for (;;) {
        const size_t begin = range >> 32, end = range & UINT32_MAX;
        if (begin >= end) return {};
        const uint64_t rest = own ? Pack(begin + 1, end) : Pack(begin, end - 1);
        if (range_.compare_exchange_weak(range, rest, std::memory_order_acq_rel)) return own ? begin : end - 1;
      }
    }

   private:
    static uint64_t Pack(size_t begin, size_t end) { return uint64_t{begin} << 32 | end; }

    std::atomic<uint64_t> range_ = 0;
  };

  void TakeTasks(size_t thread) {
    const size_t threads = shares_.size();
    for (size_t i = 0; i < threads; ++i) {
      Share& share = shares_[(thread + i) % threads];
      while (const std::optional<size_t> index = share.Take(i == 0)) {
        task_(context_, *index, thread);
        // Sequentially consistent, as in Run: either this sees that the caller is about to park, or it sees that all is done.
        if (unfinished_.fetch_sub(1) == 1 && thread != 0 && caller_parked_.load()) {
          std::lock_guard lock(mutex_);
          idle_.notify_one();
        }
      }
    }
  }

  void Work(size_t thread) {
    for (uint64_t seen = 0;;) {
      const auto called = [&] { return generation_.load() != seen || stopping_.load(); };
      if (!awake_ || !WaitAwake(called)) {
        std::unique_lock lock(mutex_);
        parked_.fetch_add(1);
        wake_.wait(lock, called);
        parked_.fetch_sub(1);
      }
      if (stopping_) return;
      seen = generation_.load();
      TakeTasks(thread);
    }
  }

  const bool awake_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::atomic<bool> stopping_ = false;

  // The current job. A worker that took a task may read these until it has lowered `unfinished_`: before that the job
  // cannot end, so they cannot change.
  Task task_ = nullptr;
  void* context_ = nullptr;

  std::vector<Share> shares_;
  // On cache lines of their own, because all threads write to them.
  alignas(64) std::atomic<size_t> unfinished_ = 0;  // tasks not finished yet
  // Read by all that wait, written once a job or when a thread parks.
  alignas(64) std::atomic<uint64_t> generation_ = 0;  // of jobs
  std::atomic<size_t> parked_ = 0;  // workers that wait for a job, or are about to
  std::atomic<bool> caller_parked_ = false;  // or about to
  std::vector<std::thread> workers_;
};

}  // namespace

std::unique_ptr<ThreadRunner> MakeThreadPool(size_t threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return std::make_unique<ThreadPool>(threads);
}

}  // namespace decal
