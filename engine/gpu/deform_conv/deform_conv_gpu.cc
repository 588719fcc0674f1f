// WebGPU kernel of DeformConv: the shared product over pixels sampled at moved taps.
// SPDX-License-Identifier: MIT
#include "engine/gpu/deform_conv/deform_conv_gpu.h"

#include "engine/gpu/conv/conv_parts_gpu.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/gpu/templates/map.h"

namespace decal {
namespace {

constexpr std::string_view kSample =
#include "engine/gpu/deform_conv/sample.wgsl.inc"
    ;

}  // namespace

Status MakeGpuKernel(const DeformConv& op, const GpuRequest& request) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(Conv{op.window, op.group}, request.inputs[kDeformX].tensor.shape,
                                                 request.inputs[kDeformWeight].tensor.shape));
  const ConvInputs inputs(op.epilogue, kDeformBias, kDeformInputs);
  DECAL_TRY(RequireMaps(request, g, inputs));
  ProductOperands operands = ConvOperands(request, g, inputs);
  operands.b = PackFilters(request, ForwardOrder(g));
  ProductSpec spec = ConvSpec(g, operands);
  spec.label = "deformable convolution";
  spec.gather = kSample;
  spec.whole_input = spec.computed = true;
  SetTaps(spec, g);
  const gpu::Tensor offset = request.At(kDeformOffset);
  operands.extra.emplace_back("offset", offset);
  gpu::Tensor mask{.strides = {0, 0, 0, 0}};
  const bool masked = request.has(kDeformMask);
  if (masked) operands.extra.emplace_back("mask", mask = request.At(kDeformMask));
  const int64_t offset_depth = g.in_channels / op.offset_group;
  // Four channels share one offset if neither offset groups nor groups begin between them.
  const bool quads = op.offset_group == 1 || (offset_depth % 4 == 0 && spec.depth % 4 == 0);
  request.builder.Algorithm("sampled GEMM");
  return AddProduct(request, spec, operands, op.epilogue, [&](gpu::Kernel& kernel) {
    kernel.Flag("MASKED", masked).Flag("QUADS", quads).Param("offset_depth", offset_depth);
    AddStrides(kernel, "offset", offset);
    AddStrides(kernel, "mask", mask);
    if (!masked) kernel.Absent("mask");
  });
}

}  // namespace decal
