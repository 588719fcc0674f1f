// WebGPU kernel of Attention: a workgroup for each block of queries of a head.
// SPDX-License-Identifier: MIT
#include "engine/gpu/attention/attention_gpu.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/rounding.h"

namespace decal {
namespace {

constexpr std::string_view kAttention =
#include "engine/gpu/attention/attention.wgsl.inc"
    ;

// Longest query and value that fit in registers together.
constexpr int64_t kMaxGpuDepth = 128;
// Of keys and values in workgroup memory. Half of what is guaranteed, so that a processor holds several workgroups.
constexpr int64_t kTileBytes = 8192;
constexpr int64_t kMaxTileKeys = 32;
// A table of planes pays only where a few stand for many.
constexpr size_t kMaxDistinctPlanes = 64;

// A bias as the kernel reads it: four keys of a query at plane(..) + n / 4 * quad + m * row.
struct BoundBiasPlanes {
  std::optional<gpu::Tensor> tensor, table;  // table: of each plane, its place in the tensor
  bool packed = false;
  int64_t parts = 1, heads = 1, part_stride = 0, head_stride = 0, quad = 4, row = 0;
};

// The planes of a constant that differ, and for every plane [P,G] which one it is. Swin's masks repeat 9 planes
// thousands of times.
struct DistinctPlanes {
  std::vector<int64_t> first;    // where those that differ begin in the constant
  std::vector<int32_t> of_plane;
};

DistinctPlanes FindDistinct(const ConstantTensor& constant, int64_t planes, int64_t plane_elements) {
  DistinctPlanes distinct;
  const size_t bytes = static_cast<size_t>(plane_elements) * SizeOf(constant.dtype);
  const auto at = [&](int64_t plane) { return constant.buffer.data() + static_cast<size_t>(plane) * bytes; };
  for (int64_t plane = 0; plane < planes; ++plane) {
    size_t same = 0;
    while (same < distinct.first.size() && std::memcmp(at(distinct.first[same]), at(plane), bytes) != 0) ++same;
    if (same == distinct.first.size()) distinct.first.push_back(plane);
    if (distinct.first.size() > kMaxDistinctPlanes) return {};
    distinct.of_plane.push_back(static_cast<int32_t>(same));
  }
  return distinct;
}

// Constants are transposed in quads of keys, [plane][n / 4][m][4]: neighbours read vectors side by side.
BoundBiasPlanes PackPlanes(const GpuRequest& request, size_t input) {
  constexpr int64_t kPlanes = 110, kTable = 111;
  const ConstantPtr& constant = request.inputs[input].constant;
  const Shape& shape = request.inputs[input].tensor.shape;
  const int64_t queries = shape[2], keys = shape[3], quads = (keys + 3) / 4, planes = shape[0] * shape[1];
  BoundBiasPlanes bias{.packed = true, .parts = shape[0], .heads = shape[1], .quad = queries * 4, .row = 4};
  const int64_t size = quads * queries * 4;
  DistinctPlanes distinct = FindDistinct(*constant, planes, queries * keys);
  const bool tabled = !distinct.first.empty() && static_cast<int64_t>(distinct.first.size()) < planes;
  if (tabled) {
    for (int32_t& at : distinct.of_plane) at *= static_cast<int32_t>(size);
    const int64_t id[] = {kTable, planes, size};
    bias.table = IntegerTable(request, constant.get(), PackingId(id), std::move(distinct.of_plane));
    bias.part_stride = shape[1];
    bias.head_stride = shape[1] == 1 ? 0 : 1;
  } else {
    distinct.first.clear();
    for (int64_t plane = 0; plane < planes; ++plane) distinct.first.push_back(plane);
    bias.part_stride = shape[1] * size;
    bias.head_stride = shape[1] == 1 ? 0 : size;
  }
  const int64_t id[] = {kPlanes, planes, queries, keys};
  const int64_t elements = static_cast<int64_t>(distinct.first.size()) * size;
  bias.tensor = PackedWeight(
      request, constant, PackingId(id), elements,
      [first = std::move(distinct.first), queries, keys, size](std::span<const float> source, std::span<float> packed) {
        for (size_t p = 0; p < first.size(); ++p)
          for (int64_t m = 0; m < queries; ++m)
            for (int64_t n = 0; n < keys; ++n)
              packed[p * static_cast<size_t>(size) + static_cast<size_t>((n / 4 * queries + m) * 4 + n % 4)] =
                  source[static_cast<size_t>((first[p] * queries + m) * keys + n)];
      });
  return bias;
}

Result<BoundBiasPlanes> PlanesOf(const GpuRequest& request, size_t input) {
  if (!request.has(input)) return BoundBiasPlanes{};
  const gpu::Tensor& tensor = request.inputs[input].tensor;
  const bool dense = tensor.offset == 0 && tensor.strides == DenseStrides(tensor.shape, Layout::kRowMajor);
  if (request.is_constant(input) && dense) return PackPlanes(request, input);
  if (tensor.strides[3] != 1 && tensor.shape[3] > 1)
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for attention with a transposed bias");
  BoundBiasPlanes bias{.tensor = request.At(input), .parts = tensor.shape[0], .heads = tensor.shape[1]};
  bias.part_stride = tensor.strides[0];
  bias.head_stride = tensor.shape[1] == 1 ? 0 : tensor.strides[1];
  bias.row = tensor.strides[2];
  return bias;
}

// fn NAME_plane(batch, head): where the plane of a batch element and head begins.
void AddBias(gpu::Kernel& kernel, const std::string& name, const BoundBiasPlanes& bias) {
  kernel.Param(name + "_parts", bias.parts).Param(name + "_p", bias.part_stride).Param(name + "_h", bias.head_stride);
  kernel.Param(name + "_quad", bias.quad).Param(name + "_row", bias.row);
  const std::string u = "u." + name;
  const std::string at = "batch % " + u + "_parts * " + u + "_p + head * " + u + "_h";
  kernel.Include("fn " + name + "_plane(batch: i32, head: i32) -> i32 { return " +
                 (bias.table ? name + "_table_at(" + at + ")" : at) + "; }\n");
  if (bias.tensor) kernel.Read(name, *bias.tensor, bias.packed);
  else kernel.Absent(name);
  if (bias.table) kernel.Read(name + "_table", *bias.table, false);
}

// The body for this number of vectors: #unroll needs a literal.
std::string BodyFor(int64_t dq, int64_t eq) {
  std::string body(kAttention);
  for (const auto& [loop, count] : {std::pair{"#unroll d DQ", dq}, std::pair{"#unroll e EQ", eq}})
    for (size_t at; (at = body.find(loop)) != std::string::npos;)
      body.replace(at + std::strlen("#unroll d "), 2, std::to_string(count));
  return body;
}

}  // namespace

Status MakeGpuKernel(const Attention& op, const GpuRequest& request) {
  const gpu::Tensor q = request.At(0), k = request.At(1), v = request.At(2), &y = request.out();
  const int64_t depth = q.shape[3], columns = v.shape[3], queries = q.shape[1];
  if (y.shape.elements() == 0) return {};
  if (depth < 1 || depth > kMaxGpuDepth || columns > kMaxGpuDepth)
    return Fail(ErrorCode::kUnsupportedOperator,
                "no WebGPU kernel for attention with heads of " + std::to_string(std::max(depth, columns)));
  for (const gpu::Tensor* tensor : {&q, &k, &v, &y})
    if (tensor->shape[3] > 1 && tensor->strides[3] != 1)
      return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for attention over transposed heads");
  DECAL_TRY_ASSIGN(const BoundBiasPlanes bias0, op.biases > 0 ? PlanesOf(request, 3) : BoundBiasPlanes{});
  DECAL_TRY_ASSIGN(const BoundBiasPlanes bias1, op.biases > 1 ? PlanesOf(request, 4) : BoundBiasPlanes{});

  const int64_t dq = (depth + 3) / 4, eq = (columns + 3) / 4;
  const int64_t key_bytes = (dq + eq) * 16;
  const int64_t tile_keys = std::min(kMaxTileKeys, kTileBytes / key_bytes / 4 * 4);
  const uint32_t block = queries <= 32 ? 32 : 64;
  const std::string body = BodyFor(dq, eq);
  request.builder.Algorithm("flash attention");
  return request.builder.AddInBands(y.shape[0], [&](int64_t begin, int64_t end) {
    gpu::Kernel kernel("attention", body);
    kernel.Const("D", depth).Const("E", columns).Const("DQ", dq).Const("EQ", eq).Const("KEYS", tile_keys);
    kernel.Workgroup(block).WorkgroupBytes(static_cast<uint32_t>(tile_keys * key_bytes));
    kernel.Groups(CeilDiv(queries, block), y.shape[2], end - begin);
    kernel.Param("queries", queries).Param("keys", k.shape[1]).Param("first_batch", begin).Param("scale", op.scale);
    const auto band = [&](const std::string& name, gpu::Tensor tensor) {
      kernel.Param(name + "_b", tensor.strides[0])
          .Param(name + "_n", tensor.strides[1])
          .Param(name + "_h", tensor.strides[2]);
      const bool vectors = gpu::HoldsVectors(tensor, 3);
      tensor.offset += begin * tensor.strides[0];
      tensor.shape[0] = end - begin;
      if (name == "y") kernel.Write(name, tensor, vectors);
      else kernel.Read(name, tensor, vectors);
    };
    band("q", q);
    band("k", k);
    band("v", v);
    band("y", y);
    AddBias(kernel, "b0", bias0);
    AddBias(kernel, "b1", bias1);
    return kernel;
  });
}

}  // namespace decal
