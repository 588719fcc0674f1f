// Copies what arrives of a file into the tensors that lie there.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/onnx/external_data.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace decal {

bool StaysInFolder(std::string_view name) {
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "..") return false;
    for (const char c : part)
      if (c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20) return false;
    begin = end + 1;
  }
  return true;
}

Status ExternalData::Add(size_t tensor, ExternalPlace place) {
  const size_t index = static_cast<size_t>(std::ranges::find(names_, place.file) - names_.begin());
  if (index == names_.size()) {
    names_.push_back(place.file);
    files_.emplace_back();
  }
  File& file = files_[index];
  if (!place.checksum.empty()) {
    if (!file.checksum.empty() && file.checksum != place.checksum)
      return Fail(ErrorCode::kCorruptModel, "two checksums for one file of weights", place.file);
    file.checksum = place.checksum;
  }
  file.pieces.push_back({tensor, std::move(place), Buffer()});
  return {};
}

Status ExternalData::Open(size_t index) {
  // Another attempt at the same file need not have been whole.
  if (open_ != index) DECAL_TRY(Close());
  if (index >= files_.size()) return Fail(ErrorCode::kInvalidArgument, "the model has no such file of weights");
  File& file = files_[index];
  std::ranges::sort(file.pieces, {}, [](const Piece& piece) { return piece.place.offset; });
  file.first = 0;
  file.at = 0;
  file.whole = false;
  if (!file.checksum.empty()) file.hash = std::make_unique<Sha1>();
  open_ = index;
  return {};
}

Status ExternalData::Feed(Bytes bytes) {
  File& file = files_[open_];
  if (file.hash) file.hash->Update(bytes);
  const uint64_t begin = file.at, end = begin + bytes.size();
  file.at = end;
  bool leading = true;
  for (size_t i = file.first; i < file.pieces.size() && file.pieces[i].place.offset < end; ++i) {
    Piece& piece = file.pieces[i];
    const uint64_t from = std::max(begin, piece.place.offset);
    const uint64_t piece_end = piece.place.offset + piece.place.bytes;
    if (from < std::min(end, piece_end)) {
      if (piece.bytes.size_bytes() == 0) {
        DECAL_TRY_ASSIGN(piece.bytes, Buffer::Allocate(piece.place.bytes, "the model's weights"));
      }
      std::memcpy(piece.bytes.data() + (from - piece.place.offset), bytes.data() + (from - begin),
                  static_cast<size_t>(std::min(end, piece_end) - from));
    }
    leading = leading && piece_end <= end;
    if (leading) file.first = i + 1;
  }
  return {};
}

// Whether the file that is open was the right one, and whole. An attempt that is not may be repeated.
Status ExternalData::Close() {
  if (open_ == kNone) return {};
  File& file = files_[std::exchange(open_, kNone)];
  const std::string& name = names_[static_cast<size_t>(&file - files_.data())];
  uint64_t needed = 0;
  for (const Piece& piece : file.pieces) needed = std::max(needed, piece.place.offset + piece.place.bytes);
  if (file.at < needed) {
    return Fail(ErrorCode::kCorruptModel,
                "has " + std::to_string(file.at) + " bytes, the model needs " + std::to_string(needed), name);
  }
  if (file.hash && file.hash->Digest() != file.checksum)
    return Fail(ErrorCode::kCorruptModel, "its SHA-1 is not the " + file.checksum + " that the model states", name);
  file.whole = true;
  return {};
}

Status ExternalData::Finish(std::vector<OnnxInitializer>& initializers) {
  DECAL_TRY(Close());
  for (size_t i = 0; i < files_.size(); ++i) {
    if (!files_[i].whole)
      return Fail(ErrorCode::kNotFound, "the model's weights are in this file, which was not given", names_[i]);
    for (Piece& piece : files_[i].pieces) {
      OnnxInitializer& initializer = initializers[piece.tensor];
      DECAL_TRY_ASSIGN(initializer.tensor, FromRawBytes(piece.place.dtype, piece.place.shape, std::move(piece.bytes)));
    }
  }
  return {};
}

}  // namespace decal
