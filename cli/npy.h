// NumPy's .npy files, as far as the engine needs them: dense little-endian float32 in C order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "decal/result.h"

namespace decal::cli {

struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Format versions 1 to 3. `where` names the file in errors. Errors: kInvalidArgument for anything but a complete file
// of dtype '<f4' in C order.
Result<NpyArray> ParseNpy(std::span<const std::byte> file, const std::string& where);

// A version 1 file. `values` fill `shape`.
std::vector<std::byte> FormatNpy(std::span<const int64_t> shape, std::span<const float> values);

}  // namespace decal::cli
