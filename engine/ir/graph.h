// The graph: values and the nodes that make them, in execution order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/tensor_view.h"
#include "engine/ir/op.h"

namespace decal {

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = UINT32_MAX;  // an absent optional input

// What is known of a tensor before it exists. Unknown extents are kDynamic; a missing shape means that
// not even the rank is known.
struct TensorType {
  DType dtype = DType::kFloat32;
  std::optional<Shape> shape;

  bool is_static() const { return shape && shape->is_static(); }
  size_t size_bytes() const { return static_cast<size_t>(shape->elements()) * SizeOf(dtype); }
  std::string ToString() const;  // "f32[1,3,?,?]"
};

// An immutable dense row-major tensor. A float32 value may be stored as float16 (weights of half-precision files, from
// kHalfBytes on): packing widens them, and what reads them directly gets a widened copy. Shared: a specialised graph
// refers to the weights of the loaded one.
struct ConstantTensor {
  DType dtype = DType::kFloat32;
  Shape shape;
  Buffer buffer;

  TensorView view() const { return {buffer.data(), dtype, shape, DenseStrides(shape, Layout::kRowMajor)}; }
  static Result<std::shared_ptr<ConstantTensor>> Allocate(DType dtype, const Shape& shape);
};
using ConstantPtr = std::shared_ptr<const ConstantTensor>;

// Float16 constants of this size and more stay float16; below, the passes want to look into them.
inline constexpr size_t kHalfBytes = 32 << 10;

// The same numbers as float32.
Result<ConstantPtr> WidenConstant(const ConstantTensor& half);

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
