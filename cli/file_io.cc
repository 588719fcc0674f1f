// POSIX reads and atomic writes with the operating system's reason in every error.
// SPDX-License-Identifier: MIT
#include "cli/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "cli/interrupt.h"

namespace decal::cli {
namespace {

// Large enough that system calls do not matter, small enough that a streamed model is never whole in memory twice.
constexpr size_t kPieceBytes = size_t{1} << 20;

std::unexpected<Error> SystemError(const char* doing, const std::string& path) {
  const int error = errno;
  return Fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              fmt::format("cannot {}: {}", doing, std::generic_category().message(error)), path);
}

class Descriptor {
 public:
  explicit Descriptor(int fd, bool owned = true) : fd_(fd), owned_(owned) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  // False if the system reports a late write error.
  bool Close() {
    if (fd_ < 0 || !owned_) return true;
    const bool closed = close(fd_) == 0;
    fd_ = -1;
    return closed;
  }

 private:
  int fd_;
  bool owned_;
};

bool WriteAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

mode_t NewFileMode() {
  static const mode_t mode = [] {
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
  }();
  return mode;
}

Status ReadFile(const std::string& path, const std::function<Status(std::span<const std::byte>)>& take) {
  const bool standard = path == kStandardStream;
  Descriptor file(standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC), !standard);
  if (file.get() < 0) return SystemError("open", path);
  std::vector<std::byte> piece(kPieceBytes);
  for (;;) {
    if (Cancelled()) return Fail(ErrorCode::kCancelled, "interrupted", path);
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR && !Cancelled()) continue;
    if (got < 0 && errno == EINTR) return Fail(ErrorCode::kCancelled, "interrupted", path);
    if (got < 0) return SystemError("read", path);
    if (got == 0) return {};
    if (Status taken = take(std::span(piece).first(static_cast<size_t>(got))); !taken) return taken;
  }
}

Result<std::vector<std::byte>> ReadWholeFile(const std::string& path) {
  std::vector<std::byte> all;
  const Status read = ReadFile(path, [&](std::span<const std::byte> piece) -> Status {
    all.insert(all.end(), piece.begin(), piece.end());
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return all;
}

Status WriteFile(const std::string& path, std::span<const std::byte> bytes) {
  if (path == kStandardStream) {
    if (!WriteAll(STDOUT_FILENO, bytes)) return SystemError("write", "standard output");
    return {};
  }
  // Devices and pipes cannot be replaced by a rename.
  struct stat existing;
  if (stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
    Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !WriteAll(file.get(), bytes) || !file.Close()) return SystemError("write", path);
    return {};
  }

  std::string temporary = path + ".XXXXXX";
  Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return SystemError("write", path);
  const bool complete = WriteAll(file.get(), bytes) && fchmod(file.get(), NewFileMode()) == 0 && file.Close() &&
                        rename(temporary.c_str(), path.c_str()) == 0;
  if (!complete) {
    const auto error = SystemError("write", path);
    unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace decal::cli
