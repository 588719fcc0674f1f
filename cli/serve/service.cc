// Routes, admission, and a picture's path from upload to response.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/service.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/serve/answers.h"
#include "cli/serve/assets.h"
#include "cli/serve/fetch_url.h"
#include "decal/model.h"

namespace decal::cli {
namespace {

struct Route {
  const char* path;
  bool get, post;
  bool open;  // without a token
  bool work;  // takes a place in the queue
};

constexpr Route kRoutes[] = {
    {"/", true, false, true, false},           {"/openapi.json", true, false, true, false},
    {"/healthz", true, false, true, false},    {"/readyz", true, false, true, false},
    {"/metrics", true, false, false, false},   {"/v1/models", true, false, false, false},
    {"/v1/cutouts", false, true, false, true}, {"/api/remove", true, true, false, true},
};

// What AnswerParts puts around a picture, in the memory that the picture has.
constexpr size_t kRoomForReport = size_t{64} << 10;

const Route* FindRoute(const std::string& path) {
  const auto* at = std::ranges::find(kRoutes, path, &Route::path);
  return at == std::end(kRoutes) ? nullptr : at;
}

// Takes as long for any text of a length.
bool SameText(std::string_view a, std::string_view b) {
  size_t differences = a.size() ^ b.size();
  for (size_t i = 0; i < a.size(); ++i) differences |= static_cast<size_t>(a[i] ^ (b.empty() ? '\0' : b[i % b.size()]));
  return differences == 0;
}

RequestFields Fields(const httplib::Params& params) {
  RequestFields fields;
  for (const auto& [name, value] : params) fields[name] = value;
  return fields;
}

// For the length of a picture's work.
class Watching {
 public:
  Watching(Watcher& watcher, const Connection& connection) : watcher_(watcher) {
    watched.fd = connection.fd;
    watched.deadline = connection.deadline;
    watcher_.Add(watched);
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching() { watcher_.Remove(watched); }
  Watched watched;

 private:
  Watcher& watcher_;
};

}  // namespace

Service::Service(const ServeOptions& options, Engines& engines, std::string token)
    : options_(options), engines_(engines), token_(std::move(token)),
      places_(static_cast<size_t>(options.workers + options.queue)),
      // As CutAll: one that is decoded and one that is encoded beside each network.
      pictures_(static_cast<size_t>(options.workers + 2)), networks_(static_cast<size_t>(options.workers)),
      answers_(static_cast<size_t>(options.workers + options.queue) * options.max_upload) {}

void Service::Install(HttpServer& server) {
  server_ = &server;
  server.set_payload_max_length(options_.max_upload + (size_t{1} << 20));
  server.set_keep_alive_timeout(options_.idle_timeout);
  server.set_keep_alive_max_count(kRequestsOfConnection);
  server.set_exception_handler([](const Request&, Response& response, std::exception_ptr thrown) {
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const std::bad_alloc&) {
      AnswerBusy(response, ErrorCodeName(ErrorCode::kOutOfMemory), "no memory for this request");
    } catch (const std::exception& exception) {
      AnswerError(response, 500, ErrorCodeName(ErrorCode::kInternal), exception.what());
    }
  });
  // Its own answers to what it cannot parse.
  server.set_error_handler([](const Request&, Response& response) {
    if (response.body.empty())
      AnswerError(response, response.status, ErrorCodeName(ErrorCode::kInvalidArgument), "not a valid HTTP request");
  });
  server.set_expect_100_continue_handler(
      [this](const Request& request, Response& response) { return Check(request, response) ? 100 : response.status; });
  server.set_pre_routing_handler([this](const Request& request, Response& response) {
    return Check(request, response) ? HttpServer::HandlerResponse::Unhandled : HttpServer::HandlerResponse::Handled;
  });
  server.set_post_routing_handler([](const Request&, Response& response) {
    Connection* connection = Connection::Current();
    if (connection == nullptr) return;
    connection->status = response.status;
    if (connection->overloaded || (connection->has_body && !connection->body_read)) {
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    }
  });
  server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});

  server.Get("/", [](const Request&, Response& response) {
    response.set_header(
        "Content-Security-Policy",
        "default-src 'none'; img-src blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'");
    response.set_content(kServePage, "text/html; charset=utf-8");
  });
  server.Get("/openapi.json",
             [](const Request&, Response& response) { response.set_content(kOpenApi, "application/json"); });
  server.Get("/healthz", [](const Request&, Response& response) { response.set_content("alive\n", "text/plain"); });
  server.Get("/readyz", [this](const Request&, Response& response) {
    if (Ready()) response.set_content("ready\n", "text/plain");
    else AnswerBusy(response, server_->draining() ? "shutting-down" : "queue-full", "not ready");
  });
  server.Get("/metrics", [this](const Request&, Response& response) {
    response.set_content(metrics_.ToText({.queued = places_.taken(),
                                          .places = places_.most(),
                                          .engine_bytes = engines_.memory_bytes(),
                                          .ready = Ready()}),
                         "text/plain; version=0.0.4");
  });
  server.Get("/v1/models", [this](const Request&, Response& response) {
    std::vector<std::string> models;
    for (const std::string& name : engines_.names()) {
      const auto known = std::ranges::find(Models(), name, &ModelInfo::name);
      JsonObject model;
      model.Add("name", name).Add("default", name == engines_.names().front());
      if (known != Models().end()) model.Add("licence", known->licence);
      models.push_back(model.ToString());
    }
    response.set_content(JsonObject().AddRaw("models", JsonArray(models)).ToString() + "\n", "application/json");
  });
  server.Get("/api/remove", [this](const Request& request, Response& response) { RembgUrl(request, response); });
  server.Post("/api/remove", [this](const Request& request, Response& response, const httplib::ContentReader& reader) {
    Rembg(request, response, reader);
  });
  server.Post("/v1/cutouts", [this](const Request& request, Response& response, const httplib::ContentReader& reader) {
    Cutouts(request, response, reader);
  });
}

