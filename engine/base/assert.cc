// Ends the process when an assertion fails.
// SPDX-License-Identifier: MIT
#include "engine/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace decal {

void AssertionFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace decal
