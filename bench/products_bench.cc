// Convolutions and matrix products on shapes of real models: billions of operations per second, two per MAC.
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "engine/cpu/conv/conv_cpu.h"
#include "engine/cpu/matmul/matmul_cpu.h"

namespace decal {
namespace {

Buffer RandomFloats(int64_t count) {
  auto buffer = Buffer::Allocate(static_cast<size_t>(count) * sizeof(float), "benchmark");
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int64_t i = 0; i < count; ++i) reinterpret_cast<float*>(buffer->data())[i] = uniform(random);
  return *std::move(buffer);
}

ConstantPtr RandomConstant(const Shape& shape) {
  auto constant = ConstantTensor::Allocate(DType::kFloat32, shape);
  (*constant)->buffer = RandomFloats(shape.elements());
  return *constant;
}

// An operator with one activation, constants and one output; `layout` is that of activation and output.
template <class Op>
void Measure(benchmark::State& state, const Op& op, const Shape& x, const std::vector<ConstantPtr>& constants,
             Layout layout) {
  std::vector<InferInput> infer = {{true, DType::kFloat32, x, nullptr}};
  std::vector<Operand> in = {{true, {nullptr, DType::kFloat32, x, DenseStrides(x, layout)}, nullptr}};
  for (const ConstantPtr& constant : constants) {
    infer.push_back({true, DType::kFloat32, constant->shape, constant.get()});
    in.push_back({true, constant->view(), constant});
  }
  const Shape y = *(*Infer(op, InferContext{infer, 1}))[0].shape;
  const Operand out{true, {nullptr, DType::kFloat32, y, DenseStrides(y, layout)}, nullptr};
  PackedWeights packed;
  auto kernel = MakeCpuKernel(op, KernelRequest{in, {&out, 1}, packed});

  Buffer x_data = RandomFloats(x.elements()), y_data = RandomFloats(y.elements());
  auto scratch = Buffer::Allocate((*kernel)->scratch_bytes_per_thread(), "scratch");
  std::vector<TensorView> views;
  for (const Operand& operand : in) views.push_back(operand.view);
  views[0].data = x_data.data();
  const MutableTensorView y_view{y_data.data(), DType::kFloat32, y, out.view.strides};
  const CpuContext context{SerialRunner(), scratch->data(), 0};
  for (auto _ : state) (*kernel)->Run(views, {&y_view, 1}, context);
  state.counters["GF/s"] = benchmark::Counter(2e-9 * static_cast<double>((*kernel)->multiply_adds()),
                                              benchmark::Counter::kIsIterationInvariantRate);
}

// channels in, channels out, size, kernel, stride, dilation
void BM_Conv(benchmark::State& state) {
  const int64_t c = state.range(0), m = state.range(1), extent = state.range(2), kernel = state.range(3);
  const int64_t stride = state.range(4), dilation = state.range(5), pad = dilation * (kernel / 2);
  Conv op;
  op.window = {
      .strides = {stride, stride}, .dilations = {dilation, dilation}, .pads_begin = {pad, pad}, .pads_end = {pad, pad}};
  op.epilogue.activation = Unary{UnaryKind::kRelu};
  Measure(state, op, {1, c, extent, extent}, {RandomConstant({m, c, kernel, kernel}), RandomConstant({m})},
          Layout::kChannelsLast);
}
BENCHMARK(BM_Conv)
    ->ArgNames({"in", "out", "extent", "kernel", "stride", "dilation"})
    ->Args({64, 64, 256, 3, 1, 1})    // U2-Net encoder
    ->Args({128, 64, 320, 3, 1, 1})   // U2-Net-p, IS-Net last stage
    ->Args({32, 64, 320, 3, 1, 1})    // U2-Net-p decoder
    ->Args({512, 128, 128, 3, 1, 1})  // IS-Net decoder
    ->Args({1024, 256, 64, 3, 1, 1})  // IS-Net decoder
    ->Args({512, 256, 32, 3, 1, 1})   // IS-Net bottom
    ->Args({32, 32, 128, 3, 1, 1})    // U2-Net, small channels
    ->Args({1280, 96, 32, 5, 1, 1})   // MODNet low-resolution branch
    ->Args({512, 512, 16, 3, 1, 1})   // U2-Net bottom
    ->Args({256, 256, 32, 3, 1, 2})   // U2-Net dilated stage
    ->Args({64, 16, 512, 3, 1, 1})    // IS-Net first stage
    ->Args({64, 1, 256, 3, 1, 1})     // U2-Net side output
    ->Args({16, 16, 256, 3, 1, 1})    // U2-Net-p
    ->Args({3, 64, 512, 3, 2, 1})     // first layer
    ->Args({128, 128, 64, 1, 1, 1})   // pointwise
    ->Args({16, 64, 128, 1, 1, 1})    // MobileNet expansion
    ->Args({512, 512, 1, 1, 1, 1})    // squeeze and excite
    ->Unit(benchmark::kMillisecond);

// channels, size, kernel, stride
void BM_Depthwise(benchmark::State& state) {
  const int64_t c = state.range(0), extent = state.range(1), kernel = state.range(2), stride = state.range(3);
  Conv op;
  op.group = c;
  op.window = {
      .strides = {stride, stride}, .pads_begin = {kernel / 2, kernel / 2}, .pads_end = {kernel / 2, kernel / 2}};
  op.epilogue.activation = Unary{UnaryKind::kClip, 0, 6};
  Measure(state, op, {1, c, extent, extent}, {RandomConstant({c, 1, kernel, kernel}), RandomConstant({c})},
          Layout::kChannelsLast);
}
BENCHMARK(BM_Depthwise)
    ->ArgNames({"channels", "extent", "kernel", "stride"})
    ->Args({384, 32, 3, 1})   // MODNet backbone
    ->Args({96, 128, 3, 2})   // MODNet backbone, first downsampling
    ->Args({72, 64, 5, 1})    // MobileNetV3
    ->Unit(benchmark::kMillisecond);

// channels in, channels out, size
void BM_ConvTranspose(benchmark::State& state) {
  const int64_t c = state.range(0), m = state.range(1), extent = state.range(2);
  ConvTranspose op;
  op.window = {.strides = {2, 2}};
  Measure(state, op, {1, c, extent, extent}, {RandomConstant({c, m, 2, 2}), RandomConstant({m})},
          Layout::kChannelsLast);
}
BENCHMARK(BM_ConvTranspose)->ArgNames({"in", "out", "extent"})->Args({128, 64, 64})->Unit(benchmark::kMillisecond);

// rows, depth, columns
void BM_MatMul(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  Measure(state, MatMul{}, {m, k}, {RandomConstant({k, n})}, Layout::kRowMajor);
}
BENCHMARK(BM_MatMul)
    ->ArgNames({"m", "k", "n"})
    ->Args({4096, 192, 768})
    ->Args({49, 32, 49})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace decal

BENCHMARK_MAIN();