bool Service::Ready() const { return !server_->draining() && places_.taken() < places_.most(); }

bool Service::IsAuthorized(const Request& request) const {
  if (token_.empty()) return true;
  const std::string given = request.get_header_value("Authorization");
  const std::string scheme = "Bearer ";
  return given.size() > scheme.size() && given.starts_with(scheme) && SameText(given.substr(scheme.size()), token_);
}

bool Service::Check(const Request& request, Response& response) {
  Connection& connection = *Connection::Current();
  if (std::exchange(connection.checked, true)) return true;
  const auto refuse = [&](int status, const char* code, const std::string& message) {
    AnswerError(response, status, code, message);
    return false;
  };
  if (connection.overloaded) {
    AnswerBusy(response, "too-many-connections", "too many connections");
    return false;
  }
  const Route* route = FindRoute(request.path);
  if (route == nullptr) return refuse(404, "not-found", "no such path: /openapi.json lists them");
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (!(get ? route->get : request.method == "POST" && route->post)) {
    response.set_header("Allow", route->get && route->post ? "GET, HEAD, POST" : route->get ? "GET, HEAD" : "POST");
    return refuse(405, "invalid-argument", "not a method of this path");
  }
  if (!route->open && !IsAuthorized(request)) {
    response.set_header("WWW-Authenticate", "Bearer");
    return refuse(401, "unauthorized", "a valid bearer token is needed");
  }
  if (!route->work) return true;
  if (server_->draining()) {
    AnswerBusy(response, "shutting-down", "the server is ending");
    return false;
  }
  if (!get) {
    // One length, and one way to say it: anything else is read differently by different programs.
    const size_t lengths = request.get_header_value_count("Content-Length");
    const size_t codings = request.get_header_value_count("Transfer-Encoding");
    if (lengths + codings > 1) return refuse(400, "invalid-argument", "Content-Length or Transfer-Encoding, once");
    if (lengths + codings == 0) return refuse(411, "invalid-argument", "Content-Length is needed");
    if (codings == 1 && request.get_header_value("Transfer-Encoding") != "chunked")
      return refuse(501, "unsupported", "Transfer-Encoding other than chunked");
    if (request.has_header("Content-Encoding"))
      return refuse(415, "unsupported", "Content-Encoding is not read: pictures are compressed");
    if (lengths == 1) {
      const std::string text = request.get_header_value("Content-Length");
      uint64_t length = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
      if (error == std::errc::result_out_of_range) length = UINT64_MAX;
      else if (error != std::errc{} || end != text.data() + text.size())
        return refuse(400, "invalid-argument", "Content-Length is not a number");
      // A form has some kilobytes besides the picture.
      if (length > options_.max_upload + (size_t{1} << 16))
        return refuse(413, "limit-exceeded", fmt::format("the upload is larger than {} bytes", options_.max_upload));
    }
  }
  if (!places_.Take()) {
    AnswerBusy(response, "queue-full", "all places in the queue are taken: try again");
    return false;
  }
  connection.place = true;
  return true;
}

