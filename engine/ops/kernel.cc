// Helpers shared by the operator families: axes, broadcasting, integer inputs, packed weights.
#include "engine/ops/kernel.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace decal {

Result<Dims> InferContext::Integers(size_t i, const char* what) const {
  if (!has(i)) return Fail(ErrorCode::kShapeMismatch, std::string("input '") + what + "' is missing");
  const ConstantTensor* tensor = inputs[i].constant;
  if (tensor == nullptr)
    return Fail(ErrorCode::kUnsupportedOperator, std::string("'") + what + "' depends on the picture's contents");
  if (tensor->shape.rank() > 1 || tensor->shape.elements() > static_cast<int64_t>(kMaxRank))
    return Fail(ErrorCode::kShapeMismatch, std::string("'") + what + "' has shape " + tensor->shape.ToString());
  Dims values;
  for (int64_t n = 0; n < tensor->shape.elements(); ++n) {
    if (tensor->dtype == DType::kInt64) values.push_back(reinterpret_cast<const int64_t*>(tensor->buffer.data())[n]);
    else if (tensor->dtype == DType::kInt32)
      values.push_back(reinterpret_cast<const int32_t*>(tensor->buffer.data())[n]);
    else return Fail(ErrorCode::kShapeMismatch, std::string("'") + what + "' is not an integer tensor");
  }
  return values;
}

Result<size_t> NormalizeAxis(int64_t axis, size_t rank) {
  const int64_t r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= std::max<int64_t>(r, 1))
    return Fail(ErrorCode::kShapeMismatch,
                "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  return static_cast<size_t>(axis < 0 ? axis + r : axis);
}

Result<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  Shape out = Dims::Filled(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.rank() >= rank ? a[i + a.rank() - rank] : 1;
    const int64_t y = i + b.rank() >= rank ? b[i + b.rank() - rank] : 1;
    if (x != y && x != 1 && y != 1)
      return Fail(ErrorCode::kShapeMismatch, "shapes " + a.ToString() + " and " + b.ToString() + " do not broadcast");
    out[i] = x == 1 ? y : x;
  }
  return out;
}

TensorView BroadcastTo(const TensorView& view, const Shape& shape) {
  TensorView out = view;
  out.shape = shape;
  out.strides = Dims::Filled(shape.rank(), 0);
  const size_t lead = shape.rank() - view.shape.rank();
  for (size_t i = 0; i < view.shape.rank(); ++i)
    out.strides[lead + i] = view.shape[i] == 1 ? 0 : view.strides[i];
  return out;
}

uint64_t PackingId(std::span<const int64_t> values) {
  uint64_t hash = 0xCBF29CE484222325;
  for (int64_t value : values) {
    for (int byte = 0; byte < 8; ++byte) {
      hash = (hash ^ ((static_cast<uint64_t>(value) >> (8 * byte)) & 0xFF)) * 0x100000001B3;
    }
  }
  return hash;
}

Result<std::shared_ptr<const Buffer>> PackedWeights::Get(
    const ConstantPtr& source, uint64_t packing, size_t bytes,
    const std::function<void(const TensorView&, std::byte*)>& pack, bool as_stored) {
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
      DECAL_TRY_ASSIGN(moved, ConstantTensor::Allocate(source->dtype, source->shape));
      std::memcpy(moved->buffer.data(), raw.data(), raw.size_bytes());
      copy = moved;
      raw = Buffer();
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
