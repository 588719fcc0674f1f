// JSON errors, reports, and bodies of requests.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/answers.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_object.h"

namespace decal::cli {
namespace {

constexpr size_t kMostFields = 64;
constexpr size_t kMostFieldBytes = 4096;

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kCorruptImage: return 422;
    case ErrorCode::kUnsupported: return 415;
    case ErrorCode::kLimitExceeded: return 413;
    case ErrorCode::kOutOfMemory: return 503;
    case ErrorCode::kIo: return 502;  // of fetching: nothing else reads or writes files
    default: return 500;
  }
}

// Nobody can guess it: pictures keep metadata from anywhere.
std::string RandomBoundary() {
  std::random_device device;
  std::string text = "decal-";
  for (int i = 0; i < 4; ++i) text += fmt::format("{:08x}", device());
  return text;
}

std::string Ascii(const std::string& json) {
  return nlohmann::ordered_json::parse(json, nullptr, false)
      .dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void AnswerError(httplib::Response& response, int status, const std::string& code, const std::string& message) {
  response.status = status;
  const std::string error = JsonObject().Add("code", code).Add("message", message).ToString();
  response.set_content(JsonObject().AddRaw("error", error).ToString() + "\n", "application/json");
  if (Connection* connection = Connection::Current()) connection->code = code;
}

void AnswerError(httplib::Response& response, const Error& error) {
  const std::string message = error.where.empty() ? error.message : fmt::format("{}: {}", error.where, error.message);
  AnswerError(response, StatusOf(error.code), ErrorCodeName(error.code), message);
}

void AnswerBusy(httplib::Response& response, const std::string& code, const std::string& message) {
  AnswerError(response, 503, code, message);
  response.headers.erase("Retry-After");
  response.set_header("Retry-After", "1");
}

std::string ReportJson(const Done& done) {
  return Ascii(JsonObject()
                   .Add(keys::kWidth, done.extent.width)
                   .Add(keys::kHeight, done.extent.height)
                   .AddDecimal(keys::kCoverage, done.coverage, 4)
                   .AddRaw(keys::kBoundingBox, BoxJson(done.bounding_box))
                   .AddRaw(keys::kNotes, JsonStrings(done.notes))
                   .AddRaw(keys::kExecution, done.execution.ToJson())
                   .ToString());
}

const char* MediaType(PictureFormat format) {
  switch (format) {
    case PictureFormat::kPng: return "image/png";
    case PictureFormat::kWebp: return "image/webp";
    case PictureFormat::kJpeg: return "image/jpeg";
  }
  return "";
}

std::string ChooseBoundary(std::initializer_list<std::string_view> parts, const std::function<std::string()>& draw) {
  for (;;) {
    std::string text = draw();
    if (std::ranges::none_of(parts, [&](std::string_view part) { return part.contains(text); })) return text;
  }
}

void AnswerParts(httplib::Response& response, const std::string& report, const char* media_type, std::string file) {
  const std::string boundary = ChooseBoundary({report, file}, RandomBoundary);
  const std::string head = fmt::format(
      "--{0}\r\nContent-Disposition: form-data; name=\"report\"\r\nContent-Type: application/json\r\n\r\n{1}\r\n"
      "--{0}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"cutout\"\r\nContent-Type: {2}\r\n\r\n",
      boundary, report, media_type);
  // In the place of the file, which may be large.
  file.insert(0, head);
  file += fmt::format("\r\n--{}--\r\n", boundary);
  response.set_header("Content-Type", fmt::format("multipart/form-data; boundary={}", boundary));
  response.body = std::move(file);
}

Result<Upload> ReadUpload(const httplib::Request& request, const httplib::ContentReader& reader, size_t max_bytes) {
  Upload upload;
  std::string refused;
  bool too_large = false;
  size_t total = 0;
  const auto take = [&](const char* bytes, size_t size) {
    total += size;
    too_large = total > max_bytes;
    if (too_large) return false;
    const auto* begin = reinterpret_cast<const std::byte*>(bytes);
    upload.file.insert(upload.file.end(), begin, begin + size);
    return true;
  };
  Connection& connection = *Connection::Current();
  bool whole = false;
  if (request.is_multipart_form_data()) {
    std::string* field = nullptr;
    size_t parts = 0;
    whole = reader(
        [&](const httplib::MultipartFormData& part) {
          field = nullptr;
          if (++parts > kMostFields) refused = "too many parts";
          else if (part.name.empty()) refused = "a part without a name";
          else if (part.name != "file" && part.name != "picture") field = &upload.fields[part.name];
          else if (std::exchange(upload.has_file, true)) refused = "two pictures in one request";
          if (field != nullptr) field->clear();
          return refused.empty();
        },
        [&](const char* bytes, size_t size) {
          if (field == nullptr) return take(bytes, size);
          if (field->size() + size > kMostFieldBytes) refused = "a field that is too long";
          else field->append(bytes, size);
          return refused.empty();
        });
    // What ends in the middle of a part is whole for the parser.
    if (whole && parts == 0) refused = "no parts in the form";
  } else {
    whole = reader(take);
    upload.has_file = true;
  }
  if (whole && refused.empty() && !too_large) {
    connection.body_read = true;
    return upload;
  }
  if (too_large) return Fail(ErrorCode::kLimitExceeded, fmt::format("the upload is larger than {} bytes", max_bytes));
  if (!refused.empty()) return Fail(ErrorCode::kInvalidArgument, refused);
  if (connection.timed_out || connection.peer_gone)
    return Fail(ErrorCode::kCancelled, "the upload did not become whole");
  return Fail(ErrorCode::kInvalidArgument, "the body is not what its headers say");
}

}  // namespace decal::cli