void Service::Rembg(const Request& request, Response& response, const httplib::ContentReader& reader) {
  auto upload = ReadUpload(request, reader, options_.max_upload);
  if (!upload) return AnswerCutout(response, std::unexpected(upload.error()), {}, false);
  if (!request.is_multipart_form_data() || !upload->has_file)
    return AnswerError(response, 400, "invalid-argument", "a form with a picture in 'file' is needed");
  const auto options = ReadRembgOptions(upload->fields, Fields(request.params), options_);
  if (!options) return AnswerError(response, options.error());
  AnswerCutout(response, std::move(upload->file), *options, false);
}

void Service::RembgUrl(const Request& request, Response& response) {
  if (options_.url_hosts.empty())
    return AnswerError(response, 403, "unsupported", "this server fetches no addresses (--allow-url-host)");
  RequestFields form = Fields(request.params), query;
  const auto url = form.extract("url");
  if (url.empty()) return AnswerError(response, 400, "invalid-argument", "url: the address of a picture is needed");
  for (const char* name : {"bgc", "extras"}) {
    if (auto field = form.extract(name)) query.insert(std::move(field));
  }
  const auto options = ReadRembgOptions(form, query, options_);
  if (!options) return AnswerError(response, options.error());
  Connection& connection = *Connection::Current();
  auto file = [&] {
    Watching watching(watcher_, connection);
    auto fetched = FetchUrl(url.mapped(), options_, watching.watched.cancel, connection.deadline);
    if (!fetched && watching.watched.why == Ending::kTimeout) connection.timed_out = true;
    return fetched;
  }();
  AnswerCutout(response, std::move(file), *options, false);
}

void Service::Cutouts(const Request& request, Response& response, const httplib::ContentReader& reader) {
  auto upload = ReadUpload(request, reader, options_.max_upload);
  if (!upload) return AnswerCutout(response, std::unexpected(upload.error()), {}, false);
  if (!upload->has_file)
    return AnswerError(response, 400, "invalid-argument", "no picture: the form has no part 'file'");
  RequestFields fields = Fields(request.params);
  for (auto& [name, value] : upload->fields) fields[name] = value;
  const auto options = ReadOptions(fields, options_);
  if (!options) return AnswerError(response, options.error());
  const bool as_part = fields["report"] == "part" || request.get_header_value("Accept").starts_with("multipart/");
  AnswerCutout(response, std::move(upload->file), *options, as_part);
}

void Service::AnswerCutout(Response& response, Result<std::vector<std::byte>> file, const RequestOptions& options,
                           bool as_part) {
  Connection& connection = *Connection::Current();
  Result<Made> made = std::unexpected(Error{});
  Ending why = connection.timed_out ? Ending::kTimeout : connection.peer_gone ? Ending::kClientGone : Ending::kNone;
  if (file) {
    Watching watching(watcher_, connection);
    made = Make(*std::move(file), options, watching.watched);
    why = watching.watched.why;
  } else {
    made = std::unexpected(file.error());
  }
  if (!made) {
    if (made.error().code != ErrorCode::kCancelled) return AnswerError(response, made.error());
    if (why == Ending::kShutdown) return AnswerBusy(response, "shutting-down", "the server is ending");
    if (why == Ending::kClientGone) return AnswerError(response, 499, "cancelled", "the client has gone");
    // There is a moment left to say so.
    connection.deadline = ServeClock::now() + std::chrono::seconds(1);
    return AnswerError(response, connection.has_body && !connection.body_read ? 408 : 504, "timeout",
                       fmt::format("not done within {} s", options_.timeout));
  }
  metrics_.CountPicture(made->done.execution, connection.wait_ms);
  const std::string report = ReportJson(made->done);
  connection.report = report;
  const char* type = MediaType(options.cut.format.value_or(PictureFormat::kPng));
  if (as_part) return AnswerParts(response, report, type, std::move(made->file));
  response.set_header("Decal-Report", report);
  response.set_header("Content-Type", type);
  response.body = std::move(made->file);
}

