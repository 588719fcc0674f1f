// What the user asked for: the command line as plain data.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/model_options.h"
#include "cli/picture_io.h"
#include "decal/cutout.h"
#include "decal/result.h"

namespace decal::cli {

// decal photo.jpg ...
struct RemoveOptions {
  std::vector<std::string> inputs;
  std::string output;
  ModelChoice model;
  std::optional<PictureFormat> format;
  std::optional<std::array<uint8_t, 4>> background;
  bool mask_only = false;
  bool keep_tree = false;      // folders: those below them too, kept in the output
  bool keep_metadata = false;  // EXIF, XMP and IPTC
  bool keep_profile = false;   // the picture's own colours and profile instead of sRGB
  size_t max_memory = 0;       // bytes of a decoded picture; 0: DefaultMaxMemory
  int svg_size = 0;            // pixels of an SVG's longer side; 0: its own size
  Refine refine = Refine::kFast;
  bool decontaminate = true;
  bool background_only = false;
  std::optional<float> threshold;
  float remove_islands = 0, fill_holes = 0;
  float smooth = 0, grow = 0, shadow = 0;
  FrameOptions frame;
  bool fail_if_empty = false;
  int quality = 90;
  int threads = 0;  // 0: one per core
  bool json = false;
  bool quiet = false;
};

// decal models
struct ModelsOptions {
  bool json = false;
};

// decal inspect model.onnx
struct InspectOptions {
  ModelChoice model;
  int64_t height = 0, width = 0;  // 0: the model's own
  int threads = 0;
  bool graph = false;  // print the graph after the pass `after` (empty: the last) instead of the schedule
  std::string after;
  bool profile = false;  // run the model and add times to the schedule
  int repeat = 5;        // runs to time
  bool choices = false;  // after the schedule, which algorithms were compared for a step and what they cost
  bool json = false;
  bool gpu = false;        // the plan for WebGPU instead: for the least that devices guarantee
  bool gpu_half = false;   // with float16 storage
  std::string gpu_save;    // folder for plan.json, weights.bin and uniforms.bin; empty: none
};

// decal run model.onnx --input x.npy --output y.npy
struct RunOptions {
  ModelChoice model;
  std::string input, output;
  int threads = 0;
  int repeat = 1;
  int warm_up = 0;  // runs before those that are timed
  bool profile = false;
};

// Help or version: text to print, then success.
struct PrintOptions {
  std::string text;
};

using Command = std::variant<RemoveOptions, ModelsOptions, InspectOptions, RunOptions, PrintOptions>;

// Errors (all kInvalidArgument) are usage errors: exit status 2.
Result<Command> ParseCommandLine(int argc, const char* const* argv);

}  // namespace decal::cli
