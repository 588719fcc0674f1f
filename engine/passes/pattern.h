// Queries of the graph for passes that match patterns: who makes a value, who else uses it, which scalars are known.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "engine/ir/graph.h"

namespace decal {

// Whether every element is `value`; true if there are none.
bool AllAre(const Dims& dims, int64_t value);

// A snapshot. Meanwhile nodes may change their operator and inputs, but not the values that they make.
class Pattern {
 public:
  explicit Pattern(const Graph& graph) : graph_(graph), producers_(Producers(graph)), uses_(UseCounts(graph)) {}

  // The node that makes `v` if its operator is a T; otherwise null, also for kNoValue.
  template <class T>
  const Node* Maker(ValueId v) const {
    const Node* node = AnyMaker(v);
    return node != nullptr && std::holds_alternative<T>(node->op) ? node : nullptr;
  }
  const Node* Maker(ValueId v, UnaryKind kind) const;
  const Node* Maker(ValueId v, BinaryKind kind) const;
  const Node* AnyMaker(ValueId v) const;

  // Only one operator reads `v`.
  bool UsedOnce(ValueId v) const { return uses_[v] == 1; }
  // A known float32 (or integer) with one element.
  std::optional<double> Scalar(ValueId v) const;
  // `v` is a scalar within a millionth of `value`.
  bool IsScalar(ValueId v, double value) const;
  // The operand of a commutative binary `node` whose other operand is a scalar close to `value`; kNoValue if there is
  // none.
  ValueId Beside(const Node* node, double value) const;

  // A product, decomposed through Mul, Div by a scalar and Neg nodes that have no other readers.
  struct Product {
    double scale = 1;  // of all scalars
    std::vector<ValueId> factors;  // the rest
  };
  Product Factors(const Node& mul) const;

  const Shape& ShapeOf(ValueId v) const { return *graph_.values[v].type.shape; }
  bool IsFloat(ValueId v) const { return graph_.values[v].type.dtype == DType::kFloat32; }

 private:
  void AddFactors(ValueId v, int depth, Product& product) const;

  const Graph& graph_;
  std::vector<int32_t> producers_;
  std::vector<uint32_t> uses_;
};

}  // namespace decal
