// The command line's grammar, in CLI11; its exceptions end here.
// SPDX-License-Identifier: MIT
#include "cli/options.h"

#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>
#include <tuple>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "border/rules.h"
#include "cli/colour_text.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  decal photo.jpg                          writes photo.decal.png beside it
  decal *.jpg holiday/ -o cutouts          several pictures and folders into one folder
  decal photo.jpg --background '#ffffff' --format jpeg
  decal photo.jpg --mask -o matte.png      the matte alone, as a grey picture
  decal - < photo.jpg > cutout.png         standard input and output
  decal photo.jpg --model modnet --model-file modnet.onnx
  decal photo.jpg --model own.onnx --mean 0.5,0.5,0.5 --activation sigmoid
A picture named like a subcommand is reached as ./run.
Exit status: 0 all done, 1 something failed (the rest is done), 2 wrong usage,
3 no subject found in some picture (--fail-if-empty).)";

const std::map<std::string, PictureFormat> kFormats = {{"png", PictureFormat::kPng},
                                                       {"webp", PictureFormat::kWebp},
                                                       {"jpeg", PictureFormat::kJpeg},
                                                       {"jpg", PictureFormat::kJpeg}};

std::string LowerCased(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

const std::map<std::string, Refine> kRefines = {
    {"off", Refine::kOff}, {"fast", Refine::kFast}, {"best", Refine::kBest}};

// All of a text as a number.
std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "4:5" or "0.8".
std::optional<float> ParseRatio(std::string_view text) {
  const size_t colon = text.find(':');
  const auto width = ParseNumber(text.substr(0, colon));
  const auto height = colon == text.npos ? 1.0 : ParseNumber(text.substr(colon + 1));
  if (!width || !height || !(*height > 0) || !rules::kOutputAspectRatio.Allows(*width / *height)) return std::nullopt;
  return static_cast<float>(*width / *height);
}

// "800x600", "800x" or "x600".
std::optional<Extent> ParseSize(std::string_view text) {
  const size_t cross = text.find('x');
  if (cross == text.npos || text.size() == 1) return std::nullopt;
  Extent extent;
  for (auto [part, side, rule] : {std::tuple(text.substr(0, cross), &extent.width, &rules::kOutputSizeWidth),
                                  std::tuple(text.substr(cross + 1), &extent.height, &rules::kOutputSizeHeight)}) {
    if (part.empty()) continue;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), *side);
    if (error != std::errc{} || end != part.data() + part.size() || !rule->Allows(*side)) return std::nullopt;
  }
  return extent;
}

// Whole numbers that border/fields.json allows; what it says otherwise.
CLI::Validator Obeys(const rules::Rule& rule) {
  return CLI::Validator(
      [&rule](const std::string& text) {
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = error == std::errc{} && end == text.data() + text.size();
        return whole && rule.Allows(value) ? std::string() : std::string(rule.message);
      },
      "");
}

// The same of any numbers.
CLI::Validator Within(const rules::Rule& rule) {
  return CLI::Validator(
      [&rule](const std::string& text) {
        const std::optional<double> value = ParseNumber(text);
        return value && rule.Allows(*value) ? std::string() : std::string(rule.message);
      },
      "");
}

CLI::Validator OneOf(const std::map<std::string, PictureFormat>& words, const rules::Rule& rule) {
  return CLI::Validator(
      [&](const std::string& text) {
        return words.contains(LowerCased(text)) ? std::string() : std::string(rule.message);
      },
      "");
}

void AddThreads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "Threads to compute with (default: one per core)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
}

std::unexpected<Error> UsageError(std::string message) {
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

}  // namespace

