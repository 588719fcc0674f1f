// Pictures of a batch that lie in the folder of its results, where another picture's result could replace them.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <unordered_set>

#include "cli/batch/list.h"

namespace decal::cli {

class Clashes {
 public:
  // Before any result is written. Reads a list that is a file to its end; of one that can be read once only, no more is known than Of has
  // been asked about. A folder leaves the folder of results out.
  void Read(const ListOptions& options);

  // Why a picture's result, or the picture itself, would be lost to another one of the list; empty if neither is. `written`: whether
  // this run has given out the picture that becomes an output.
  std::string Of(const ListedPicture& picture, const std::function<bool(const std::string&)>& written);

 private:
  // The path of a picture relative to the folder of results; empty if it lies elsewhere. By names, not by links.
  std::string Within(const std::string& input) const;

  std::filesystem::path results_;
  std::unordered_set<std::string> inputs_;  // those within, relative
};

}  // namespace decal::cli
