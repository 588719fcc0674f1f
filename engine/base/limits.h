// Every limit that protects the engine from a hostile or broken model, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// Highest tensor rank. Vision models reach 6 (window partition); 8 leaves room and keeps Shape inline.
inline constexpr size_t kMaxRank = 8;

// Elements of one tensor. 2^31 floats would not fit any address space we target.
inline constexpr int64_t kMaxTensorElements = int64_t{1} << 30;

// Bytes a constant made while folding may take when no weight feeds it (ConstantOfShape, Expand, Range).
inline constexpr size_t kMaxFoldedBytes = size_t{256} << 20;

// Nodes of one graph: the largest export seen (BiRefNet) has about 20,000.
inline constexpr size_t kMaxNodes = 200'000;

// Inputs or outputs of one node: the widest Concat seen has 1,024.
inline constexpr size_t kMaxNodeInputs = 4'096;

// Bytes of one name or string attribute.
inline constexpr size_t kMaxStringBytes = 4'096;

// Elements of one repeated attribute.
inline constexpr size_t kMaxAttributeElements = 65'536;

// Bytes of one model file: protobuf itself stops at 2 GiB.
inline constexpr uint64_t kMaxModelBytes = (uint64_t{1} << 31) - 1;

}  // namespace decal
