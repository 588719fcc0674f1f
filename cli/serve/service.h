// The server's request handling: admission, and what each path does.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/serve/connection.h"
#include "cli/serve/admission.h"
#include "cli/serve/metrics.h"
#include "cli/serve/request_options.h"

namespace decal::cli {

class Service {
 public:
  // `token`: what requests have to bring; empty: nothing. `options` and `engines` outlive it.
  Service(const ServeOptions& options, Engines& engines, std::string token);

  // Gives the server all routes and handlers.
  void Install(HttpServer& server);
  // After each request: counts it, gives its place back, and logs a line.
  void Ended(Connection& connection);
  // Cancels what is in work.
  void CancelAll() { watcher_.CancelAll(); }

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;

  // Before a body is read; true where the request goes on.
  bool Check(const Request& request, Response& response);
  bool IsAuthorized(const Request& request) const;
  bool Ready() const;

  void Rembg(const Request& request, Response& response, const httplib::ContentReader& reader);
  void RembgUrl(const Request& request, Response& response);
  void Cutouts(const Request& request, Response& response, const httplib::ContentReader& reader);
  void AnswerCutout(Response& response, Result<std::vector<std::byte>> file, const RequestOptions& options,
                    bool as_part);

  struct Made {
    std::string file;
    Done done;
  };
  Result<Made> Make(std::vector<std::byte> file, const RequestOptions& options, Watched& watched);

  const ServeOptions& options_;
  Engines& engines_;
  const std::string token_;
  HttpServer* server_ = nullptr;
  Metrics metrics_;
  Places places_;
  Turnstile pictures_;  // decoded ones in memory
  Turnstile networks_;
  Turnstile answers_;  // bytes of pictures that are being sent
  Watcher watcher_;
};

}  // namespace decal::cli
