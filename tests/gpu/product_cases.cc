// Convolutions and matrix products.
// SPDX-License-Identifier: MIT
#include "tests/gpu/cases.h"

namespace decal::testing {

Window SquareWindow(int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  Window window;
  window.kernel = {kernel, kernel};
  window.strides = {stride, stride};
  window.dilations = {dilation, dilation};
  window.pads_begin = window.pads_end = {pad, pad};
  return window;
}

Epilogue RandomEpilogue(CaseGraph& g, const Shape& shape, std::vector<ValueId>& inputs) {
  Epilogue epilogue;
  constexpr Unary kActivations[] = {{UnaryKind::kRelu},
                                    {UnaryKind::kSigmoid},
                                    {UnaryKind::kGelu},
                                    {UnaryKind::kLeakyRelu, 0.1f},
                                    {UnaryKind::kClip, -0.2f, 0.7f},
                                    {UnaryKind::kHardSwish},
                                    {UnaryKind::kTanh}};
  const int64_t activation = g.Pick(10);
  if (activation < 7) epilogue.activation = kActivations[activation];
  else if (activation == 7) epilogue.prelu_slope = true;
  if (epilogue.prelu_slope) inputs.push_back(g.Constant({shape[1], 1, 1}));
  epilogue.residual = static_cast<Epilogue::Residual>(g.Pick(3));
  if (epilogue.residual != Epilogue::Residual::kNone) inputs.push_back(g.Map(shape));
  return epilogue;
}

namespace {

void AddConvolutions(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    CaseGraph g(seed);
    const int64_t kernels[] = {1, 3, 3, 2, 5, 7}, group_counts[] = {1, 1, 1, 2, 4};
    const int64_t groups = group_counts[g.Pick(5)];
    const int64_t kernel = kernels[g.Pick(6)], dilation = kernel > 1 ? 1 + g.Pick(2) : 1, stride = 1 + g.Pick(2);
    const int64_t in = groups * (g.Pick(2) == 0 ? 4 * (1 + g.Pick(6)) : 1 + g.Pick(20));
    const int64_t out = groups * (g.Pick(2) == 0 ? 4 * (1 + g.Pick(20)) : 1 + g.Pick(40));
    const int64_t pad = dilation * (kernel - 1) / 2;
    const Shape shape{1 + g.Pick(8) / 7, in, kernel * dilation + g.Pick(20), kernel * dilation + g.Pick(20)};
    Conv op{.window = SquareWindow(kernel, stride, dilation, pad), .group = groups};
    std::vector<ValueId> inputs = {g.Map(shape), g.Constant({out, in / groups, kernel, kernel}, -0.3f, 0.3f),
                                   g.Pick(2) == 0 ? kNoValue : g.Constant({out})};
    const auto extent = [&](int64_t n) { return (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; };
    op.epilogue = RandomEpilogue(g, {shape[0], out, extent(shape[2]), extent(shape[3])}, inputs);
    g.MapOutput(g.Node(op, inputs));
    writer.Add("Conv " + std::to_string(seed), g);
  }
}

void AddDepthwise(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CaseGraph g(seed);
    const int64_t kernels[] = {1, 3, 3, 5, 7}, kernel = kernels[g.Pick(5)], stride = 1 + g.Pick(2),
                  dilation = 1 + g.Pick(2);
    const int64_t channels = seed % 2 == 0 ? 4 * (1 + g.Pick(12)) : 2 + g.Pick(30), pad = dilation * (kernel - 1) / 2;
    const Shape shape{1 + g.Pick(2), channels, kernel * dilation + g.Pick(20), kernel * dilation + g.Pick(20)};
    Conv op{.window = SquareWindow(kernel, stride, dilation, pad), .group = channels};
    op.window.pads_end[0] += g.Pick(2);
    std::vector<ValueId> inputs = {g.Map(shape), g.Constant({channels, 1, kernel, kernel}),
                                   g.Pick(2) == 0 ? kNoValue : g.Constant({channels})};
    const auto extent = [&](size_t d) {
      return (shape[2 + d] + pad + op.window.pads_end[d] - dilation * (kernel - 1) - 1) / stride + 1;
    };
    op.epilogue = RandomEpilogue(g, {shape[0], channels, extent(0), extent(1)}, inputs);
    g.MapOutput(g.Node(op, inputs));
    writer.Add("Conv depthwise " + std::to_string(seed), g);
  }
}

// Layers for which the cost model takes Winograd's algorithm. Few: software takes 7 to 14 s to compile one.
void AddWinograd(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 4; ++seed) {
    CaseGraph g(seed);
    // Half of them for a tiny device: narrow, and with few channels where layouts change.
    const bool narrow = seed % 2 == 0;
    const int64_t dilation = 1 + g.Pick(2), in = narrow ? 8 + 4 * g.Pick(2) : 16 + g.Pick(30);
    const int64_t out = narrow ? 32 - 3 * g.Pick(2) : 33 + g.Pick(32), extent = narrow ? 12 : 12 * dilation;
    const Shape shape{narrow ? 1 : 1 + g.Pick(2), in, extent + g.Pick(6), extent + g.Pick(6)};
    Conv op{.window = SquareWindow(3, 1, dilation, dilation)};
    op.window.pads_begin[1] -= g.Pick(2);
    std::vector<ValueId> inputs = {narrow ? g.Input(shape) : g.Map(shape), g.Constant({out, in, 3, 3}, -0.1f, 0.1f),
                                   g.Pick(2) == 0 ? kNoValue : g.Constant({out})};
    if (narrow) {
      const ValueId y = g.Node(op, inputs);
      g.Output(g.Node(Conv{.window = SquareWindow(1, 1, 1, 0)}, {y, g.Constant({3, out, 1, 1}), kNoValue}));
    } else {
      const int64_t width = shape[3] + op.window.pads_begin[1] - dilation;
      op.epilogue = RandomEpilogue(g, {shape[0], out, shape[2], width}, inputs);
      g.MapOutput(g.Node(op, inputs));
    }
    writer.Add("Conv 3x3 " + std::to_string(seed), g);
  }
}

