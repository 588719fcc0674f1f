// Picture work on a 40-megapixel photo (5203 x 7800): each stage around the network, on one thread and on two.
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "decal/cutout.h"
#include "decal/png_filter.h"

namespace decal {
namespace {

constexpr int kWidth = 5203, kHeight = 7800;
constexpr size_t kStride = size_t{4} * kWidth;

// Gradients with noise on top, as a camera makes them.
std::vector<uint8_t> MakePhoto() {
  std::vector<uint8_t> rgba(kStride * kHeight);
  std::minstd_rand random(1);
  uint8_t* to = rgba.data();
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x, to += 4) {
      const uint32_t noise = static_cast<uint32_t>(random());
      to[0] = static_cast<uint8_t>(x * 200 / kWidth + static_cast<int>(noise >> 8 & 15));
      to[1] = static_cast<uint8_t>(y * 200 / kHeight + static_cast<int>(noise >> 12 & 15));
      to[2] = static_cast<uint8_t>((x + y) / 64 % 200 + static_cast<int>(noise >> 16 & 15));
      to[3] = 255;
    }
  }
  return rgba;
}

const std::vector<uint8_t>& Photo() {
  static const std::vector<uint8_t> photo = MakePhoto();
  return photo;
}

// A subject with a soft outline in the middle: about a third of the picture.
std::vector<float> MakeMatte(int side) {
  std::vector<float> matte;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float dx = (static_cast<float>(x) + 0.5f) / static_cast<float>(side) - 0.5f;
      const float dy = (static_cast<float>(y) + 0.5f) / static_cast<float>(side) - 0.5f;
      const float wave = 0.03f * std::sin(12 * std::atan2(dy, dx));
      matte.push_back(std::clamp((0.33f + wave - std::hypot(dx, dy)) * 40, 0.0f, 1.0f));
    }
  }
  return matte;
}

ImageView PhotoView() { return {Photo().data(), kWidth, kHeight, kStride}; }

// Runs `work(runner)` on the number of threads of the benchmark's last argument.
template <class Work>
void Measure(benchmark::State& state, const Work& work) {
  const auto pool = MakeThreadPool(static_cast<size_t>(state.range(1)));
  for (auto _ : state) work(*pool);
  state.counters["MP/s"] = benchmark::Counter(1e-6 * kWidth * kHeight, benchmark::Counter::kIsIterationInvariantRate);
}

void Sides(benchmark::internal::Benchmark* b) {
  b->ArgNames({"side", "threads"})->ArgsProduct({{256, 1024}, {1, 2}})->Unit(benchmark::kMillisecond)->UseRealTime();
}

void BM_Prepare(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  const InputSpec spec{{side, side}, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  std::vector<float> input(3 * static_cast<size_t>(side) * static_cast<size_t>(side));
  Measure(state, [&](ThreadRunner& runner) { (void)PrepareInput(PhotoView(), spec, input, runner); });
}
BENCHMARK(BM_Prepare)->Apply(Sides);

void Compose(benchmark::State& state, const CompositeOptions& options) {
  const int side = static_cast<int>(state.range(0));
  const std::vector<float> matte = MakeMatte(side);
  std::vector<uint8_t> picture = Photo();
  const MutableImageView view{picture.data(), kWidth, kHeight, kStride};
  // In place as the package does it; what was composed once has the same cost again.
  Measure(state,
          [&](ThreadRunner& runner) { (void)Composite(view, {matte.data(), side, side}, options, view, runner); });
}
void BM_CompositeTransparent(benchmark::State& state) { Compose(state, {}); }
void BM_CompositeBackground(benchmark::State& state) {
  Compose(state, {.background = std::array<uint8_t, 4>{250, 128, 0, 255}});
}
void BM_CompositeMask(benchmark::State& state) { Compose(state, {.mask_only = true}); }
BENCHMARK(BM_CompositeTransparent)->Apply(Sides);
BENCHMARK(BM_CompositeBackground)->Apply(Sides);
BENCHMARK(BM_CompositeMask)->Apply(Sides);

void BM_Preview(benchmark::State& state) {
  const Extent extent = PreviewExtent({kWidth, kHeight}, static_cast<int>(state.range(0)));
  std::vector<uint8_t> out(4 * static_cast<size_t>(extent.width) * static_cast<size_t>(extent.height));
  const MutableImageView view{out.data(), extent.width, extent.height, 4 * static_cast<size_t>(extent.width)};
  Measure(state, [&](ThreadRunner& runner) { (void)ResizeImage(PhotoView(), view, runner); });
}
BENCHMARK(BM_Preview)
    ->ArgNames({"side", "threads"})
    ->ArgsProduct({{450}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// In strips of about 1 MB, as the package writes a PNG.
void BM_PngFilter(benchmark::State& state) {
  const int rows = static_cast<int>((1 << 20) / (kStride + 1));
  std::vector<uint8_t> strip(static_cast<size_t>(rows) * (kStride + 1));
  Measure(state, [&](ThreadRunner& runner) {
    for (int first = 0; first < kHeight; first += rows) {
      FilterPngRows(Photo().data(), kWidth, first, std::min(rows, kHeight - first), strip.data(), runner);
    }
  });
}
BENCHMARK(BM_PngFilter)
    ->ArgNames({"", "threads"})
    ->ArgsProduct({{0}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace decal

BENCHMARK_MAIN();
