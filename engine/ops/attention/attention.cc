// Shape rule and scalar reference of Attention.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/ops/attention/attention.h"

namespace decal {
namespace {}  // namespace

InferResult Infer(const Attention& op, const InferContext& c) {
  if (op.biases < 0 || op.biases > 2) return Mismatch("attention with " + std::to_string(op.biases) + " biases");
  for (size_t i = 0; i < 3 + static_cast<size_t>(op.biases); ++i) {
    if (!c.has(i)) return Mismatch("input " + std::to_string(i) + " is missing");
    if (c[i].dtype != DType::kFloat32) return Mismatch(std::string("attention over ") + Name(c[i].dtype));
    if (c[i].shape.rank() != 4) return Mismatch("attention over " + c[i].shape.ToString());
  }
  const Shape &q = c[0].shape, &k = c[1].shape, &v = c[2].shape;
  if (q[0] != k[0] || q[0] != v[0] || q[2] != k[2] || q[2] != v[2] || k[1] != v[1] || q[3] != k[3] ||
      k[1] < 1)  // there is no softmax of nothing
    return Mismatch("attention of " + q.ToString() + ", " + k.ToString() + " and " + v.ToString());
  for (size_t i = 3; i < 3 + static_cast<size_t>(op.biases); ++i) {
    const Shape& bias = c[i].shape;
    if (bias[0] < 1 || q[0] % bias[0] != 0 || (bias[1] != 1 && bias[1] != q[2]) || bias[2] != q[1] || bias[3] != k[1])
      return Mismatch("a bias of " + bias.ToString() + " for attention of " + q.ToString() + " and " + k.ToString());
  }
  return std::vector<TensorType>{{DType::kFloat32, Shape{q[0], q[1], q[2], v[3]}}};
}

Status Reference(const Attention& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &q = in[0], &k = in[1], &v = in[2];
  const int64_t tokens = k.shape[1];
  std::vector<double> row(static_cast<size_t>(tokens));
  for (StridedIndex<2> i(Shape{q.shape[0], q.shape[1], q.shape[2]},
                         {Strides{q.strides[0], q.strides[1], q.strides[2]},
                          Strides{out[0].strides[0], out[0].strides[1], out[0].strides[2]}});
       i.valid(); i.Next()) {
    const int64_t b = i.index()[0], m = i.index()[1], h = i.index()[2];
    const auto at = [&](const TensorView& x, int64_t n) {
      return b * x.strides[0] + n * x.strides[1] + h * x.strides[2];
    };
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t n = 0; n < tokens; ++n) {
      double score = 0;
      for (int64_t d = 0; d < q.shape[3]; ++d)
        score +=
            double{q.as<float>()[i.offset(0) + d * q.strides[3]]} * double{k.as<float>()[at(k, n) + d * k.strides[3]]};
      score *= double{op.scale};
      for (const TensorView& bias : in.subspan(3, static_cast<size_t>(op.biases)))
        score += bias.as<float>()[b % bias.shape[0] * bias.strides[0] + (bias.shape[1] == 1 ? 0 : h) * bias.strides[1] +
                                  m * bias.strides[2] + n * bias.strides[3]];
      row[static_cast<size_t>(n)] = score;
      largest = std::max(largest, score);
    }
    for (double& score : row) sum += score = std::exp(score - largest);
    for (int64_t e = 0; e < v.shape[3]; ++e) {
      double value = 0;
      for (int64_t n = 0; n < tokens; ++n)
        value += row[static_cast<size_t>(n)] * v.as<float>()[at(v, n) + e * v.strides[3]];
      out[0].as<float>()[i.offset(1) + e * out[0].strides[3]] = static_cast<float>(value / sum);
    }
  }
  return {};
}

}  // namespace decal
