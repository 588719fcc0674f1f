// Where the conformance cases are: the archive, the list that the project promises, and the listed exceptions.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace decal::conformance {

struct CaseFiles {
  // Why there are no cases here; empty when there are.
  std::string absent;
  std::filesystem::path folder;                           // one folder for each case
  std::vector<std::string> all;                           // every case of the archive
  std::map<std::string, std::vector<std::string>> subset;  // the promised ones by operator
};

// Unpacks the archive into the build tree once. It is looked for in $DECAL_SHARED, or ../shared beside the checkout.
const CaseFiles& Cases();

// A group of lines in exceptions.txt: cases that need not pass, with the reason.
struct Exception {
  std::string pattern;  // a case's name; a `*` stands for any characters
  std::string reason;
};
std::vector<Exception> ReadExceptions();
bool Matches(const std::string& pattern, const std::string& name);

std::string ReadFile(const std::filesystem::path& path);

}  // namespace decal::conformance
