// Sockets with deadlines, under httplib's parser.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/connection.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <thread>

namespace decal::cli {
namespace {

using namespace std::chrono_literals;

constexpr size_t kRefusingThreads = 32;
// How soon a connection without a request notices that the server ends.
constexpr int kIdlePollMs = 100;
// A client that still sends must be read for a while, or it would lose the answer with the connection.
constexpr auto kLinger = 2s;
constexpr size_t kLingerBytes = size_t{64} << 20;

using Endpoint = int (*)(int, sockaddr*, socklen_t*);

void AddressOf(int fd, Endpoint endpoint, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  char host[NI_MAXHOST], service[NI_MAXSERV];
  if (endpoint(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof(host), service, sizeof(service),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host;
  std::from_chars(service, service + std::strlen(service), port);
}

void Close(int fd, bool linger) {
  if (!linger) {
    close(fd);
    return;
  }
  shutdown(fd, SHUT_WR);
  char nothing[16384];
  const auto end = ServeClock::now() + kLinger;
  for (size_t taken = 0; taken < kLingerBytes;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - ServeClock::now()).count();
    pollfd more{fd, POLLIN, 0};
    if (left <= 0 || poll(&more, 1, static_cast<int>(left)) <= 0) break;
    const ssize_t got = recv(fd, nothing, sizeof(nothing), 0);
    if (got <= 0) break;
    taken += static_cast<size_t>(got);
  }
  close(fd);
}

// A request that did not become whole in time.
void Refuse(Connection& connection, ConnectionStream& stream) {
  connection.deadline = ServeClock::now() + 1s;
  connection.status = 408;
  connection.code = "timeout";
  const std::string body = R"({"error":{"code":"timeout","message":"the request did not become whole in time"}})";
  static_cast<httplib::Stream&>(stream).write(
      "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
}

}  // namespace

void Connection::BeginRequest(ServeClock::time_point now, std::chrono::seconds limit) {
  *this = {.fd = fd, .overloaded = overloaded, .deadline = now + limit, .begun = now};
}

Connection*& Connection::Current() {
  thread_local Connection* current = nullptr;
  return current;
}

bool ConnectionStream::Wait(short events) const {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(connection_.deadline - ServeClock::now()).count();
    if (left <= 0) {
      connection_.timed_out = true;
      return false;
    }
    pollfd end{connection_.fd, events, 0};
    const int ready = poll(&end, 1, static_cast<int>(std::min<int64_t>(left, 60000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool ConnectionStream::is_readable() const { return buffered() || Wait(POLLIN); }
bool ConnectionStream::is_writable() const { return Wait(POLLOUT); }

ssize_t ConnectionStream::read(char* bytes, size_t size) {
  if (!buffered()) {
    if (!Wait(POLLIN)) return -1;
    const ssize_t got = recv(connection_.fd, buffer_, sizeof(buffer_), 0);
    if (got <= 0) {
      connection_.peer_gone = true;
      return got;
    }
    begin_ = 0;
    end_ = static_cast<size_t>(got);
  }
  const size_t taken = std::min(size, end_ - begin_);
  std::memcpy(bytes, buffer_ + begin_, taken);
  begin_ += taken;
  connection_.bytes_in += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t ConnectionStream::write(const char* bytes, size_t size) {
  if (!Wait(POLLOUT)) return -1;
  const ssize_t sent = send(connection_.fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (sent < 0) connection_.peer_gone = true;
  if (sent > 0) connection_.bytes_out += static_cast<size_t>(sent);
  return sent;
}

void ConnectionStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  AddressOf(connection_.fd, getpeername, ip, port);
}
void ConnectionStream::get_local_ip_and_port(std::string& ip, int& port) const {
  AddressOf(connection_.fd, getsockname, ip, port);
}

bool& ConnectionThreads::Overloaded() {
  thread_local bool overloaded = false;
  return overloaded;
}

void ConnectionThreads::enqueue(std::function<void()> task) {
  bool overloaded = false;
  {
    std::unique_lock lock(mutex_);
    // Beyond these, connections wait to be accepted.
    ended_.wait(lock, [&] { return running_ < most_ + kRefusingThreads; });
    overloaded = running_ >= most_;
    ++running_;
  }
  const auto run = [this, overloaded, task = std::move(task)] {
    Overloaded() = overloaded;
    task();
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  };
  try {
    std::thread(run).detach();
  } catch (const std::system_error&) {
    run();  // no thread could be started: the accepting thread handles the connection
  }
}

void ConnectionThreads::shutdown() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return running_ == 0; });
}

int HttpServer::Bind(const std::string& host, int port, int backlog) {
  set_socket_options([](socket_t fd) {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  if (port == 0) port = bind_to_any_port(host);
  else if (!bind_to_port(host, port)) port = -1;
  // httplib's own backlog is 5: a burst of clients would wait for a second.
  if (port >= 0) ::listen(svr_sock_, backlog);
  return port;
}

bool HttpServer::WaitForRequest(const Connection& connection, bool first) const {
  // No answer has told a new client how long the connection lasts.
  const auto promised = ServeClock::now() + limits_.idle;
  const auto end = first ? promised : promised + kLateRequest;
  for (bool last = false;;) {
    pollfd more{connection.fd, POLLIN, 0};
    const int ready = poll(&more, 1, last ? 0 : kIdlePollMs);
    if (ready > 0) return true;
    if (last || (ready < 0 && errno != EINTR)) return false;
    const auto now = ServeClock::now();
    // Looks once more before it closes: a request that has arrived is answered.
    last = draining_ || now >= end || (now >= promised && open_ >= limits_.connections);
  }
}

bool HttpServer::process_and_close_socket(socket_t fd) {
  const int now = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
  ++open_;
  Connection connection{.fd = fd, .overloaded = ConnectionThreads::Overloaded()};
  Connection::Current() = &connection;
  ConnectionStream stream(connection);
  bool linger = false;
  for (size_t left = kRequestsOfConnection; left > 0; --left) {
    if (!stream.buffered() && !WaitForRequest(connection, left == kRequestsOfConnection)) break;
    connection.BeginRequest(ServeClock::now(), limits_.request);
    bool closed = false;
    const bool answered = process_request(
        stream, left == 1 || connection.overloaded || draining_, closed, [&](httplib::Request& request) {
          // Pictures are sent whole, as every request makes its own anew.
          request.ranges.clear();
          connection.method = request.method;
          connection.path = request.path;
          connection.has_body =
              request.has_header("Transfer-Encoding") ||
              (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
        });
    if (connection.timed_out && connection.bytes_out == 0) Refuse(connection, stream);
    ended_(connection);
    linger = !answered || (connection.has_body && !connection.body_read);
    if (!answered || closed || connection.overloaded || draining_ || (connection.has_body && !connection.body_read))
      break;
  }
  Connection::Current() = nullptr;
  --open_;
  Close(fd, linger);
  return true;
}

}  // namespace decal::cli