Result<Service::Made> Service::Make(std::vector<std::byte> file, const RequestOptions& options, Watched& watched) {
  const std::string* model = engines_.Find(options.model);
  if (model == nullptr)
    return Fail(ErrorCode::kNotFound,
                fmt::format("model '{}' is not served: /v1/models lists those that are", options.model));
  Connection& connection = *Connection::Current();
  const auto interrupted = [] { return Fail(ErrorCode::kCancelled, "interrupted"); };
  Stopwatch stopwatch;
  const Turn picture_turn(pictures_, watched.cancel);
  if (!picture_turn) return interrupted();
  connection.wait_ms = stopwatch.Lap();
  auto picture = [&] {
    const InterruptedBy watched_client(watched.cancel);
    return DecodePicture(file, "", Decoding(options.cut));
  }();
  if (!picture) return std::unexpected(picture.error());
  file = {};
  Decoded decoded{*std::move(picture), stopwatch.Lap()};
  Result<Cutout> cutout = std::unexpected(Error{});
  {
    const Turn network_turn(networks_, watched.cancel);
    if (!network_turn) return interrupted();
    connection.wait_ms += stopwatch.Lap();
    Engines::Engine* engine = engines_.Borrow();
    cutout = engine->at(*model)->Cut(std::move(decoded), options.cut, &watched.cancel);
    engines_.Return(engine);
  }
  if (!cutout) return std::unexpected(cutout.error());
  auto encoded = [&] {
    const InterruptedBy watched_client(watched.cancel);
    return EncodeCutout(*cutout, options.cut, nullptr);
  }();
  if (watched.cancel) return interrupted();
  if (!encoded) return std::unexpected(encoded.error());
  Made made{{}, std::move(cutout->done)};
  cutout = std::unexpected(Error{});
  // Slow readers must not fill the memory with answers: the next one waits, and its picture's turn with it.
  if (!answers_.Enter(watched.cancel, encoded->size())) return interrupted();
  connection.answer_bytes = encoded->size();
  made.file.reserve(encoded->size() + kRoomForReport);
  made.file.assign(reinterpret_cast<const char*>(encoded->data()), encoded->size());
  return made;
}

void Service::Ended(Connection& connection) {
  if (std::exchange(connection.place, false)) places_.Give();
  if (const size_t bytes = std::exchange(connection.answer_bytes, 0)) answers_.Leave(bytes);
  const double seconds = std::chrono::duration<double>(ServeClock::now() - connection.begun).count();
  // A connection that was closed without a word.
  if (connection.bytes_in == 0) return;
  const bool cut_off =
      connection.status == 0 || (connection.code.empty() && (connection.peer_gone || connection.timed_out));
  const std::string code = !connection.code.empty() ? connection.code : cut_off ? "cancelled" : "ok";
  metrics_.CountRequest(FindRoute(connection.path) == nullptr ? "other" : connection.path, connection.status, code,
                        seconds);
  if (options_.quiet) return;
  std::string ip;
  int port = 0;
  ConnectionStream(connection).get_remote_ip_and_port(ip, port);
  const std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  std::string line;
  if (options_.json) {
    JsonObject json;
    json.Add("time", time).Add("remote", ip).Add("method", connection.method).Add("path", connection.path);
    json.Add("status", connection.status)
        .Add("code", code)
        .Add("bytesIn", connection.bytes_in)
        .Add("bytesOut", connection.bytes_out);
    json.AddDecimal("ms", seconds * 1e3, 1).AddDecimal("waitMs", connection.wait_ms, 1);
    if (!connection.report.empty()) json.AddRaw("report", connection.report);
    line = json.ToString();
  } else {
    line =
        fmt::format("{} {} {} {} {} {}, {} bytes in, {} out, {:.1f} ms, {:.1f} of them waiting", time, ip,
                    connection.method.empty() ? "-" : connection.method, JsonString(connection.path), connection.status,
                    code, connection.bytes_in, connection.bytes_out, seconds * 1e3, connection.wait_ms);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace decal::cli
