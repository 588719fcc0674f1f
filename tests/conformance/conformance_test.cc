// ONNX's own conformance cases: the promised ones, every other one of the operators we have, and the exceptions.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/conformance/case_files.h"
#include "tests/conformance/conformance_case.h"

namespace decal::conformance {
namespace {

// All data sets of a case; the first that fails decides.
Outcome RunFolder(const std::string& name) {
  const std::filesystem::path folder = Cases().folder / name;
  const std::string model = ReadFile(folder / "model.onnx");
  Outcome outcome;
  outcome.message = "no data";
  for (int set = 0;; ++set) {
    const std::filesystem::path data_folder = folder / ("test_data_set_" + std::to_string(set));
    if (!std::filesystem::exists(data_folder)) return outcome;
    const auto read_all = [&](const char* prefix) {
      std::vector<std::string> files;
      for (;;) {
        const std::filesystem::path file = data_folder / (prefix + std::to_string(files.size()) + ".pb");
        if (!std::filesystem::exists(file)) return files;
        files.push_back(ReadFile(file));
      }
    };
    const std::vector<std::string> inputs = read_all("input_"), outputs = read_all("output_");
    const auto bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
    CaseData data{bytes(model), {}, {}};
    for (const std::string& file : inputs) data.inputs.push_back(bytes(file));
    for (const std::string& file : outputs) data.outputs.push_back(bytes(file));
    outcome = RunCase(data);
    if (outcome.kind != Outcome::Kind::kPassed) return outcome;
  }
}

// Every case runs once a process, whichever test asks first.
const Outcome& OutcomeOf(const std::string& name) {
  static std::map<std::string, Outcome> outcomes;
  const auto found = outcomes.find(name);
  return found != outcomes.end() ? found->second : outcomes.emplace(name, RunFolder(name)).first->second;
}

const Exception* ExceptionFor(const std::string& name) {
  static const std::vector<Exception> exceptions = ReadExceptions();
  for (const Exception& exception : exceptions)
    if (Matches(exception.pattern, name)) return &exception;
  return nullptr;
}

std::vector<std::string> PromisedCases() {
  std::vector<std::string> names;
  for (const auto& [op, cases] : Cases().subset) names.insert(names.end(), cases.begin(), cases.end());
  return names;
}

std::vector<std::string> OtherCases() {
  const std::vector<std::string> promised = PromisedCases();
  const std::set<std::string> known(promised.begin(), promised.end());
  std::vector<std::string> names;
  for (const std::string& name : Cases().all)
    if (!known.contains(name)) names.push_back(name);
  return names;
}

class Conformance : public ::testing::TestWithParam<std::string> {};

// A listed exception has to fail: the list never says more than the truth.
TEST_P(Conformance, PassesOrIsListed) {
  const Outcome& outcome = OutcomeOf(GetParam());
  const Exception* exception = ExceptionFor(GetParam());
  if (exception != nullptr) {
    EXPECT_NE(outcome.kind, Outcome::Kind::kPassed) << "passes now: remove it from exceptions.txt";
  } else {
    EXPECT_EQ(outcome.kind, Outcome::Kind::kPassed) << outcome.message;
  }
}

// Beyond the promised cases, those of operators that we do not have are no failures.
class WholeArchive : public ::testing::TestWithParam<std::string> {};

TEST_P(WholeArchive, OfOurOperatorsPassesOrIsListed) {
  const Outcome& outcome = OutcomeOf(GetParam());
  const Exception* exception = ExceptionFor(GetParam());
  if (exception != nullptr) {
    EXPECT_EQ(outcome.kind, Outcome::Kind::kFailed)
        << "passes now, or has no operator of ours: remove it from exceptions.txt";
  } else {
    EXPECT_NE(outcome.kind, Outcome::Kind::kFailed) << outcome.message;
  }
}

const auto kCaseName = [](const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;  // GoogleTest takes letters, digits and underscores only
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
};
INSTANTIATE_TEST_SUITE_P(Promised, Conformance, ::testing::ValuesIn(PromisedCases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(Other, WholeArchive, ::testing::ValuesIn(OtherCases()), kCaseName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WholeArchive);

TEST(ConformanceArchive, IsHereAndComplete) {
  if (!Cases().absent.empty()) GTEST_SKIP() << Cases().absent;
  EXPECT_EQ(Cases().all.size(), 1653u);
  EXPECT_EQ(PromisedCases().size(), 707u);
}

TEST(ConformanceExceptions, EachNamesACaseAndAReason) {
  if (!Cases().absent.empty()) GTEST_SKIP() << Cases().absent;
  for (const Exception& exception : ReadExceptions()) {
    EXPECT_FALSE(exception.reason.empty()) << exception.pattern;
    const bool found = std::any_of(Cases().all.begin(), Cases().all.end(),
                                   [&](const std::string& name) { return Matches(exception.pattern, name); });
    EXPECT_TRUE(found) << exception.pattern << " names no case";
  }
}

// What docs/operators.md is made from.
class WriteResults : public ::testing::Environment {
  void TearDown() override {
    const char* path = std::getenv("DECAL_CONFORMANCE_RESULTS");
    if (path == nullptr || Cases().all.empty()) return;
    std::ofstream file(path);
    for (const std::string& name : Cases().all) {
      const Outcome& outcome = OutcomeOf(name);
      file << name << '\t' << Name(outcome.kind) << '\t' << Name(outcome.bound) << '\t';
      for (size_t i = 0; i < outcome.operators.size(); ++i) file << (i ? "," : "") << outcome.operators[i];
      file << '\t' << outcome.message << '\n';
    }
  }
};
const auto* const kWriteResults = ::testing::AddGlobalTestEnvironment(new WriteResults);

}  // namespace
}  // namespace decal::conformance
