// Fetching a picture for a request: from hosts that the operator named, and nowhere else.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/serve/connection.h"
#include "decal/session.h"

namespace decal::cli {

struct UrlParts {
  std::string scheme, host, path;  // path with its query
  int port = 0;
};

// "http://host[:port]/path?query" or https. No user, no fragment. Errors: kInvalidArgument.
Result<UrlParts> ParseUrl(const std::string& url);

// Whether an address is of this machine, of a private or local network, or otherwise not of the public internet: IPv4 and IPv6, also where
// the one is written within the other.
bool IsPrivateAddress(const sockaddr& address);

// Its bytes. The host is one of options.url_hosts ("host", or "host:port" for other ports than 80 and 443). Its name is resolved once, all
// its addresses have to be public (unless options.private_urls), and the one that was checked is connected to: a name that changes
// between check and use changes nothing. A redirect is an error. Errors: kInvalidArgument, kLimitExceeded, kNotFound, kIo, kCancelled.
Result<std::vector<std::byte>> FetchUrl(const std::string& url, const ServeOptions& options, const CancelFlag& cancel,
                                        ServeClock::time_point deadline);

}  // namespace decal::cli
