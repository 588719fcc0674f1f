// How operators are made, copied, moved and destroyed, compiled once, and the dispatch from an operator to its family.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/ir/op.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace decal {
namespace {

template <size_t i>
void TakeAlternative(OpVariant& variant, void* op) {
  variant.emplace<i>(std::move(*static_cast<std::variant_alternative_t<i, OpVariant>*>(op)));
}

// By index of the alternative.
template <size_t... i>
constexpr std::array<void (*)(OpVariant&, void*), sizeof...(i)> Takers(std::index_sequence<i...>) {
  return {TakeAlternative<i>...};
}
constexpr auto kTakers = Takers(std::make_index_sequence<std::variant_size_v<OpVariant>>());

}  // namespace

Op::Op() noexcept = default;
Op::Op(const Op&) = default;
Op::Op(Op&&) noexcept = default;
// By the constructors: assignment from each alternative to each other one would be code of its own.
Op& Op::operator=(const Op& op) { return *this = Op(op); }
Op& Op::operator=(Op&& op) noexcept {
  if (this != &op) {
    std::destroy_at(this);
    std::construct_at(this, std::move(op));
  }
  return *this;
}
Op::~Op() = default;

void Op::Take(size_t index, void* op) { kTakers[index](*this, op); }

const char* OpName(const Op& op) {
  return std::visit([]<class T>(const T& o) { return OpTraits<T>::Name(o); }, op);
}

const OpFacts& FactsOf(const Op& op) {
  return std::visit([]<class T>(const T&) -> const OpFacts& { return OpTraits<T>::kFacts; }, op);
}

InferResult InferOp(const Op& op, const InferContext& context) {
  const auto refuse = [&] { return Fail(ErrorCode::kUnsupportedOperator, std::string(OpName(op)) + " of strings"); };
  const bool takes_strings = FactsOf(op).takes_strings;
  for (const InferInput& input : context.inputs)
    if (!takes_strings && input.present && input.dtype == DType::kString) return refuse();
  InferResult types = std::visit([&](const auto& o) { return Infer(o, context); }, op);
  if (!types || takes_strings) return types;
  for (const TensorType& type : *types)
    if (type.dtype == DType::kString) return refuse();
  return types;
}

Status RunReference(const Op& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  return std::visit([&](const auto& o) { return Reference(o, in, out); }, op);
}

double ReferenceWork(const Op& op, std::span<const InferInput> inputs, std::span<const TensorType> outputs) {
  double read = 0, written = 0;
  for (const InferInput& input : inputs)
    if (input.present) read += ElementCount(input.shape);
  for (const TensorType& output : outputs) written += ElementCount(*output.shape);
  const Work work = std::visit([&]<class T>(const T& o) { return OpTraits<T>::WorkOf(o, inputs); }, op);
  const double first = inputs.empty() ? 0 : ElementCount(inputs[0].shape);
  return read + written * work.per_output + first * work.per_input;
}

}  // namespace decal
