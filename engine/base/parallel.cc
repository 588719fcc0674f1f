// The runner that uses the calling thread only.
// SPDX-License-Identifier: MIT
#include "decal/parallel.h"

namespace decal {
namespace {

class Serial final : public ThreadRunner {
 public:
  size_t thread_count() const override { return 1; }
  void Run(size_t tasks, Task task, void* context) override {
    for (size_t i = 0; i < tasks; ++i) task(context, i, 0);
  }
};

}  // namespace

ThreadRunner& SerialRunner() {
  static Serial runner;
  return runner;
}

}  // namespace decal
