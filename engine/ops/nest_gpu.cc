// Merged loops for elementwise kernels: index arithmetic as WGSL, extents and strides as parameters.
#include "engine/ops/nest_gpu.h"

#include <array>
#include <string>

#include "engine/cpu/loop_nest.h"

namespace decal {
namespace {

constexpr std::string_view kNest =
#include "engine/ops/nest.wgsl.inc"
    ;

constexpr size_t kInputs = 3;
constexpr std::array<const char*, kInputs + 1> kNames = {"a", "b", "c", "y"};
using Nest = cpu::LoopNest<kInputs + 1>;  // operand 0 is the output

// Strides of operand `name` of kNames: the output comes last there and first in the nest.
const Strides& StridesOf(const Nest& nest, size_t name) { return nest.strides[name == kInputs ? 0 : name + 1]; }

// fn offsets(i) -> (a, b, c, y), for the element i of the nest in row-major order.
std::string OffsetsText(size_t rank) {
  std::string text = "fn offsets(i: i32) -> vec4i {\n  var rest = i;\n  var at = vec4i(0);\n";
  for (size_t d = rank; d-- > 0;) {
    const std::string n = std::to_string(d);
    const std::string index = d == 0 ? "rest" : "rest % u.e" + n;
    text += "  at += (" + index + ") * vec4i(u.a" + n + ", u.b" + n + ", u.c" + n + ", u.y" + n + ");\n";
    if (d > 0) text += "  rest /= u.e" + n + ";\n";
  }
  return text + "  return at;\n}\n";
}

// A single loop in two, so that it can be cut into bands of whole vectors.
Nest WithRows(const Nest& nest) {
  if (nest.extents.rank() != 1) return nest;
  for (const int64_t row : {1024, 4}) {
    if (nest.extents[0] % row != 0) continue;
    Nest rows = nest;
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

gpu::Tensor AsNest(gpu::Tensor tensor, const Nest& nest, size_t name) {
  tensor.shape = nest.extents;
  tensor.strides = StridesOf(nest, name);
  return tensor;
}

// Four neighbours at once: the innermost loop is contiguous in the output, and contiguous or constant in the inputs.
bool TakesVectors(const std::array<gpu::Tensor, kInputs + 1>& tensors, size_t inputs) {
  const size_t inner = tensors[kInputs].shape.rank() - 1;
  if (!gpu::HoldsVectors(tensors[kInputs], inner)) return false;
  for (size_t i = 0; i < inputs; ++i)
    if (tensors[i].strides[inner] != 0 && !gpu::HoldsVectors(tensors[i], inner)) return false;
  return true;
}

}  // namespace

gpu::Tensor Broadcast(gpu::Tensor tensor, const Shape& shape) {
  tensor.strides = BroadcastTo({nullptr, DType::kFloat32, tensor.shape, tensor.strides}, shape).strides;
  tensor.shape = shape;
  return tensor;
}

Status AddElementwise(gpu::PlanBuilder& builder, std::string_view label, std::string_view combine,
                      std::span<const gpu::Tensor> inputs, const gpu::Tensor& out) {
  if (out.shape.elements() == 0) return {};
  std::array<Strides, kInputs + 1> strides;
  strides.fill(out.strides);
  for (size_t i = 0; i < inputs.size(); ++i) strides[i + 1] = inputs[i].strides;
  const Nest nest = WithRows(cpu::Coalesce<kInputs + 1>(out.shape, strides));
  std::array<gpu::Tensor, kInputs + 1> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) tensors[i] = AsNest(inputs[i], nest, i);
  tensors[kInputs] = AsNest(out, nest, kInputs);
  const size_t rank = nest.extents.rank();
  const bool vectors = TakesVectors(tensors, inputs.size());

  std::string text = OffsetsText(rank) + std::string(combine);
  std::array<Access, kInputs> access;
  for (size_t i = 0; i < kInputs; ++i) {
    access[i] = i >= inputs.size()                       ? Access::kAbsent
                : !vectors                               ? Access::kScalar
                : tensors[i].strides[rank - 1] == 0      ? Access::kSplat
                                                         : Access::kVector;
    text += LoadText(kNames[i], access[i]);
  }
  text += vectors ? "fn store(i: i32, v: vec4f) { y_set4(i, v, 4); }\n" : "fn store(i: i32, v: vec4f) { y_set(i, v.x); }\n";
  const int64_t width = vectors ? 4 : 1;

  return builder.AddInBands(nest.extents[0], [&](int64_t begin, int64_t end) {
    gpu::Kernel kernel(label, kNest);
    std::array<gpu::Tensor, kInputs + 1> part = tensors;
    for (gpu::Tensor& tensor : part) {
      if (tensor.shape.empty()) continue;
      tensor.offset += begin * tensor.strides[0];
      tensor.shape[0] = end - begin;
    }
    int64_t items = 1;
    for (size_t d = 0; d < rank; ++d) {
      const int64_t extent = d == 0 ? end - begin : nest.extents[d];
      items *= extent;
      kernel.Param("e" + std::to_string(d), extent);
      for (size_t o = 0; o <= kInputs; ++o)
        kernel.Param(kNames[o] + std::to_string(d),
                     o < kInputs && o >= inputs.size() ? 0 : StridesOf(nest, o)[d]);
    }
    kernel.Param("items", items / width).Const("WIDTH", width).Include(text).Workgroup(64).Items(items / width);
    for (size_t i = 0; i < inputs.size(); ++i) kernel.Read(kNames[i], part[i], access[i] == Access::kVector);
    kernel.Write("y", part[kInputs], vectors);
    return kernel;
  });
}

Status AddStridedCopy(gpu::PlanBuilder& builder, const gpu::Tensor& from, const gpu::Tensor& to) {
  return AddElementwise(builder, "copy", "fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f { return a; }\n", {&from, 1},
                        to);
}

}  // namespace decal
