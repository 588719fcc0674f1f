// WebGPU kernels of elementwise operators: one expression each.
// SPDX-License-Identifier: MIT
#include "engine/gpu/elementwise/elementwise_gpu.h"

#include "engine/ops/elementwise/elementwise.h"
#include "engine/gpu/templates/nest.h"

namespace decal {
namespace {

// The power of a negative number is defined for whole exponents, which WGSL's pow is not.
constexpr const char kPower[] =
    "fn power(a: vec4f, b: vec4f) -> vec4f {\n"
    "  let odd = abs(b - 2.0 * floor(b * 0.5)) == vec4f(1.0);\n"
    "  let p = pow(abs(a), b);\n"
    "  return select(p, -p, (a < vec4f(0.0)) & odd);\n"
    "}\n";

const char* Expression(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd: return "a + b";
    case BinaryKind::kSub: return "a - b";
    case BinaryKind::kMul: return "a * b";
    case BinaryKind::kDiv: return "a / b";
    case BinaryKind::kMin: return "min(a, b)";
    case BinaryKind::kMax: return "max(a, b)";
    case BinaryKind::kPRelu: return "select(a, a * b, a < vec4f(0.0))";
    case BinaryKind::kPow: return "power(a, b)";
    default: return nullptr;
  }
}

std::string Combine(const std::string& expression) {
  return "fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f { return " + expression + "; }\n";
}

// x ^ 2 is how exports spell a square.
bool IsSquare(const Binary& op, const GpuRequest& request) {
  return op.kind == BinaryKind::kPow && request.is_constant(1) && request.inputs[1].constant->shape.elements() == 1 &&
         FloatsOf(*request.inputs[1].constant)[0] == 2.0f;
}

}  // namespace

Status MakeGpuKernel(const Unary& op, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0);
  return AddElementwise(request.builder, Name(op.kind), ActivationWgsl(op) + Combine("activate(a)"), {&x, 1},
                        request.out());
}

Status MakeGpuKernel(const Binary& op, const GpuRequest& request) {
  const Shape& shape = request.out().shape;
  if (IsSquare(op, request)) {
    const gpu::Tensor x = Broadcast(request.At(0), shape);
    return AddElementwise(request.builder, "square", Combine("a * a"), {&x, 1}, request.out());
  }
  const char* expression = Expression(op.kind);
  if (expression == nullptr)
    return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for ") + Name(op.kind));
  const gpu::Tensor inputs[] = {Broadcast(request.At(0), shape), Broadcast(request.At(1), shape)};
  const std::string functions = op.kind == BinaryKind::kPow ? kPower : "";
  return AddElementwise(request.builder, Name(op.kind), functions + Combine(expression), inputs, request.out());
}

}  // namespace decal
