// Weights that a model keeps in files beside its own ("external data"): where each lies, and their bytes as they arrive.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/sha1.h"
#include "engine/onnx/onnx_model.h"

namespace decal {

// Where a tensor's bytes lie: TensorProto.external_data.
struct ExternalPlace {
  std::string file;  // relative to the model's folder
  std::string checksum;  // SHA-1 of that file in hex, or empty
  uint64_t offset = 0;
  DType dtype = DType::kFloat32;
  Shape shape;
  size_t bytes = 0;  // in the file
};

// Whether a file of that name stays within the model's folder wherever paths or addresses are made of it: no root, no
// parent, no drive or scheme, no backslash, no control character.
bool StaysInFolder(std::string_view name);

// Reads the files of a model, each from its first byte to its last. Memory for a tensor is allocated when its first byte
// arrives, so that a model without its files takes none for them.
class ExternalData {
 public:
  // `tensor` is to be filled from there. Errors: kCorruptModel where one file has two checksums.
  Status Add(size_t tensor, ExternalPlace place);
  const std::vector<std::string>& files() const { return names_; }

  // What is fed from here on is that file, from its first byte; another attempt starts over. Errors: as Finish of the file
  // before; kInvalidArgument.
  Status Open(size_t file);
  bool is_open() const { return open_ != kNone; }
  Status Feed(Bytes bytes);
  // Fills the tensors. Errors: kNotFound for a file that was not fed; kCorruptModel where it is too short or not the one
  // that its checksum names.
  Status Finish(std::vector<OnnxInitializer>& initializers);

 private:
  struct Piece {
    size_t tensor;
    ExternalPlace place;
    Buffer bytes;
  };
  struct File {
    std::string checksum;
    std::vector<Piece> pieces;  // by offset, once it was opened
    size_t first = 0;  // those before are complete
    uint64_t at = 0;  // bytes fed
    std::unique_ptr<Sha1> hash;
    bool whole = false;
  };
  static constexpr size_t kNone = static_cast<size_t>(-1);

  Status Close();

  std::vector<std::string> names_;
  std::vector<File> files_;
  size_t open_ = kNone;
};

}  // namespace decal
