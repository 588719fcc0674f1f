// By names: asking the system of every picture of a long list takes longer than reading the list.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/clashes.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

fs::path Whole(const std::string& path) {
  std::error_code unknown;
  return fs::absolute(path, unknown).lexically_normal();
}

}  // namespace

void Clashes::Read(const ListOptions& options) {
  results_ = Whole(options.to);
  if (!results_.has_filename()) results_ = results_.parent_path();  // "folder/"
  std::error_code unknown;
  if (!fs::is_regular_file(options.from, unknown)) return;
  const auto list = PictureList::Open(options);
  if (!list) return;
  while (const auto listed = (*list)->Next()) {
    if (!*listed) continue;
    if (std::string within = Within((*listed)->input); !within.empty()) inputs_.insert(std::move(within));
  }
}

std::string Clashes::Of(const ListedPicture& picture, const std::function<bool(const std::string&)>& written) {
  const std::string within = Within(picture.input);
  if (within == picture.output) return {};  // told by whoever compares the files themselves
  if (!within.empty()) {
    if (written(within)) return fmt::format("another picture of the list has become {}", within);
    inputs_.insert(within);
  }
  if (!inputs_.contains(picture.output)) return {};
  return fmt::format("its result would overwrite {}, another picture of the list", picture.output);
}

std::string Clashes::Within(const std::string& input) const {
  const fs::path relative = Whole(input).lexically_relative(results_);
  return relative.empty() || *relative.begin() == ".." ? std::string() : relative.generic_string();
}

}  // namespace decal::cli
