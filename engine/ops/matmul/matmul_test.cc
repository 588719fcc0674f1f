// Matrix products: shape rules by hand, and every fast kernel against the scalar reference on random cases.
// SPDX-License-Identifier: MIT
#include "engine/ops/matmul/matmul.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/kernel_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Pick;
using testing::TestInput;
using testing::TestTensor;

// Row-major, with `slack` unused elements behind each row.
TestTensor Padded(const Shape& shape, int64_t slack, size_t guard_elements = 0) {
  Shape whole = shape;
  if (whole.rank() > 1) whole[whole.rank() - 1] += slack;
  return TestTensor(DType::kFloat32, shape, DenseStrides(whole, Layout::kRowMajor), guard_elements);
}

template <class Op>
void CheckCase(const Op& op, std::span<const TestInput> inputs, std::mt19937& random, bool expect_kernel = true) {
  auto type = testing::InferOne(op, inputs);
  ASSERT_TRUE(type.has_value()) << type.error().ToString();
  TestTensor expected = TestTensor::Dense(*type->shape);
  const MutableTensorView expected_view = expected.mutable_view();
  ASSERT_TRUE(Reference(op, testing::Views(inputs), {&expected_view, 1}).has_value());
  const int slack = Pick(random, 0, 5);
  TestTensor serial = Padded(*type->shape, slack, 16), threaded = Padded(*type->shape, slack, 16);
  TestTensor* serial_out = &serial;
  TestTensor* threaded_out = &threaded;
  ASSERT_EQ(testing::RunKernel(op, inputs, {&serial_out, 1}, 1), expect_kernel);
  if (!expect_kernel) return;
  testing::RunKernel(op, inputs, {&threaded_out, 1}, 3);
  EXPECT_LT(testing::MaxError(serial, expected), 2e-5);
  EXPECT_EQ(serial.Values(), threaded.Values()) << "results depend on the number of threads";
  EXPECT_TRUE(serial.GuardsIntact());
}

TEST(MatMul, MatchesReferenceOnRandomCases) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(5));
    for (int i = 0; i < 200; ++i) {
      const int64_t m = Pick(random, 1, 20), k = Pick(random, 1, 40), n = Pick(random, 1, 75);
      Shape a, b;
      const int batch_rank = Pick(random, 0, 3);
      for (int d = 0; d < batch_rank; ++d) {
        const int64_t extent = Pick(random, 1, 3);
        const int which = Pick(random, 0, 3);  // broadcast a, broadcast b, or both in full
        a.push_back(which == 0 ? 1 : extent);
        b.push_back(which == 1 ? 1 : extent);
      }
      if (Pick(random, 0, 1)) b = {};
      if (m > 1 || !b.empty() || Pick(random, 0, 1)) a.push_back(m);
      a.push_back(k);
      b.push_back(k);
      if (n > 5 || a.rank() > 2) b.push_back(n);
      const int64_t columns = b.rank() > 1 ? n : 1;
      SCOPED_TRACE(a.ToString() + " x " + b.ToString());

      MatMul op;
      const int activation = Pick(random, 0, 3);
      if (activation == 0) op.epilogue.activation = Unary{UnaryKind::kGelu};
      if (activation == 1) op.epilogue.activation = Unary{UnaryKind::kRelu};
      op.epilogue.prelu_slope = activation == 2;
      op.epilogue.residual = static_cast<Epilogue::Residual>(Pick(random, 0, 2));
      TestTensor left = Padded(a, Pick(random, 0, 4)), right = Padded(b, Pick(random, 0, 4));
      TestTensor bias = TestTensor::Dense({columns}), slope = TestTensor::Dense({columns});
      std::vector<TestInput> inputs = {{&left}, {&right, Pick(random, 0, 1) == 1}, {}};
      for (TestTensor* tensor : {&left, &right, &bias, &slope}) tensor->FillRandom(random);
      if (Pick(random, 0, 1)) inputs[2] = {&bias, true};
      auto type = testing::InferOne(MatMul{}, inputs);
      ASSERT_TRUE(type.has_value()) << type.error().ToString();
      TestTensor residual = Padded(*type->shape, Pick(random, 0, 4));
      residual.FillRandom(random);
      if (op.epilogue.prelu_slope) inputs.push_back({&slope, true});
      if (op.epilogue.residual != Epilogue::Residual::kNone) inputs.push_back({&residual});
      CheckCase(op, inputs, random);
    }
  });
}

