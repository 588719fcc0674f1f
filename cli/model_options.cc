// Options of models in CLI11.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/model_options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <CLI/CLI.hpp>

#include "border/rules.h"

namespace decal::cli {
namespace {

constexpr const char* kGroup = "Model";

struct Flag {
  const char* name;
  const char* field;  // of the registry
  const char* type;
  const char* help;
};

constexpr Flag kFlags[] = {
    {"--mean", "mean", "R,G,B",
     "Mean of red, green and blue in 0..1; the model sees (rgb - mean) / std (default: 0,0,0)"},
    {"--std", "std", "R,G,B", "Standard deviation, see --mean (default: 1,1,1)"},
    {"--size-rule", "input.rule", "RULE", "stretch to the input size, or short-side: keep the proportions"},
    {"--size-multiple", "input.multiple", "N", "With short-side, round sides to multiples of this (default: 1)"},
    {"--activation", "activation", "WORD",
     "What the output is: none (0 to 1), sigmoid or softmax (logits), bytes (0 to 255), or auto (default: none)"},
    {"--model-output", "output", "NAME", "Name of the output that is the matte (default: guessed by name and shape)"},
    {"--foreground-class", "foregroundClass", "N", "The subject's class, if the model distinguishes several"},
    {"--passes", "passes", "N",
     "2: with --refine best, the model sees the subject's surroundings again, closer (default: 1)"},
};

CLI::Validator Checks(const char* field) {
  return CLI::Validator(
      [field](const std::string& text) {
        ModelInfo scratch;
        const Status set = SetModelField(scratch, field, text);
        return set ? std::string() : set.error().message;
      },
      "");
}

// "512", or "640x480": width and height.
std::pair<std::string, std::string> SplitSize(const std::string& text) {
  const size_t cross = text.find('x');
  return {text.substr(0, cross), cross == std::string::npos ? text : text.substr(cross + 1)};
}

std::string CheckSize(const std::string& text) {
  const auto [width, height] = SplitSize(text);
  ModelInfo scratch;
  const bool good = SetModelField(scratch, "input.width", width) && SetModelField(scratch, "input.height", height);
  return good ? std::string() : std::string("N or WxH: ") + rules::kModelInputWidth.message;
}

// "downsample_ratio=0.25"
bool ParseValue(const std::string& text, std::pair<std::string, float>& value) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return false;
  value.first = text.substr(0, equals);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, value.second);
  return error == std::errc{} && stop == end && rules::kModelInputs.Allows(value.second);
}

std::string CheckValue(const std::string& text) {
  std::pair<std::string, float> value;
  return ParseValue(text, value) ? std::string() : std::string("NAME=NUMBER: ") + rules::kModelInputs.message;
}

}  // namespace

void AddModelOptions(CLI::App& app, ModelChoice& choice) {
  app.add_option("--model-file", choice.file, "File with the weights of --model")->type_name("PATH")->group(kGroup);
  app.add_option("--models-dir", choice.models_dir, "Folder with the weights of models that are not embedded")
      ->type_name("DIR")
      ->envname("DECAL_MODELS_DIR")
      ->group(kGroup);
  for (const Flag& flag : kFlags) {
    app.add_option_function<std::string>(
           flag.name,
           [&choice, field = flag.field](const std::string& text) { choice.fields.texts.emplace_back(field, text); },
           flag.help)
        ->check(Checks(flag.field))
        ->type_name(flag.type)
        ->group(kGroup);
  }
  app.add_option_function<std::string>(
         "--input-size",
         [&choice](const std::string& text) {
           const auto [width, height] = SplitSize(text);
           choice.fields.texts.emplace_back("input.width", width);
           choice.fields.texts.emplace_back("input.height", height);
         },
         "Size of the model's input in pixels, if it is dynamic (default: 512)")
      ->check(CLI::Validator(CheckSize, ""))
      ->type_name("WxH")
      ->group(kGroup);
  app.add_option_function<std::vector<std::string>>(
         "--model-value",
         [&choice](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) ParseValue(text, choice.fields.inputs.emplace_back());
         },
         "Value for another input of the model; repeat for each")
      ->check(CLI::Validator(CheckValue, ""))
      ->type_name("NAME=NUMBER")
      ->expected(1)
      ->take_all()
      ->group(kGroup);
}

void ApplyFields(const ModelFields& fields, ModelInfo& info, std::vector<InputValue>& values) {
  // Checked when they were parsed.
  for (const auto& [field, text] : fields.texts) (void)SetModelField(info, field, text);
  for (const auto& [name, value] : fields.inputs) {
    const auto same = std::ranges::find(values, name, &InputValue::name);
    if (same != values.end()) same->value = value;
    else values.push_back({name, value});
  }
  if (!values.empty()) info.inputs = values;
}

}  // namespace decal::cli
