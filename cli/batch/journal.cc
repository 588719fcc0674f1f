// Lines written with one write, and read in any state that a killed process leaves.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/journal.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kLockPollMs = 100;
// When a process that waits says so.
constexpr int kLockNoticeMs = 2000;

std::unexpected<Error> JournalError(const char* doing, const std::string& path) {
  return Fail(ErrorCode::kIo, fmt::format("cannot {}: {}", doing, std::generic_category().message(errno)), path);
}

std::string FileName(const Shard& shard) { return fmt::format("journal-{}-of-{}.jsonl", shard.index, shard.count); }

// Of "journal-3-of-16.jsonl", whether n is that.
bool IsOfCount(const std::string& name, uint64_t count) {
  return name.starts_with("journal-") && name.ends_with(fmt::format("-of-{}.jsonl", count));
}

std::string TextAt(const nlohmann::json& line, const char* key) {
  const auto at = line.find(key);
  return at != line.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::string JournalLine::ToJson() const {
  JsonObject json;
  json.Add("input", input).Add("output", output);
  if (!version.empty()) json.Add("version", version);
  if (!hash.empty()) json.Add("hash", hash);
  json.Add("options", options).Add("outcome", done ? "done" : "failed");
  if (done) {
    json.Add("size", size).AddDecimal("coverage", coverage, 4);
  } else {
    json.Add("code", code).Add("message", message);
  }
  return json.AddDecimal("ms", ms, 1).ToString();
}

std::string JournalText(std::string_view path) {
  if (std::ranges::all_of(path, [](char c) { return c >= 0x20 && c < 0x7f; })) return std::string(path);
  const auto parsed = nlohmann::json::parse(JsonString(path), nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(path);
}

bool IsLasting(std::string_view code) {
  return code == "corrupt-image" || code == "unsupported" || code == "invalid-argument";
}

uint64_t VersionKey(std::string_view options, std::string_view version, uint64_t size) {
  return MixedHash(fmt::format("{} {} {}", options, version, size)) | 1;
}

uint64_t ContentKey(std::string_view options, std::string_view hash, uint64_t size) {
  return MixedHash(fmt::format("{}#{}#{}", options, hash, size)) | 1;
}

std::string HashText(std::string_view bytes, size_t digits) {
  char* text =
      g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(bytes.data()), bytes.size());
  const std::string hash = std::string(text).substr(0, digits);
  g_free(text);
  return hash;
}

std::optional<FileState> StateOfFile(const std::string& path) {
  struct stat state;
  if (stat(path.c_str(), &state) != 0) return {};
  const int64_t ms = static_cast<int64_t>(state.st_mtim.tv_sec) * 1000 + state.st_mtim.tv_nsec / 1000000;
  return FileState{fmt::format("{}-{}", state.st_size, ms), static_cast<uint64_t>(state.st_size),
                   static_cast<uint64_t>(state.st_dev), static_cast<uint64_t>(state.st_ino)};
}

Journal::Journal(Journal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), sync_(other.sync_), path_(std::move(other.path_)),
      options_(std::move(other.options_)), shard_(std::move(other.shard_)), codes_(std::move(other.codes_)),
      pictures_(std::move(other.pictures_)) {}

Journal::~Journal() {
  if (fd_ >= 0) close(fd_);
}

Result<Journal> Journal::Open(const std::string& folder, const Shard& shard, std::string options, bool sync,
                              int lock_ms) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot create folder: {}", error.message()), folder);
  Journal journal;
  journal.sync_ = sync;
  journal.options_ = std::move(options);
  journal.shard_ = shard;
  journal.path_ = (fs::path(folder) / FileName(shard)).string();
  journal.fd_ = open(journal.path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (journal.fd_ < 0) return JournalError("open", journal.path_);
  struct stat state;
  if (fstat(journal.fd_, &state) != 0) return JournalError("open", journal.path_);
  if (!S_ISREG(state.st_mode)) return Fail(ErrorCode::kIo, "not a regular file", journal.path_);
  if (Status locked = journal.Lock(lock_ms); !locked) return std::unexpected(locked.error());
  if (Status read = journal.ReadAll(folder); !read) return std::unexpected(read.error());
  // A line that a killed process left half written ends here.
  char last = '\n';
  const off_t size = lseek(journal.fd_, 0, SEEK_END);
  if (size > 0 && pread(journal.fd_, &last, 1, size - 1) != 1) return JournalError("read", journal.path_);
  if (last != '\n' && write(journal.fd_, "\n", 1) != 1) return JournalError("write", journal.path_);
  return journal;
}

Status Journal::Lock(int lock_ms) {
  for (int waited = 0;; waited += kLockPollMs) {
    if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return {};
    if (errno == EINTR) continue;
    if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS) {
      PrintLine(
          fmt::format("{}: this file system has no locks: see to it that no other process has this shard", path_));
      return {};
    }
    if (errno != EWOULDBLOCK) return JournalError("lock", path_);
    if (Cancelled()) return Fail(ErrorCode::kCancelled, "interrupted");
    if (waited >= lock_ms) return Fail(ErrorCode::kIo, "another process works on this shard", path_);
    if (waited == kLockNoticeMs)
      PrintLine(fmt::format("{}: waiting for another process that works on this shard", path_));
    usleep(kLockPollMs * 1000);
  }
}

