// The server's demo page and its OpenAPI description, as texts.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

namespace decal::cli {

inline constexpr const char kServePage[] =
#include "cli/serve/page.html.inc"
    ;

inline constexpr const char kOpenApi[] =
#include "cli/serve/openapi.json.inc"
    ;

}  // namespace decal::cli
