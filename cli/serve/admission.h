// Admission of requests: places in the queue, pictures in memory, networks; and the thread that notices disconnected clients.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/cutter.h"
#include "cli/serve/connection.h"

namespace decal::cli {

// Why a request's flag was set.
enum class Ending { kNone, kClientGone, kTimeout, kShutdown };

// A request in progress, as the Watcher sees it.
struct Watched {
  int fd = -1;
  ServeClock::time_point deadline;
  CancelFlag cancel{false};
  std::atomic<Ending> why{Ending::kNone};
};

// Watches requests in progress: cancels those whose client has disconnected or whose deadline has passed.
class Watcher {
 public:
  Watcher();
  ~Watcher();
  void Add(Watched& watched);
  void Remove(Watched& watched);
  // Cancels all requests.
  void CancelAll();

 private:
  void Run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Watched*> watched_;
  bool end_ = false;
  std::thread thread_;
};

// A semaphore that admits in order of arrival.
class Turnstile {
 public:
  explicit Turnstile(size_t most) : most_(most), free_(most) {}
  // Waits for `count` turns; who wants more than there are gets all. Returns false if `cancel` was set before.
  bool Enter(const CancelFlag& cancel, size_t count = 1);
  void Leave(size_t count = 1);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<uint64_t> waiting_;
  uint64_t next_ = 0;
  const size_t most_;
  size_t free_;
};

// Holds a turn of a Turnstile within a scope.
class Turn {
 public:
  Turn(Turnstile& turnstile, const CancelFlag& cancel) : turnstile_(turnstile), entered_(turnstile.Enter(cancel)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (entered_) turnstile_.Leave();
  }
  explicit operator bool() const { return entered_; }

 private:
  Turnstile& turnstile_;
  const bool entered_;
};

// Counts the requests that were admitted and not answered yet, up to a maximum. Take fails at once if all places are taken.
class Places {
 public:
  explicit Places(size_t most) : most_(most) {}
  bool Take();
  void Give();
  size_t taken() const { return taken_; }
  size_t most() const { return most_; }

 private:
  const size_t most_;
  std::atomic<size_t> taken_{0};
};

// The loaded models, once for each picture that may be in a network at the same time.
class Engines {
 public:
  // Loads all and runs each once. Errors: of Cutter::Load and Cut.
  static Result<std::unique_ptr<Engines>> Load(const ServeOptions& options);

  // The name by which requests know a model; empty: the default. Null: not served.
  const std::string* Find(const std::string& name) const;
  const std::vector<std::string>& names() const { return names_; }
  // Of all sessions, in bytes.
  size_t memory_bytes() const { return memory_bytes_; }

  using Engine = std::map<std::string, std::unique_ptr<Cutter>>;
  // A free one. There always is, because the turnstile admits only as many requests as there are.
  Engine* Borrow();
  void Return(Engine* engine);

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<Engine*> free_;
  std::mutex mutex_;
  size_t memory_bytes_ = 0;
};

}  // namespace decal::cli
