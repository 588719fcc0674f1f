// The fork handlers and the pool behind Runner.
// SPDX-License-Identifier: MIT
#include "binding/runner.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace decal::python {
namespace {

// How often signals are looked for: a Ctrl-C is answered at once to a human, and taking the GIL costs nothing at this rate.
constexpr std::chrono::milliseconds kSignalInterval{50};

// Never destroyed: engines may outlive static objects at exit.
struct Registry {
  std::mutex mutex;
  std::vector<Shared*> objects;
};
Registry& TheRegistry() {
  static Registry* registry = new Registry;
  return *registry;
}

size_t CoresIfZero(size_t threads) {
  return threads > 0 ? threads : std::max<size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

Runner::Runner(size_t threads) : threads_(CoresIfZero(threads)) {}

Runner::~Runner() = default;

void Runner::WatchSignals(CancelFlag* cancel) {
  cancel_ = cancel;
  last_look_ = std::chrono::steady_clock::now();
}

void Runner::HandleSignals() {
  const auto now = std::chrono::steady_clock::now();
  if (cancel_ == nullptr || *cancel_ || now - last_look_ < kSignalInterval) return;
  last_look_ = now;
  const nb::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) *cancel_ = true;
}

void Runner::Run(size_t tasks, Task task, void* context) {
  if (!pool_) pool_ = MakeThreadPool(threads_);
  pool_->Run(tasks, task, context);
  HandleSignals();
}

Shared::Shared(size_t threads) : runner(threads) {
  const nb::gil_scoped_release released;
  const std::lock_guard lock(TheRegistry().mutex);
  TheRegistry().objects.push_back(this);
}

Shared::~Shared() {
  const nb::gil_scoped_release released;
  const std::lock_guard lock(TheRegistry().mutex);
  std::erase(TheRegistry().objects, this);
}

void BeforeFork() {
  const nb::gil_scoped_release released;
  TheRegistry().mutex.lock();
  for (Shared* object : TheRegistry().objects) object->mutex.lock();
}

void AfterForkInParent() {
  for (Shared* object : TheRegistry().objects) object->mutex.unlock();
  TheRegistry().mutex.unlock();
}

void AfterForkInChild() {
  for (Shared* object : TheRegistry().objects) object->runner.AfterForkInChild();
  AfterForkInParent();
}

}  // namespace decal::python
