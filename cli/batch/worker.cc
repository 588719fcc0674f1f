// The worker's process: CutAll over what comes through a pipe, results under temporary names, then renamed.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/worker.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "cli/batch/journal.h"
#include "cli/batch/shard.h"
#include "cli/cutter.h"
#include "cli/file_io.h"
#include "cli/pipeline.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

CancelFlag stop_asked{false};
CancelFlag never{false};

std::unexpected<Error> OutputError(const char* doing, const std::string& path) {
  const int error = errno;
  return Fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              fmt::format("cannot {}: {}", doing, std::generic_category().message(error)), path);
}

bool SyncFolder(const fs::path& folder) {
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

// Under a name that is the same in every run, so that the next one replaces what a killed one left.
Status WriteResult(const std::string& path, std::span<const std::byte> bytes, bool sync) {
  const fs::path folder = fs::path(path).parent_path();
  const std::string part = (folder / fmt::format(".decal-{:016x}.part", MixedHash(path))).string();
  const auto create = [&] { return open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); };
  int fd = create();
  if (fd < 0 && errno == ENOENT && !folder.empty()) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return Fail(ErrorCode::kIo, fmt::format("cannot create folder: {}", error.message()), folder.string());
    fd = create();
  }
  if (fd < 0) return OutputError("write", path);
  bool whole = true;
  for (size_t sent = 0; whole && sent < bytes.size();) {
    const ssize_t written = write(fd, bytes.data() + sent, bytes.size() - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) whole = false;
    else sent += static_cast<size_t>(written);
  }
  if (whole && sync) whole = fsync(fd) == 0;
  whole = close(fd) == 0 && whole;
  whole = whole && rename(part.c_str(), path.c_str()) == 0;
  if (whole && sync) whole = SyncFolder(folder);
  if (!whole) {
    const auto error = OutputError("write", path);
    unlink(part.c_str());
    return error;
  }
  return {};
}

// A job, and what its decoding found out.
struct Task {
  WorkerJob job;
  std::string hash;
  double ms = 0;
  bool unchanged = false;
  uint64_t written = 0;
};

// CutAll hands tasks to other threads as const: each is at one place at a time.
using SharedTask = std::shared_ptr<Task>;

class Work {
 public:
  Work(const BatchOptions& options, std::string options_hash, int from, int to)
      : options_(options), options_hash_(std::move(options_hash)), jobs_(from), replies_(to),
        cutter_(options.threads, never) {}

  void Run() {
    Status ready = InitPictures("decal", options_.threads);
    if (ready) ready = cutter_.Load(options_.model);
    if (!ready) {
      Reply({.kind = WorkerReply::kFatal,
             .code = ErrorCodeName(ready.error().code),
             .message = ready.error().message,
             .where = ready.error().where});
      return;
    }
    Reply({.kind = WorkerReply::kReady});
    while (std::optional<SharedTask> first = WaitForTask()) {
      bool given = false;
      CutAll<SharedTask>(
          cutter_, options_.max_memory,
          [&]() -> std::optional<SharedTask> {
            if (!std::exchange(given, true)) return first;
            return NextTask();
          },
          [](const SharedTask&) {}, [&](const SharedTask& task) { return Decode(*task); },
          [&](Decoded decoded) { return cutter_.Cut(std::move(decoded), options_); },
          [&](const SharedTask& task, Cutout cutout, ThreadRunner* runner) {
            return Write(*task, std::move(cutout), runner);
          },
          [&](const SharedTask& task, const Result<Done>& result) {
            Report(*task, result);
            return true;
          });
    }
  }

 private:
  std::optional<SharedTask> WaitForTask() {
    for (;;) {
      if (stop_asked) return {};
      if (auto message = jobs_.Take()) return std::make_shared<Task>(UnpackJob(*message));
      if (!jobs_.Fill() && errno != EINTR) return {};
    }
  }

  // What is there already: a worker with a picture in hand does not wait for another.
  std::optional<SharedTask> NextTask() {
    if (stop_asked) return {};
    auto message = jobs_.Take();
    while (!message && jobs_.Readable() && jobs_.Fill()) message = jobs_.Take();
    if (!message) return {};
    return std::make_shared<Task>(UnpackJob(*message));
  }

  Result<Decoded> Decode(Task& task) const {
    Stopwatch stopwatch;
    auto decoded = DecodeTask(task);
    task.ms = stopwatch.Lap();
    if (decoded) decoded->ms = task.ms;
    return decoded;
  }

