// Tiles, parameters and bands of the shared product kernel.
// SPDX-License-Identifier: MIT
#include "engine/gpu/templates/product.h"

#include <algorithm>
#include <bit>

#include "engine/base/rounding.h"

namespace decal {
namespace {

constexpr std::string_view kEpilogue =
#include "engine/gpu/templates/epilogue.wgsl.inc"
    ;
constexpr std::string_view kProduct =
#include "engine/gpu/templates/product.wgsl.inc"
    ;

// Invocations of a workgroup along columns and rows, and the depth of the shared tiles. Each invocation makes four rows
// of four columns: 256 of them 64 x 64 elements, or a taller tile if there are few columns, so that no invocation idles.
struct ProductTile {
  uint32_t x = 16, y = 16;
  int64_t depth = 16;
  int64_t rows() const { return int64_t{y} * 4; }
  int64_t columns() const { return int64_t{x} * 4; }
  int64_t bytes() const { return (rows() * depth + depth * columns()) * static_cast<int64_t>(sizeof(float)); }
};

ProductTile TileFor(int64_t rows, int64_t columns) {
  if (columns <= 16) return {4, 64, 8};
  if (columns <= 32) return {8, 32, 16};
  // Small maps: more and smaller tiles, to have work for every processor of the device.
  if (rows * columns <= 64 * 64 * 16) return {8, 8, 16};
  return {};
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

double ProductCost(const ProductSpec& spec) {
  // A vector from workgroup memory costs an invocation as much as four MACs; one gathered from memory, with its
  // index arithmetic and its way through workgroup memory, as long as 24.
  constexpr double kShared = 4, kGathered = 24;
  const int64_t rows = spec.rows_n * spec.rows_y * spec.rows_x;
  const ProductTile tile = TileFor(rows, spec.columns);
  const int64_t threads = int64_t{tile.x} * tile.y, quads = tile.depth / 4;
  const int64_t steps = spec.taps * CeilDiv(spec.depth, tile.depth);
  const int64_t gathered = CeilDiv(tile.rows() * quads, threads) + CeilDiv(tile.depth * tile.x, threads);
  const double step = static_cast<double>(quads) * (16 * 4 + kShared * 8) + kGathered * static_cast<double>(gathered);
  return step *
         static_cast<double>(steps * threads * CeilDiv(rows, tile.rows()) * CeilDiv(spec.columns, tile.columns()) *
                             spec.parts[0] * spec.parts[1] * spec.parts[2]);
}

Status AddProduct(const GpuRequest& request, const ProductSpec& spec, const ProductOperands& operands,
                  const Epilogue& epilogue, const std::function<void(gpu::Kernel&)>& adjust) {
  const bool vector_x = spec.channels == 0 && VectorRows(operands.x, spec.in, spec.depth);
  const bool vector_y = VectorRows(operands.y, spec.out, spec.columns);
  const bool vector_residual = operands.residual && VectorRows(*operands.residual, spec.residual, spec.columns);
  const std::string includes = FactorText(spec, operands.b) + std::string(spec.gather);

  const auto make = [&](int64_t begin, int64_t end) {
    const int64_t rows = spec.rows_n * (end - begin) * spec.rows_x;
    const ProductTile tile = TileFor(rows, spec.columns);
    gpu::Kernel kernel(spec.label, kProduct);
    kernel.Include(includes)
        .Const("K_TILE", tile.depth)
        .Flag("FLAT", spec.channels != 0)
        .Workgroup(tile.x, tile.y)
        .WorkgroupBytes(static_cast<uint32_t>(tile.bytes()))
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
