// Writes GPU test cases: plans with their weights, inputs, and the outputs that the CPU engine computes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "decal/gpu.h"
#include "tests/gpu/case_graph.h"

namespace decal::testing {

// cases.json: [{"name", "tolerance", "workgroupBytes", "invocations", "plan", "weights": [offset, bytes], "uniforms": [..], "inputs": [[..]],
//              "expected": [[..]]}], ranges of cases.bin.
class CaseWriter {
 public:
  // `filter`: only cases whose name contains it. `half`: plans with float16 storage, and looser tolerances.
  CaseWriter(const std::string& folder, std::string filter, bool half);
  ~CaseWriter();

  // Every case is planned for the limits that WebGPU guarantees, and again for a device with tiny bindings, which cuts it
  // into bands and its memory into pages; some also for a roomy one, with another kernel than the cost model would choose. The largest error allowed is `tolerance` * (1 + |expected|).
  void Add(const std::string& name, CaseGraph& made, float tolerance = 1e-4f);
  // A whole model through all passes.
  void AddGraph(const std::string& name, const Graph& graph, const std::vector<std::vector<float>>& inputs,
                float tolerance);

  bool Wants(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  bool half() const { return half_; }
  size_t count() const { return count_; }
  size_t banded() const { return banded_; }
  size_t max_storage_buffers() const { return max_storage_buffers_; }

 private:
  struct Blob {
    size_t offset, bytes;
  };
  Blob Append(const void* data, size_t bytes);
  std::string Text(const Blob& blob) const;
  struct Outcome {
    const std::vector<std::vector<float>>&inputs, &expected;
    float tolerance;
  };
  // False where the device is too small. `variant`: see GpuOptions.
  bool WriteCase(const std::string& name, const Graph& graph, const GpuLimits& limits, uint32_t variant,
                 const Outcome& outcome);

  std::FILE* json_;
  std::FILE* binary_;
  size_t written_ = 0, count_ = 0, banded_ = 0, added_ = 0, max_storage_buffers_ = 0;
  std::string filter_;
  bool half_;
};

}  // namespace decal::testing
