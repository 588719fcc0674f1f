// Options of cut-outs in CLI11, and as a text that is equal if the results would be.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/cut_options.h"

#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "border/rules.h"
#include "cli/colour_text.h"
#include "cli/json_object.h"

namespace decal::cli {
namespace {

const std::map<std::string, PictureFormat> kFormats = {{"png", PictureFormat::kPng},
                                                       {"webp", PictureFormat::kWebp},
                                                       {"jpeg", PictureFormat::kJpeg},
                                                       {"jpg", PictureFormat::kJpeg}};
const std::map<std::string, Refine> kRefines = {
    {"off", Refine::kOff}, {"fast", Refine::kFast}, {"best", Refine::kBest}};

std::string LowerCased(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

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

CLI::Validator OneOf(const std::map<std::string, PictureFormat>& words, const rules::Rule& rule) {
  return CLI::Validator(
      [&](const std::string& text) {
        return words.contains(LowerCased(text)) ? std::string() : std::string(rule.message);
      },
      "");
}

const char* FormatName(PictureFormat format) {
  switch (format) {
    case PictureFormat::kPng: return "png";
    case PictureFormat::kWebp: return "webp";
    case PictureFormat::kJpeg: return "jpeg";
  }
  return "";
}

}  // namespace

CLI::Validator Within(const rules::Rule& rule) {
  return CLI::Validator(
      [&rule](const std::string& text) {
        const std::optional<double> value = ParseNumber(text);
        return value && rule.Allows(*value) ? std::string() : std::string(rule.message);
      },
      "");
}

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

void AddSubjectOptions(CLI::App& app, bool& decontaminate, bool& background_only, std::optional<float>& threshold,
                       float& remove_islands, float& fill_holes) {
  app.add_flag("!--keep-colours", decontaminate, "Do not remove the old background's colours from soft edges");
  app.add_flag("--background-only", background_only, "Keep the background and remove the subject");
  app.add_option("--threshold", threshold, "Hard edges: alpha from this value on becomes 1, below 0; 0 to 1")
      ->check(Within(rules::kOutputThreshold))
      ->type_name("T");
  app.add_option("--remove-islands", remove_islands, "Remove parts smaller than this share of the largest part, 0 to 1")
      ->check(Within(rules::kOutputRemoveIslands))
      ->type_name("SHARE");
  app.add_option("--fill-holes", fill_holes, "Fill holes smaller than this share of the subject, 0 to 1")
      ->check(Within(rules::kOutputFillHoles))
      ->type_name("SHARE");
}

void AddThreads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "Threads to compute with (default: one per core)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
}

void AddCutOptions(CLI::App& app, CutTexts& texts, CutOptions& options) {
  app.add_option("--format", texts.format, "png, webp or jpeg (default: by the extension of --output, else png)")
      ->check(OneOf(kFormats, rules::kCommandFormat))
      ->type_name("FORMAT");
  app.add_option("--quality", options.quality, "Quality of webp and jpeg, 1 to 100 (default: 90)")
      ->check(Obeys(rules::kCommandQuality))
      ->type_name("Q");
  app.add_option("--background", texts.background,
                 "Colour behind the subject: #rrggbb, #rrggbbaa, r,g,b or a CSS name (jpeg default: white)")
      ->type_name("COLOUR");
  app.add_flag("--mask", options.mask_only, "Write the matte as a grey picture instead");
  app.add_flag("--keep-metadata", options.keep_metadata,
               "Keep EXIF, XMP and IPTC; they may reveal where a photo was taken");
  app.add_option("--profile", texts.profile_rule,
                 "srgb, or keep: the picture's own colours with their profile (default: srgb)")
      ->check(CLI::IsMember({"srgb", "keep"}))
      ->type_name("RULE");
  app.add_option("--max-memory", options.max_memory,
                 "Most memory for one decoded picture, such as 500M or 4G (default: 2 GiB, at most a quarter of RAM)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--svg-size", options.svg_size, "Longer side of an SVG in pixels (default: its own size)")
      ->check(Obeys(rules::kCommandSvgSize))
      ->type_name("N");
  app.add_option("--refine", texts.refine,
                 "How precisely edges follow the picture: off, fast or best, which lets the default model look twice "
                 "(default: fast)")
      ->check(CLI::IsMember(kRefines))
      ->type_name("HOW");
  AddSubjectOptions(app, options.decontaminate, options.background_only, options.threshold, options.remove_islands,
                    options.fill_holes);
  app.add_option("--smooth", options.smooth, "Smooth the outline: removes jags up to about this many pixels, 0 to 50")
      ->check(Within(rules::kOutputSmooth))
      ->type_name("PIXELS");
  app.add_option("--grow", options.grow,
                 "Move the outline outwards by this many pixels, or inwards if negative, -50 to 50")
      ->check(Within(rules::kOutputGrow))
      ->type_name("PIXELS");
  app.add_option("--shadow", options.shadow, "Add a soft shadow on the ground below the subject, 0 to 1")
      ->check(Within(rules::kOutputShadow))
      ->type_name("DARKNESS");
  app.add_option("--crop", options.frame.crop, "Crop to the subject, with a margin in percent of its longer side")
      ->check(Within(rules::kOutputCrop))
      ->type_name("MARGIN");
  app.add_option("--aspect-ratio", texts.aspect_ratio, "Extend the result to this aspect ratio: 4:5, or a number")
      ->type_name("RATIO");
  CLI::Option* size =
      app.add_option("--size", texts.size, "Size of the result in pixels: 800x600, or one side: 800x, x600")
          ->type_name("SIZE");
  app.add_option("--scale", options.frame.scale, "Scale the result instead of --size, 0.01 to 8")
      ->check(Within(rules::kOutputScale))
      ->excludes(size)
      ->type_name("FACTOR");
  app.add_option("--model", options.model.model, "Name (see decal models) or path of an .onnx file")
      ->type_name("MODEL")
      ->group("Model");
  AddModelOptions(app, options.model);
}

Status ReadCutTexts(const CutTexts& texts, CutOptions& options) {
  if (!texts.format.empty()) {
    const auto format = kFormats.find(LowerCased(texts.format));
    if (format == kFormats.end()) return Fail(ErrorCode::kInvalidArgument, rules::kCommandFormat.message);
    options.format = format->second;
  }
  if (!texts.refine.empty()) {
    const auto refine = kRefines.find(texts.refine);
    if (refine == kRefines.end()) return Fail(ErrorCode::kInvalidArgument, "refine is off, fast or best");
    options.refine = refine->second;
  }
  if (!texts.background.empty()) {
    options.background = ParseColour(texts.background);
    if (!options.background) {
      return Fail(ErrorCode::kInvalidArgument,
                  "'" + texts.background + "' is not a colour: use #rrggbb, #rrggbbaa, r,g,b or a CSS name");
    }
  }
  if (!texts.aspect_ratio.empty()) {
    const auto ratio = ParseRatio(texts.aspect_ratio);
    if (!ratio) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("--aspect-ratio: '{}' is not a shape: width:height, or a number from 0.01 to 100",
                              texts.aspect_ratio));
    }
    options.frame.aspect_ratio = *ratio;
  }
  if (!texts.size.empty()) {
    const auto extent = ParseSize(texts.size);
    if (!extent) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("--size: '{}' is not a size: 800x600, 800x or x600, sides from 1 to 32768", texts.size));
    }
    if (extent->width > 0 && extent->height > 0 && !texts.aspect_ratio.empty())
      return Fail(ErrorCode::kInvalidArgument, "--aspect-ratio and a --size with both sides exclude each other");
    options.frame.size = *extent;
  }
  options.keep_profile = texts.profile_rule == "keep";
  return {};
}

