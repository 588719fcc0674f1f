// Imports the engine's functions into the cut-out module: malloc and its callers, the thread runner, errors.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "wasm/cutout_host.h"

#include <__verbose_abort>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#define DECAL_IMPORT(name) __attribute__((import_module("env"), import_name(#name)))

extern "C" {
DECAL_IMPORT(decal_alloc) void* engine_alloc(uint32_t bytes);
DECAL_IMPORT(decal_free) void engine_free(void* memory);
DECAL_IMPORT(decal_run_tasks) void engine_run_tasks(uint32_t tasks, void* task, void* context);
DECAL_IMPORT(decal_thread_count) uint32_t engine_thread_count();
DECAL_IMPORT(decal_set_error) void engine_set_error(int32_t code, const char* message, const char* where);

// Instead of libc's, whose heap would begin where the engine's does.
void* malloc(size_t bytes) { return engine_alloc(bytes); }
void free(void* memory) { engine_free(memory); }
void* aligned_alloc(size_t, size_t bytes) { return engine_alloc(bytes); }  // whose blocks are aligned for all of them
void* calloc(size_t count, size_t bytes) {
  uint64_t all = uint64_t{count} * bytes;
  void* memory = all > SIZE_MAX ? nullptr : malloc(static_cast<size_t>(all));
  if (memory != nullptr) std::memset(memory, 0, static_cast<size_t>(all));
  return memory;
}
}

// As in memory.cc: without the few kB of a container nothing can go on.
void* operator new(size_t size) {
  if (void* memory = malloc(size == 0 ? 1 : size)) return memory;
  engine_set_error(0, nullptr, nullptr);
  __builtin_trap();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept { return malloc(size == 0 ? 1 : size); }
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return malloc(size == 0 ? 1 : size); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

[[noreturn]] void std::__libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }

namespace decal {
namespace {

class EngineRunner final : public ThreadRunner {
 public:
  size_t thread_count() const override { return engine_thread_count(); }
  void Run(size_t tasks, Task task, void* context) override {
    engine_run_tasks(tasks, reinterpret_cast<void*>(task), context);
  }
};

EngineRunner runner;

}  // namespace

ThreadRunner& EngineThreads() { return runner; }

int ReportToEngine(const Status& status) {
  if (status) {
    engine_set_error(-1, "", "");
    return 0;
  }
  const Error& error = status.error();
  engine_set_error(static_cast<int32_t>(error.code), error.message.c_str(), error.where.c_str());
  return 1;
}

}  // namespace decal
