// Any bytes as an ONNX file, whole and in pieces: the same verdict, and no more memory than the stated factor.
// SPDX-License-Identifier: MIT
#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "engine/base/limits.h"
#include "engine/onnx/importer.h"

namespace {

// Memory alive now and at most, of this input.
int64_t alive_bytes = 0, peak_bytes = 0;

void OnMalloc(const volatile void*, size_t size) {
  peak_bytes = std::max(peak_bytes, alive_bytes += static_cast<int64_t>(size));
}
void OnFree(const volatile void* memory) {
  if (memory != nullptr) alive_bytes -= static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<void*>(memory)));
}
const int hooks = __sanitizer_install_malloc_and_free_hooks(OnMalloc, OnFree);

// -1: imported; otherwise the error's code.
int Import(decal::Bytes file, bool pieces) {
  decal::OnnxStream stream;
  // Piece sizes come from the file's own last bytes, so that a seed is a plain model.
  const decal::Bytes sizes = file.last(std::min<size_t>(file.size(), 8));
  for (size_t i = 0; !file.empty(); ++i) {
    const size_t size =
        pieces ? std::min<size_t>(file.size(), 1 + static_cast<uint8_t>(sizes[i % sizes.size()])) : file.size();
    if (decal::Status status = stream.Feed(file.first(size)); !status) return static_cast<int>(status.error().code);
    file = file.subspan(size);
  }
  decal::Result<decal::OnnxModel> model = stream.Finish();
  if (!model) return static_cast<int>(model.error().code);
  const decal::Result<decal::Graph> graph = decal::ImportGraph(*std::move(model));
  return graph ? -1 : static_cast<int>(graph.error().code);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const decal::Bytes file = std::as_bytes(std::span(data, size));
  alive_bytes = peak_bytes = 0;
  const int whole = Import(file, false);
  const int64_t peak_whole = peak_bytes;
  alive_bytes = peak_bytes = 0;
  const int pieces = Import(file, true);
  const int64_t peak = std::max(peak_whole, peak_bytes);
  const int64_t allowed = static_cast<int64_t>(decal::kImportBytesBase + decal::kImportBytesFactor * size);
  if (whole != pieces || peak > allowed) {
    std::fprintf(stderr, "whole %d, in pieces %d; %lld bytes for a file of %zu (allowed: %lld)\n", whole, pieces,
                 static_cast<long long>(peak), size, static_cast<long long>(allowed));
    std::abort();
  }
  return 0;
}
