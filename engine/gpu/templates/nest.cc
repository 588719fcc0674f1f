// Merged loops for elementwise kernels: index arithmetic as WGSL, sizes and strides as parameters.
// SPDX-License-Identifier: MIT
#include "engine/gpu/templates/nest.h"

#include <array>
#include <string>

#include "engine/ops/shape_rule.h"

namespace decal {
namespace {

constexpr std::string_view kNest =
#include "engine/gpu/templates/nest.wgsl.inc"
    ;

// The output first: loops follow its order in memory.
constexpr std::array<const char*, kNestOperands> kNames = {"y", "a", "b", "c"};
using NestTensors = std::array<gpu::Tensor, kNestOperands>;

// A single loop in two, so that it can be cut into bands of whole vectors.
GpuNest WithRows(const GpuNest& nest) {
  if (nest.extents.rank() != 1) return nest;
  for (const int64_t row : {1024, 4}) {
    if (nest.extents[0] % row != 0) continue;
    GpuNest rows = nest;
    rows.extents = {nest.extents[0] / row, row};
    for (Strides& strides : rows.strides) strides = {strides[0] * row, strides[0]};
    return rows;
  }
  return nest;
}

enum class Access { kAbsent, kScalar, kSplat, kVector };

std::string LoadText(const char* name, Access access) {
  const std::string x(name);
  const std::string value = access == Access::kAbsent   ? "vec4f(0.0)"
                            : access == Access::kScalar ? "vec4f(" + x + "_at(i), 0.0, 0.0, 0.0)"
                            : access == Access::kSplat  ? "vec4f(" + x + "_at(i))"
                                                        : x + "_at4(i, 4)";
  return "fn load_" + x + "(i: i32) -> vec4f { return " + value + "; }\n";
}

gpu::Tensor AsNest(gpu::Tensor tensor, const GpuNest& nest, size_t operand) {
  tensor.shape = nest.extents;
  tensor.strides = nest.strides[operand];
  return tensor;
}

// Four neighbours at once: the innermost loop is contiguous in the output, and contiguous or constant in the inputs.
bool TakesVectors(const NestTensors& tensors, size_t inputs) {
  const size_t inner = tensors[0].shape.rank() - 1;
  if (!gpu::HoldsVectors(tensors[0], inner)) return false;
  for (size_t i = 1; i <= inputs; ++i)
    if (tensors[i].strides[inner] != 0 && !gpu::HoldsVectors(tensors[i], inner)) return false;
  return true;
}

}  // namespace

gpu::Tensor Broadcast(gpu::Tensor tensor, const Shape& shape) {
  tensor.strides = BroadcastTo({nullptr, DType::kFloat32, tensor.shape, tensor.strides}, shape).strides;
  tensor.shape = shape;
  return tensor;
}

void AddIndex(gpu::Kernel& kernel, const std::string& name, const GpuNest& nest) {
  std::string text = "fn " + name + "_at(i: i32) -> vec4i {\n  var rest = i;\n  var at = vec4i(0);\n";
  for (size_t d = nest.extents.rank(); d-- > 0;) {
    const std::string prefix = name + std::to_string(d);
    std::string strides;
    for (size_t o = 0; o < kNestOperands; ++o) {
      const std::string field = prefix + "_" + std::to_string(o);
      kernel.Param(field, nest.strides[o][d]);
      strides += (o == 0 ? "u." : ", u.") + field;
    }
    if (d > 0) kernel.Param(prefix, nest.extents[d]);
    text += "  at += (" + (d == 0 ? "rest" : "rest % u." + prefix) + ") * vec4i(" + strides + ");\n";
    if (d > 0) text += "  rest /= u." + prefix + ";\n";
  }
  kernel.Include(text + "  return at;\n}\n");
}

Status AddElementwise(gpu::PlanBuilder& builder, std::string_view label, std::string_view combine,
                      std::span<const gpu::Tensor> inputs, const gpu::Tensor& out) {
  if (out.shape.elements() == 0) return {};
  std::array<Strides, kNestOperands> strides;
  strides.fill(out.strides);
  for (size_t i = 0; i < inputs.size(); ++i) strides[i + 1] = inputs[i].strides;
  const GpuNest nest = WithRows(Coalesce<kNestOperands>(out.shape, strides));
  NestTensors tensors;
  tensors[0] = AsNest(out, nest, 0);
  for (size_t i = 0; i < inputs.size(); ++i) tensors[i + 1] = AsNest(inputs[i], nest, i + 1);
  const bool vectors = TakesVectors(tensors, inputs.size());

  std::string text(combine);
  std::array<Access, kNestOperands> access{};
  for (size_t i = 1; i < kNestOperands; ++i) {
    access[i] = i > inputs.size()                ? Access::kAbsent
                : !vectors                       ? Access::kScalar
                : tensors[i].strides.back() == 0 ? Access::kSplat
                                                 : Access::kVector;
    text += LoadText(kNames[i], access[i]);
  }
  text +=
      vectors ? "fn store(i: i32, v: vec4f) { y_set4(i, v, 4); }\n" : "fn store(i: i32, v: vec4f) { y_set(i, v.x); }\n";
  const int64_t width = vectors ? 4 : 1;

  return builder.AddInBands(nest.extents[0], [&](int64_t begin, int64_t end) {
    gpu::Kernel kernel(label, kNest);
    GpuNest band = nest;
    band.extents[0] = end - begin;
    kernel.Elements(band.extents.elements() / width).Const("WIDTH", width).Include(text);
    AddIndex(kernel, "nest", band);
    NestTensors part = tensors;
    for (size_t i = 0; i <= inputs.size(); ++i) {
      part[i].offset += begin * nest.strides[i][0];
      part[i].shape[0] = end - begin;
      if (i > 0) kernel.Read(kNames[i], part[i], access[i] == Access::kVector);
    }
    kernel.Write(kNames[0], part[0], vectors);
    return kernel;
  });
}

Status AddStridedCopy(gpu::PlanBuilder& builder, const gpu::Tensor& from, const gpu::Tensor& to) {
  return AddElementwise(builder, "copy", "fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f { return a; }\n",
                        {&from, 1}, to);
}

}  // namespace decal
