// Prints or saves a model's plan for WebGPU.
// SPDX-License-Identifier: MIT
#include "cli/inspect_gpu.h"

#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

// The contents of all uploads, in their order.
std::vector<std::byte> WeightsOf(const GpuPlan& plan) {
  size_t bytes = 0;
  for (const GpuUpload& upload : plan.uploads) bytes += upload.range.bytes;
  std::vector<std::byte> weights(bytes);
  size_t at = 0;
  for (const GpuUpload& upload : plan.uploads) {
    upload.fill(weights.data() + at);
    at += upload.range.bytes;
  }
  return weights;
}

Status Save(const GpuPlan& plan, const std::string& folder) {
  const std::string json = ToJson(plan);
  const std::vector<std::byte> weights = WeightsOf(plan);
  Status status = WriteFile(folder + "/plan.json", std::as_bytes(std::span(json)));
  if (status) status = WriteFile(folder + "/weights.bin", weights);
  if (status) status = WriteFile(folder + "/uniforms.bin", plan.uniforms);
  return status;
}

}  // namespace

int InspectGpu(const InspectOptions& options, const Session& session) {
  const GpuLimits limits;
  const Result<GpuPlan> plan = session.PlanGpu(
      options.height, options.width, limits,
      {.half_storage = options.gpu_half, .half_activations_from = options.gpu_half_from, .choices = options.choices});
  if (!plan) {
    PrintError(InFile(plan.error(), options.model.model));
    return kExitFailed;
  }
  if (!options.gpu_save.empty()) {
    if (const Status saved = Save(*plan, options.gpu_save); !saved) {
      PrintError(saved.error());
      return kExitFailed;
    }
  }
  if (options.json) fmt::print("{}\n", ToJson(*plan));
  else fmt::print("{}{}", ToText(*plan), options.choices ? "\n" + ChoicesText(*plan) : "");
  return kExitOk;
}

}  // namespace decal::cli
