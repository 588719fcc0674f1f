// A model's fields as Python gives them.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <nanobind/stl/string.h>

#include "binding/engine.h"
#include "binding/errors.h"

namespace nb = nanobind;

namespace decal::python {

ModelSpec::ModelSpec(const nb::dict& fields, const nb::dict& inputs) {
  for (const auto& [name, text] : fields) {
    fields_.emplace_back(nb::cast<std::string>(name), nb::cast<std::string>(text));
  }
  for (const auto& [name, value] : inputs) {
    inputs_.emplace_back(nb::cast<std::string>(name), nb::cast<float>(value));
  }
  for (const auto& [name, value] : inputs_) values_.push_back({name, value});
  ModelInfo scratch;
  Over(scratch);  // what is wrong shows before anything is loaded
}

ModelInfo ModelSpec::Over(ModelInfo info) const {
  for (const auto& [name, text] : fields_) {
    if (Status set = SetModelField(info, name, text); !set) Throw(std::move(set.error()));
  }
  if (!values_.empty()) info.inputs = values_;
  return info;
}

}  // namespace decal::python
