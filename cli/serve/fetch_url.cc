// Addresses checked before they are connected to.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/fetch_url.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include <fmt/format.h>

namespace decal::cli {
namespace {

struct Range {
  uint32_t first;
  int bits;
};

constexpr uint32_t Address(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { return a << 24 | b << 16 | c << 8 | d; }

// IANA's special-purpose registry: what is not globally reachable, multicast and reserved.
constexpr std::array<Range, 16> kPrivate4 = {{{Address(0, 0, 0, 0), 8},
                                              {Address(10, 0, 0, 0), 8},
                                              {Address(100, 64, 0, 0), 10},
                                              {Address(127, 0, 0, 0), 8},
                                              {Address(169, 254, 0, 0), 16},
                                              {Address(172, 16, 0, 0), 12},
                                              {Address(192, 0, 0, 0), 24},
                                              {Address(192, 0, 2, 0), 24},
                                              {Address(192, 88, 99, 0), 24},
                                              {Address(192, 168, 0, 0), 16},
                                              {Address(198, 18, 0, 0), 15},
                                              {Address(198, 51, 100, 0), 24},
                                              {Address(203, 0, 113, 0), 24},
                                              {Address(224, 0, 0, 0), 4},
                                              {Address(240, 0, 0, 0), 4},
                                              {Address(255, 255, 255, 255), 32}}};

bool IsPrivate4(uint32_t address) {
  return std::ranges::any_of(kPrivate4,
                             [&](const Range& range) { return (address ^ range.first) >> (32 - range.bits) == 0; });
}

bool IsPrivate6(const in6_addr& address) {
  const uint8_t* bytes = address.s6_addr;
  const auto begins = [&](std::initializer_list<uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes);
  };
  const auto inner = [&](size_t at) { return Address(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]); };
  // An IPv4 address within: mapped, NAT64, 6to4.
  if (IN6_IS_ADDR_V4MAPPED(&address)) return IsPrivate4(inner(12));
  if (begins({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return IsPrivate4(inner(12));
  if (begins({0x20, 0x02})) return IsPrivate4(inner(2));
  // Of the rest only 2000::/3 is public, without Teredo, ORCHID and documentation.
  return (bytes[0] & 0xe0) != 0x20 || begins({0x20, 0x01, 0x00}) || begins({0x20, 0x01, 0x0d, 0xb8}) ||
         begins({0x20, 0x01, 0x01}) || begins({0x3f, 0xff});
}

std::unexpected<Error> BadUrl(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, "url: " + std::move(message));
}

bool IsAllowed(const UrlParts& url, const std::vector<std::string>& hosts) {
  const bool usual = url.port == (url.scheme == "https" ? 443 : 80);
  return std::ranges::any_of(hosts, [&](std::string host) {
    for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return host == fmt::format("{}:{}", url.host, url.port) || (usual && host == url.host);
  });
}

// The address to connect to, as numbers.
Result<std::string> Resolve(const UrlParts& url, bool private_too) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found); failed != 0)
    return Fail(ErrorCode::kNotFound, fmt::format("url: {}: {}", url.host, gai_strerror(failed)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (!private_too && IsPrivateAddress(*one->ai_addr)) return BadUrl(url.host + " is in a private network");
  }
  char text[NI_MAXHOST];
  if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0)
    return Fail(ErrorCode::kIo, "url: no address");
  return std::string(text);
}

}  // namespace

Result<UrlParts> ParseUrl(const std::string& url) {
  UrlParts parts;
  const size_t colon = url.find("://");
  parts.scheme = url.substr(0, colon);
  for (char& c : parts.scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (colon == std::string::npos || (parts.scheme != "http" && parts.scheme != "https"))
    return BadUrl("http:// or https:// only");
  const size_t begin = colon + 3, end = std::min(url.find_first_of("/?#", begin), url.size());
  std::string host = url.substr(begin, end - begin);
  parts.port = parts.scheme == "https" ? 443 : 80;
  if (const size_t port = host.find(':'); port != std::string::npos) {
    const auto [stop, error] = std::from_chars(host.data() + port + 1, host.data() + host.size(), parts.port);
    if (error != std::errc{} || stop != host.data() + host.size() || parts.port < 1 || parts.port > 65535)
      return BadUrl("no valid port");
    host.resize(port);
  }
  for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool plain = std::ranges::all_of(host, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '.'; });
  if (host.empty() || !plain) return BadUrl("no valid host name");
  parts.host = host;
  parts.path = end < url.size() ? url.substr(end) : "/";
  if (parts.path[0] != '/') parts.path = "/" + parts.path;
  const bool visible = std::ranges::all_of(parts.path, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!visible || parts.path.find('#') != std::string::npos) return BadUrl("characters that have to be escaped");
  return parts;
}

bool IsPrivateAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, &address, sizeof(four));
    return IsPrivate4(ntohl(four.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof(six));
    return IsPrivate6(six.sin6_addr);
  }
  return true;
}

Result<std::vector<std::byte>> FetchUrl(const std::string& url, const ServeOptions& options, const CancelFlag& cancel,
                                        ServeClock::time_point deadline) {
  const auto parts = ParseUrl(url);
  if (!parts) return std::unexpected(parts.error());
  if (!IsAllowed(*parts, options.url_hosts))
    return BadUrl(fmt::format("{}:{} is not a host that this server fetches from", parts->host, parts->port));
  const auto address = Resolve(*parts, options.private_urls);
  if (!address) return std::unexpected(address.error());

  httplib::Client client(fmt::format("{}://{}:{}", parts->scheme, parts->host, parts->port));
  if (!client.is_valid())
    return Fail(ErrorCode::kUnsupported, fmt::format("url: {} is not part of this build", parts->scheme));
  client.set_hostname_addr_map({{parts->host, *address}});
  client.set_follow_location(false);
  client.set_keep_alive(false);
  client.set_decompress(false);
  const auto left = std::max<ServeClock::duration>(deadline - ServeClock::now(), std::chrono::seconds(1));
  client.set_connection_timeout(std::min<ServeClock::duration>(left, std::chrono::seconds(10)));
  client.set_read_timeout(std::min<ServeClock::duration>(left, std::chrono::seconds(10)));
  std::vector<std::byte> file;
  bool too_large = false;
  int status = 0;
  const auto result = client.Get(
      parts->path, httplib::Headers{{"Accept", "image/*"}},
      [&](const httplib::Response& response) {
        status = response.status;
        return status == 200;
      },
      [&](const char* bytes, size_t size) {
        if (cancel || ServeClock::now() > deadline) return false;
        too_large = file.size() + size > options.max_upload;
        if (too_large) return false;
        const auto* begin = reinterpret_cast<const std::byte*>(bytes);
        file.insert(file.end(), begin, begin + size);
        return true;
      });
  if (cancel || ServeClock::now() > deadline) return Fail(ErrorCode::kCancelled, "interrupted");
  if (too_large) return Fail(ErrorCode::kLimitExceeded, fmt::format("url: more than {} bytes", options.max_upload));
  if (status >= 300 && status < 400) return BadUrl("it redirects, which this server does not follow");
  if (status != 0 && status != 200)
    return Fail(ErrorCode::kNotFound, fmt::format("url: {} answers {}", parts->host, status));
  if (!result) return Fail(ErrorCode::kIo, fmt::format("url: {}: {}", parts->host, httplib::to_string(result.error())));
  return file;
}

}  // namespace decal::cli
