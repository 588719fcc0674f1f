// Errors: their one line for people, and the line of the source that a debug build remembers.
// SPDX-License-Identifier: MIT
#include "engine/base/result.h"

#include <gtest/gtest.h>

namespace decal {
namespace {

Status Refuse() { return Fail(ErrorCode::kNotFound, "no such thing", "here"); }
Status PassOn() {
  DECAL_TRY(Refuse());
  return {};
}

TEST(Error, KnowsTheLineThatMadeItInDebugBuildsAlone) {
  const Error error = PassOn().error();
  EXPECT_EQ(error.ToString(), "here: no such thing (not-found)");
#ifdef DECAL_ERROR_LOCATIONS
  EXPECT_NE(error.Location().find("result_test.cc:10"), std::string::npos) << error.Location();
  EXPECT_EQ(Error().Location(), "");
#else
  EXPECT_EQ(error.Location(), "");
#endif
}

}  // namespace
}  // namespace decal
