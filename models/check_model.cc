// Whether a model's fields are what border/fields.json allows.
// SPDX-License-Identifier: MIT
#include "border/rules.h"
#include "decal/model.h"
#include "engine/base/result.h"

namespace decal {
namespace {

Status Check(const rules::Rule& rule, double value) {
  if (rule.Allows(value)) return {};
  return Fail(ErrorCode::kInvalidArgument, rule.message, rule.name);
}

}  // namespace

Status CheckModel(const ModelInfo& model) {
  DECAL_TRY(Check(rules::kModelInputRule, static_cast<int>(model.size_rule)));
  DECAL_TRY(Check(rules::kModelInputWidth, model.width));
  DECAL_TRY(Check(rules::kModelInputHeight, model.height));
  DECAL_TRY(Check(rules::kModelInputMultiple, model.multiple));
  for (const float value : model.mean) DECAL_TRY(Check(rules::kModelMean, value));
  for (const float value : model.std) DECAL_TRY(Check(rules::kModelStd, value));
  // -1 stands for none.
  if (model.foreground_class != -1) DECAL_TRY(Check(rules::kModelForegroundClass, model.foreground_class));
  DECAL_TRY(Check(rules::kModelPasses, model.passes));
  for (const InputValue& input : model.inputs) DECAL_TRY(Check(rules::kModelInputs, input.value));
  return Check(rules::kModelActivation, static_cast<int>(model.activation));
}

}  // namespace decal
