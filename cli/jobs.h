// Which picture goes where: folders expanded, outputs named.
// SPDX-License-Identifier: MIT
#pragma once

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

}  // namespace decal::cli
