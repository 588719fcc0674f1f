// Fast kernels against their references: shared by the tests of the elementwise to reduction families.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/support/kernel_test.h"

namespace decal::testing {

inline int64_t Between(std::mt19937& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

// In one of the memory orders that tensors really come in: dense, channels-last, a slice of a concat
// buffer, or any permutation of the dimensions with gaps.
inline TestTensor RandomLayout(std::mt19937& random, const Shape& shape, size_t guards) {
  switch (Between(random, 0, 3)) {
    case 0: return TestTensor(DType::kFloat32, shape, DenseStrides(shape, Layout::kRowMajor), guards);
    case 1: return TestTensor(DType::kFloat32, shape, DenseStrides(shape, Layout::kChannelsLast), guards);
    case 2:
      if (shape.rank() >= 3) return TestTensor::ConcatSlice(shape, shape[1] + Between(random, 0, 5), guards);
      break;
    default: break;
  }
  Dims order;
  for (size_t d = 0; d < shape.rank(); ++d) order.push_back(static_cast<int64_t>(d));
  std::shuffle(order.begin(), order.end(), random);
  Strides strides = Dims::Filled(shape.rank(), 1);
  int64_t next = Between(random, 1, 2);
  for (int64_t d : order) {
    strides[static_cast<size_t>(d)] = next;
    next = next * shape[static_cast<size_t>(d)] + Between(random, 0, 1);
  }
  return TestTensor(DType::kFloat32, shape, strides, guards);
}

// A channels-last map, or a slice of one.
inline TestTensor RandomMap(std::mt19937& random, const Shape& shape, size_t guards = 0) {
  return TestTensor::ConcatSlice(shape, shape[1] + (Between(random, 0, 1) ? Between(random, 1, 7) : 0), guards);
}

// The output types, with the contents of constant inputs known to the shape rule.
template <class Op>
InferResult InferWithConstants(const Op& op, std::span<const TestInput> inputs, size_t outputs) {
  std::vector<InferInput> infer = InferInputs(inputs);
  std::vector<ConstantPtr> constants(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].constant) continue;
    constants[i] = inputs[i].tensor->ToConstant();
    infer[i].constant = constants[i].get();
  }
  return Infer(op, InferContext{infer, outputs});
}

template <class Op>
Result<TensorType> InferWithConstants(const Op& op, std::span<const TestInput> inputs) {
  auto types = InferWithConstants(op, inputs, 1);
  if (!types) return std::unexpected(types.error());
  return (*types)[0];
}

// What the reference makes of the inputs, dense: the first `count` outputs.
template <class Op>
std::vector<TestTensor> RunReferenceOutputs(const Op& op, std::span<const TestInput> inputs, size_t count) {
  const auto types = InferWithConstants(op, inputs, count);
  EXPECT_TRUE(types.has_value()) << types.error().ToString();
  std::vector<TestTensor> outputs;
  std::vector<MutableTensorView> to;
  for (size_t i = 0; i < count; ++i) {
    outputs.push_back(types ? TestTensor::Dense(*(*types)[i].shape, Layout::kRowMajor, (*types)[i].dtype)
                            : TestTensor::Dense({}));
    to.push_back(outputs.back().mutable_view());
  }
  if (!types) return outputs;
  const Status status = Reference(op, Views(inputs), to);
  EXPECT_TRUE(status.has_value()) << status.error().ToString();
  return outputs;
}

template <class Op>
TestTensor RunReferenceOf(const Op& op, std::span<const TestInput> inputs) {
  return std::move(RunReferenceOutputs(op, inputs, 1)[0]);
}

// The fast kernel exists, agrees with the reference, keeps to its output and gives the same bits on one
// thread and on three. `first` and `second` are two equal output tensors with guards.
template <class Op>
void ExpectKernelMatches(const Op& op, std::span<const TestInput> inputs, TestTensor first, TestTensor second,
                         double tolerance) {
  const TestTensor expected = RunReferenceOf(op, inputs);
  ASSERT_EQ(expected.shape(), first.shape());
  TestTensor* outputs[] = {&first};
  ASSERT_TRUE(RunKernel(op, inputs, outputs, 1)) << "no fast kernel";
  EXPECT_LE(MaxError(first, expected), tolerance);
  EXPECT_TRUE(first.GuardsIntact());
  outputs[0] = &second;
  ASSERT_TRUE(RunKernel(op, inputs, outputs, 3));
  EXPECT_EQ(first.Values(), second.Values()) << "the result depends on the number of threads";
}

// Row-major tensors of other element types.
template <class T>
TestTensor TensorOf(const Shape& shape, std::initializer_list<T> values) {
  TestTensor tensor = TestTensor::Dense(shape, Layout::kRowMajor, DTypeOf<T>::value);
  std::copy(values.begin(), values.end(), tensor.mutable_view().template as<T>());
  return tensor;
}

template <class T>
std::vector<T> ValuesOf(const TestTensor& tensor) {
  std::vector<T> values;
  for (StridedIndex<1> i(tensor.shape(), {tensor.view().strides}); i.valid(); i.Next())
    values.push_back(tensor.view().as<T>()[i.offset(0)]);
  return values;
}

}  // namespace decal::testing
