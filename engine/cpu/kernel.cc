// The cache of packed weights.
// SPDX-License-Identifier: MIT
#include "engine/cpu/kernel.h"

#include <cstring>

namespace decal {

Result<std::shared_ptr<const Buffer>> PackedWeights::Get(const ConstantPtr& source, uint64_t packing, size_t bytes,
                                                         const std::function<void(const TensorView&, std::byte*)>& pack,
                                                         bool as_stored) {
  Entry& entry = entries_[{source.get(), packing}];
  if (entry.packed == nullptr) {
    if (source->buffer.data() == nullptr)
      return Fail(ErrorCode::kInternal, "a weight was released before it was packed");
    // Constants are immutable to all others; giving up packed weights is the one exception.
    const bool given_up = source.get() == given_up_;
    Buffer& raw = const_cast<ConstantTensor&>(*source).buffer;
    // In memory of its own, where the source gives up its memory or is to be widened.
    ConstantPtr copy;
    std::shared_ptr<ConstantTensor> moved;
    if (source->dtype == DType::kFloat16 && !as_stored) {
      DECAL_TRY_ASSIGN(copy, WidenConstant(*source));
    } else if (given_up) {
#ifdef __wasm__
      // A copy, so that the packed form can take the place of the source: memory never returns to the system there.
      DECAL_TRY_ASSIGN(moved, ConstantTensor::Allocate(source->dtype, source->shape));
      std::memcpy(moved->buffer.data(), raw.data(), raw.size_bytes());
      raw = Buffer();
#else
      moved = std::make_shared<ConstantTensor>(source->dtype, source->shape, std::move(raw));
#endif
      copy = moved;
    }
    Result<Buffer> buffer = Buffer::Allocate(bytes, "packed weights");
    if (!buffer) {
      // The caller may free something and try again: the weight must still be there.
      if (moved) raw = std::move(moved->buffer);
      return std::unexpected(std::move(buffer).error());
    }
    if (given_up) raw = Buffer();
    pack((copy ? copy : source)->view(), buffer->data());
    entry = {source, std::make_shared<const Buffer>(*std::move(buffer))};
  }
  return entry.packed;
}

Result<std::shared_ptr<const Buffer>> PackedWeights::Derive(const ConstantPtr& source, uint64_t packing, size_t bytes,
                                                            const std::function<void(std::byte*)>& make) {
  Entry& entry = entries_[{source.get(), packing}];
  if (entry.packed == nullptr) {
    DECAL_TRY_ASSIGN(Buffer buffer, Buffer::Allocate(bytes, "packed weights"));
    make(buffer.data());
    entry = {source, std::make_shared<const Buffer>(std::move(buffer))};
  }
  return entry.packed;
}

void PackedWeights::DropOrphans() {
  std::erase_if(entries_, [](const auto& item) { return item.second.source.use_count() == 1; });
}

size_t PackedWeights::total_bytes() const {
  size_t total = 0;
  for (const auto& [key, entry] : entries_)
    if (entry.packed) total += entry.packed->size_bytes();
  return total;
}

}  // namespace decal
