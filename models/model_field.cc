// A model's field from text, as the command and Python have it: one place for its spelling, and the rules of border/fields.json.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <span>
#include <string>

#include "border/rules.h"
#include "border/words.h"
#include "decal/model.h"
#include "engine/base/result.h"

namespace decal {
namespace {

// Rules are called model.mean, fields mean.
bool IsField(const rules::Rule& rule, std::string_view field) { return "model." + std::string(field) == rule.name; }

std::unexpected<Error> Refuse(const rules::Rule& rule) {
  return Fail(ErrorCode::kInvalidArgument, rule.message, rule.name);
}

template <class T>
Status SetNumber(const rules::Rule& rule, std::string_view text, T& to) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !rule.Allows(value)) return Refuse(rule);
  to = value;
  return {};
}

Status SetNumbers(const rules::Rule& rule, std::string_view text, std::array<float, 3>& to) {
  std::array<float, 3> values{};
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t comma = i + 1 < values.size() ? text.find(',') : text.size();
    if (comma == std::string_view::npos) return Refuse(rule);
    DECAL_TRY(SetNumber(rule, text.substr(0, comma), values[i]));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  to = values;
  return {};
}

template <class Choice>
Status SetWord(const rules::Rule& rule, std::span<const char* const> words, std::string_view text, Choice& to) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return Refuse(rule);
  to = static_cast<Choice>(found - words.begin());
  return {};
}

}  // namespace

Status SetModelField(ModelInfo& model, std::string_view field, std::string_view text) {
  if (IsField(rules::kModelMean, field)) return SetNumbers(rules::kModelMean, text, model.mean);
  if (IsField(rules::kModelStd, field)) return SetNumbers(rules::kModelStd, text, model.std);
  if (IsField(rules::kModelInputRule, field))
    return SetWord(rules::kModelInputRule, words::kSizeRule, text, model.size_rule);
  if (IsField(rules::kModelInputWidth, field)) return SetNumber(rules::kModelInputWidth, text, model.width);
  if (IsField(rules::kModelInputHeight, field)) return SetNumber(rules::kModelInputHeight, text, model.height);
  if (IsField(rules::kModelInputMultiple, field)) return SetNumber(rules::kModelInputMultiple, text, model.multiple);
  if (IsField(rules::kModelActivation, field))
    return SetWord(rules::kModelActivation, words::kOutputActivation, text, model.activation);
  if (IsField(rules::kModelForegroundClass, field))
    return SetNumber(rules::kModelForegroundClass, text, model.foreground_class);
  if (IsField(rules::kModelPasses, field)) return SetNumber(rules::kModelPasses, text, model.passes);
  if (IsField(rules::kModelOutput, field)) {
    if (text.empty()) return Refuse(rules::kModelOutput);
    model.output = text;
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument, "a model has no such field", std::string(field));
}

}  // namespace decal
