// Result plumbing for the engine: the public error type plus the DECAL_TRY macros.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/result.h"

#define DECAL_CONCAT_INNER(a, b) a##b
#define DECAL_CONCAT(a, b) DECAL_CONCAT_INNER(a, b)

// Evaluates `expr` (a Result or Status); on failure returns its error from the enclosing function.
#define DECAL_TRY(expr)                                                        \
  do {                                                                         \
    if (auto decal_status = (expr); !decal_status)                             \
      return std::unexpected<::decal::Error>(std::move(decal_status).error()); \
  } while (0)

// DECAL_TRY_ASSIGN(auto x, MakeX()): the same, and keeps the value.
#define DECAL_TRY_ASSIGN(declaration, expr) \
  DECAL_TRY_ASSIGN_IMPL(DECAL_CONCAT(decal_result_, __LINE__), declaration, expr)
#define DECAL_TRY_ASSIGN_IMPL(result, declaration, expr)                          \
  auto result = (expr);                                                           \
  if (!result) return std::unexpected<::decal::Error>(std::move(result).error()); \
  declaration = *std::move(result)
