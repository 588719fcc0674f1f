// WebGPU kernels of the normalisations and of softmax: what they add to the shared reduction.
// SPDX-License-Identifier: MIT
#include "engine/gpu/norm/norm_gpu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "engine/gpu/templates/nest.h"
#include "engine/ops/norm/norm.h"
#include "engine/gpu/templates/reduction.h"

namespace decal {
namespace {

constexpr const char* kScaleAndShift = "fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f { return a * b + c; }\n";

// Numbers of channels as a map of one pixel.
gpu::Tensor PerChannel(gpu::Tensor tensor, const Shape& map) {
  tensor.shape = Dims::Filled(map.rank() - 1, 1);
  tensor.shape[0] = map[1];
  tensor.strides = Dims::Filled(map.rank() - 1, 1);
  return Broadcast(tensor, map);
}

// Mean and squares of deviations of what a lane has seen so far (Welford 1962), and of two of them (Chan 1979). The first
// divisor is 1 if nothing was seen.
constexpr const char* kMomentsBasis =
    "fn start(stage: i32) -> State { return State(vec4f(0.0), vec4f(0.0), vec4f(0.0)); }\n"
    "fn join(a: State, b: State, stage: i32) -> State {\n"
    "  let count = a[2] + b[2];\n"
    "  let part = b[2] / max(count, vec4f(1.0));\n"
    "  let apart = b[0] - a[0];\n"
    "  return State(fma(apart, part, a[0]), a[1] + b[1] + apart * apart * a[2] * part, count);\n"
    "}\n";
constexpr const char* kMomentsTake =
    "fn take(s: State, stage: i32, at: vec4i, n: i32) -> State {\n"
    "  let v = x_at4(at.x, n);\n"
    "  let count = s[2] + 1.0;\n"
    "  let apart = v - s[0];\n"
    "  let mean = s[0] + apart / count;\n"
    "  return State(mean, fma(apart, v - mean, s[1]), count);\n"
    "}\n";

}  // namespace

Status MakeGpuKernel(const BatchNorm& op, const GpuRequest& request) {
  const bool constant =
      request.is_constant(1) && request.is_constant(2) && request.is_constant(3) && request.is_constant(4);
  if (op.training || !constant)
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for batch norms whose moments are computed");
  // y = x * factor + shift.
  std::vector<float> parameters[4];
  std::vector<int64_t> id = {std::bit_cast<int32_t>(op.epsilon)};
  for (size_t i = 0; i < 4; ++i) {
    parameters[i] = FloatsOf(*request.inputs[i + 1].constant);
    id.push_back(static_cast<int64_t>(std::bit_cast<uintptr_t>(request.inputs[i + 1].constant.get())));
  }
  auto& [scale, bias, mean, variance] = parameters;
  for (size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(double{variance[c]} + op.epsilon);
    scale[c] = static_cast<float>(factor);
    bias[c] = static_cast<float>(bias[c] - mean[c] * factor);
  }
  const void* owner = request.inputs[1].constant.get();
  const gpu::Tensor factors = FloatTable(request, owner, PackingId(id), std::move(scale));
  id.push_back(1);
  const gpu::Tensor shifts = FloatTable(request, owner, PackingId(id), std::move(bias));
  const gpu::Tensor& y = request.out();
  const gpu::Tensor inputs[] = {request.At(0), PerChannel(factors, y.shape), PerChannel(shifts, y.shape)};
  return AddElementwise(request.builder, "batch norm", kScaleAndShift, inputs, y);
}

Status MakeGpuKernel(const InstanceNorm& op, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0);
  const Shape& shape = x.shape;
  if (shape.elements() == 0) return {};
  // Moments become a factor and a shift of every map.
  const int64_t channels = shape[1], maps = shape[0] * channels;
  gpu::Tensor factors{.shape = shape, .strides = Dims::Filled(shape.rank(), 0)};
  factors.strides[0] = channels;
  factors.strides[1] = 1;
  gpu::Tensor shifts = factors;
  factors.region = request.builder.Scratch(static_cast<uint64_t>(maps) * sizeof(float));
  shifts.region = request.builder.Scratch(static_cast<uint64_t>(maps) * sizeof(float));
  Reduction moments{.label = "moments", .parts = 3, .basis = kMomentsBasis, .take = kMomentsTake, .splits = true};
  moments.result =
      "fn emit(item: i32, split: i32, at: vec4i, n: i32) {\n"
      "  let s = carried[0];\n"
      "  let channel = vec4i(at.y % u.channels) + vec4i(0, 1, 2, 3);\n"
      "  let normalized = (channel >= vec4i(u.first)) & (channel < vec4i(u.end));\n"
      "  let factor = scale_of(at, n) * select(vec4f(1.0), inverseSqrt(s[1] / s[2] + u.epsilon), normalized);\n"
      "  y_set4(at.y, factor, n);\n"
      "  z_set4(at.y, bias_of(at, n) - select(vec4f(0.0), s[0] * factor, normalized), n);\n"
      "}\n";
  moments.adjust = [&](gpu::Kernel& kernel) {
    kernel.Param("epsilon", op.epsilon).Param("channels", channels).Param("first", op.first);
    kernel.Param("end", std::min(op.end, channels));
  };
  request.builder.Algorithm("moments, scale and shift");
  const ReductionOperands operands{.x = x,
                                   .y = factors,
                                   .scale = PerChannel(request.At(1), shape),
                                   .bias = PerChannel(request.At(2), shape),
                                   .z = shifts};
  DECAL_TRY(AddReduction(request.builder, moments, operands, AxesFrom(2, shape.rank())));
  const gpu::Tensor inputs[] = {x, factors, shifts};
  std::optional<Unary> limits;
  if (std::isfinite(op.low) || std::isfinite(op.high)) limits = Unary{UnaryKind::kClip, op.low, op.high};
  const std::string combine =
      ActivationWgsl(limits) + "fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f { return activate(a * b + c); }\n";
  return AddElementwise(request.builder, "scale and shift", combine, inputs, request.out());
}

