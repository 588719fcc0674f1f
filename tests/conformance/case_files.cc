// Finds, unpacks and lists the conformance cases.
// SPDX-License-Identifier: MIT
#include "tests/conformance/case_files.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace decal::conformance {
namespace fs = std::filesystem;
namespace {

fs::path SharedFolder() {
  const char* given = std::getenv("DECAL_SHARED");
  return given != nullptr ? fs::path(given) : fs::path(DECAL_SOURCE_DIR) / ".." / "shared";
}

// The keys and values of {"Operator": ["case", ...], ...}: nothing else occurs in that file.
std::map<std::string, std::vector<std::string>> ParseSubset(const std::string& json) {
  std::map<std::string, std::vector<std::string>> subset;
  std::string key;
  for (size_t at = json.find('"'); at != std::string::npos; at = json.find('"', at)) {
    const size_t end = json.find('"', at + 1);
    if (end == std::string::npos) break;
    const std::string text = json.substr(at + 1, end - at - 1);
    at = end + 1;
    const size_t next = json.find_first_not_of(" \t\r\n", at);
    if (next != std::string::npos && json[next] == ':') key = text;
    else subset[key].push_back(text);
  }
  return subset;
}

CaseFiles Find() {
  CaseFiles cases;
  const fs::path archives = SharedFolder() / "onnx-tests", archive = archives / "node-v1.20.1.tar.gz";
  if (!fs::exists(archive)) {
    cases.absent =
        "NOT TESTED: no archive of conformance cases (onnx-tests/node-v1.20.1.tar.gz in $DECAL_SHARED or ../shared)";
    return cases;
  }
  const fs::path unpacked = fs::path(DECAL_SOURCE_DIR) / "build" / "onnx-tests";
  cases.folder = unpacked / "node";
  if (!fs::exists(cases.folder)) {
    // Moved into place when complete, so that an interrupted tar leaves nothing that looks whole.
    const fs::path partial = unpacked.string() + ".part";
    fs::remove_all(partial);
    fs::create_directories(partial);
    // NOLINTNEXTLINE(bugprone-command-processor): the paths are the checkout's and $DECAL_SHARED, both the developer's own.
    if (std::system(("tar xzf '" + archive.string() + "' -C '" + partial.string() + "'").c_str()) != 0) {
      cases.absent = "NOT TESTED: tar could not unpack " + archive.string();
      return cases;
    }
    fs::remove_all(unpacked);
    fs::rename(partial, unpacked);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(cases.folder))
    cases.all.push_back(entry.path().filename().string());
  std::sort(cases.all.begin(), cases.all.end());
  cases.subset = ParseSubset(ReadFile(archives / "subset_cases.json"));
  return cases;
}

}  // namespace

const CaseFiles& Cases() {
  static const CaseFiles cases = Find();
  return cases;
}

std::vector<Exception> ReadExceptions() {
  std::vector<Exception> exceptions;
  std::ifstream file(fs::path(DECAL_SOURCE_DIR) / "tests/conformance/exceptions.txt");
  std::string reason;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) reason = line.substr(2);
    else if (!line.empty()) exceptions.push_back({line, reason});
  }
  return exceptions;
}

bool Matches(const std::string& pattern, const std::string& name) {
  size_t p = 0, n = 0, star = std::string::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string::npos;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace decal::conformance
