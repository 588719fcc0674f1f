// A queue of bounded length between two threads.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace decal::cli {

// At most `limit` heavy items wait in it, and 64 times as many in all.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t limit) : limit_(limit) {}

  // Waits for room; false where the other side has stopped.
  bool Push(T item, bool heavy) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || (heavy ? heavy_ < limit_ : items_.size() < 64 * limit_); });
    if (closed_) return false;
    heavy_ += heavy ? 1 : 0;
    items_.emplace_back(std::move(item), heavy);
    changed_.notify_all();
    return true;
  }

  // Waits for an item; nothing once the queue has ended and is empty, or was stopped.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || ended_ || !items_.empty(); });
    if (closed_ || items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front().first));
    heavy_ -= items_.front().second ? 1 : 0;
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  // No more will come: Pop gives what is there.
  void End() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  // Nobody wants any: what is there goes.
  void Stop() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    items_.clear();
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<T, bool>> items_;
  size_t limit_, heavy_ = 0;
  bool ended_ = false, closed_ = false;
};

}  // namespace decal::cli
