// The seeds of randomised tests: the same in every run, unless the environment asks for other ones.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace decal::testing {

// The seed of a test that calls it `own`. DECAL_TEST_SEED=N (not 0) derives another one from both, so that a run with N
// sees inputs that no other N sees; test programs print N, and again after each failure. Marks the running test as
// randomised in its results (property "seeded"): scripts/nightly.mjs repeats those.
uint32_t TestSeed(uint32_t own);

}  // namespace decal::testing
