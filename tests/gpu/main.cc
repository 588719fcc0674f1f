// decal_gpu_cases <folder> [--half] [<filter>]: writes the random cases that the WebGPU tests run.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <string>

#include "tests/gpu/cases.h"

int main(int argc, char** argv) {
  std::string folder, filter;
  bool half = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--half") half = true;
    else (folder.empty() ? folder : filter) = argument;
  }
  if (folder.empty()) {
    std::fputs("usage: decal_gpu_cases <folder> [--half] [<filter>]\n", stderr);
    return 2;
  }
  decal::testing::CaseWriter writer(folder, filter, half);
  decal::testing::AddProductCases(writer);
  decal::testing::AddElementwiseCases(writer);
  decal::testing::AddMovementCases(writer);
  decal::testing::AddAttentionCases(writer);
  decal::testing::AddMapCases(writer);
  decal::testing::AddReductionCases(writer);
  std::printf("%zu cases, %zu of them for a tiny device, at most %zu storage buffers\n", writer.count(),
              writer.banded(), writer.max_storage_buffers());
  return writer.count() > 0 ? 0 : 1;
}
