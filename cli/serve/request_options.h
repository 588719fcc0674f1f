// Turns the options of a request, in Decal's interface or rembg's, into those of a cut-out.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

#include "cli/options.h"
#include "decal/result.h"

namespace decal::cli {

// Names and texts, of the query string and of a form.
using RequestFields = std::map<std::string, std::string>;

struct RequestOptions {
  CutOptions cut;
  std::string model;  // empty: the server's default
};

// POST /v1/cutouts: the command's options without dashes, and "report". Errors: kInvalidArgument, naming the field; a field without a value
// is one.
Result<RequestOptions> ReadOptions(const RequestFields& fields, const CutOptions& usual);

// rembg's: model, a, af, ab, ae, om, ppm of `form`, bgc and extras of `query`; without a value they count as left out. docs/serve.md says
// what becomes of each.
Result<RequestOptions> ReadRembgOptions(RequestFields form, RequestFields query, const CutOptions& usual);

}  // namespace decal::cli
