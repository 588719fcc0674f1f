// decal serve: an HTTP server for cut-outs, with bounds on everything that clients can request.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/serve/service.h"

namespace decal::cli {
namespace {

using namespace std::chrono_literals;

// After the time to finish, what was cancelled gets that long to say so.
constexpr auto kLastWords = 2s;
// Blocks from here on are the system's again as soon as they are freed, so that memory does not grow with the past.
constexpr int kMapBytes = 256 << 10;
constexpr int kBacklog = 512;

// Not Cancelled(): what runs goes on when a signal asks for the end.
CancelFlag end_asked{false};

void InstallEnding() {
  struct sigaction action = {};
  action.sa_handler = [](int) { end_asked.store(true); };
  action.sa_flags = SA_RESETHAND;  // a second one ends the process at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// Bytes per pixel while a picture is decoded: four floats as the file stores them, and 4 of ours, twice with --profile keep.
constexpr double kDecodedBytes = 24;
// And while a result is encoded: 4 of its own, 4 of its own colours or of a frame's source, and libwebp's ARGB, YUV and alpha, or a PNG's
// strips and its file.
constexpr double kEncodedBytes = 16;
// Code, libraries, and stacks of threads.
constexpr double kProgramBytes = 64e6;

// The most that the server takes, in bytes.
struct MemoryBound {
  double models, pictures, uploads, answers;
  double sum() const { return kProgramBytes + models + pictures + uploads + answers; }
};

MemoryBound BoundOf(const ServeOptions& options, size_t model_bytes) {
  const auto pixels = static_cast<double>(options.max_pixels);
  const auto memory = static_cast<double>(options.max_memory != 0 ? options.max_memory : DefaultMaxMemory());
  const double shown = std::min(pixels, memory / 4);  // by CheckResult
  const double picture = std::max(std::min(kDecodedBytes * pixels, memory + 4 * shown), kEncodedBytes * shown);
  const double places = static_cast<double>(options.workers + options.queue);
  const double uploads = places * static_cast<double>(options.max_upload);
  // Service has as much room for answers as for uploads; one that is larger goes alone.
  const double answers = std::min(std::max(uploads, 4 * shown), places * 4 * shown);
  return {static_cast<double>(model_bytes), static_cast<double>(options.workers + 2) * picture, uploads, answers};
}

ServeOptions WithNumbers(ServeOptions options) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (options.workers == 0) options.workers = std::max(1, cores / 4);
  if (options.threads == 0) options.threads = std::max(1, cores / options.workers);
  if (options.max_pixels == 0) options.max_pixels = 64'000'000;
  return options;
}

Result<std::string> ReadToken(const ServeOptions& options) {
  if (options.token_file.empty()) {
    const char* token = std::getenv("DECAL_SERVE_TOKEN");
    return std::string(token == nullptr ? "" : token);
  }
  const auto file = ReadWholeFile(options.token_file);
  if (!file) return std::unexpected(file.error());
  std::string token(reinterpret_cast<const char*>(file->data()), file->size());
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) return Fail(ErrorCode::kInvalidArgument, "holds no token", options.token_file);
  return token;
}

// Ends the server when a signal asks for it.
class Ender {
 public:
  Ender(HttpServer& server, Service& service, const ServeOptions& options)
      : thread_([this, &server, &service, &options] { Run(server, service, options); }) {}
  ~Ender() {
    over_ = true;
    thread_.join();
  }

 private:
  bool WaitUntilOver(std::chrono::steady_clock::duration limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!over_ && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(20ms);
    return over_;
  }

  void Run(HttpServer& server, Service& service, const ServeOptions& options) {
    while (!over_ && !end_asked) std::this_thread::sleep_for(20ms);
    if (over_) return;
    if (!options.quiet) PrintLine("ending: what runs is finished");
    server.Drain();
    server.stop();
    if (WaitUntilOver(std::chrono::seconds(options.grace))) return;
    PrintLine(fmt::format("not all requests were done within {} s: the others are cancelled", options.grace));
    service.CancelAll();
    WaitUntilOver(kLastWords);
    std::fflush(nullptr);
    _exit(kExitFailed);
  }

  std::atomic<bool> over_{false};
  std::thread thread_;
};

int Failed(const Error& error) {
  PrintError(error);
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

}  // namespace

int Serve(const ServeOptions& given) {
  const ServeOptions options = WithNumbers(given);
  signal(SIGPIPE, SIG_IGN);
  InstallEnding();
  mallopt(M_MMAP_THRESHOLD, kMapBytes);
  mallopt(M_TRIM_THRESHOLD, kMapBytes);
  mallopt(M_ARENA_MAX, std::max(2, options.workers + 2));
  const auto token = ReadToken(options);
  if (!token) return Failed(token.error());
  if (Status ready = InitPictures("decal", options.threads); !ready) return Failed(ready.error());
  auto engines = Engines::Load(options);
  if (!engines) return Failed(engines.error());

  Service service(options, **engines, *token);
  HttpServer server({.request = std::chrono::seconds(options.timeout),
                     .idle = std::chrono::seconds(options.idle_timeout),
                     .connections = static_cast<size_t>(options.connections)},
                    [&](Connection& connection) { service.Ended(connection); });
  server.new_task_queue = [&] { return new ConnectionThreads(static_cast<size_t>(options.connections)); };
  service.Install(server);
  const int port = server.Bind(options.host, options.port, kBacklog);
  if (port < 0) {
    return Failed({ErrorCode::kIo,
                   fmt::format("cannot listen on {}:{}: in use, not an address of this machine, or not allowed",
                               options.host, options.port),
                   {}});
  }
  if (!options.quiet) {
    const MemoryBound bound = BoundOf(options, (*engines)->memory_bytes());
    PrintLine(
        fmt::format("memory at most about {:.0f} MB: program {:.0f}, models {:.0f}, pictures {:.0f}, uploads {:.0f}, "
                    "answers {:.0f}",
                    bound.sum() / 1e6, kProgramBytes / 1e6, bound.models / 1e6, bound.pictures / 1e6,
                    bound.uploads / 1e6, bound.answers / 1e6));
    PrintLine(fmt::format("serving on http://{}:{}/",
                          options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]", port));
  }
  bool listened = false;
  {
    const Ender ender(server, service, options);
    listened = server.listen_after_bind();
  }
  if (!listened && !end_asked) return Failed({ErrorCode::kIo, "the server ended by itself", {}});
  if (!options.quiet) PrintLine("ended");
  return kExitOk;
}

}  // namespace decal::cli
