// A client's connection, with a time limit for each whole request, so that slow clients cannot hold a thread for longer.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

namespace decal::cli {

using ServeClock = std::chrono::steady_clock;

// State of a connection, shared by a request's handler and the loop around it. Used by one thread.
struct Connection {
  int fd = -1;
  bool overloaded = false;  // too many connections: answered with 503 and closed
  ServeClock::time_point deadline;

  // Of the current request:
  ServeClock::time_point begun;
  bool has_body = false, body_read = false;
  bool checked = false;  // admitted or refused
  bool place = false;  // has a place in the queue
  bool timed_out = false;  // a read or write met the deadline
  bool peer_gone = false;  // a read or write met the connection's end
  size_t bytes_in = 0, bytes_out = 0;
  std::string method, path;
  int status = 0;
  std::string code;  // of an error
  std::string report;  // of a picture, for the log
  size_t answer_bytes = 0;  // of a picture that is being sent: room that it holds
  double wait_ms = 0;

  void BeginRequest(ServeClock::time_point now, std::chrono::seconds limit);
  // The calling thread's connection.
  static Connection*& Current();
};

// Bytes of a connection, by its deadline.
class ConnectionStream : public httplib::Stream {
 public:
  explicit ConnectionStream(Connection& connection) : connection_(connection) {}

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return connection_.fd; }

  // Whether the buffer holds more bytes: of a request that arrived together with the last one.
  bool buffered() const { return begin_ < end_; }

 private:
  bool Wait(short events) const;

  Connection& connection_;
  char buffer_[16384];
  size_t begin_ = 0, end_ = 0;
};

// A thread for each connection up to a maximum, and a few more that answer 503.
class ConnectionThreads : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(size_t most) : most_(most) {}
  void enqueue(std::function<void()> task) override;
  // Waits for all of them.
  void shutdown() override;

  // Whether the calling thread is one of those that only answer 503.
  static bool& Overloaded();

 private:
  const size_t most_;
  size_t running_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
};

// A connection is closed after this number of requests.
inline constexpr size_t kRequestsOfConnection = 1000;

// Answers tell clients how long an idle connection lasts (Keep-Alive: timeout). It is kept for this much longer: a client that is busy
// sends its next request late, or the request is under way when the time is over, and a closed connection would lose it.
inline constexpr auto kLateRequest = std::chrono::seconds(3);

// httplib's server on such connections.
class HttpServer : public httplib::Server {
 public:
  struct Limits {
    std::chrono::seconds request{60}, idle{5};
    size_t connections = 256;  // at this number, idle ones are closed without kLateRequest
  };
  // `ended` is called after each request, answered or not.
  HttpServer(Limits limits, std::function<void(Connection&)> ended) : limits_(limits), ended_(std::move(ended)) {}

  // Returns the port (a free one if `port` is 0), or -1 on failure. No other process can share it.
  int Bind(const std::string& host, int port, int backlog);

  // From now on, connections are closed after their current request.
  void Drain() { draining_ = true; }
  bool draining() const { return draining_; }

 private:
  bool process_and_close_socket(socket_t fd) override;
  bool WaitForRequest(const Connection& connection, bool first) const;

  const Limits limits_;
  const std::function<void(Connection&)> ended_;
  std::atomic<bool> draining_{false};
  std::atomic<size_t> open_{0};  // connections
};

}  // namespace decal::cli
