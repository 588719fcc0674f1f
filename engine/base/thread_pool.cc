// The native thread pool: parked std::threads that take task indices from one atomic counter.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "decal/parallel.h"

namespace decal {
namespace {

class ThreadPool final : public ThreadRunner {
 public:
  explicit ThreadPool(size_t threads) {
    for (size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
  }

  ~ThreadPool() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      ++generation_;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  size_t thread_count() const override { return workers_.size() + 1; }

  void Run(size_t tasks, Task task, void* context) override {
    if (workers_.empty() || tasks == 1) {
      for (size_t i = 0; i < tasks; ++i) task(context, i, 0);
      return;
    }
    {
      std::lock_guard lock(mutex_);
      task_ = task;
      context_ = context;
      tasks_ = tasks;
      next_.store(0, std::memory_order_relaxed);
      busy_ = workers_.size();
      ++generation_;
    }
    wake_.notify_all();
    TakeTasks(0);
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void TakeTasks(size_t thread) {
    for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) task_(context_, i, thread);
  }

  void Work(size_t thread) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_ != seen; });
        seen = generation_;
        if (stopping_) return;
      }
      TakeTasks(thread);
      std::lock_guard lock(mutex_);
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  uint64_t generation_ = 0;
  size_t busy_ = 0;
  bool stopping_ = false;
  Task task_ = nullptr;
  void* context_ = nullptr;
  size_t tasks_ = 0;
  std::atomic<size_t> next_{0};
  std::vector<std::thread> workers_;
};

}  // namespace

std::unique_ptr<ThreadRunner> MakeThreadPool(size_t threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return std::make_unique<ThreadPool>(threads);
}

}  // namespace decal
