// The conformance runner as a WebAssembly module of its own, for tests only; wasm.test.mjs drives it.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/conformance/conformance_case.h"

namespace {

std::string answer;

}  // namespace

extern "C" {

__attribute__((export_name("conformance_alloc"))) void* conformance_alloc(uint32_t bytes) {
  return std::malloc(std::max(bytes, 1u));
}
__attribute__((export_name("conformance_free"))) void conformance_free(void* memory) { std::free(memory); }

// `packed`: 32-bit numbers (inputs, outputs, then the size of the model, of each input and of each output), then the
// files one after the other. Answers "outcome TAB bound inputs TAB operators TAB message", valid until the next call.
__attribute__((export_name("conformance_run"))) const char* conformance_run(const std::byte* packed) {
  using namespace decal::conformance;
  const auto number = [&](size_t i) {
    uint32_t value;
    std::memcpy(&value, packed + i * sizeof(value), sizeof(value));
    return value;
  };
  const uint32_t inputs = number(0), outputs = number(1);
  const std::byte* at = packed + (3 + inputs + outputs) * sizeof(uint32_t);
  const auto take = [&](size_t i) {
    const decal::Bytes bytes(at, number(i));
    at += bytes.size();
    return bytes;
  };
  CaseData data;
  data.model = take(2);
  for (uint32_t i = 0; i < inputs; ++i) data.inputs.push_back(take(3 + i));
  for (uint32_t i = 0; i < outputs; ++i) data.outputs.push_back(take(3 + inputs + i));
  const Outcome outcome = RunCase(data);
  answer = std::string(Name(outcome.kind)) + '\t' + Name(outcome.bound) + '\t';
  for (const std::string& name : outcome.operators) answer += (answer.back() == '\t' ? "" : ",") + name;
  answer += '\t' + outcome.message;
  return answer.c_str();
}

}  // extern "C"
