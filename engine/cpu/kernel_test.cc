// Packed weights: after an allocation failure, a weight can be packed later.
// SPDX-License-Identifier: MIT
#include "engine/cpu/kernel.h"

#include <gtest/gtest.h>

#include <cstring>

namespace decal {
namespace {

constexpr size_t kImpossible = size_t{1} << 62;

std::shared_ptr<ConstantTensor> MakeWeight(DType dtype) {
  std::shared_ptr<ConstantTensor> weight = *ConstantTensor::Allocate(dtype, Dims{4});
  std::memset(weight->buffer.data(), 0, weight->buffer.size_bytes());
  if (dtype == DType::kFloat32) reinterpret_cast<float*>(weight->buffer.data())[2] = 7;
  else reinterpret_cast<uint16_t*>(weight->buffer.data())[2] = 0x4700;  // 7
  return weight;
}

class PackedWeightsTest : public ::testing::TestWithParam<DType> {};

TEST_P(PackedWeightsTest, AFailedAllocationLeavesTheWeightForAnotherTry) {
  const ConstantPtr weight = MakeWeight(GetParam());
  PackedWeights packed;
  packed.GiveUpNext(weight.get());
  const auto copy = [](const TensorView& source, std::byte* out) { std::memcpy(out, source.data, 4 * sizeof(float)); };
  const auto failed = packed.Get(weight, 1, kImpossible, copy);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kOutOfMemory);
  const auto again = packed.Get(weight, 1, 4 * sizeof(float), copy);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(reinterpret_cast<const float*>((*again)->data())[2], 7);
  // Packed for the last time, it has given up its memory.
  EXPECT_EQ(weight->buffer.data(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Types, PackedWeightsTest, ::testing::Values(DType::kFloat32, DType::kFloat16));

}  // namespace
}  // namespace decal
