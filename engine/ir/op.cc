// How operators are made, copied, moved and destroyed, compiled once: each is a function for every alternative.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/ir/op.h"

#include <array>
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
Op& Op::operator=(const Op&) = default;
Op& Op::operator=(Op&&) noexcept = default;
Op::~Op() = default;

void Op::Take(size_t index, void* op) { kTakers[index](*this, op); }

}  // namespace decal
