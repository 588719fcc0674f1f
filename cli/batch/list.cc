// Folders walked and lines read, one picture at a time.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/list.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/jobs.h"
#include "cli/pictures/kind.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLine = size_t{64} << 10;
constexpr size_t kReadBytes = size_t{256} << 10;

std::unexpected<Error> ListError(const char* doing, const std::string& path) {
  return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              fmt::format("cannot {}: {}", doing, std::generic_category().message(errno)), path);
}

// "shoes/a.jpg" becomes "shoes/a.jpg.decal.png".
std::string NameOfResult(const fs::path& relative, const ListOptions& options) {
  return relative.generic_string() + OutputEnding(options.format, options.mask_only);
}

class FolderList : public PictureList {
 public:
  FolderList(const ListOptions& options, std::error_code& error)
      : options_(options), it_(options.from, fs::directory_options::skip_permission_denied, error) {
    struct stat state;
    if (stat(options.to.c_str(), &state) == 0) results_ = {state.st_dev, state.st_ino};
  }

  std::optional<Result<ListedPicture>> Next() override {
    std::error_code error;
    while (it_ != fs::recursive_directory_iterator()) {
      if (std::exchange(begun_, true)) it_.increment(error);
      if (error) {
        // The walk is over: what it did not see is no secret.
        it_ = {};
        return Fail(ErrorCode::kIo, fmt::format("cannot read on: {}", error.message()), options_.from);
      }
      if (it_ == fs::recursive_directory_iterator()) break;
      const fs::directory_entry& entry = *it_;
      std::error_code unknown;
      if (entry.is_directory(unknown)) {
        if (IsHidden(entry.path()) || IsResults(entry.path())) it_.disable_recursion_pending();
        continue;
      }
      if (!MayBeInput(entry)) continue;
      return ListedPicture{entry.path().string(),
                           NameOfResult(entry.path().lexically_relative(options_.from), options_), true};
    }
    return {};
  }

 private:
  static bool IsHidden(const fs::path& path) { return path.filename().string().starts_with('.'); }
  bool IsResults(const fs::path& path) const {
    struct stat state;
    return results_ && stat(path.c_str(), &state) == 0 && *results_ == std::pair(state.st_dev, state.st_ino);
  }

  const ListOptions options_;
  fs::recursive_directory_iterator it_;
  bool begun_ = false;
  std::optional<std::pair<dev_t, ino_t>> results_;
};

class LineList : public PictureList {
 public:
  LineList(const ListOptions& options, int fd, std::string name, uint64_t bytes)
      : options_(options), fd_(fd), name_(std::move(name)), bytes_(bytes) {
    std::error_code error;
    base_ = fs::absolute(options.base.empty() ? "." : options.base, error).lexically_normal();
    if (!base_.has_filename()) base_ = base_.parent_path();
  }
  ~LineList() override {
    if (fd_ != STDIN_FILENO) close(fd_);
  }