Result<Command> ParseCommandLine(int argc, const char* const* argv) {
  CLI::App app{"Removes the background of pictures, on this machine.", "decal"};
  app.footer(kExamples);
  app.get_formatter()->column_width(28);
  app.set_version_flag("--version", [] { return std::string("decal ") + Version(); }, "Print the version and exit");

  RemoveOptions remove;
  std::string format, background, profile_rule, refine, aspect_ratio, result_size;
  app.add_option("pictures", remove.inputs,
                 "Pictures, folders (the pictures directly in them) or - for standard input");
  app.add_option("-o,--output", remove.output, "File for one picture, folder for several, - for standard output")
      ->type_name("PATH");
  app.add_option("--format", format, "png, webp or jpeg (default: as --output ends, else png)")
      ->check(OneOf(kFormats, rules::kCommandFormat))
      ->type_name("FORMAT");
  app.add_option("--quality", remove.quality, "1 to 100, for webp and jpeg (default: 90)")
      ->check(Obeys(rules::kCommandQuality))
      ->type_name("Q");
  app.add_option("--background", background,
                 "Colour behind the subject: #rrggbb, #rrggbbaa, r,g,b or a CSS name (jpeg default: white)")
      ->type_name("COLOUR");
  app.add_flag("--mask", remove.mask_only, "Write the matte itself as a grey picture");
  app.add_flag("--keep-tree", remove.keep_tree, "Take folders with all below them, and keep the tree in the output");
  app.add_flag("--keep-metadata", remove.keep_metadata,
               "Keep EXIF, XMP and IPTC: they may tell where a photo was taken");
  app.add_option("--profile", profile_rule,
                 "srgb, or keep: the picture's own colours with their profile (default: srgb)")
      ->check(CLI::IsMember({"srgb", "keep"}))
      ->type_name("RULE");
  app.add_option("--max-memory", remove.max_memory,
                 "Limit of a decoded picture, as 500M or 4G (default: 2 GiB, at most a quarter of the memory)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--svg-size", remove.svg_size, "Pixels of an SVG's longer side (default: its own size)")
      ->check(CLI::Range(1, 32767))
      ->type_name("N");
  app.add_option("--refine", refine, "How edges follow the picture: off, fast or best (default: fast)")
      ->check(CLI::IsMember(kRefines))
      ->type_name("HOW");
  app.add_flag("!--keep-colours", remove.decontaminate, "Leave soft edges the colours of the old background");
  app.add_flag("--background-only", remove.background_only, "Keep what is not the subject");
  app.add_option("--threshold", remove.threshold, "0 to 1: whole pixels from there on, none below, no soft edges")
      ->check(Within(rules::kOutputThreshold))
      ->type_name("T");
  app.add_option("--remove-islands", remove.remove_islands,
                 "Remove parts smaller than that share of the largest, 0 to 1")
      ->check(Within(rules::kOutputRemoveIslands))
      ->type_name("SHARE");
  app.add_option("--fill-holes", remove.fill_holes, "Fill holes smaller than that share of the subject, 0 to 1")
      ->check(Within(rules::kOutputFillHoles))
      ->type_name("SHARE");
  app.add_option("--smooth", remove.smooth, "Straighten the outline: jags up to about so many pixels go, 0 to 50")
      ->check(Within(rules::kOutputSmooth))
      ->type_name("PIXELS");
  app.add_option("--grow", remove.grow,
                 "Move the outline outwards, or inwards with a minus, -50 to 50; 0.5 is a half pixel")
      ->check(Within(rules::kOutputGrow))
      ->type_name("PIXELS");
  app.add_option("--shadow", remove.shadow, "A soft shadow on the ground below the subject, 0 to 1")
      ->check(Within(rules::kOutputShadow))
      ->type_name("DARKNESS");
  app.add_option("--crop", remove.frame.crop, "Cut to the subject, with a margin in percent of its longer side")
      ->check(Within(rules::kOutputCrop))
      ->type_name("MARGIN");
  app.add_option("--aspect-ratio", aspect_ratio, "Widen what is shown to that shape: 4:5, or a number")
      ->type_name("RATIO");
  CLI::Option* size =
      app.add_option("--size", result_size, "Pixels of the result: 800x600, or 800x and x600 for one side")
          ->type_name("SIZE");
  app.add_option("--scale", remove.frame.scale, "Instead of --size a factor, 0.01 to 8")
      ->check(Within(rules::kOutputScale))
      ->excludes(size)
      ->type_name("FACTOR");
  app.add_flag("--fail-if-empty", remove.fail_if_empty, "Exit with 3 where no subject is found");
  app.add_option("--model", remove.model.model, "Name (see decal models) or path of an .onnx file")
      ->type_name("MODEL")
      ->group("Model");
  AddModelOptions(app, remove.model);
  AddThreads(app, remove.threads);
  app.add_flag("--json", remove.json, "One line of JSON a picture on standard output");
  app.add_flag("-q,--quiet", remove.quiet, "Print errors only");

  ModelsOptions models;
  CLI::App* models_app = app.add_subcommand("models", "List the models that are known by name");
  models_app->add_flag("--json", models.json, "One line of JSON a model");

  InspectOptions inspect;
  CLI::App* inspect_app =
      app.add_subcommand("inspect", "Show a model's inputs, schedule, memory plan and where its time goes");
  inspect_app->add_option("model", inspect.model.model, "Path of an .onnx file, or a name")->required();
  inspect_app->add_option("--height", inspect.height, "Pixels, for models of dynamic size")
      ->check(Obeys(rules::kCommandHeight));
  inspect_app->add_option("--width", inspect.width, "Pixels, for models of dynamic size")
      ->check(Obeys(rules::kCommandWidth));
  AddModelOptions(*inspect_app, inspect.model);
  AddThreads(*inspect_app, inspect.threads);
  inspect_app->add_flag("--graph", inspect.graph, "Print the optimised graph instead of the schedule");
  inspect_app->add_option("--after", inspect.after, "Print the graph as it is after this pass")->type_name("PASS");
  CLI::Option* profile = inspect_app->add_flag(
      "--profile", inspect.profile, "Run the model and print the time of every layer, and totals by algorithm");
  inspect_app->add_option("--repeat", inspect.repeat, "Runs to time, after one to warm up (default: 5)")
      ->check(Obeys(rules::kCommandRepeat))
      ->needs(profile);
  inspect_app->add_flag("--choices", inspect.choices,
                        "Print which algorithms were compared for each layer, and what the cost model says of them");
  inspect_app->add_flag("--json", inspect.json, "All of it as one JSON object");
  CLI::Option* gpu = inspect_app->add_flag(
      "--gpu", inspect.gpu, "Print the plan for WebGPU instead, for a device with the guaranteed limits");
  inspect_app->add_flag("--gpu-half", inspect.gpu_half, "Plan for float16 storage")->needs(gpu);
  inspect_app
      ->add_option("--gpu-save", inspect.gpu_save, "Write the plan to plan.json, weights.bin and uniforms.bin here")
      ->needs(gpu)
      ->type_name("FOLDER");

  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "Run a model on a raw float32 tensor (.npy) and print timings as JSON");
  run_app->add_option("model", run.model.model, "Path of an .onnx file, or a name")->required();
  run_app->add_option("--input", run.input, "The model's first input, float32 .npy")->required()->type_name("X.npy");
  run_app->add_option("--output", run.output, "Where its first output goes")->required()->type_name("Y.npy");
  run_app->add_option("--repeat", run.repeat, "Runs to time (default: 1)")->check(Obeys(rules::kCommandRepeat));
  run_app->add_option("--warm-up", run.warm_up, "Runs before those (default: 0)")->check(Obeys(rules::kCommandWarmUp));
  run_app->add_flag("--profile", run.profile, "Print the time of every layer on standard error");
  AddModelOptions(*run_app, run.model);
  AddThreads(*run_app, run.threads);
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    return PrintOptions{std::string(version.what()) + "\n"};
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return PrintOptions{chosen.empty() ? app.help() : chosen.front()->help("decal")};
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }

  const bool has_subcommand = !app.get_subcommands().empty();
  if (has_subcommand && !remove.inputs.empty()) {
    return UsageError(fmt::format("'{0}' is a subcommand: a picture of that name is ./{0}",
                                  app.get_subcommands().front()->get_name()));
  }
  if (*models_app) return models;
  if (*inspect_app) {
    if ((inspect.height == 0) != (inspect.width == 0)) return UsageError("--height and --width go together");
    inspect.graph = inspect.graph || !inspect.after.empty();
    if (inspect.graph && (inspect.profile || inspect.choices || inspect.json)) {
      return UsageError("--graph and --after print text alone: no --profile, no --choices, no --json");
    }
    if (inspect.gpu && (inspect.graph || inspect.profile || inspect.choices)) {
      return UsageError("--gpu prints the plan alone: no --graph, no --profile, no --choices");
    }
    return inspect;
  }
  if (*run_app) return run;

  if (remove.inputs.empty()) return UsageError("no pictures given");
  if (!format.empty()) {
    remove.format = kFormats.at(LowerCased(format));
  }
  if (!refine.empty()) remove.refine = kRefines.at(refine);
  if (!background.empty()) {
    remove.background = ParseColour(background);
    if (!remove.background)
      return UsageError("'" + background + "' is not a colour: use #rrggbb, #rrggbbaa, r,g,b or a CSS name");
  }
  if (!aspect_ratio.empty()) {
    const auto ratio = ParseRatio(aspect_ratio);
    if (!ratio)
      return UsageError(
          fmt::format("--aspect-ratio: '{}' is not a shape: width:height, or a number from 0.01 to 100", aspect_ratio));
    remove.frame.aspect_ratio = *ratio;
  }
  if (!result_size.empty()) {
    const auto extent = ParseSize(result_size);
    if (!extent)
      return UsageError(
          fmt::format("--size: '{}' is not a size: 800x600, 800x or x600, sides from 1 to 32768", result_size));
    if (extent->width > 0 && extent->height > 0 && !aspect_ratio.empty()) {
      return UsageError("--size with both sides is a shape already: no --aspect-ratio");
    }
    remove.frame.size = *extent;
  }
  remove.keep_profile = profile_rule == "keep";
  return remove;
}

}  // namespace decal::cli
