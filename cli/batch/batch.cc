// decal batch: gives the pictures of a list to workers and records the outcomes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/batch/clashes.h"
#include "cli/batch/journal.h"
#include "cli/batch/list.h"
#include "cli/batch/progress.h"
#include "cli/batch/worker.h"
#include "cli/commands.h"
#include "cli/cut_options.h"
#include "cli/cutter.h"
#include "cli/interrupt.h"
#include "cli/jobs.h"
#include "cli/json_object.h"
#include "cli/report.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;
using BatchClock = std::chrono::steady_clock;

// The time limit for pictures in progress after an interrupt: less than the 30 seconds that Slurm and Kubernetes give.
constexpr auto kFinishTime = std::chrono::seconds(20);
constexpr int kBatchPollMs = 100;
// Entries of a list to read before the workers are polled again.
constexpr int kEntriesAtOnce = 256;
// So many workers died one after the other without finishing a picture: then the cause is not the pictures.
constexpr int kMostDeaths = 5;
constexpr const char* kWorkerLost = "worker-lost";

// A picture in progress.
struct InWork {
  std::string input, name, version;  // name: JournalText of the output
};

class Batch {
 public:
  Batch(const BatchOptions& options, Shard shard, Journal journal, std::unique_ptr<PictureList> list)
      : options_(options), shard_(std::move(shard)), journal_(std::move(journal)), list_(std::move(list)),
        progress_(options.quiet) {}

  int Run() {
    if (Status begun = WriteRunLine(); !begun) return Fatal(begun.error());
    clashes_.Read(ListOf(options_));
    if (!options_.quiet && isatty(STDERR_FILENO)) OpenCounting();
    while (!fatal_ && GoOn()) {
      if (stopping()) BeginStop();
      else HandOut();
      Listen();
      Count();
      progress_.Show(counts_, Share());
    }
    workers_.clear();
    progress_.Clear();
    return End();
  }

 private:
  bool stopping() const { return Cancelled() || failed_stop_; }
  bool GoOn() const {
    if (stop_since_ && (in_work_.empty() || BatchClock::now() - *stop_since_ > kFinishTime)) return false;
    return stopping() ? !stop_since_ || !in_work_.empty() : !list_ended_ || !in_work_.empty() || !suspects_.empty();
  }