std::string CutOptionsJson(const CutOptions& options) {
  std::map<std::string, std::string> given;
  const auto flag = [&](const char* name, bool set) {
    if (set) given[name] = "true";
  };
  const auto number = [&](const char* name, std::optional<float> value) {
    if (value) given[name] = fmt::format("{:g}", *value);
  };
  const CutOptions usual;
  if (const PictureFormat format = options.format.value_or(PictureFormat::kPng); format != PictureFormat::kPng) {
    given["format"] = FormatName(format);
    if (options.quality != usual.quality) given["quality"] = fmt::format("{}", options.quality);
  }
  if (options.background) {
    const auto& [r, g, b, a] = *options.background;
    given["background"] = fmt::format("#{:02x}{:02x}{:02x}{:02x}", r, g, b, a);
  }
  flag("mask", options.mask_only);
  flag("keep-metadata", options.keep_metadata);
  if (options.keep_profile) given["profile"] = "keep";
  if (options.svg_size != 0) given["svg-size"] = fmt::format("{}", options.svg_size);
  for (const auto& [word, refine] : kRefines) {
    if (refine == options.refine && refine != usual.refine) given["refine"] = word;
  }
  flag("keep-colours", !options.decontaminate);
  flag("background-only", options.background_only);
  number("threshold", options.threshold);
  if (options.remove_islands > 0) number("remove-islands", options.remove_islands);
  if (options.fill_holes > 0) number("fill-holes", options.fill_holes);
  if (options.smooth > 0) number("smooth", options.smooth);
  if (options.grow != 0) number("grow", options.grow);
  if (options.shadow > 0) number("shadow", options.shadow);
  number("crop", options.frame.crop);
  if (options.frame.aspect_ratio > 0) number("aspect-ratio", options.frame.aspect_ratio);
  if (const auto [width, height] = options.frame.size; width > 0 || height > 0)
    given["size"] =
        fmt::format("{}x{}", width > 0 ? fmt::to_string(width) : "", height > 0 ? fmt::to_string(height) : "");
  if (options.frame.scale != 1) number("scale", options.frame.scale);
  if (!options.model.model.empty()) given["model"] = options.model.model;
  if (!options.model.file.empty()) given["model-file"] = options.model.file;
  for (const auto& [field, text] : options.model.fields.texts) given[field] = text;
  for (const auto& [name, value] : options.model.fields.inputs)
    given["model-value." + name] = fmt::format("{:g}", value);
  JsonObject json;
  for (const auto& [name, value] : given) json.Add(name, value);
  return json.ToString();
}

}  // namespace decal::cli
