// Which picture goes where: folders expanded, outputs named.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "decal/result.h"

namespace decal::cli {

struct Job {
  std::string input;   // "-": standard input
  std::string output;  // "-": standard output
};

struct Plan {
  std::vector<Job> jobs;
  std::vector<Error> errors;  // inputs that cannot be done; the jobs can
  std::vector<std::string> skipped;  // a sentence for each folder that holds files which are no pictures
  PictureFormat format = PictureFormat::kPng;
};

// Errors: kInvalidArgument for a use that makes no sense, as several pictures into one file.
Result<Plan> PlanJobs(const RemoveOptions& options);

// ".decal.png", ".decal-mask.webp": what the names of results end with.
std::string OutputEnding(PictureFormat format, bool mask_only);

// What a file's name says; empty if decal does not write that format.
std::optional<PictureFormat> FormatByName(const std::filesystem::path& path);

// Of a folder: a file that is neither hidden nor a result of ours.
bool MayBeInput(const std::filesystem::directory_entry& entry);

// Whether its first bytes, or where these say nothing its name, are a picture's that decal reads.
bool LooksLikePicture(const std::filesystem::path& path);

}  // namespace decal::cli
