// Runs a test body once per instruction set that was compiled and that this machine has.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include "hwy/targets.h"

namespace decal::testing {

template <class Body>
void ForEachSimdTarget(const Body& body) {
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t left = supported; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace decal::testing
