// The page and the description of the interface that the server hands out, as texts.
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
