// One ONNX conformance case through the whole pipeline: import, passes, plan, run, compare. No test framework and no
// exceptions, so that the same code runs natively and in a WebAssembly module.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/onnx/wire.h"

namespace decal::conformance {

// The contents of model.onnx and of one test_data_set_N/ folder, in order of the files' numbers.
struct CaseData {
  Bytes model;
  std::vector<Bytes> inputs;   // TensorProto
  std::vector<Bytes> outputs;  // TensorProto
};

// Which inputs had to be known when the graph was specialised, because a shape depends on them.
enum class BoundInputs : uint8_t { kNone, kIntegers, kAll };

struct Outcome {
  enum class Kind : uint8_t { kPassed, kFailed, kNotApplicable } kind = Kind::kFailed;
  BoundInputs bound = BoundInputs::kNone;
  std::string message;                 // why it failed or cannot apply
  std::vector<std::string> operators;  // of the model, each once
};

// Not applicable: the model names operators that the engine does not have.
Outcome RunCase(const CaseData& data);

// "passed", "failed", "not-applicable".
const char* Name(Outcome::Kind kind);
// "", "integers", "all".
const char* Name(BoundInputs bound);

}  // namespace decal::conformance
