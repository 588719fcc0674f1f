// An ONNX file in memory: just what the importer needs, before operators have a meaning.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/onnx/wire.h"

namespace decal {

// AttributeProto: which of the fields is meant follows from `type`.
struct OnnxAttribute {
  enum class Type : uint8_t { kFloat = 1, kInt = 2, kString = 3, kTensor = 4, kFloats = 6, kInts = 7, kOther = 0 };
  std::string name;
  Type type = Type::kOther;
  float f = 0;
  int64_t i = 0;
  std::string s;
  ConstantPtr tensor;
  std::vector<float> floats;
  std::vector<int64_t> ints;
};

struct OnnxNode {
  std::string op_type, domain, name;
  std::vector<std::string> inputs, outputs;
  std::vector<OnnxAttribute> attributes;
};

struct OnnxValueInfo {
  std::string name;
  TensorType type;
};

struct ExternalPlace;  // engine/onnx/external_data.h

struct OnnxInitializer {
  std::string name;
  ConstantPtr tensor;                       // null while its bytes are still to come from another file
  std::shared_ptr<ExternalPlace> external;  // where they are then
};

struct OnnxModel {
  std::string graph_name;
  int64_t opset = 0;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxInitializer> initializers;
  std::vector<OnnxValueInfo> inputs, outputs;
};

// Each parses one complete message.
Result<OnnxNode> ParseNode(Bytes bytes);
Result<OnnxInitializer> ParseTensor(Bytes bytes);
Result<OnnxValueInfo> ParseValueInfo(Bytes bytes);

// A tensor of values as TensorProto.raw_data has them, as many bytes as RawBytes says. Takes the memory where it can.
Result<ConstantPtr> FromRawBytes(DType dtype, const Shape& shape, Buffer raw);
// 2- and 4-bit values share a byte.
size_t RawBytes(DType dtype, const Shape& shape);

// The DType of an ONNX TensorProto.DataType number. Doubles become float32 when parsed.
Result<DType> DTypeFromOnnx(int64_t data_type);

}  // namespace decal
