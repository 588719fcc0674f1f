// Reads DECAL_TEST_SEED once, and reports it.
// SPDX-License-Identifier: MIT
#include "tests/support/seed.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace decal::testing {
namespace {

uint64_t RunSeed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("DECAL_TEST_SEED");
    if (text == nullptr || *text == '\0') return uint64_t{0};
    char* end = nullptr;
    const uint64_t value = std::strtoull(text, &end, 10);
    if (*end != '\0') {
      std::fprintf(stderr, "DECAL_TEST_SEED is not a number: '%s'\n", text);
      std::exit(2);
    }
    return value;
  }();
  return seed;
}

class SeedReporter final : public ::testing::EmptyTestEventListener {
  void OnTestProgramStart(const ::testing::UnitTest&) override { Report(stdout, "with"); }
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (info.result()->Failed()) Report(stderr, "repeat the failure with");
  }
  static void Report(FILE* to, const char* what) {
    std::fprintf(to, "%s DECAL_TEST_SEED=%llu\n", what, static_cast<unsigned long long>(RunSeed()));
    std::fflush(to);
  }
};

// Before main: every test program has it, without a main of its own.
[[maybe_unused]] const bool kRegistered = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new SeedReporter);
  return true;
}();

}  // namespace

uint32_t TestSeed(uint32_t own) {
  if (::testing::UnitTest::GetInstance()->current_test_info() != nullptr)
    ::testing::Test::RecordProperty("seeded", "1");
  if (RunSeed() == 0) return own;
  uint64_t mixed = RunSeed() * 0x9E3779B97F4A7C15 + own;  // the finaliser of SplitMix64
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return static_cast<uint32_t>(mixed ^ (mixed >> 31));
}

}  // namespace decal::testing
