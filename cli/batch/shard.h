// Shards: which part of a list this process does, one of n, chosen by a hash of each result's name.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "decal/result.h"

namespace decal::cli {

struct Shard {
  uint64_t index = 0;
  uint64_t count = 1;
  std::string from;  // the environment variable that set it; empty: the command line, or unset

  // Whether the picture with that output, relative to the folder of results, is in this part.
  bool Has(std::string_view output) const;
  std::string ToText() const;  // "3/16"
};

// 64-bit FNV-1a, with MurmurHash3's final mix so that every bit depends on every other.
uint64_t MixedHash(std::string_view text);

// "3/16". Errors: kInvalidArgument.
Result<Shard> ParseShard(std::string_view text);

// What Slurm, Kubernetes or AWS Batch say; 0/1 where none does. `get` reads the environment. Errors: kInvalidArgument if it says
// half of what is needed.
Result<Shard> ShardOfEnvironment(const std::function<const char*(const char*)>& get);

}  // namespace decal::cli
