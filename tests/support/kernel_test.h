// What operator tests share: tensors with guarded memory, random contents, and one call that runs a kernel.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "decal/parallel.h"
#include "engine/base/buffer.h"
#include "engine/ir/op.h"
#include "engine/cpu/kernel.h"
#include "engine/runtime/cpu_kernels.h"

namespace decal::testing {

// Elements before and after an output that a kernel must leave alone.
inline constexpr size_t kGuards = 32;

// A whole number of [low, high].
inline int Pick(std::mt19937& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

// A tensor in memory of its own. Every byte outside the view is a guard: 0xFF bytes, which read as NaN, so a
// stray write fails GuardsIntact and a stray read spoils the result.
class TestTensor {
 public:
  TestTensor() = default;

  // The allocation ends with the view's last element, so that AddressSanitizer sees any read beyond it,
  // unless `guard_elements` asks for guards before and after it.
  TestTensor(DType dtype, const Shape& shape, const Strides& strides, size_t guard_elements = 0)
      : dtype_(dtype), shape_(shape), strides_(strides), lead_bytes_(guard_elements * SizeOf(dtype)) {
    int64_t last = 0;
    for (size_t i = 0; i < shape.rank(); ++i) last += std::max<int64_t>(shape[i] - 1, 0) * strides[i];
    const size_t span = shape.elements() == 0 ? 0 : static_cast<size_t>(last) + 1;
    bytes_ = (span + 2 * guard_elements) * SizeOf(dtype);
    memory_ = std::make_unique<std::byte[]>(bytes_);
    std::memset(memory_.get(), 0xFF, bytes_);
  }

  static TestTensor Dense(const Shape& shape, Layout layout = Layout::kRowMajor, DType dtype = DType::kFloat32) {
    return TestTensor(dtype, shape, DenseStrides(shape, layout));
  }

  // Channels-last, as a slice of a concat buffer: `pixel_stride` channels a pixel, of which shape[1] are ours.
  static TestTensor ConcatSlice(const Shape& shape, int64_t pixel_stride, size_t guard_elements = 0) {
    Shape whole = shape;
    whole[1] = pixel_stride;
    return TestTensor(DType::kFloat32, shape, DenseStrides(whole, Layout::kChannelsLast), guard_elements);
  }

  // Row-major float32 with the given contents.
  static TestTensor Of(const Shape& shape, std::initializer_list<float> values) {
    TestTensor tensor = Dense(shape);
    EXPECT_EQ(static_cast<size_t>(shape.elements()), values.size());
    std::memcpy(tensor.memory_.get(), std::data(values), values.size() * sizeof(float));
    return tensor;
  }

  TensorView view() const { return {memory_.get() + lead_bytes_, dtype_, shape_, strides_}; }
  MutableTensorView mutable_view() { return {memory_.get() + lead_bytes_, dtype_, shape_, strides_}; }
  const Shape& shape() const { return shape_; }

  void FillRandom(std::mt19937& random, float low = -1.0f, float high = 1.0f) {
    std::uniform_real_distribution<float> uniform(low, high);
    for (StridedIndex<1> i(shape_, {strides_}); i.valid(); i.Next())
      mutable_view().as<float>()[i.offset(0)] = uniform(random);
  }

  // Its elements in row-major order.
  std::vector<float> Values() const {
    std::vector<float> values;
    for (StridedIndex<1> i(shape_, {strides_}); i.valid(); i.Next()) values.push_back(view().as<float>()[i.offset(0)]);
    return values;
  }

  // A dense row-major copy, as constants are stored.
  ConstantPtr ToConstant() const {
    auto constant = ConstantTensor::Allocate(dtype_, shape_);
    const Strides dense = DenseStrides(shape_, Layout::kRowMajor);
    const size_t size = SizeOf(dtype_);
    for (StridedIndex<2> i(shape_, {strides_, dense}); i.valid(); i.Next())
      std::memcpy((*constant)->buffer.data() + static_cast<size_t>(i.offset(1)) * size,
                  view().as<std::byte>() + static_cast<size_t>(i.offset(0)) * size, size);
    return *constant;
  }

  bool GuardsIntact() const {
    std::vector<bool> ours(bytes_, false);
    for (StridedIndex<1> i(shape_, {strides_}); i.valid(); i.Next())
      for (size_t b = 0; b < SizeOf(dtype_); ++b)
        ours[lead_bytes_ + static_cast<size_t>(i.offset(0)) * SizeOf(dtype_) + b] = true;
    for (size_t b = 0; b < bytes_; ++b)
      if (!ours[b] && memory_[b] != std::byte{0xFF}) return false;
    return true;
  }

 private:
  DType dtype_ = DType::kFloat32;
  Shape shape_;
  Strides strides_;
  size_t lead_bytes_ = 0;
  size_t bytes_ = 0;
  std::unique_ptr<std::byte[]> memory_;
};

// One input of a kernel under test: an activation, a constant, or (by default) absent.
struct TestInput {
  const TestTensor* tensor = nullptr;
  bool constant = false;
};

inline std::vector<InferInput> InferInputs(std::span<const TestInput> inputs) {
  std::vector<InferInput> infer(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].tensor) infer[i] = {true, inputs[i].tensor->view().dtype, inputs[i].tensor->shape(), nullptr};
  return infer;
}

inline std::vector<TensorView> Views(std::span<const TestInput> inputs) {
  std::vector<TensorView> views(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].tensor) views[i] = inputs[i].tensor->view();
  return views;
}