Status Journal::ReadAll(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> others;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code unknown;
    if (name.ends_with(".jsonl") && !IsOfCount(name, shard_.count) && it->is_regular_file(unknown))
      others.push_back(it->path().string());
  }
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot read: {}", error.message()), folder);
  std::ranges::sort(others);
  for (const std::string& other : others) {
    if (Status read = ReadLines(other, false); !read) return read;
  }
  return ReadLines(path_, true);
}

Status Journal::ReadLines(const std::string& path, bool own) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return JournalError("read", path);
  std::string text;
  while (std::getline(file, text)) {
    if (file.eof()) break;  // no line feed: cut off
    if (Cancelled()) return Fail(ErrorCode::kCancelled, "interrupted");
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) continue;
    const std::string outcome = TextAt(json, "outcome"), output = TextAt(json, "output");
    if (output.empty() || (outcome != "done" && outcome != "failed") || !shard_.Has(output)) continue;
    JournalLine line{.input = TextAt(json, "input"),
                     .output = output,
                     .version = TextAt(json, "version"),
                     .hash = TextAt(json, "hash"),
                     .options = TextAt(json, "options"),
                     .done = outcome == "done",
                     .code = TextAt(json, "code")};
    if (const auto size = json.find("size"); size != json.end() && size->is_number_unsigned())
      line.size = size->get<uint64_t>();
    if (const auto coverage = json.find("coverage"); coverage != json.end() && coverage->is_number())
      line.coverage = coverage->get<double>();
    KnownPicture& known = Of(output);
    // Between files there is no order: what is done counts.
    if (!own && known.done && !line.done) continue;
    known = Known(line);
  }
  if (file.bad()) return JournalError("read", path);
  return {};
}

KnownPicture Journal::Known(const JournalLine& line) {
  KnownPicture known{.input = static_cast<uint32_t>(MixedHash(JournalText(line.input))), .done = line.done};
  known.coverage = static_cast<uint16_t>(std::lround(std::clamp(line.coverage, 0.0, 1.0) * 1e4));
  if (!line.done) {
    auto at = std::ranges::find(codes_, line.code);
    if (at == codes_.end() && codes_.size() < 255) at = codes_.insert(codes_.end(), line.code);
    known.code = static_cast<uint8_t>(at == codes_.end() ? 254 : at - codes_.begin());
    known.lasting = IsLasting(line.code);
  }
  // Lines with other options match nothing.
  if (line.options != options_) return known;
  if (!line.version.empty()) known.version = VersionKey(options_, line.version, line.size);
  if (!line.hash.empty()) known.content = ContentKey(options_, line.hash, line.size);
  return known;
}

KnownPicture& Journal::Of(std::string_view output_text) { return pictures_[MixedHash(output_text)]; }

Status Journal::Append(std::string_view json) {
  const std::string line = std::string(json) + '\n';
  ssize_t written = 0;
  do written = write(fd_, line.data(), line.size());
  while (written < 0 && errno == EINTR);
  if (written < 0) return JournalError("write", path_);
  if (static_cast<size_t>(written) != line.size()) return Fail(ErrorCode::kIo, "cannot write: the disk is full", path_);
  if (sync_ && fdatasync(fd_) != 0) return JournalError("write", path_);
  return {};
}

}  // namespace decal::cli
