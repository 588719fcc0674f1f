// The incremental parser: two levels of fields (model, graph), each handled when it is complete.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/limits.h"
#include "engine/onnx/importer.h"

namespace decal {
namespace {

constexpr uint32_t kModelGraph = 7, kModelOpset = 8;
constexpr uint32_t kGraphNode = 1, kGraphName = 2, kGraphInitializer = 5, kGraphInput = 11, kGraphOutput = 12,
                   kGraphSparseInitializer = 15;

std::unexpected<Error> CorruptFile(std::string what) { return Fail(ErrorCode::kCorruptModel, std::move(what)); }

}  // namespace

Status OnnxStream::Append(Bytes bytes) {
  const size_t need = pending_bytes_ + bytes.size();
  if (need > pending_.size_bytes()) {
    // Doubling: what is allocated stays within a factor of what was received, whatever lengths the file claims.
    DECAL_TRY_ASSIGN(Buffer larger, Buffer::Allocate(std::max(need, 2 * pending_.size_bytes()), "the model file"));
    if (pending_bytes_ > 0) std::memcpy(larger.data(), pending_.data(), pending_bytes_);
    pending_ = std::move(larger);
  }
  std::memcpy(pending_.data() + pending_bytes_, bytes.data(), bytes.size());
  pending_bytes_ = need;
  return {};
}

Status OnnxStream::Feed(Bytes bytes) {
  if (!status_) return status_;
  if (external_.is_open()) return status_ = external_.Feed(bytes, model_.initializers);
  total_bytes_ += bytes.size();
  if (total_bytes_ > kMaxModelBytes)
    return status_ = Fail(ErrorCode::kLimitExceeded, "an ONNX file is at most 2 GiB: larger models have external data");
  if (bytes.empty()) return {};
  if (pending_bytes_ == 0) {
    // Handle what is complete in place; buffer only the rest.
    Bytes rest = bytes;
    if (status_ = Consume(rest); !status_) return status_;
    if (!rest.empty()) status_ = Append(rest);
    return status_;
  }
  if (status_ = Append(bytes); !status_) return status_;
  Bytes rest(pending_.data(), pending_bytes_);
  if (status_ = Consume(rest); !status_) return status_;
  if (rest.size() != pending_bytes_) {
    std::memmove(pending_.data(), rest.data(), rest.size());
    pending_bytes_ = rest.size();
    if (pending_bytes_ == 0) pending_ = Buffer();
  }
  return {};
}

// Handles all complete fields at the start of `bytes` and leaves the incomplete rest.
Status OnnxStream::Consume(Bytes& bytes) {
  for (;;) {
    if (in_graph_ && graph_left_ == 0) in_graph_ = false;
    if (bytes.empty()) return {};
    uint64_t tag, number = 0;
    size_t tag_size, size;
    WireState state = ReadVarint(bytes, tag, tag_size);
    if (state == WireState::kNeedMore) return {};
    if (state == WireState::kCorrupt || (tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF)
      return CorruptFile("not an ONNX model");
    const Bytes after = bytes.subspan(tag_size);
    const uint32_t field = static_cast<uint32_t>(tag >> 3);
    const WireType type = static_cast<WireType>(tag & 7);
    Bytes payload;
    size_t total;
    switch (type) {
      case WireType::kVarint:
        state = ReadVarint(after, number, size);
        if (state == WireState::kNeedMore) return {};
        if (state == WireState::kCorrupt) return CorruptFile("not an ONNX model");
        total = tag_size + size;
        break;
      case WireType::kFixed64:
      case WireType::kFixed32:
        total = tag_size + (type == WireType::kFixed64 ? 8 : 4);
        if (bytes.size() < total) return {};
        break;
      case WireType::kLengthDelimited: {
        state = ReadVarint(after, number, size);
        if (state == WireState::kNeedMore) return {};
        if (state == WireState::kCorrupt || number > kMaxModelBytes) return CorruptFile("not an ONNX model");
        if (!in_graph_ && field == kModelGraph) {
          if (seen_graph_) return CorruptFile("the file has two graphs");
          seen_graph_ = in_graph_ = true;
          graph_left_ = number;
          bytes = after.subspan(size);
          continue;
        }
        if (in_graph_ && tag_size + size + number > graph_left_) return CorruptFile("a field is longer than its graph");
        if (after.size() - size < number) return {};
        payload = after.subspan(size, static_cast<size_t>(number));
        total = tag_size + size + static_cast<size_t>(number);
        break;
      }
      default: return CorruptFile("not an ONNX model");
    }
    if (in_graph_) {
      if (total > graph_left_) return CorruptFile("a field is longer than its graph");
      graph_left_ -= total;
      DECAL_TRY(HandleGraphField(field, type, payload));
    } else {
      DECAL_TRY(HandleModelField(field, type, payload, number));
    }
    bytes = bytes.subspan(total);
  }
}

Status OnnxStream::HandleModelField(uint32_t field, WireType type, Bytes payload, uint64_t) {
  if (field != kModelOpset) return {};
  if (type != WireType::kLengthDelimited) return CorruptFile("not an ONNX model");
  WireReader reader(payload);
  std::string_view domain;
  int64_t version = 0;
  while (reader.Next()) {
    if (reader.field() == 1) domain = reader.string();
    if (reader.field() == 2) version = reader.int64();
  }
  if (reader.corrupt()) return CorruptFile("the operator set is malformed");
  if (domain.empty() || domain == "ai.onnx") model_.opset = version;
  return {};
}

Status OnnxStream::HandleGraphField(uint32_t field, WireType type, Bytes payload) {
  if (type != WireType::kLengthDelimited) return {};
  switch (field) {
    case kGraphNode: {
      if (model_.nodes.size() >= kMaxNodes) return Fail(ErrorCode::kLimitExceeded, "the graph has too many nodes");
      DECAL_TRY_ASSIGN(OnnxNode node, ParseNode(payload));
      model_.nodes.push_back(std::move(node));
      return {};
    }
    case kGraphName:
      model_.graph_name =
          std::string(reinterpret_cast<const char*>(payload.data()), std::min(payload.size(), kMaxStringBytes));
      return {};
    case kGraphInitializer: {
      DECAL_TRY_ASSIGN(OnnxInitializer tensor, ParseTensor(payload));
      if (tensor.external) external_.Add(*tensor.external);
      model_.initializers.push_back(std::move(tensor));
      return {};
    }
    case kGraphInput:
    case kGraphOutput: {
      DECAL_TRY_ASSIGN(OnnxValueInfo info, ParseValueInfo(payload));
      (field == kGraphInput ? model_.inputs : model_.outputs).push_back(std::move(info));
      return {};
    }
    case kGraphSparseInitializer: return Fail(ErrorCode::kUnsupportedOperator, "sparse weights are not supported");
    default: return {};
  }
}

Status OnnxStream::End() {
  if (!status_) return status_;
  if (total_bytes_ == 0) return status_ = CorruptFile("the file is empty");
  if (pending_bytes_ > 0 || (in_graph_ && graph_left_ > 0)) return status_ = CorruptFile("the file is truncated");
  if (!seen_graph_) return status_ = CorruptFile("not an ONNX model: there is no graph");
  pending_ = Buffer();
  return {};
}

Result<std::vector<std::string>> OnnxStream::OtherFiles() {
  DECAL_TRY(End());
  return external_.files();
}

Status OnnxStream::Open(size_t file) {
  DECAL_TRY(End());
  return status_ = external_.Open(file, model_.initializers);
}

Result<OnnxModel> OnnxStream::Finish() {
  DECAL_TRY(End());
  DECAL_TRY(external_.Finish(model_.initializers));
  return std::move(model_);
}

}  // namespace decal