  std::optional<Result<ListedPicture>> Next() override {
    for (;;) {
      std::string line;
      const auto got = ReadLine(line);
      if (!got) return std::unexpected(got.error());
      if (!*got) return {};
      ++number_;
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty()) continue;
      auto picture = Parse(line);
      if (!picture) picture.error().where = fmt::format("{}:{}", name_, number_);
      return picture;
    }
  }

  bool Ready() const override {
    if (ended_ || (begin_ < end_ && std::memchr(buffer_.data() + begin_, '\n', end_ - begin_) != nullptr)) return true;
    pollfd more{fd_, POLLIN, 0};
    return poll(&more, 1, 0) != 0;
  }
  int fd() const override { return fd_; }

  double share() const override {
    return bytes_ == 0 ? -1 : static_cast<double>(read_ - (end_ - begin_)) / static_cast<double>(bytes_);
  }

 private:
  // False at the end.
  Result<bool> ReadLine(std::string& line) {
    bool too_long = false;
    for (;;) {
      const char* begin = buffer_.data() + begin_;
      const void* feed = begin_ < end_ ? std::memchr(begin, '\n', end_ - begin_) : nullptr;
      const size_t taken =
          feed != nullptr ? static_cast<size_t>(static_cast<const char*>(feed) - begin) : end_ - begin_;
      if (line.size() + taken > kMaxLine) too_long = true;
      if (!too_long) line.append(begin, taken);
      begin_ += taken + (feed != nullptr ? 1 : 0);
      if (feed != nullptr) break;
      if (!ended_) {
        if (Status filled = Fill(); !filled) return std::unexpected(filled.error());
        if (!ended_) continue;
      }
      if (line.empty() && !too_long) return false;
      break;
    }
    if (too_long) line = "{";  // which Parse reports, with its number
    return true;
  }

  Status Fill() {
    buffer_.resize(kReadBytes);
    for (;;) {
      if (Cancelled()) return Stop(Fail(ErrorCode::kCancelled, "interrupted", name_));
      const ssize_t got = read(fd_, buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Stop(ListError("read", name_));
      begin_ = 0;
      end_ = static_cast<size_t>(got);
      read_ += end_;
      ended_ = got == 0;
      return {};
    }
  }

  Status Stop(std::unexpected<Error> error) {
    ended_ = true;
    begin_ = end_ = 0;
    return error;
  }

  Result<ListedPicture> Parse(const std::string& line) const {
    if (line[0] != '{') {
      if (line.find('\0') != std::string::npos) return Fail(ErrorCode::kInvalidArgument, "a path with a zero byte");
      return Named(line);
    }
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "neither a path nor a JSON object");
    const auto input = json.find("input");
    if (input == json.end() || !input->is_string() || input->get_ref<const std::string&>().empty() ||
        input->get_ref<const std::string&>().find('\0') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, "\"input\" is not the path of a picture");
    }
    const auto output = json.find("output");
    if (output == json.end()) return Named(input->get<std::string>());
    if (!output->is_string()) return Fail(ErrorCode::kInvalidArgument, "\"output\" is not a path");
    const fs::path path = fs::path(output->get<std::string>()).lexically_normal();
    if (path.empty() || path.is_absolute() || *path.begin() == ".." || !path.has_filename() || path.filename() == "." ||
        path.string().find('\0') != std::string::npos || *path.begin() == ".decal") {
      return Fail(ErrorCode::kInvalidArgument, "\"output\" is not a file within the folder of results");
    }
    if (const auto format = FormatByName(path); format != options_.format) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"output\" ends with {}, but this run writes {} files (--format)",
                              path.extension().string(), OutputEnding(options_.format, false).substr(6)));
    }
    return ListedPicture{input->get<std::string>(), path.generic_string()};
  }

  Result<ListedPicture> Named(const std::string& input) const {
    std::error_code error;
    const fs::path whole = fs::absolute(input, error).lexically_normal();
    fs::path relative = whole.lexically_relative(base_);
    if (relative.empty() || *relative.begin() == "..") relative = whole.relative_path();
    if (!relative.has_filename() || relative == ".") return Fail(ErrorCode::kInvalidArgument, "not the path of a file");
    return ListedPicture{input, NameOfResult(relative, options_)};
  }

  const ListOptions options_;
  fs::path base_;
  int fd_;
  std::string name_;
  uint64_t bytes_, read_ = 0, number_ = 0;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
};

// "JPEG" where a file that should be a list is a picture, or "". Lists are text: the names of a list may begin as pictures do.
std::string PictureAt(int fd) {
  std::byte begin[kSniffBytes];
  const ssize_t got = pread(fd, begin, sizeof begin, 0);
  if (got <= 0 || std::memchr(begin, 0, static_cast<size_t>(got)) == nullptr) return {};
  return SniffKind({begin, static_cast<size_t>(got)}).name;
}

}  // namespace

Result<std::unique_ptr<PictureList>> PictureList::Open(const ListOptions& options) {
  if (options.from == kStandardStream) return std::make_unique<LineList>(options, STDIN_FILENO, "standard input", 0);
  struct stat state;
  if (stat(options.from.c_str(), &state) != 0) return ListError("open", options.from);
  if (S_ISDIR(state.st_mode)) {
    std::error_code error;
    auto list = std::make_unique<FolderList>(options, error);
    if (error) return Fail(ErrorCode::kIo, fmt::format("cannot read: {}", error.message()), options.from);
    return list;
  }
  const int fd = open(options.from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ListError("open", options.from);
  if (const std::string kind = PictureAt(fd); S_ISREG(state.st_mode) && !kind.empty()) {
    close(fd);
    return Fail(ErrorCode::kInvalidArgument,
                kind + ", not a list: --from takes a folder, or a file with a picture's path a line", options.from);
  }
  return std::make_unique<LineList>(options, fd, options.from,
                                    S_ISREG(state.st_mode) ? static_cast<uint64_t>(state.st_size) : 0);
}

}  // namespace decal::cli
