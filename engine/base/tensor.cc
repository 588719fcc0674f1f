// Makes constants, and widens float16 ones.
// SPDX-License-Identifier: MIT
#include "engine/base/tensor.h"

#include "engine/base/element.h"

namespace decal {

std::string TensorType::ToString() const { return Name(dtype) + (shape ? shape->ToString() : std::string("[...]")); }

Result<std::shared_ptr<ConstantTensor>> ConstantTensor::Allocate(DType dtype, const Shape& shape) {
  auto tensor = std::make_shared<ConstantTensor>();
  tensor->dtype = dtype;
  tensor->shape = shape;
  DECAL_TRY_ASSIGN(tensor->buffer,
                   Buffer::Allocate(static_cast<size_t>(shape.elements()) * SizeOf(dtype), "constants"));
  return tensor;
}

Result<ConstantPtr> WidenConstant(const ConstantTensor& half) {
  DECAL_TRY_ASSIGN(auto wide, ConstantTensor::Allocate(DType::kFloat32, half.shape));
  const Half* from = half.view().as<Half>();
  float* to = reinterpret_cast<float*>(wide->buffer.data());
  for (int64_t i = 0; i < half.shape.elements(); ++i) to[i] = from[i];
  return wide;
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

}  // namespace decal
