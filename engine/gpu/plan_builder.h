// Collects dispatches over regions, then gives every region its place and makes the plan.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "decal/gpu.h"
#include "engine/gpu/kernel_text.h"

namespace decal::gpu {

class PlanBuilder {
 public:
  PlanBuilder(const GpuLimits& limits, const GpuOptions& options) : limits_(limits), options_(options) {}

  const GpuLimits& limits() const { return limits_; }
  // How weights and activations of so many elements are stored.
  Storage WeightStorage(int64_t elements) const { return StorageFrom(elements, options_.half_weights_from); }
  Storage ActivationStorage(int64_t elements) const { return StorageFrom(elements, options_.half_activations_from); }

  // Subgroups may be used, of at least and at most so many invocations.
  bool subgroups() const { return limits_.least_subgroup > 0; }

  // Which of `candidates` the step in progress is made of: the cheapest, or that of GpuOptions::variant. Those that the device
  // cannot run are not among them. Kernels name the same candidates in the same order for every size.
  size_t Choose(std::span<const GpuCandidate> candidates);

  // Memory for activations, alive from step `first` to `last`, both included. Contents are undefined at first.
  Region AddRegion(uint64_t bytes, int32_t first, int32_t last);
  // Memory of the step in progress alone.
  Region Scratch(uint64_t bytes) { return AddRegion(bytes, step_, step_); }
  // Constants, shared by all who name the same `owner` and `format`. `fill` writes `bytes` bytes and may run late; it keeps
  // alive what it reads.
  Region Weight(const void* owner, uint64_t format, uint64_t bytes, std::function<void(std::byte*)> fill);

  // What follows belongs to this step.
  void BeginStep(int32_t index, GpuStep step);
  void Algorithm(std::string_view name) { steps_.back().algorithm = name; }

  // Errors: kLimitExceeded where an operand does not fit one binding or the grid is too large.
  Status Add(const Kernel& kernel);
  // Cuts [0, rows) into as few bands as the binding size asks for; `make(begin, end)` writes the kernel of one band.
  Status AddInBands(int64_t rows, const std::function<Kernel(int64_t begin, int64_t end)>& make);

  void AddInput(std::string_view name, const Tensor& tensor);
  void AddOutput(std::string_view name, const Tensor& tensor);

  // Errors: kLimitExceeded where a region exceeds the device's buffers.
  Result<GpuPlan> Finish();

 private:
  struct RegionUse {
    uint64_t bytes = 0;
    int32_t first = 0, last = 0;
  };
  struct Binding {  // of a region, in bytes
    Region region;
    uint64_t offset = 0, bytes = 0;
  };
  struct Dispatch {
    GpuDispatch dispatch;  // without bindings
    std::vector<Binding> bindings;
  };
  struct Shader {
    std::string code;
    std::array<uint32_t, 3> groups{};
    std::vector<Binding> bindings;
    std::vector<bool> writable;
    std::vector<std::array<std::byte, 4>> bases;
  };

  Storage StorageFrom(int64_t elements, uint64_t bytes) const {
    const bool large = static_cast<uint64_t>(elements) * sizeof(float) >= bytes;
    return options_.half_storage && large ? Storage::kFloat16 : Storage::kFloat32;
  }
  Result<Shader> Write(const Kernel& kernel) const;
  Result<std::array<uint32_t, 3>> GroupsOf(const Kernel& kernel) const;
  // A kernel of elements in workgroups of the size chosen for it.
  Kernel Sized(Kernel kernel);
  void Append(const Kernel& kernel, Shader shader);
  Status PlaceActivations(GpuPlan& plan, std::vector<GpuRange>& places) const;
  Status PlaceWeights(GpuPlan& plan, std::vector<GpuRange>& places) const;

  GpuLimits limits_;
  GpuOptions options_;
  int32_t step_ = 0;
  std::vector<RegionUse> regions_;
  struct WeightUse {
    uint64_t bytes = 0;
    std::function<void(std::byte*)> fill;
  };
  std::vector<WeightUse> weights_;
  std::map<std::pair<const void*, uint64_t>, uint32_t> weight_index_;
  std::map<std::string, uint32_t> pipeline_index_;
  std::vector<GpuPipeline> pipelines_;
  std::vector<Dispatch> dispatches_;
  std::vector<std::byte> uniforms_;
  std::vector<GpuStep> steps_;
  struct NamedTensor {
    std::string name;
    Tensor tensor;
  };
  std::vector<NamedTensor> inputs_, outputs_;
};

}  // namespace decal::gpu
