// The graph: values and the nodes that make them, in execution order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/ir/op.h"

namespace decal {

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = UINT32_MAX;  // an absent optional input

struct Value {
  std::string name;
  TensorType type;
  ConstantPtr constant;               // set: this value is known
  Layout layout = Layout::kRowMajor;  // chosen by passes/assign_layout
};

struct Node {
  Op op;
  std::string name;
  std::vector<ValueId> inputs;   // kNoValue for an absent optional one
  std::vector<ValueId> outputs;
};

struct Graph {
  std::string name;
  std::vector<Value> values;  // by ValueId; some may be unused
  std::vector<Node> nodes;    // each after the producers of its inputs
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  ValueId AddValue(std::string value_name, TensorType type);
  ValueId AddConstant(std::string value_name, ConstantPtr constant);
  bool IsConstant(ValueId id) const { return id != kNoValue && values[id].constant != nullptr; }
};

// For every value: the index of its producing node, or -1.
std::vector<int32_t> Producers(const Graph& graph);

// For every value: how many node inputs and graph outputs refer to it.
std::vector<uint32_t> UseCounts(const Graph& graph);

// Structure: ids in range, one producer per value, producers first, no node output that is a constant.
Status Verify(const Graph& graph);

// A readable dump, one node a line.
std::string Print(const Graph& graph);

}  // namespace decal