Status MakeGpuKernel(const LayerNorm& op, const GpuRequest& request) {
  if (request.outputs.size() > 1)
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for layer norms with more than one output");
  const gpu::Tensor x = request.At(0);
  const Shape& shape = x.shape;
  if (shape.elements() == 0) return {};
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, shape.rank()));
  int64_t count = 1;
  for (size_t d = axis; d < shape.rank(); ++d) count *= shape[d];
  Reduction norm{.label = "layer norm", .stages = 2, .every = true, .run_vectors = true};
  norm.basis =
      "fn start(stage: i32) -> State { return State(vec4f(0.0)); }\n"
      "fn join(a: State, b: State, stage: i32) -> State { return State(a[0] + b[0]); }\n"
      "fn mean() -> vec4f { return carried[0][0] * u.factor; }\n";
  norm.take =
      "fn take(s: State, stage: i32, at: vec4i, n: i32) -> State {\n"
      "  var v = x_at4(at.x, n);\n"
      "  if (stage > 0) {\n"
      "    v -= mean();\n"
      "    v *= v;\n"
      "  }\n"
      "  return State(s[0] + masked(v, n, vec4f(0.0)));\n"
      "}\n";
  norm.result =
      "fn store(at: vec4i, n: i32) {\n"
      "  let factor = inverseSqrt(carried[1][0] * u.factor + u.epsilon) * scale_of(at, n);\n"
      "  y_set4(at.y, (x_at4(at.x, n) - mean()) * factor + bias_of(at, n), n);\n"
      "}\n";
  norm.adjust = [&](gpu::Kernel& kernel) {
    kernel.Param("factor", 1.0f / static_cast<float>(count)).Param("epsilon", op.epsilon);
  };
  ReductionOperands operands{.x = x, .y = request.out(), .scale = Broadcast(request.At(1), shape)};
  if (request.has(2)) operands.bias = Broadcast(request.At(2), shape);
  request.builder.Algorithm("rows");
  return AddReduction(request.builder, norm, operands, AxesFrom(axis, shape.rank()));
}

Status MakeGpuKernel(const Softmax& op, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0);
  if (x.shape.elements() == 0) return {};
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  Reduction softmax = SumOfExponentials("softmax");
  softmax.every = true;
  softmax.result = std::string(
                       "fn store(at: vec4i, n: i32) {\n"
                       "  let v = x_at4(at.x, n) - carried[0][0];\n"
                       "  y_set4(at.y, ") +
                   (op.log ? "v - log(carried[1][0])" : "exp(v) / carried[1][0]") + ", n);\n}\n";
  request.builder.Algorithm("rows");
  return AddReduction(request.builder, softmax, {.x = x, .y = request.out()},
                      AxesFrom(axis, op.flatten ? x.shape.rank() : std::min(axis + 1, x.shape.rank())));
}

}  // namespace decal
