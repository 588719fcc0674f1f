// Responses of the server other than pictures, and parsing of request bodies.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <httplib.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cutter.h"
#include "cli/serve/connection.h"
#include "cli/serve/request_options.h"

namespace decal::cli {

// {"error":{"code":...,"message":...}} with that status; the code also goes into the connection's record. Replaces what was there.
void AnswerError(httplib::Response& response, int status, const std::string& code, const std::string& message);
// The status of the error's kind.
void AnswerError(httplib::Response& response, const Error& error);
// 503 with Retry-After.
void AnswerBusy(httplib::Response& response, const std::string& code, const std::string& message);

// What came of a picture, as JSON of ASCII alone: fit for a header.
std::string ReportJson(const Done& done);

const char* MediaType(PictureFormat format);

// A line between parts of which none has it in it. `draw` gives texts to choose from, each another one.
std::string ChooseBoundary(std::initializer_list<std::string_view> parts, const std::function<std::string()>& draw);

// A picture with its report in front, as two parts of a form: "report" and "picture".
void AnswerParts(httplib::Response& response, const std::string& report, const char* media_type, std::string file);

struct Upload {
  std::vector<std::byte> file;
  bool has_file = false;
  RequestFields fields;  // of a form
};

// Reads a raw or multipart body to its end. Errors: kInvalidArgument, kLimitExceeded, kCancelled (the connection's record says why).
Result<Upload> ReadUpload(const httplib::Request& request, const httplib::ContentReader& reader, size_t max_bytes);

}  // namespace decal::cli
