// From the bytes of an ONNX file, whole or piece by piece, to a Graph.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ir/graph.h"
#include "engine/onnx/external_data.h"
#include "engine/onnx/onnx_model.h"

namespace decal {

// The opsets whose semantics the operator table knows.
inline constexpr int64_t kMinOpset = 7, kMaxOpset = 25;

// Parses a file as it arrives. Only the field being received is buffered; weights go straight to their
// own memory.
class OnnxStream {
 public:
  // An error is final: later calls return it again.
  Status Feed(Bytes bytes);
  // Ends the model's own file and names those that hold further weights, relative to its folder; mostly none. Open says
  // that one of them follows, from its first byte.
  Result<std::vector<std::string>> OtherFiles();
  Status Open(size_t file);
  // The model, once all bytes were fed.
  Result<OnnxModel> Finish();

 private:
  Status End();
  Status Consume(Bytes& bytes);
  Status HandleModelField(uint32_t field, WireType type, Bytes payload, uint64_t number);
  Status HandleGraphField(uint32_t field, WireType type, Bytes payload);
  Status Append(Bytes bytes);

  OnnxModel model_;
  ExternalData external_;
  Buffer pending_;  // received bytes of the field that is not complete yet
  size_t pending_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  bool in_graph_ = false;
  bool seen_graph_ = false;
  uint64_t graph_left_ = 0;  // bytes of the graph message still to come
  Status status_;
};

// Gives the operators their meaning. Errors: kUnsupportedOperator names every operator that is missing,
// with the nodes that need it; kCorruptModel for names that nothing makes.
Result<Graph> ImportGraph(OnnxModel model);

}  // namespace decal