TEST(Gemm, MatchesReferenceOnRandomCases) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(6));
    for (int i = 0; i < 100; ++i) {
      const int64_t m = Pick(random, 2, 20), k = Pick(random, 2, 40), n = Pick(random, 2, 75);
      Gemm op;
      op.trans_b = Pick(random, 0, 1);
      op.alpha = Pick(random, 0, 1) ? 1.0f : 0.5f;
      op.beta = Pick(random, 0, 1) ? 1.0f : -2.0f;
      TestTensor a = Padded({m, k}, Pick(random, 0, 4));
      TestTensor b = Padded(op.trans_b ? Shape{n, k} : Shape{k, n}, Pick(random, 0, 4));
      TestTensor c = TestTensor::Dense(Pick(random, 0, 1) ? Shape{n} : Shape{1, n});
      for (TestTensor* tensor : {&a, &b, &c}) tensor->FillRandom(random);
      const bool constant = Pick(random, 0, 1), with_c = Pick(random, 0, 1);
      std::vector<TestInput> inputs = {{&a}, {&b, constant}};
      if (with_c) inputs.push_back({&c, true});
      CheckCase(op, inputs, random, constant || (op.alpha == 1 && (!with_c || op.beta == 1)));
    }
  });
}

TEST(MatMul, LargeCaseMatchesReference) {
  std::mt19937 random(testing::TestSeed(7));
  TestTensor a = TestTensor::Dense({3, 150, 300}), b = TestTensor::Dense({300, 260});
  a.FillRandom(random);
  b.FillRandom(random);
  for (bool constant : {false, true}) {
    const TestInput inputs[] = {{&a}, {&b, constant}, {}};
    CheckCase(MatMul{}, inputs, random);
  }
}

TEST(Gemm, HandComputed) {
  const Gemm op{.alpha = 2, .beta = 10, .trans_a = true, .trans_b = true};
  const TestTensor a = TestTensor::Of({2, 1}, {1, 2}), b = TestTensor::Of({3, 2}, {1, 0, 0, 1, 1, 1});
  const TestTensor c = TestTensor::Of({1, 1}, {0.5f});
  TestTensor y = TestTensor::Dense({1, 3});
  const TensorView in[] = {a.view(), b.view(), c.view()};
  const MutableTensorView out = y.mutable_view();
  ASSERT_TRUE(Reference(op, in, {&out, 1}).has_value());
  EXPECT_EQ(y.Values(), (std::vector<float>{7, 9, 11}));
}

TEST(MatMul, HandComputed) {
  const TestTensor a = TestTensor::Of({2, 2}, {1, 2, 3, 4}), b = TestTensor::Of({2}, {10, 1});
  TestTensor y = TestTensor::Dense({2});
  const TensorView in[] = {a.view(), b.view()};
  const MutableTensorView out = y.mutable_view();
  ASSERT_TRUE(Reference(MatMul{}, in, {&out, 1}).has_value());
  EXPECT_EQ(y.Values(), (std::vector<float>{12, 34}));
}

template <class Op>
std::string InferredProduct(const Op& op, const Shape& a, const Shape& b) {
  const InferInput inputs[] = {{true, DType::kFloat32, a, nullptr}, {true, DType::kFloat32, b, nullptr}};
  auto types = Infer(op, InferContext{inputs, 1});
  return types ? (*types)[0].shape->ToString() : types.error().message;
}

TEST(MatMulShape, NumPyRules) {
  EXPECT_EQ(InferredProduct(MatMul{}, {2, 3}, {3, 4}), "[2,4]");
  EXPECT_EQ(InferredProduct(MatMul{}, {5, 1, 2, 3}, {6, 3, 4}), "[5,6,2,4]");
  EXPECT_EQ(InferredProduct(MatMul{}, {3}, {6, 3, 4}), "[6,4]");
  EXPECT_EQ(InferredProduct(MatMul{}, {3}, {3}), "[]");
  EXPECT_EQ(InferredProduct(MatMul{}, {2, 3}, {4, 3}), "matrix shapes [2,3] and [4,3] do not match");
  EXPECT_EQ(InferredProduct(Gemm{.trans_b = true}, {2, 3}, {4, 3}), "[2,4]");
  EXPECT_EQ(InferredProduct(Gemm{}, {2, 3, 1}, {4, 3}), "matrix shapes [2,3,1] and [4,3] do not match");
}

}  // namespace
}  // namespace decal
