// The journal of batches: append-only lines of JSON, and what they say of pictures that were done before. docs/scaling.md has the format.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cli/batch/shard.h"
#include "decal/result.h"

namespace decal::cli {

// A picture's line.
struct JournalLine {
  std::string input, output;
  std::string version;  // of the input, without reading it; may be empty
  std::string hash;  // of its bytes; may be empty
  std::string options;
  bool done = false;
  uint64_t size = 0;  // of the result
  double coverage = 0;
  std::string code, message;  // if not done
  double ms = 0;

  std::string ToJson() const;
};

// What is known of a picture from earlier lines, small: 48 bytes with the map's own.
struct KnownPicture {
  uint64_t version = 0;  // hash of options, version, and of the size if done
  uint64_t content = 0;  // of options, hash, and size
  uint32_t input = 0;  // hash of the input's name
  uint16_t coverage = 0;  // in ten-thousandths, as lines have it; if done
  uint8_t code = 0;  // index into codes(); of failures
  bool done : 1 = false;
  bool lasting : 1 = false;  // a failure that the same bytes meet again
  bool seen : 1 = false;  // in the list, by this run

  bool IsEmpty() const { return done && coverage < 10; }  // CutoutReport::found_subject
};

class Journal {
 public:
  // Opens this shard's file in `folder`, which is made, and locks it; waits `lock_ms` for another process to let go. Then reads what the
  // journal says of the shard's pictures. Errors: kIo; kCancelled.
  static Result<Journal> Open(const std::string& folder, const Shard& shard, std::string options, bool sync,
                              int lock_ms = 120000);

  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  // With one write; forced to the disk if `sync` was asked for. Errors: kIo.
  Status Append(std::string_view json);

  // The picture whose output has that JournalText; made if there is none yet.
  KnownPicture& Of(std::string_view output_text);

  // How a line would be known.
  KnownPicture Known(const JournalLine& line);
  const std::string& CodeName(uint8_t code) const { return codes_[code]; }

  const std::string& options() const { return options_; }
  const std::string& path() const { return path_; }

 private:
  Journal() = default;
  Status Lock(int lock_ms);
  Status ReadAll(const std::string& folder);
  Status ReadLines(const std::string& path, bool own);

  int fd_ = -1;
  bool sync_ = false;
  std::string path_, options_;
  Shard shard_;
  std::vector<std::string> codes_;
  std::unordered_map<uint64_t, KnownPicture> pictures_;
};

// A path as lines have it: bytes that are no UTF-8 become text.
std::string JournalText(std::string_view path);

// Whether a picture that failed with that code fails again while its bytes and the options are the same.
bool IsLasting(std::string_view code);

// What a picture's state is compared by: never 0. `size`: of the result, 0 without one.
uint64_t VersionKey(std::string_view options, std::string_view version, uint64_t size);
uint64_t ContentKey(std::string_view options, std::string_view hash, uint64_t size);

// The first `digits` hexadecimal digits of the SHA-256.
std::string HashText(std::string_view bytes, size_t digits);

// "<bytes>-<milliseconds>" of a file; empty if it cannot be asked.
struct FileState {
  std::string version;
  uint64_t size = 0, device = 0, inode = 0;
};
std::optional<FileState> StateOfFile(const std::string& path);

}  // namespace decal::cli