void AddTransposedConvolutions(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CaseGraph g(seed);
    const int64_t kernel = 1 + g.Pick(4), stride = 1 + g.Pick(3), in = 1 + g.Pick(20), out = 1 + g.Pick(20);
    const Shape shape{1, in, 2 + g.Pick(12), 2 + g.Pick(12)};
    const int64_t pad = g.Pick(2) * (kernel - 1) / 2;
    ConvTranspose op{.window = SquareWindow(kernel, stride, 1, pad)};
    std::vector<ValueId> inputs = {g.Map(shape), g.Constant({in, out, kernel, kernel}, -0.3f, 0.3f), g.Constant({out})};
    const auto extent = [&](int64_t n) { return (n - 1) * stride + kernel - 2 * pad; };
    op.epilogue = RandomEpilogue(g, {1, out, extent(shape[2]), extent(shape[3])}, inputs);
    g.MapOutput(g.Node(op, inputs));
    writer.Add("ConvTranspose " + std::to_string(seed), g);
  }
}

void AddMatrixProducts(CaseWriter& writer) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CaseGraph g(seed);
    const int64_t m = 1 + g.Pick(90), k = g.Pick(2) == 0 ? 4 * (1 + g.Pick(20)) : 1 + g.Pick(70), n = 1 + g.Pick(90);
    const Shape batch = seed % 3 == 0 ? Shape{} : seed % 3 == 1 ? Shape{1 + g.Pick(4)} : Shape{2, 1 + g.Pick(3)};
    Shape a = batch, y = batch;
    a.push_back(m), a.push_back(k), y.push_back(m), y.push_back(n);
    MatMul op;
    std::vector<ValueId> inputs = {g.Input(a), g.Constant({k, n}, -0.3f, 0.3f),
                                   g.Pick(2) == 0 ? kNoValue : g.Constant({n})};
    if (g.Pick(2) == 0) op.epilogue.activation = Unary{UnaryKind::kGelu};
    if (g.Pick(2) == 0) {
      op.epilogue.residual = Epilogue::Residual::kAfterActivation;
      inputs.push_back(g.Input(y));
    }
    g.Output(g.Node(op, inputs));
    writer.Add("MatMul constant " + std::to_string(seed), g);

    CaseGraph h(seed);
    Shape b = seed % 2 == 0 ? batch : Shape{};
    b.push_back(k), b.push_back(n);
    h.Output(h.Node(MatMul{}, {h.Input(a), h.Input(b), kNoValue}));
    writer.Add("MatMul computed " + std::to_string(seed), h);

    CaseGraph f(seed);
    f.Output(f.Node(Gemm{.alpha = 0.5f, .beta = 2, .trans_b = true},
                    {f.Input({m, k}), f.Constant({n, k}, -0.3f, 0.3f), f.Constant({n})}));
    writer.Add("Gemm " + std::to_string(seed), f);
  }
}

}  // namespace

void AddProductCases(CaseWriter& writer) {
  AddConvolutions(writer);
  AddDepthwise(writer);
  AddWinograd(writer);
  AddTransposedConvolutions(writer);
  AddMatrixProducts(writer);
}

}  // namespace decal::testing