// The shape rule's only output.
template <class Op>
Result<TensorType> InferOne(const Op& op, std::span<const TestInput> inputs) {
  const std::vector<InferInput> infer = InferInputs(inputs);
  auto types = Infer(op, InferContext{infer, 1});
  if (!types) return std::unexpected(types.error());
  return (*types)[0];
}

// CpuKernel::algorithm and CpuKernel::choice.
struct KernelChoice {
  std::string algorithm, choice;
};

// Makes the fast kernel and runs it on `threads` threads. False: there is no fast kernel for this case.
// Constant inputs that the kernel says it does not read are withheld from Run. `ran`: what ran and why that.
template <class Op>
bool RunKernel(const Op& op, std::span<const TestInput> inputs, std::span<TestTensor* const> outputs, size_t threads,
               KernelChoice* ran = nullptr) {
  std::vector<Operand> in(inputs.size()), out(outputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].tensor == nullptr) continue;
    in[i].present = true;
    in[i].view = inputs[i].tensor->view();
    if (inputs[i].constant) {
      in[i].constant = inputs[i].tensor->ToConstant();
      in[i].view = in[i].constant->view();
    } else {
      in[i].view.data = nullptr;
    }
  }
  std::vector<MutableTensorView> out_views;
  for (size_t i = 0; i < outputs.size(); ++i) {
    out_views.push_back(outputs[i]->mutable_view());
    out[i].present = true;
    out[i].view = outputs[i]->view();
    out[i].view.data = nullptr;
  }
  PackedWeights packed;
  auto kernel = MakeKernel(op, KernelRequest{in, out, packed});
  EXPECT_TRUE(kernel.has_value()) << kernel.error().ToString();
  if (!kernel || *kernel == nullptr) return false;
  if (ran) *ran = {(*kernel)->algorithm(), (*kernel)->choice()};

  std::vector<TensorView> in_views = Views(inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].constant) in_views[i] = in[i].view;  // dense, as the graph holds it
    if (inputs[i].tensor && !(*kernel)->reads_input(i)) in_views[i].data = nullptr;
  }
  const std::unique_ptr<ThreadRunner> pool = threads > 1 ? MakeThreadPool(threads) : nullptr;
  const size_t stride = AlignUp((*kernel)->scratch_bytes_per_thread());
  auto scratch = Buffer::Allocate(stride * threads, "scratch");
  std::memset(scratch->data(), 0xFF, stride * threads);
  (*kernel)->Run(in_views, out_views, CpuContext{pool ? *pool : SerialRunner(), scratch->data(), stride});
  return true;
}

// Largest error of `actual` in units of (1 + |expected|); infinite for a NaN on one side only.
inline double MaxError(const TestTensor& actual, const TestTensor& expected) {
  const std::vector<float> a = actual.Values(), e = expected.Values();
  double worst = a.size() == e.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < std::min(a.size(), e.size()); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    const double error = std::fabs(double{a[i]} - double{e[i]}) / (1 + std::fabs(double{e[i]}));
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
  }
  return worst;
}

}  // namespace decal::testing