  Result<Decoded> DecodeTask(Task& task) const {
    auto file = ReadPictureFile(task.job.input, options_.max_memory);
    if (!file) return std::unexpected(file.error());
    task.hash = HashText({reinterpret_cast<const char*>(file->data()), file->size()}, 32);
    if (task.job.unchanged != 0 && ContentKey(options_hash_, task.hash, task.job.size) == task.job.unchanged) {
      task.unchanged = true;
      return Fail(ErrorCode::kCancelled, "unchanged");
    }
    auto picture = DecodePicture(*file, task.job.input, Decoding(options_));
    if (!picture) return std::unexpected(picture.error());
    return Decoded{*std::move(picture)};
  }

  Result<Done> Write(Task& task, Cutout cutout, ThreadRunner* runner) const {
    Stopwatch stopwatch;
    const auto file = EncodeCutout(cutout, options_, runner);
    if (!file) return std::unexpected(file.error());
    if (const Status written = WriteResult(task.job.output, *file, options_.sync); !written)
      return std::unexpected(written.error());
    task.written = file->size();
    cutout.done.execution.encode_ms = stopwatch.Lap();
    return std::move(cutout.done);
  }

  void Report(const Task& task, const Result<Done>& result) {
    WorkerReply reply{.id = task.job.id, .hash = task.hash, .ms = task.ms};
    if (task.unchanged) {
      reply.kind = WorkerReply::kUnchanged;
      reply.size = task.job.size;
    } else if (result) {
      reply.kind = WorkerReply::kDone;
      reply.size = task.written;
      reply.coverage = result->coverage;
      reply.ms = result->execution.total_ms();
      reply.found_subject = result->found_subject;
      for (const std::string& note : result->notes) reply.notes += (reply.notes.empty() ? "" : "\n") + note;
    } else {
      const Error& error = result.error();
      reply.kind = WorkerReply::kFailed;
      reply.code = ErrorCodeName(error.code);
      reply.message = error.message;
      reply.where = error.where;
      reply.of_model = cutter_.IsOfModel(error);
    }
    Reply(reply);
  }

  void Reply(const WorkerReply& reply) {
    // Nobody is there to be told.
    if (!replies_.Send(Pack(reply))) _exit(1);
  }

  const BatchOptions& options_;
  const std::string options_hash_;
  MessagePipe jobs_, replies_;
  Cutter cutter_;
};

}  // namespace

Result<std::unique_ptr<Worker>> Worker::Start(const BatchOptions& options, const std::string& options_hash) {
  int jobs[2], replies[2];
  const auto failed = [] {
    return Fail(ErrorCode::kIo, fmt::format("cannot start a worker: {}", std::strerror(errno)));
  };
  if (pipe2(jobs, O_CLOEXEC) != 0) return failed();
  if (pipe2(replies, O_CLOEXEC) != 0) {
    close(jobs[0]);
    close(jobs[1]);
    return failed();
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    close(jobs[1]);
    close(replies[0]);
    // Who hands out pictures hears of signals and decides; without it there is nothing to do.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    struct sigaction stop = {};
    stop.sa_handler = [](int) { stop_asked.store(true); };
    sigaction(SIGUSR1, &stop, nullptr);
    int status = 1;
    try {
      Work(options, options_hash, jobs[0], replies[1]).Run();
      status = 0;
    } catch (const std::exception& exception) {
      PrintError({ErrorCode::kInternal, exception.what(), {}});
    }
    // The parent's buffers and locks are not this process's to end.
    _exit(status);
  }
  close(jobs[0]);
  close(replies[1]);
  if (pid < 0) {
    close(jobs[1]);
    close(replies[0]);
    return failed();
  }
  return std::unique_ptr<Worker>(new Worker(pid, jobs[1], replies[0]));
}

Worker::~Worker() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Reap();
  }
  close(to_.fd());
  close(replies_.fd());
}

bool Worker::Send(WorkerJob job) {
  const bool sent = to_.Send(Pack(job));
  jobs_.push_back(std::move(job));
  return sent;
}

void Worker::Stop() {
  if (pid_ > 0) kill(pid_, SIGUSR1);
}

std::string Worker::Reap() {
  int status = 0;
  if (pid_ > 0) {
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace decal::cli
