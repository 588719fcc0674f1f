// Maps are reduced in bands of rows; see ParallelChannelStatistic.
// SPDX-License-Identifier: MIT
#include "engine/cpu/map_reduction.h"

#include "engine/cpu/maps.h"

namespace decal {
namespace {

class MapReduction final : public CpuKernel {
 public:
  MapReduction(cpu::Statistic kind, bool mean, const Shape& input)
      : kind_(kind), mean_(mean), channels_(static_cast<size_t>(input[1])) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    float* parts = reinterpret_cast<float*>(context.scratch);
    for (int64_t n = 0; n < in[0].shape[0]; ++n) {
      const cpu::FeatureMap map = MapOf(in[0], n);
      float* to = out[0].as<float>() + n * out[0].strides[0];
      cpu::ParallelChannelStatistic(kind_, map, parts, to, context.runner);
      if (!mean_) continue;
      const float scale = 1.0f / static_cast<float>(map.height * map.width);
      for (size_t c = 0; c < channels_; ++c) to[c] *= scale;
    }
  }
  // The bands of all threads meet in the first thread's scratch.
  size_t scratch_bytes_per_thread() const override { return cpu::kStatisticParts * channels_ * sizeof(float); }
  const char* algorithm() const override { return "reduction over the map"; }

 private:
  cpu::Statistic kind_;
  bool mean_;
  size_t channels_;
};

}  // namespace

std::unique_ptr<CpuKernel> MakeMapReduction(cpu::Statistic kind, bool mean, const Shape& input) {
  return std::make_unique<MapReduction>(kind, mean, input);
}

}  // namespace decal
