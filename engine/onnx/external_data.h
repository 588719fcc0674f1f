// Weights that a model keeps in files beside its own ("external data"): where each lies, and their bytes as they arrive.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/sha1.h"
#include "engine/onnx/onnx_model.h"

namespace decal {

// Where a tensor's bytes lie (TensorProto.external_data), and those that have arrived.
struct ExternalPlace {
  std::string file;  // relative to the model's folder
  std::string checksum;  // SHA-1 of that file in hex, or empty
  uint64_t offset = 0;
  DType dtype = DType::kFloat32;
  Shape shape;
  size_t size = 0;  // bytes in the file

  size_t index = 0;  // of the file
  Buffer bytes;  // once the first has arrived
  bool whole = false;
};

// Whether a file of that name stays within the model's folder wherever paths or addresses are made of it: no root, no
// parent, no drive or scheme, no backslash, no control character.
bool StaysInFolder(std::string_view name);

// Reads the files of a model, each from its first byte to its last, into the places of its initializers. Memory for a
// tensor is allocated when its first byte arrives, so that a model without its files takes none for them.
class ExternalData {
 public:
  void Add(ExternalPlace& place);
  const std::vector<std::string>& files() const { return names_; }
  bool is_open() const { return open_ != kNone; }

  // What is fed from here on is that file, from its first byte; another attempt starts over. Errors: as Finish, of the file
  // before; kInvalidArgument.
  Status Open(size_t file, std::vector<OnnxInitializer>& initializers);
  Status Feed(Bytes bytes, std::vector<OnnxInitializer>& initializers);
  // Makes the tensors. Errors: kNotFound for a file that was not fed; kCorruptModel if it is too short or not the one
  // that its checksum names.
  Status Finish(std::vector<OnnxInitializer>& initializers);

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  Status Close(std::vector<OnnxInitializer>& initializers);

  std::vector<std::string> names_;
  size_t open_ = kNone;
  uint64_t at_ = 0;  // bytes of the open file
  bool hashed_ = false;
  Sha1 hash_;
};

}  // namespace decal
