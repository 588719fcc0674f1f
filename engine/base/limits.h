// Every limit that protects the engine from a hostile or broken model.
//
// Nesting needs no limit: the reader knows a fixed number of levels (model, graph, node, attribute, tensor) and skips
// deeper ones, such as the graphs of control flow, without parsing them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// Highest tensor rank. Vision models reach 6 (window partition); 8 leaves room and keeps Shape inline.
inline constexpr size_t kMaxRank = 8;

// Elements of one tensor. 2^31 floats would not fit any address space we target.
inline constexpr int64_t kMaxTensorElements = int64_t{1} << 30;

// Limits of constant folding: bytes of one constant, bytes of all constants of a graph (including those that further
// folding consumes), and MACs of a node (one with more runs as a kernel). A multiple of the file's own weights is
// always allowed. Attention masks and position tables of real exports stay below 100 MB each; the work takes about a
// second with the scalar references. Builds for fuzzing use smaller limits, but large enough to widen every weight of
// the default model: otherwise its largest convolution would run as the scalar reference.
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline constexpr size_t kMaxFoldedBytes = size_t{256} << 20;
inline constexpr size_t kMaxFoldedTotalBytes = size_t{1} << 30;
inline constexpr double kMaxFoldedWork = 1 << 29;
#else
inline constexpr size_t kMaxFoldedBytes = size_t{1} << 20;
inline constexpr size_t kMaxFoldedTotalBytes = size_t{4} << 20;
inline constexpr double kMaxFoldedWork = 1 << 21;
#endif
inline constexpr size_t kFoldedBytesFactor = 8;  // of the weights in the file

// Memory that importing a file may take: at most base + factor * the file's bytes. The worst ratio is that of nodes
// without contents: two bytes in the file, 170 in memory, and three times that while the list of nodes grows.
// fuzz/onnx_fuzz.cc checks it on every input.
inline constexpr size_t kImportBytesBase = size_t{64} << 10;
inline constexpr size_t kImportBytesFactor = 512;

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
