// Shards by hash, and the environment variables of job systems that name a shard.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/shard.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace decal::cli {
namespace {

std::optional<uint64_t> WholeNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

Result<Shard> Checked(uint64_t index, uint64_t count, std::string from) {
  if (count == 0 || index >= count) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("{}shard {} of {}: shards count from 0 to n - 1",
                                                         from.empty() ? "" : from + ": ", index, count));
  }
  return Shard{index, count, std::move(from)};
}

}  // namespace

uint64_t MixedHash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}

bool Shard::Has(std::string_view output) const { return count == 1 || MixedHash(output) % count == index; }

std::string Shard::ToText() const { return fmt::format("{}/{}", index, count); }

Result<Shard> ParseShard(std::string_view text) {
  const size_t slash = text.find('/');
  const auto index = WholeNumber(text.substr(0, slash));
  const auto count = WholeNumber(slash == std::string_view::npos ? "" : text.substr(slash + 1));
  if (!index || !count) return Fail(ErrorCode::kInvalidArgument, "--shard: i/n, as 0/16 for the first of sixteen");
  return Checked(*index, *count, {});
}

Result<Shard> ShardOfEnvironment(const std::function<const char*(const char*)>& get) {
  const auto number = [&](const char* name) -> std::optional<uint64_t> {
    const char* text = get(name);
    return text == nullptr ? std::nullopt : WholeNumber(text);
  };
  if (get("SLURM_ARRAY_TASK_ID") != nullptr) {
    const auto id = number("SLURM_ARRAY_TASK_ID"), count = number("SLURM_ARRAY_TASK_COUNT");
    const uint64_t least = number("SLURM_ARRAY_TASK_MIN").value_or(0),
                   step = number("SLURM_ARRAY_TASK_STEP").value_or(1);
    if (!id || !count || *id < least || step == 0) {
      return Fail(ErrorCode::kInvalidArgument, "SLURM_ARRAY_TASK_ID without SLURM_ARRAY_TASK_COUNT: use --shard i/n");
    }
    // The indices of --array=1,3,7 do not say which of the three this is.
    if ((*id - least) % step != 0 || (*id - least) / step >= *count) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("SLURM_ARRAY_TASK_ID {} in an array of {} with gaps: use --shard i/n", *id, *count));
    }
    return Checked((*id - least) / step, *count, "SLURM_ARRAY_TASK_ID");
  }
  if (get("JOB_COMPLETION_INDEX") != nullptr) {
    const auto index = number("JOB_COMPLETION_INDEX"), count = number("JOB_COMPLETIONS");
    if (!index || !count) {
      return Fail(ErrorCode::kInvalidArgument,
                  "JOB_COMPLETION_INDEX without JOB_COMPLETIONS: set it to the Job's completions, or use --shard i/n");
    }
    return Checked(*index, *count, "JOB_COMPLETION_INDEX");
  }
  if (get("AWS_BATCH_JOB_ARRAY_INDEX") != nullptr) {
    const auto index = number("AWS_BATCH_JOB_ARRAY_INDEX"), count = number("AWS_BATCH_JOB_ARRAY_SIZE");
    if (!index || !count) {
      return Fail(ErrorCode::kInvalidArgument,
                  "AWS_BATCH_JOB_ARRAY_INDEX without AWS_BATCH_JOB_ARRAY_SIZE: use --shard i/n");
    }
    return Checked(*index, *count, "AWS_BATCH_JOB_ARRAY_INDEX");
  }
  return Shard{};
}

}  // namespace decal::cli
