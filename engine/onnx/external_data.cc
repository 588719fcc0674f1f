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

void ExternalData::Add(ExternalPlace& place) {
  place.index = static_cast<size_t>(std::ranges::find(names_, place.file) - names_.begin());
  if (place.index == names_.size()) names_.push_back(place.file);
}

Status ExternalData::Open(size_t file, std::vector<OnnxInitializer>& initializers) {
  // Another attempt at the same file need not have been whole.
  if (open_ != file) DECAL_TRY(Close(initializers));
  if (file >= names_.size())
    return Fail(ErrorCode::kInvalidArgument, "the model has no weights in a file of this name");
  open_ = file;
  at_ = 0;
  hash_ = Sha1();
  hashed_ = false;
  for (const OnnxInitializer& initializer : initializers) {
    const ExternalPlace* place = initializer.external.get();
    hashed_ = hashed_ || (place != nullptr && place->index == file && !place->checksum.empty());
  }
  return {};
}

Status ExternalData::Feed(Bytes bytes, std::vector<OnnxInitializer>& initializers) {
  if (hashed_) hash_.Update(bytes);
  const uint64_t begin = at_, end = begin + bytes.size();
  at_ = end;
  for (OnnxInitializer& initializer : initializers) {
    ExternalPlace* place = initializer.external.get();
    if (place == nullptr || place->index != open_) continue;
    const uint64_t from = std::max(begin, place->offset), to = std::min(end, place->offset + place->size);
    if (from >= to) continue;
    if (place->bytes.size_bytes() == 0) {
      DECAL_TRY_ASSIGN(place->bytes, Buffer::Allocate(place->size, "the model's weights"));
    }
    std::memcpy(place->bytes.data() + (from - place->offset), bytes.data() + (from - begin),
                static_cast<size_t>(to - from));
  }
  return {};
}

// Whether the file that is open was the right one, and whole. An attempt that is not may be repeated.
Status ExternalData::Close(std::vector<OnnxInitializer>& initializers) {
  if (open_ == kNone) return {};
  const size_t file = std::exchange(open_, kNone);
  const std::string digest = hash_.Digest();
  for (OnnxInitializer& initializer : initializers) {
    ExternalPlace* place = initializer.external.get();
    if (place == nullptr || place->index != file) continue;
    const uint64_t needed = place->offset + place->size;
    if (at_ < needed) {
      return Fail(ErrorCode::kCorruptModel,
                  "has " + std::to_string(at_) + " bytes, the model needs " + std::to_string(needed), names_[file]);
    }
    if (!place->checksum.empty() && place->checksum != digest)
      return Fail(ErrorCode::kCorruptModel, "its SHA-1 is not the one that the model states", names_[file]);
    place->whole = true;
  }
  return {};
}

Status ExternalData::Finish(std::vector<OnnxInitializer>& initializers) {
  DECAL_TRY(Close(initializers));
  for (OnnxInitializer& initializer : initializers) {
    ExternalPlace* place = initializer.external.get();
    if (place == nullptr) continue;
    if (!place->whole)
      return Fail(ErrorCode::kNotFound, "the model's weights are in this file: pass it with the model", place->file);
    DECAL_TRY_ASSIGN(initializer.tensor, FromRawBytes(place->dtype, place->shape, std::move(place->bytes)));
    initializer.external.reset();
  }
  return {};
}

}  // namespace decal
