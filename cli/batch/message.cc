// Little-endian lengths and numbers, as this machine has them: both ends are one program.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/message.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

namespace decal::cli {
namespace {

class Packer {
 public:
  template <class T>
  Packer& Add(const T& value) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      const std::string_view text = value;
      Add(static_cast<uint32_t>(text.size()));
      text_ += text;
    } else {
      text_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    }
    return *this;
  }
  // With its own length in front.
  std::string Framed() const {
    const uint32_t size = static_cast<uint32_t>(text_.size());
    return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + text_;
  }

 private:
  std::string text_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view text) : text_(text) {}
  template <class T>
  Unpacker& Get(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      uint32_t size = 0;
      Get(size);
      value = text_.substr(0, size);
      text_.remove_prefix(value.size());
    } else if (text_.size() >= sizeof(T)) {
      text_.copy(reinterpret_cast<char*>(&value), sizeof(T));
      text_.remove_prefix(sizeof(T));
    }
    return *this;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::string Pack(const WorkerJob& job) {
  return Packer().Add(job.id).Add(job.input).Add(job.output).Add(job.unchanged).Add(job.size).Framed();
}

WorkerJob UnpackJob(std::string_view message) {
  WorkerJob job;
  Unpacker(message).Get(job.id).Get(job.input).Get(job.output).Get(job.unchanged).Get(job.size);
  return job;
}

std::string Pack(const WorkerReply& reply) {
  return Packer()
      .Add(static_cast<uint8_t>(reply.kind))
      .Add(reply.id)
      .Add(reply.code)
      .Add(reply.message)
      .Add(reply.where)
      .Add(static_cast<uint8_t>(reply.of_model))
      .Add(reply.hash)
      .Add(reply.notes)
      .Add(reply.size)
      .Add(reply.coverage)
      .Add(reply.ms)
      .Add(static_cast<uint8_t>(reply.found_subject))
      .Framed();
}

WorkerReply UnpackReply(std::string_view message) {
  WorkerReply reply;
  uint8_t kind = 0, of_model = 0, found_subject = 0;
  Unpacker(message)
      .Get(kind)
      .Get(reply.id)
      .Get(reply.code)
      .Get(reply.message)
      .Get(reply.where)
      .Get(of_model)
      .Get(reply.hash)
      .Get(reply.notes)
      .Get(reply.size)
      .Get(reply.coverage)
      .Get(reply.ms)
      .Get(found_subject);
  reply.kind = static_cast<WorkerReply::Kind>(kind);
  reply.of_model = of_model != 0;
  reply.found_subject = found_subject != 0;
  return reply;
}

bool MessagePipe::Send(const std::string& message) {
  for (size_t sent = 0; sent < message.size();) {
    const ssize_t written = write(fd_, message.data() + sent, message.size() - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    sent += static_cast<size_t>(written);
  }
  return true;
}

bool MessagePipe::Fill() {
  char piece[16384];
  const ssize_t got = read(fd_, piece, sizeof(piece));
  if (got == 0) errno = 0;
  if (got <= 0) return false;
  buffer_.append(piece, static_cast<size_t>(got));
  return true;
}

std::optional<std::string> MessagePipe::Take() {
  uint32_t size = 0;
  if (buffer_.size() < sizeof(size)) return {};
  std::memcpy(&size, buffer_.data(), sizeof(size));
  if (buffer_.size() - sizeof(size) < size) return {};
  std::string message = buffer_.substr(sizeof(size), size);
  buffer_.erase(0, sizeof(size) + size);
  return message;
}

bool MessagePipe::Readable() const {
  pollfd end{fd_, POLLIN, 0};
  return poll(&end, 1, 0) > 0;
}

}  // namespace decal::cli
