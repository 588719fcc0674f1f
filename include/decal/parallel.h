// How the library gets its threads: the caller passes a runner; the engine starts no thread by itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

namespace decal {

// Runs `task(context, index, thread)` for every index in [0, tasks) and returns when all are done. `thread` is less than
// thread_count(), and no two calls with the same `thread` run at the same time, so it can index per-thread scratch memory.
// Tasks may run in any order; the engine's results do not depend on it.
class ThreadRunner {
 public:
  using Task = void (*)(void* context, size_t index, size_t thread);

  virtual ~ThreadRunner() = default;
  virtual size_t thread_count() const = 0;
  virtual void Run(size_t tasks, Task task, void* context) = 0;
};

// Calls `fn(index, thread)` for every index in [0, tasks).
template <class Fn>
void ParallelFor(ThreadRunner& runner, size_t tasks, const Fn& fn) {
  if (tasks == 0) return;
  runner.Run(
      tasks, [](void* context, size_t index, size_t thread) { (*static_cast<const Fn*>(context))(index, thread); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

// Runs everything on the calling thread.
ThreadRunner& SerialRunner();

// A pool of `threads - 1` threads in addition to the calling one; 0 means one per core.
// Native builds only: WebAssembly hosts bring their own runner.
std::unique_ptr<ThreadRunner> MakeThreadPool(size_t threads);

}  // namespace decal
