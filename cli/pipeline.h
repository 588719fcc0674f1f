// Pictures one after the other through the network, while the next is decoded and the last is encoded.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "cli/cutter.h"

namespace decal::cli {

inline size_t BytesOf(ImageView view) { return view.stride_bytes * static_cast<size_t>(view.height); }

// Three pictures are in memory at most, and two where one alone, or what is made of it, takes a quarter of `max_memory` (0: the default).
//   Job                            what a picture is known by; moved about
//   next()                         -> std::optional<Job>: the next one, when its decoding may begin
//   begin(job)                     before its turn at the network
//   decode(job), write(job, cutout, runner)  -> Result<Decoded>, Result<Done>: from other threads
//   cut(decoded)                   -> Result<Cutout>
//   report(job, result)            -> bool: its end, in order; whether to go on
// What is not said to be from other threads is called on this one.
template <class Job, class Next, class Begin, class Decode, class Cut, class Write, class Report>
void CutAll(Cutter& cutter, size_t max_memory, const Next& next, const Begin& begin, const Decode& decode,
            const Cut& cut, const Write& write, const Report& report) {
  const size_t large = (max_memory != 0 ? max_memory : DefaultMaxMemory()) / 4;
  struct Ahead {
    std::shared_ptr<Job> job;
    std::future<Result<Decoded>> decoded;
  };
  struct Behind {
    std::shared_ptr<Job> job;
    std::future<Result<Done>> done;
  };
  const auto take = [&]() -> std::shared_ptr<Job> {
    std::optional<Job> job = next();
    return job ? std::make_shared<Job>(*std::move(job)) : nullptr;
  };
  Behind last;
  bool go_on = true;
  const auto end = [&](const Job& job, const Result<Done>& result) { go_on = report(job, result) && go_on; };
  const auto finish = [&] {
    if (last.done.valid()) end(*last.job, last.done.get());
  };
  Ahead ahead{take(), {}};
  while (ahead.job && go_on) {
    const std::shared_ptr<Job> job = std::move(ahead.job);
    begin(*job);
    auto decoded = ahead.decoded.valid() ? ahead.decoded.get() : decode(*job);
    const bool overlaps = decoded && decoded->picture.bytes() < large;
    ahead = {};
    bool taken = false;
    if (overlaps) {
      ahead.job = take();
      taken = true;
      if (ahead.job) {
        ahead.decoded = std::async(std::launch::async, [&decode, ahead_job = ahead.job] { return decode(*ahead_job); });
      }
    }
    auto cutout = decoded ? cut(*std::move(decoded)) : std::unexpected(decoded.error());
    finish();
    if (!cutout) {
      end(*job, std::unexpected(cutout.error()));
    } else if (overlaps && ahead.job && BytesOf(cutout->result) < large) {
      last = {job, std::async(std::launch::async, [&write, job, made = *std::move(cutout)]() mutable {
                return write(*job, std::move(made), static_cast<ThreadRunner*>(nullptr));
              })};
    } else {
      end(*job, write(*job, *std::move(cutout), cutter.runner()));
    }
    if (!taken && go_on) ahead.job = take();
  }
  finish();
}

}  // namespace decal::cli
