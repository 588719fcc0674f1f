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
#include "decal/gpu.h"
#include "decal/result.h"

namespace decal::cli {

// What shapes a cut-out, whatever command makes it.
struct CutOptions {
  ModelChoice model;
  std::optional<PictureFormat> format;  // png where nothing says otherwise
  std::optional<std::array<uint8_t, 4>> background;
  bool mask_only = false;
  bool keep_metadata = false;  // EXIF, XMP and IPTC
  bool keep_profile = false;   // the picture's own colours and profile instead of sRGB
  size_t max_memory = 0;       // bytes of a decoded picture; 0: DefaultMaxMemory
  int64_t max_pixels = 0;      // of a picture, by its header; 0: what DecodePicture takes
  int svg_size = 0;            // pixels of an SVG's longer side; 0: its own size
  Refine refine = Refine::kFast;
  bool decontaminate = true;
  bool background_only = false;
  std::optional<float> threshold;
  float remove_islands = 0, fill_holes = 0;
  float smooth = 0, grow = 0, shadow = 0;
  FrameOptions frame;
  int quality = 90;
};

// decal photo.jpg ...
struct RemoveOptions : CutOptions {
  std::vector<std::string> inputs;
  std::string output;
  bool keep_tree = false;  // folders: those below them too, kept in the output
  bool fail_if_empty = false;
  int threads = 0;  // 0: one per core
  bool json = false;
  bool quiet = false;
};

// decal batch --from list --to folder
struct BatchOptions : CutOptions {
  std::string from, to;
  std::string base;     // empty: the current directory
  std::string journal;  // empty: .decal in `to`
  std::string shard;    // "3/16"; empty: what the environment says
  int workers = 0;      // processes; 0: one for each four cores
  int threads = 0;      // of each; 0: the cores, shared out
  bool retry_failed = false;
  bool stop_on_error = false;
  bool sync = false;
  bool fail_if_empty = false;
  bool json = false;
  bool quiet = false;
};

// decal serve. The options of cut-outs are what requests get that do not say otherwise.
struct ServeOptions : CutOptions {
  std::string host = "127.0.0.1";
  int port = 7000;
  int workers = 0;  // pictures in networks at the same time; 0: one for each four cores
  int threads = 0;  // of each; 0: the cores, shared out
  int queue = 16;   // requests that wait, besides those in work
  int connections = 256;
  size_t max_upload = size_t{32} << 20;  // bytes of a request
  int timeout = 60;                      // seconds for a request, from its first byte to the last of the answer
  int idle_timeout = 5;                  // seconds a connection may be open without a request
  int grace = 25;                        // seconds to finish after SIGTERM
  std::string token_file;
  std::vector<std::string> more_models;  // names or paths besides `model`
  std::vector<std::string> url_hosts;    // from which GET /api/remove?url= may fetch
  bool private_urls = false;             // even where they are in private networks
  bool json = false;                     // the log
  bool quiet = false;                    // no log
};

// decal video clip.mp4 -o clip.webm
struct VideoOptions {
  std::string input, output;
  ModelChoice model;  // people-live unless it says otherwise
  CompositeOptions composite;
  std::string backdrop;  // file of a picture behind the subject
  float blur = 0;  // pixels by which the frame itself is blurred behind the subject; 0: it is not there
  bool frame_by_frame = false;  // without TemporalMatte
  Extent size;  // of raw frames; empty: the input is a file
  std::string pixel_format = "rgb24";
  int rate_num = 25, rate_den = 1;  // raw frames a second
  int quality = 75;
  int threads = 0;
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
  uint64_t gpu_half_from = GpuOptions{}.half_activations_from;  // of activations of so many bytes
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

using Command = std::variant<RemoveOptions, BatchOptions, ServeOptions, VideoOptions, ModelsOptions, InspectOptions,
                             RunOptions, PrintOptions>;

// Errors (all kInvalidArgument) are usage errors: exit status 2.
Result<Command> ParseCommandLine(int argc, const char* const* argv);

}  // namespace decal::cli
