// Messages between the process that hands out pictures and those that work: fields of bytes, each with its length.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace decal::cli {

// What a worker is to do.
struct WorkerJob {
  uint64_t id = 0;
  std::string input;
  std::string output;      // the whole path
  uint64_t unchanged = 0;  // not 0: nothing is to be done if ContentKey of the input's hash and `size` is that
  uint64_t size = 0;
};

// What a worker tells.
struct WorkerReply {
  enum Kind : uint8_t { kReady, kFatal, kDone, kFailed, kUnchanged };
  Kind kind = kReady;
  uint64_t id = 0;
  std::string code, message, where;  // of kFatal and kFailed
  bool of_model = false;             // kFailed: any picture may meet the same
  std::string hash;                  // of the input; empty if it could not be read
  std::string notes;                 // a line each
  uint64_t size = 0;
  double coverage = 0, ms = 0;
  bool found_subject = true;
};

std::string Pack(const WorkerJob& job);
std::string Pack(const WorkerReply& reply);
WorkerJob UnpackJob(std::string_view message);
WorkerReply UnpackReply(std::string_view message);

// A pipe's end. Reads come in any pieces; writes are whole.
class MessagePipe {
 public:
  explicit MessagePipe(int fd) : fd_(fd) {}

  int fd() const { return fd_; }
  // False if the other end is gone.
  bool Send(const std::string& message);
  // Reads what is there, waiting for something if nothing is. False at the end, or with errno EINTR if a signal came.
  bool Fill();
  // The next whole message of what was read.
  std::optional<std::string> Take();
  // Whether Fill would not wait.
  bool Readable() const;

 private:
  int fd_;
  std::string buffer_;
};

}  // namespace decal::cli
