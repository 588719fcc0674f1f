// The native thread pool: every task once, no thread index twice at a time, and jobs that end without workers that wake late.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#ifdef __linux__
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <string>
#endif

#include "decal/parallel.h"

namespace decal {
namespace {

// Jobs one after the other, so short that workers are still on their way to one when the next begins.
TEST(ThreadPool, EveryTaskOnceAndEveryThreadIndexByOneThread) {
  for (const size_t threads : {1, 2, 3, 8}) {
    const auto pool = MakeThreadPool(threads);
    ASSERT_EQ(pool->thread_count(), threads);
    std::vector<std::atomic<int>> inside(threads);
    for (size_t job = 0; job < 5000; ++job) {
      const size_t tasks = job % 19;
      std::vector<size_t> done(tasks);
      std::atomic<bool> shared_index = false;
      ParallelFor(*pool, tasks, [&](size_t i, size_t thread) {
        if (thread >= threads || inside[thread].fetch_add(1) != 0) shared_index = true;
        for (volatile int spin = 0; spin < 300; spin = spin + 1) {
        }
        done[i] += job + 1;
        if (thread < threads) inside[thread].fetch_sub(1);
      });
      ASSERT_FALSE(shared_index) << "job " << job << ", " << threads << " threads";
      ASSERT_EQ(done, std::vector<size_t>(tasks, job + 1)) << threads << " threads";
    }
  }
}

#ifdef __linux__

std::atomic<int> held{0};
std::atomic<bool> release{false};

void Hold(int) {
  held.fetch_add(1);
  while (!release.load()) {
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

// Whether the system calls the thread asleep.
bool Sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(") ");
  return name_end != std::string::npos && text[name_end + 2] == 'S';
}

// Workers that the system does not let run, as with more threads than cores: a signal's handler keeps them.
TEST(ThreadPool, AJobDoesNotWaitForWorkersThatTookNothing) {
  constexpr size_t kThreads = 4;
  constexpr auto kPatience = std::chrono::seconds(20);
  const auto pool = MakeThreadPool(kThreads);
  std::vector<pid_t> ids(kThreads);
  std::atomic<size_t> arrived = 0;
  ParallelFor(*pool, kThreads, [&](size_t, size_t thread) {
    ids[thread] = static_cast<pid_t>(syscall(SYS_gettid));
    arrived.fetch_add(1);
    while (arrived.load() < kThreads) std::this_thread::yield();
  });

  // Once they are parked: a worker that is kept while it holds the pool's lock would keep the caller, too.
  const auto parked = [&] { return Sleeps(ids[1]) && Sleeps(ids[2]) && Sleeps(ids[3]); };
  for (int in_a_row = 0; in_a_row < 5; in_a_row = parked() ? in_a_row + 1 : 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  struct sigaction hold{}, before{};
  hold.sa_handler = Hold;
  hold.sa_flags = SA_RESTART;
  held = 0;
  release = false;
  ASSERT_EQ(sigaction(SIGUSR1, &hold, &before), 0);
  for (size_t i = 1; i < kThreads; ++i) ASSERT_EQ(syscall(SYS_tgkill, getpid(), ids[i], SIGUSR1), 0);
  while (held.load() < 3) std::this_thread::yield();

  // A pool that waits for them is let go after a while, so that the test fails instead of hanging.
  std::atomic<bool> finished = false, late = false;
  std::thread watch([&] {
    const auto begin = std::chrono::steady_clock::now();
    while (!finished && std::chrono::steady_clock::now() - begin < kPatience)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    late = !finished;
    release = true;
  });
  std::vector<size_t> by_thread(kThreads);
  for (int job = 0; job < 50; ++job) ParallelFor(*pool, 7, [&](size_t, size_t thread) { ++by_thread[thread]; });
  finished = true;
  watch.join();
  EXPECT_FALSE(late) << "the caller waited for workers that had nothing to do";
  EXPECT_EQ(by_thread, (std::vector<size_t>{350, 0, 0, 0}));

  // They take part again.
  arrived = 0;
  ParallelFor(*pool, kThreads, [&](size_t, size_t) {
    arrived.fetch_add(1);
    while (arrived.load() < kThreads) std::this_thread::yield();
  });
  sigaction(SIGUSR1, &before, nullptr);
}

#endif

}  // namespace
}  // namespace decal
