// Queues, and the thread that watches clients.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/admission.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace decal::cli {
namespace {

using namespace std::chrono_literals;

// How soon a client's end is noticed.
constexpr auto kWatchInterval = 50ms;

CancelFlag not_cancelled{false};

}  // namespace

Watcher::Watcher() : thread_([this] { Run(); }) {}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watcher::Add(Watched& watched) {
  const std::lock_guard lock(mutex_);
  watched_.push_back(&watched);
}

void Watcher::Remove(Watched& watched) {
  const std::lock_guard lock(mutex_);
  watched_.remove(&watched);
}

void Watcher::CancelAll() {
  const std::lock_guard lock(mutex_);
  for (Watched* watched : watched_) {
    watched->why = Ending::kShutdown;
    watched->cancel = true;
  }
}

void Watcher::Run() {
  std::unique_lock lock(mutex_);
  std::vector<pollfd> ends;
  while (!end_) {
    wake_.wait_for(lock, kWatchInterval);
    ends.clear();
    for (const Watched* watched : watched_) ends.push_back({watched->fd, POLLRDHUP, 0});
    poll(ends.data(), ends.size(), 0);
    const auto now = ServeClock::now();
    size_t i = 0;
    for (Watched* watched : watched_) {
      const bool gone = (ends[i++].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
      if (watched->cancel || (!gone && now < watched->deadline)) continue;
      watched->why = gone ? Ending::kClientGone : Ending::kTimeout;
      watched->cancel = true;
    }
  }
}

bool Turnstile::Enter(const CancelFlag& cancel, size_t count) {
  count = std::min(count, most_);
  std::unique_lock lock(mutex_);
  const auto place = waiting_.insert(waiting_.end(), next_++);
  while (!(free_ >= count && waiting_.begin() == place)) {
    if (cancel) {
      waiting_.erase(place);
      changed_.notify_all();
      return false;
    }
    changed_.wait_for(lock, kWatchInterval);
  }
  waiting_.erase(place);
  free_ -= count;
  changed_.notify_all();
  return true;
}

void Turnstile::Leave(size_t count) {
  const std::lock_guard lock(mutex_);
  free_ += std::min(count, most_);
  changed_.notify_all();
}

bool Places::Take() {
  size_t taken = taken_;
  while (taken < most_) {
    if (taken_.compare_exchange_weak(taken, taken + 1)) return true;
  }
  return false;
}

void Places::Give() { --taken_; }

Result<std::unique_ptr<Engines>> Engines::Load(const ServeOptions& options) {
  auto engines = std::make_unique<Engines>();
  std::vector<ModelChoice> choices = {options.model};
  for (const std::string& model : options.more_models) {
    ModelChoice choice;
    choice.model = model;
    choice.models_dir = options.model.models_dir;
    choices.push_back(std::move(choice));
  }
  for (int i = 0; i < options.workers; ++i) {
    auto engine = std::make_unique<Engine>();
    for (const ModelChoice& choice : choices) {
      auto cutter = std::make_unique<Cutter>(options.threads, not_cancelled);
      if (Status loaded = cutter->Load(choice); !loaded) return std::unexpected(loaded.error());
      // The first picture plans and packs: it is not a client's. It has the edges that need the most memory, in a size from which on
      // they need hardly more.
      constexpr int kSide = 1024;
      Picture picture{.rgba = std::make_unique<uint8_t[]>(size_t{4} * kSide * kSide), .width = kSide, .height = kSide};
      std::fill_n(picture.rgba.get(), size_t{4} * kSide * kSide, uint8_t{255});
      const auto cut = cutter->Cut({std::move(picture)}, CutOptions{.refine = Refine::kBest});
      if (!cut) return std::unexpected(cut.error());
      engines->memory_bytes_ += cut->done.execution.memory_bytes;
      const std::string name = cutter->model_name();
      if (i == 0) {
        if (engine->contains(name)) return Fail(ErrorCode::kInvalidArgument, "served twice", name);
        engines->names_.push_back(name);
      }
      (*engine)[name] = std::move(cutter);
    }
    engines->free_.push_back(engine.get());
    engines->engines_.push_back(std::move(engine));
  }
  return engines;
}

const std::string* Engines::Find(const std::string& name) const {
  if (name.empty()) return &names_.front();
  const auto at = std::ranges::find(names_, name);
  return at == names_.end() ? nullptr : &*at;
}

Engines::Engine* Engines::Borrow() {
  const std::lock_guard lock(mutex_);
  Engine* engine = free_.back();
  free_.pop_back();
  return engine;
}

void Engines::Return(Engine* engine) {
  const std::lock_guard lock(mutex_);
  free_.push_back(engine);
}

}  // namespace decal::cli
