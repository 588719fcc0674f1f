// Uploads of weights and tables.
// SPDX-License-Identifier: MIT
#include "engine/gpu/request.h"

#include <cstring>
#include <utility>

#include "engine/base/element.h"

namespace decal {
namespace {

// Formats of uploads that are not a family's own; those pass a PackingId, which is never this small.
enum UploadFormat : uint64_t { kAsItIs = 1, kAsItIsHalf = 2 };

}  // namespace

std::vector<float> FloatsOf(const ConstantTensor& constant) {
  std::vector<float> values(static_cast<size_t>(constant.shape.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(LoadNumber(constant.dtype, constant.buffer.data(), static_cast<int64_t>(i)));
  return values;
}

void StoreFloats(gpu::Storage storage, std::span<const float> values, std::byte* to) {
  if (storage == gpu::Storage::kFloat32) {
    std::memcpy(to, values.data(), values.size_bytes());
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) StoreNumber(DType::kFloat16, to, static_cast<int64_t>(i), values[i]);
}

gpu::Tensor GpuRequest::At(size_t i) const {
  const GpuOperand& operand = inputs[i];
  if (operand.constant == nullptr) return operand.tensor;
  gpu::Tensor tensor = operand.tensor;
  const int64_t elements = operand.constant->shape.elements();
  tensor.storage = builder.WeightStorage(elements);
  const gpu::Storage storage = tensor.storage;
  tensor.region = builder.Weight(
      operand.constant.get(), storage == gpu::Storage::kFloat32 ? kAsItIs : kAsItIsHalf,
      static_cast<uint64_t>(elements * gpu::SizeOf(storage)),
      [constant = operand.constant, storage](std::byte* to) { StoreFloats(storage, FloatsOf(*constant), to); });
  return tensor;
}

gpu::Tensor PackedWeight(const GpuRequest& request, const ConstantPtr& constant, uint64_t format, int64_t elements,
                         std::function<void(std::span<const float>, std::span<float>)> arrange) {
  const gpu::Storage storage = request.builder.WeightStorage(elements);
  gpu::Tensor tensor{.storage = storage, .shape = {elements}, .strides = {1}};
  tensor.region = request.builder.Weight(constant.get(), format, static_cast<uint64_t>(elements * gpu::SizeOf(storage)),
                                         [constant, storage, elements, arrange = std::move(arrange)](std::byte* to) {
                                           std::vector<float> packed(static_cast<size_t>(elements), 0.0f);
                                           arrange(FloatsOf(*constant), packed);
                                           StoreFloats(storage, packed, to);
                                         });
  return tensor;
}

namespace {

template <class T>
gpu::Tensor Table(const GpuRequest& request, const void* owner, uint64_t format, std::vector<T> values,
                  gpu::Storage storage) {
  gpu::Tensor tensor{.storage = storage, .shape = {static_cast<int64_t>(values.size())}, .strides = {1}};
  const uint64_t bytes = values.size() * sizeof(T);
  tensor.region = request.builder.Weight(owner, format, bytes, [values = std::move(values)](std::byte* to) {
    std::memcpy(to, values.data(), values.size() * sizeof(T));
  });
  return tensor;
}

}  // namespace

gpu::Tensor IntegerTable(const GpuRequest& request, const void* owner, uint64_t format, std::vector<int32_t> values) {
  return Table(request, owner, format, std::move(values), gpu::Storage::kInt32);
}

gpu::Tensor FloatTable(const GpuRequest& request, const void* owner, uint64_t format, std::vector<float> values) {
  return Table(request, owner, format, std::move(values), gpu::Storage::kFloat32);
}

TensorView ViewOf(const GpuOperand& operand) {
  TensorView view{nullptr, operand.dtype, operand.tensor.shape, operand.tensor.strides};
  if (operand.constant) view.data = operand.constant->buffer.data();
  return view;
}

}  // namespace decal
