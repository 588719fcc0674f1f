// Looking at graphs: makers, uses, scalars and products.
// SPDX-License-Identifier: MIT
#include "engine/passes/pattern.h"

#include <algorithm>
#include <cmath>

namespace decal {

bool AllAre(const Dims& dims, int64_t value) {
  return std::all_of(dims.begin(), dims.end(), [&](int64_t d) { return d == value; });
}

const Node* Pattern::AnyMaker(ValueId v) const {
  return v != kNoValue && v < producers_.size() && producers_[v] >= 0
             ? &graph_.nodes[static_cast<size_t>(producers_[v])]
             : nullptr;
}

const Node* Pattern::Maker(ValueId v, UnaryKind kind) const {
  const Node* node = Maker<Unary>(v);
  return node != nullptr && std::get<Unary>(node->op).kind == kind ? node : nullptr;
}

const Node* Pattern::Maker(ValueId v, BinaryKind kind) const {
  const Node* node = Maker<Binary>(v);
  return node != nullptr && std::get<Binary>(node->op).kind == kind ? node : nullptr;
}

std::optional<double> Pattern::Scalar(ValueId v) const {
  if (!graph_.IsConstant(v)) return std::nullopt;
  const ConstantTensor& constant = *graph_.values[v].constant;
  if (constant.shape.elements() != 1 || constant.buffer.data() == nullptr) return std::nullopt;
  switch (constant.dtype) {
    case DType::kFloat32: return *constant.view().as<float>();
    case DType::kInt64: return static_cast<double>(*constant.view().as<int64_t>());
    default: return std::nullopt;
  }
}

bool Pattern::IsScalar(ValueId v, double value) const {
  const std::optional<double> scalar = Scalar(v);
  return scalar && std::abs(*scalar - value) <= 1e-6 * std::max(1.0, std::abs(value));
}

ValueId Pattern::Beside(const Node* node, double value) const {
  if (node == nullptr) return kNoValue;
  for (size_t i : {0, 1}) {
    const ValueId other = node->inputs[1 - i];
    if (!IsScalar(node->inputs[i], value) || graph_.IsConstant(other)) continue;
    // A scalar of higher rank than the other operand would broadcast it to that rank.
    if (ShapeOf(node->inputs[i]).rank() <= ShapeOf(other).rank()) return other;
  }
  return kNoValue;
}

void Pattern::AddFactors(ValueId v, int depth, Product& product) const {
  if (const std::optional<double> scalar = Scalar(v)) {
    product.scale *= *scalar;
    return;
  }
  // Patterns are a few products deep. A hostile chain of thousands would take the stack, and each of its nodes the whole.
  constexpr int kMaxDepth = 8;
  const auto next = [&](ValueId operand) { AddFactors(operand, UsedOnce(operand) ? depth + 1 : kMaxDepth, product); };
  if (depth < kMaxDepth) {
    if (const Node* mul = Maker(v, BinaryKind::kMul)) {
      for (size_t i : {0, 1}) next(mul->inputs[i]);
      return;
    }
    const Node* div = Maker(v, BinaryKind::kDiv);
    const std::optional<double> divisor = div ? Scalar(div->inputs[1]) : std::nullopt;
    if (divisor && *divisor != 0) {
      product.scale /= *divisor;
      return next(div->inputs[0]);
    }
    if (const Node* neg = Maker(v, UnaryKind::kNeg)) {
      product.scale = -product.scale;
      return next(neg->inputs[0]);
    }
  }
  product.factors.push_back(v);
}

Pattern::Product Pattern::Factors(const Node& mul) const {
  Product product;
  AddFactors(mul.outputs[0], 0, product);
  return product;
}

}  // namespace decal
