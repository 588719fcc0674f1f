// The options that shape a cut-out, as every command that makes one has them.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "cli/options.h"
#include "decal/result.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace decal::rules {
struct Rule;
}

namespace decal::cli {

// What CLI11 reads as words; ReadCutTexts understands them.
struct CutTexts {
  std::string format, background, profile_rule, refine, aspect_ratio, size;
};

// Adds them to `app`; `texts` and `options` outlive it. What is wrong is an error of parsing.
void AddCutOptions(CLI::App& app, CutTexts& texts, CutOptions& options);

// What is kept of a picture, here and of a video's frames: --keep-colours, --background-only, --threshold, --remove-islands and --fill-holes.
void AddSubjectOptions(CLI::App& app, bool& decontaminate, bool& background_only, std::optional<float>& threshold,
                       float& remove_islands, float& fill_holes);

// --threads.
void AddThreads(CLI::App& app, int& threads);

// Numbers that border/fields.json allows; what it says otherwise.
CLI::Validator Within(const rules::Rule& rule);

// Whole numbers that border/fields.json allows; what it says otherwise.
CLI::Validator Obeys(const rules::Rule& rule);

// After parsing. Errors: kInvalidArgument.
Status ReadCutTexts(const CutTexts& texts, CutOptions& options);

// The options that shape a result and are not the default, as docs/scaling.md writes them: a JSON object of sorted keys.
std::string CutOptionsJson(const CutOptions& options);

}  // namespace decal::cli
