// Tiles, parameters and bands of the shared product kernel.
// SPDX-License-Identifier: MIT
#include "engine/gpu/templates/product.h"

#include <algorithm>
#include <bit>

#include "engine/base/rounding.h"
#include "engine/gpu/cost.h"

namespace decal {
namespace {

constexpr std::string_view kEpilogue =
#include "engine/gpu/templates/epilogue.wgsl.inc"
    ;
constexpr std::string_view kProduct =
#include "engine/gpu/templates/product.wgsl.inc"
    ;

// Invocations of a workgroup along columns and rows, the depth of the shared tiles, and what one invocation makes: so many rows of
// so many quads of columns.
struct ProductTile {
  uint32_t x = 16, y = 16;
  int64_t depth = 16;
  int64_t each_rows = 4, each_quads = 1;
  int64_t rows() const { return y * each_rows; }
  int64_t quads() const { return x * each_quads; }
  int64_t columns() const { return quads() * 4; }
  int64_t threads() const { return int64_t{x} * y; }
  int64_t loads_a() const { return CeilDiv(rows() * depth / 4, threads()); }
  int64_t loads_b() const { return CeilDiv(depth * quads(), threads()); }
  int64_t bytes(bool half) const { return (rows() + columns()) * depth * (half ? 2 : 4); }
  std::string name() const {
    return std::to_string(rows()) + "x" + std::to_string(columns()) + "x" + std::to_string(depth) + " by " +
           std::to_string(x) + "x" + std::to_string(y);
  }
};

// Square ones for most products, tall ones for few columns, small ones for small maps. A vector from workgroup memory serves as
// many MACs as there are rows or quads each, but sums must stay in registers: 8 x 8 elements are what desktop GPUs hold. Deep
// ones meet half as many barriers, and need float16 or more workgroup memory than is guaranteed.
constexpr ProductTile kTiles[] = {
    {16, 16, 16, 4, 1}, {8, 8, 16, 4, 1},   {8, 32, 16, 4, 1},  {4, 64, 8, 4, 1}, {4, 32, 8, 8, 1},
    {8, 16, 16, 8, 1},  {16, 8, 16, 8, 1},  {16, 16, 16, 8, 1}, {8, 8, 16, 8, 2}, {16, 16, 16, 8, 2},
    {16, 16, 32, 4, 1}, {16, 16, 32, 8, 1}, {32, 16, 16, 8, 1},
};

// Those that the device can run.
std::vector<ProductTile> TilesFor(const GpuLimits& limits, bool half) {
  std::vector<ProductTile> tiles;
  for (const ProductTile& tile : kTiles)
    if (tile.threads() <= limits.workgroup_invocations && tile.bytes(half) <= limits.workgroup_bytes)
      tiles.push_back(tile);
  return tiles;
}

// Tiles may hold float16 if that is what memory holds: then it costs no precision.
bool HalfTiles(const ProductSpec& spec, const ProductOperands& operands) {
  return !spec.computed && operands.x.storage == gpu::Storage::kFloat16 &&
         operands.b.tensor.storage == gpu::Storage::kFloat16;
}

double CostOf(const GpuLimits& limits, const ProductSpec& spec, const ProductTile& tile, bool half) {
  const int64_t rows = spec.rows_n * spec.rows_y * spec.rows_x;
  const int64_t steps = spec.taps * CeilDiv(spec.depth, tile.depth), each = tile.each_rows * tile.each_quads;
  const double shared = half ? gpu::kSharedHalf : gpu::kShared;
  const double inner =
      static_cast<double>(tile.depth / 4) *
      (static_cast<double>(16 * each) + shared * static_cast<double>(tile.each_rows + 4 * tile.each_quads));
  const double step = inner + gpu::kGathered * static_cast<double>(tile.loads_a() + tile.loads_b()) + 2 * gpu::kBarrier;
  const double of_invocation = static_cast<double>(steps) * step + gpu::kGathered * static_cast<double>(each);
  const int64_t groups = CeilDiv(rows, tile.rows()) * CeilDiv(spec.columns, tile.columns()) * spec.parts[0] *
                         spec.parts[1] * spec.parts[2];
  // Sums, the vectors they are multiplied from, and two dozen addresses.
  const int64_t registers = 4 * each + 4 * tile.each_rows + 16 * tile.each_quads + 24;
  return gpu::DispatchCost(limits, {groups, tile.threads(), tile.bytes(half), registers}, of_invocation);
}

// B's elements for a column quad, and where a part's rows begin.
std::string FactorText(const ProductSpec& spec, const ProductFactor& b) {
  std::string text =
      "fn part_of(part: i32) -> vec4i {\n"
      "  let z = part % u.parts_z;\n"
      "  let rest = part / u.parts_z;\n"
      "  let i = vec3i(rest / u.parts_y, rest % u.parts_y, z);\n"
      "  return vec4i(dot(i, vec3i(u.a_0, u.a_1, u.a_2)), dot(i, vec3i(u.o_0, u.o_1, u.o_2)),\n"
      "               dot(i, vec3i(u.r_0, u.r_1, u.r_2)), dot(i, vec3i(u.b_0, u.b_1, u.b_2)));\n"
      "}\n";
  if (spec.parts == std::array<int64_t, 3>{1, 1, 1}) text = "fn part_of(part: i32) -> vec4i { return vec4i(0); }\n";
  text += "fn weights_of(k: i32, column: i32, part: i32) -> vec4f {\n";
  if (b.packed) {
    text += "  return b_at4(part_of(part).w + k * u.b_k + column, 4);\n}\n";
    return text;
  }
  text +=
      "  var v = vec4f(0.0);\n"
      "  let at = part_of(part).w + k * u.b_k + column * u.b_c;\n"
      "  for (var i = 0; i < 4; i++) { if (column + i < u.columns) { v[i] = b_at(at + i * u.b_c); } }\n"
      "  return v;\n}\n";
  return text;
}

// Everything that a vec4 of row-wise access relies on.
bool VectorRows(const gpu::Tensor& tensor, const RowStrides& rows, int64_t width) {
  bool whole = tensor.offset % 4 == 0 && width % 4 == 0 && rows.n % 4 == 0 && rows.y % 4 == 0 && rows.x % 4 == 0;
  for (const int64_t stride : rows.part) whole = whole && stride % 4 == 0;
  return whole;
}

void AddPart(gpu::Kernel& kernel, char name, const std::array<int64_t, 3>& strides) {
  for (size_t i = 0; i < 3; ++i) kernel.Param(std::string(1, name) + "_" + std::to_string(i), strides[i]);
}

}  // namespace

std::optional<gpu::Tensor> PackedChannels(const GpuRequest& request, size_t i, int64_t parts, int64_t columns,
                                          float scale) {
  if (!request.has(i)) return std::nullopt;
  constexpr int64_t kChannels = 101;
  const int64_t padded = PaddedColumns(columns);
  const int64_t id[] = {kChannels, parts, columns, std::bit_cast<int32_t>(scale)};
  return PackedWeight(request, request.inputs[i].constant, PackingId(id), parts * padded,
                      [=](std::span<const float> source, std::span<float> packed) {
                        // One value for all channels, or one for each.
                        const bool one = source.size() == 1;
                        for (int64_t p = 0; p < parts; ++p)
                          for (int64_t c = 0; c < columns; ++c)
                            packed[static_cast<size_t>(p * padded + c)] =
                                scale * source[one ? 0 : static_cast<size_t>(p * columns + c)];
                      });
}

void AddEpilogue(gpu::Kernel& kernel, const Epilogue& epilogue, const ProductOperands& operands) {
  kernel.Include(ActivationWgsl(epilogue.activation))
      .Include(kEpilogue)
      .Flag("RESIDUAL_FIRST", epilogue.residual == Epilogue::Residual::kBeforeActivation)
      .Flag("RESIDUAL_LAST", epilogue.residual == Epilogue::Residual::kAfterActivation)
      .Flag("SLOPED", epilogue.prelu_slope);
  for (const auto& [name, tensor] : {std::pair{"bias", &operands.bias}, std::pair{"slope", &operands.slope}}) {
    if (*tensor) kernel.Read(name, **tensor, true);
    else kernel.Absent(name);
  }
}

std::vector<GpuCandidate> ProductCandidates(const gpu::PlanBuilder& builder, const ProductSpec& spec,
                                            const ProductOperands& operands) {
  const bool half = HalfTiles(spec, operands);
  std::vector<GpuCandidate> candidates;
  for (const ProductTile& tile : TilesFor(builder.limits(), half))
    candidates.push_back({tile.name(), CostOf(builder.limits(), spec, tile, half)});
  return candidates;
}

Status AddProduct(const GpuRequest& request, const ProductSpec& spec, const ProductOperands& operands,
                  const Epilogue& epilogue, const std::function<void(gpu::Kernel&)>& adjust) {
  const size_t chosen = request.builder.Choose(ProductCandidates(request.builder, spec, operands));
  return AddProduct(request, spec, operands, epilogue, chosen, adjust);
}

Status AddProduct(const GpuRequest& request, const ProductSpec& spec, const ProductOperands& operands,
                  const Epilogue& epilogue, size_t candidate, const std::function<void(gpu::Kernel&)>& adjust) {
  const bool half = HalfTiles(spec, operands);
  const ProductTile tile = TilesFor(request.builder.limits(), half)[candidate];
  const std::string body = gpu::WithCounts(kProduct, {{"ROWS_EACH", tile.each_rows},
                                                      {"QUADS_EACH", tile.each_quads},
                                                      {"LOADS_A", tile.loads_a()},
                                                      {"LOADS_B", tile.loads_b()}});
  const bool vector_x = spec.channels == 0 && VectorRows(operands.x, spec.in, spec.depth);
  const bool vector_y = VectorRows(operands.y, spec.out, spec.columns);
  const bool vector_residual = operands.residual && VectorRows(*operands.residual, spec.residual, spec.columns);
  const std::string includes = FactorText(spec, operands.b) + std::string(spec.gather);

  const auto make = [&](int64_t begin, int64_t end) {
    const int64_t rows = spec.rows_n * (end - begin) * spec.rows_x;
    gpu::Kernel kernel(spec.label, body);
    kernel.Include(half ? "alias Quad = vec4<f16>;\n" : "alias Quad = vec4f;\n")
        .Include(includes)
        .Const("K_TILE", tile.depth)
        .Const("EACH_Y", tile.each_rows)
        .Const("EACH_X", tile.each_quads)
        .Flag("FLAT", spec.channels != 0)
        .Workgroup(tile.x, tile.y)
        .WorkgroupBytes(static_cast<uint32_t>(tile.bytes(half)))
        .Groups(CeilDiv(rows, tile.rows()), CeilDiv(spec.columns, tile.columns()),
                spec.parts[0] * spec.parts[1] * spec.parts[2]);
    kernel.Param("rows", rows).Param("row_y", end - begin).Param("row_x", spec.rows_x);
    kernel.Param("taps", spec.taps).Param("depth", spec.depth).Param("columns", spec.columns);
    kernel.Param("height", spec.input_height).Param("width", spec.input_width).Param("channels", spec.channels);
    kernel.Param("step_y", spec.step_y).Param("step_x", spec.step_x);
    kernel.Param("first_y", spec.first_y + begin * spec.step_y).Param("first_x", spec.first_x);
    kernel.Param("taps_x", spec.taps_x).Param("tap_step_y", spec.tap_step_y).Param("tap_step_x", spec.tap_step_x);
    kernel.Param("a_n", spec.in.n).Param("a_y", spec.in.y).Param("a_x", spec.in.x);
    kernel.Param("o_n", spec.out.n).Param("o_y", spec.out.y).Param("o_x", spec.out.x);
    kernel.Param("r_n", spec.residual.n).Param("r_y", spec.residual.y).Param("r_x", spec.residual.x);
    kernel.Param("b_k", operands.b.k_stride).Param("b_c", operands.b.column_stride);
    kernel.Param("bias_part", operands.bias_part).Param("first_row_y", begin);
    kernel.Param("parts_y", spec.parts[1]).Param("parts_z", spec.parts[2]);
    AddPart(kernel, 'a', spec.in.part);
    AddPart(kernel, 'o', spec.out.part);
    AddPart(kernel, 'r', spec.residual.part);
    AddPart(kernel, 'b', operands.b.part);
    if (adjust) adjust(kernel);

    // A band's own part of the output starts at its first row.
    gpu::Tensor y = operands.y;
    y.offset += begin * spec.out.y;
    std::optional<gpu::Tensor> residual = operands.residual;
    if (residual) residual->offset += begin * spec.residual.y;
    const bool whole = begin == 0 && end == spec.rows_y;
    if (whole || spec.row_dimension == SIZE_MAX) {
      kernel.Read("x", operands.x, vector_x).Write("y", y, vector_y);
      if (residual) kernel.Read("residual", *residual, vector_residual);
    } else {
      const size_t d = spec.row_dimension;
      // Rows y of the tensors may be spread (transposed convolutions write every s-th): up to the last one's end.
      const auto rows_of = [&](const gpu::Tensor& tensor, int64_t row_stride) {
        const int64_t step = tensor.strides[d] == 0 ? 1 : row_stride / tensor.strides[d];
        return gpu::Rows{d, 0, (end - begin - 1) * step + 1};
      };
      const int64_t last_tap = (spec.taps / std::max<int64_t>(spec.taps_x, 1) - 1) * spec.tap_step_y;
      const int64_t taps_y =
          spec.channels != 0 ? (spec.depth / spec.channels / spec.taps_x - 1) * spec.tap_step_y : last_tap;
      const int64_t low = begin * spec.step_y + spec.first_y + std::min<int64_t>(0, taps_y);
      const int64_t high = (end - 1) * spec.step_y + spec.first_y + std::max<int64_t>(0, taps_y) + 1;
      if (spec.whole_input) kernel.Read("x", operands.x, vector_x);
      else kernel.Read("x", operands.x, vector_x, {d, low, high});
      kernel.Write("y", y, vector_y, rows_of(y, spec.out.y));
      if (residual) kernel.Read("residual", *residual, vector_residual, rows_of(*residual, spec.residual.y));
    }
    if (!residual) kernel.Absent("residual");
    kernel.Read("b", operands.b.tensor, operands.b.packed);
    AddEpilogue(kernel, epilogue, operands);
    for (const auto& [name, tensor] : operands.extra) kernel.Read(name, tensor, false);
    return kernel;
  };
  if (spec.row_dimension == SIZE_MAX) return request.builder.Add(make(0, spec.rows_y));
  return request.builder.AddInBands(spec.rows_y, make);
}

}  // namespace decal