  Status WriteRunLine() {
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    return journal_.Append(
        JsonObject()
            .AddRaw("run", JsonObject()
                               .Add("version", Version())
                               .Add("shard", shard_.ToText())
                               .Add("from", options_.from)
                               .Add("host", std::string(host))
                               .Add("begun", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))))
                               .AddRaw("options", CutOptionsJson(options_))
                               .ToString())
            .ToString());
  }

  int Fatal(const Error& error) {
    progress_.Clear();
    PrintError(error);
    fatal_ = true;
    return kExitFailed;
  }

  // Gives jobs to the workers that have room, and starts as many workers as there is work for.
  void HandOut() {
    int looked_at = 0;
    for (int i = 0; i < options_.workers && !stopping() && !fatal_; ++i) {
      while (looked_at < kEntriesAtOnce) {
        Worker* worker = static_cast<size_t>(i) < workers_.size() ? workers_[static_cast<size_t>(i)].get() : nullptr;
        if (worker != nullptr && (worker->alone || worker->jobs().size() >= kJobsOfWorker)) break;
        const bool idle = worker == nullptr || worker->jobs().empty();
        if (idle && !suspects_.empty()) {
          WorkerJob job = std::move(suspects_.front());
          suspects_.pop_front();
          if (!Give(i, std::move(job), true)) return;
          break;
        }
        if (list_ended_ || !list_->Ready()) break;
        ++looked_at;
        if (auto job = NextJob()) {
          if (!Give(i, *std::move(job), false)) return;
        }
      }
    }
  }

  bool Give(int index, WorkerJob job, bool alone) {
    if (static_cast<size_t>(index) >= workers_.size()) {
      auto started = Worker::Start(options_, journal_.options());
      if (!started) {
        Fatal(started.error());
        return false;
      }
      workers_.push_back(*std::move(started));
    }
    Worker& worker = *workers_[static_cast<size_t>(index)];
    worker.alone = alone;
    worker.Send(std::move(job));  // a worker that is gone is noticed when its replies end
    return true;
  }

  // The next picture of the list, if it needs to be processed.
  std::optional<WorkerJob> NextJob() {
    auto listed = list_->Next();
    if (!listed) {
      list_ended_ = true;
      return {};
    }
    if (!*listed) {
      if (listed->error().code != ErrorCode::kCancelled) FailListed(listed->error());
      return {};
    }
    ListedPicture picture = **std::move(listed);
    const auto written = [this](const std::string& output) { return journal_.Of(JournalText(output)).seen; };
    std::string clash = clashes_.Of(picture, written);  // also of other shards' pictures, whose inputs lie there too
    std::string name = JournalText(picture.output);
    if (!shard_.Has(name)) return {};
    if (!clash.empty()) {
      FailListed({ErrorCode::kInvalidArgument, std::move(clash), picture.input});
      return {};
    }
    if (picture.input == "-") picture.input = "./-";
    KnownPicture& known = journal_.Of(name);
    const auto input_hash = static_cast<uint32_t>(MixedHash(JournalText(picture.input)));
    if (known.seen) {
      if (known.input != input_hash) {
        FailListed({ErrorCode::kInvalidArgument,
                    fmt::format("another picture of the list becomes {} too", picture.output), picture.input});
      }
      return {};
    }
    const std::string output = (fs::path(options_.to) / picture.output).string();
    const auto state = StateOfFile(picture.input), result = StateOfFile(output);
    if (state && result && state->device == result->device && state->inode == result->inode) {
      FailListed({ErrorCode::kInvalidArgument, "its result would overwrite it", picture.input});
      return {};
    }
    WorkerJob job{.id = next_id_++, .input = picture.input, .output = output};
    const std::string version = state ? state->version : "";
    if (known.done && result) {
      if (state && known.version == VersionKey(journal_.options(), version, result->size)) {
        known.seen = true;
        known.input = input_hash;
        ++counts_.skipped;
        counts_.empty += known.IsEmpty();
        return {};
      }
      job.unchanged = known.content;
      job.size = result->size;
    } else if (known.lasting && !options_.retry_failed && state &&
               known.version == VersionKey(journal_.options(), version, 0)) {
      known.seen = true;
      known.input = input_hash;
      ++counts_.failed_before;
      progress_.Fail(journal_.CodeName(known.code), picture.input, "as before");
      return {};
    }
    if (picture.of_folder && !LooksLikePicture(picture.input)) {
      ++no_pictures_;
      return {};
    }
    known.seen = true;
    known.input = input_hash;
    in_work_[job.id] = {std::move(picture.input), std::move(name), version};
    return job;
  }

  // Reports an error of the list itself. It is not in the journal, which identifies pictures by their outputs.
  void FailListed(const Error& error) {
    progress_.Clear();
    PrintError(error);
    ++counts_.failed;
    progress_.Fail(ErrorCodeName(error.code), error.where, error.message);
    failed_stop_ = failed_stop_ || options_.stop_on_error;
  }

  // Waits for replies and processes them.
  void Listen() {
    std::vector<pollfd> ends;
    ends.reserve(workers_.size());
    for (const auto& worker : workers_) ends.push_back({worker->replies().fd(), POLLIN, 0});
    bool room = false;
    for (int i = 0; i < options_.workers; ++i) {
      room =
          room || static_cast<size_t>(i) >= workers_.size() ||
          (!workers_[static_cast<size_t>(i)]->alone && workers_[static_cast<size_t>(i)]->jobs().size() < kJobsOfWorker);
    }
    const bool more = room && !list_ended_ && !stopping();
    if (more && !list_->Ready()) ends.push_back({list_->fd(), POLLIN, 0});
    const bool at_once = (more && list_->Ready()) || counting_;
    if (poll(ends.data(), ends.size(), at_once ? 0 : kBatchPollMs) <= 0) return;
    for (size_t i = workers_.size(); i-- > 0;) {
      if (ends[i].revents == 0) continue;
      Worker& worker = *workers_[i];
      const bool open = worker.replies().Fill() || errno == EINTR;
      while (auto message = worker.replies().Take()) Take(worker, UnpackReply(*message));
      if (!open && !fatal_) Bury(i);
    }
  }

  void Take(Worker& worker, const WorkerReply& reply) {
    if (reply.kind == WorkerReply::kReady) {
      worker.ready = true;
      return;
    }
    if (reply.kind == WorkerReply::kFatal) {
      progress_.Clear();
      PrintLine(fmt::format("{}{}{} ({})", reply.where, reply.where.empty() ? "" : ": ", reply.message, reply.code));
      fatal_ = true;
      return;
    }
    deaths_ = 0;
    std::erase_if(worker.jobs(), [&](const WorkerJob& job) { return job.id == reply.id; });
    worker.alone = false;
    Settle(reply);
  }

  // A picture is finished.
  void Settle(const WorkerReply& reply) {
    const auto at = in_work_.find(reply.id);
    if (at == in_work_.end()) return;
    const InWork picture = std::move(at->second);
    in_work_.erase(at);
    JournalLine line{.input = picture.input,
                     .output = picture.name,
                     .version = picture.version,
                     .hash = reply.hash,
                     .options = journal_.options(),
                     .ms = reply.ms};
    KnownPicture& known = journal_.Of(picture.name);
    if (reply.kind == WorkerReply::kFailed) {
      line.code = reply.code;
      line.message = reply.message;
      ++counts_.failed;
      progress_.Fail(reply.code, picture.input, reply.message);
      PrintFailure(picture, reply);
      failed_stop_ = failed_stop_ || options_.stop_on_error;
    } else {
      line.done = true;
      line.size = reply.size;
      const bool unchanged = reply.kind == WorkerReply::kUnchanged;
      line.coverage = unchanged ? known.coverage / 1e4 : reply.coverage;
      ++(unchanged ? counts_.skipped : counts_.done);
      counts_.empty += unchanged ? known.IsEmpty() : !reply.found_subject;
      if (!reply.notes.empty() && !options_.quiet) {
        progress_.Clear();
        PrintLine(fmt::format("{}: {}", picture.input, reply.notes));
      }
    }
    const std::string json = line.ToJson();
    if (Status written = journal_.Append(json); !written) {
      Fatal(written.error());
      return;
    }
    known = journal_.Known(line);
    known.seen = true;
    if (options_.json) {
      fmt::print("{}\n", json);
      std::fflush(stdout);
    }
  }

  // Reports an error of the model, once for all pictures.
  void PrintFailure(const InWork& picture, const WorkerReply& reply) {
    if (reply.of_model && !told_.insert(reply.code + reply.where).second) return;
    const std::string& where = reply.of_model ? reply.where : picture.input;
    progress_.Clear();
    PrintLine(fmt::format("{}: {} ({})", where, reply.message, reply.code));
  }

  // A worker has died: its pictures are tried once more, each alone. A picture that kills its worker again has failed.
  void Bury(size_t index) {
    const std::unique_ptr<Worker> worker = std::move(workers_[index]);
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
    const std::string how = worker->Reap();
    if (stopping()) {
      for (const WorkerJob& job : worker->jobs()) in_work_.erase(job.id);
      return;
    }
    if (worker->alone) {
      const WorkerJob job = worker->jobs().front();
      Settle({.kind = WorkerReply::kFailed,
              .id = job.id,
              .code = kWorkerLost,
              .message = fmt::format("the process that worked on it ended twice: {}", how)});
      if (++deaths_ <= kMostDeaths) return;
    } else {
      for (WorkerJob& job : worker->jobs()) suspects_.push_back(std::move(job));
      if (worker->ready && ++deaths_ <= kMostDeaths) {
        progress_.Clear();
        PrintLine(fmt::format("a worker ended ({}): its pictures are tried again, one by one", how));
        return;
      }
    }
    Fatal({ErrorCode::kInternal, fmt::format("workers end without a picture done: {}", how), {}});
  }

  void BeginStop() {
    if (stop_since_) return;
    stop_since_ = BatchClock::now();
    progress_.Clear();
    if (Cancelled()) PrintLine("interrupted: what is begun is finished");
    // Workers drop the pictures that they have not begun, and report so.
    for (const auto& worker : workers_) worker->Stop();
    for (const WorkerJob& job : suspects_) in_work_.erase(job.id);
    suspects_.clear();
  }

  void OpenCounting() {
    if (list_->fd() >= 0) return;
    auto counting = PictureList::Open(ListOf(options_));
    if (counting) counting_ = *std::move(counting);
  }

  // Walks the list a second time, a little at a time, to count the pictures.
  void Count() {
    for (int i = 0; i < kEntriesAtOnce && counting_; ++i) {
      const auto listed = counting_->Next();
      if (!listed) {
        counting_.reset();
        total_known_ = true;
      } else if (*listed) {
        total_ += shard_.Has(JournalText((*listed)->output));
      }
    }
  }

  double Share() const {
    if (!total_known_) return list_->share();
    return total_ == 0 ? 1 : static_cast<double>(counts_.seen() + no_pictures_) / static_cast<double>(total_);
  }

  int End() {
    if (fatal_) return kExitFailed;
    if (no_pictures_ > 0 && !options_.quiet) {
      PrintLine(fmt::format("{}: {} file{} skipped that decal does not read", options_.from, no_pictures_,
                            no_pictures_ == 1 ? "" : "s"));
    }
    progress_.PrintSummary(counts_);
    if (options_.json) {
      fmt::print("{}\n", JsonObject().AddRaw("summary", progress_.SummaryJson(counts_)).ToString());
      std::fflush(stdout);
    }
    if (Cancelled()) return kExitInterrupted;
    if (counts_.seen() == 0 && shard_.count == 1) {
      PrintError({ErrorCode::kNotFound, "no pictures in this list", options_.from});
      return kExitFailed;
    }
    if (counts_.failed + counts_.failed_before > 0) return kExitFailed;
    return counts_.empty > 0 && options_.fail_if_empty ? kExitEmpty : kExitOk;
  }

 public:
  static ListOptions ListOf(const BatchOptions& options) {
    return {.from = options.from,
            .to = options.to,
            .base = options.base,
            .format = options.format.value_or(PictureFormat::kPng),
            .mask_only = options.mask_only};
  }

 private:
  const BatchOptions& options_;
  const Shard shard_;
  Journal journal_;
  std::unique_ptr<PictureList> list_, counting_;
  BatchProgress progress_;
  BatchCounts counts_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unordered_map<uint64_t, InWork> in_work_;
  std::deque<WorkerJob> suspects_;
  std::set<std::string> told_;
  Clashes clashes_;
  uint64_t next_id_ = 1, no_pictures_ = 0, total_ = 0;
  bool list_ended_ = false, failed_stop_ = false, fatal_ = false, total_known_ = false;
  int deaths_ = 0;
  std::optional<BatchClock::time_point> stop_since_;
};

