// DepthToSpace and SpaceToDepth: one strided copy between the maps seen as [N, block, block, C, H, W].
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/any_element.h"
#include "engine/ops/movement/blocks.h"
#include "engine/ops/movement/movement.h"

namespace decal {
namespace {

Status CheckBlock(int64_t block, const InferContext& c) {
  if (!c.has(0) || c[0].shape.rank() != 4 || block < 1 || block > kMaxTensorElements)
    return Fail(ErrorCode::kShapeMismatch, "blocks of " + std::to_string(block) + " need a tensor of rank 4");
  return {};
}

Status CopyBlocks(const Shape& shape, const TensorView& x, const Strides& from, const MutableTensorView& y,
                  const Strides& to) {
  for (StridedIndex<2> i(shape, {from, to}); i.valid(); i.Next()) CopyElement(x, i.offset(0), y, i.offset(1));
  return {};
}

}  // namespace

InferResult Infer(const DepthToSpace& op, const InferContext& c) {
  DECAL_TRY(CheckBlock(op.block, c));
  Shape shape = c[0].shape;
  if (shape[1] % (op.block * op.block) != 0)
    return Fail(ErrorCode::kShapeMismatch,
                std::to_string(shape[1]) + " channels in blocks of " + std::to_string(op.block));
  shape = {shape[0], shape[1] / (op.block * op.block), shape[2] * op.block, shape[3] * op.block};
  return std::vector<TensorType>{{c[0].dtype, shape}};
}

Status Reference(const DepthToSpace& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const Blocks blocks = BlocksOf(op.block, op.crd, out[0].shape, in[0].strides, out[0].strides);
  return CopyBlocks(blocks.shape, in[0], blocks.deep, out[0], blocks.wide);
}

InferResult Infer(const SpaceToDepth& op, const InferContext& c) {
  DECAL_TRY(CheckBlock(op.block, c));
  Shape shape = c[0].shape;
  if (shape[2] % op.block != 0 || shape[3] % op.block != 0)
    return Fail(ErrorCode::kShapeMismatch, shape.ToString() + " in blocks of " + std::to_string(op.block));
  // Extents and block are at most 2^30, but three factors may overflow.
  if (shape[1] > kMaxTensorElements / op.block / op.block)
    return Fail(ErrorCode::kLimitExceeded, shape.ToString() + " in blocks of " + std::to_string(op.block));
  shape = {shape[0], shape[1] * op.block * op.block, shape[2] / op.block, shape[3] / op.block};
  return std::vector<TensorType>{{c[0].dtype, shape}};
}

Status Reference(const SpaceToDepth& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const Blocks blocks = BlocksOf(op.block, false, in[0].shape, out[0].strides, in[0].strides);
  return CopyBlocks(blocks.shape, in[0], blocks.wide, out[0], blocks.deep);
}

}  // namespace decal