// The numbers that depend on the machine.
BatchOptions Resolved(BatchOptions options) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (options.workers == 0) options.workers = std::max(1, cores / 4);
  if (options.threads == 0) options.threads = std::max(1, cores / options.workers);
  if (options.journal.empty()) options.journal = (fs::path(options.to) / ".decal").string();
  return options;
}

}  // namespace

int RunBatch(const BatchOptions& given) {
  signal(SIGPIPE, SIG_IGN);
  const BatchOptions options = Resolved(given);
  const auto shard = options.shard.empty() ? ShardOfEnvironment([](const char* name) { return std::getenv(name); })
                                           : ParseShard(options.shard);
  if (!shard) {
    PrintError(shard.error());
    return kExitUsage;
  }
  if (!shard->from.empty() && !options.quiet) PrintLine(fmt::format("shard {} ({})", shard->ToText(), shard->from));
  const auto failed = [](const Error& error) {
    PrintError(error);
    return error.code == ErrorCode::kCancelled ? kExitInterrupted : kExitFailed;
  };
  std::error_code error;
  fs::create_directories(options.to, error);
  if (error) return failed({ErrorCode::kIo, fmt::format("cannot create folder: {}", error.message()), options.to});
  auto list = PictureList::Open(Batch::ListOf(options));
  if (!list) return failed(list.error());
  auto journal = Journal::Open(options.journal, *shard, HashText(CutOptionsJson(options), 16), options.sync);
  if (!journal) return failed(journal.error());
  if (NeedsWhite(options) && !options.quiet)
    PrintLine("JPEG has no transparency: the background becomes white (--background chooses)");
  return Batch(options, *shard, *std::move(journal), *std::move(list)).Run();
}

}  // namespace decal::cli
