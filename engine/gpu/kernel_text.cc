// What a kernel declares, collected for the prelude that PlanBuilder writes.
// SPDX-License-Identifier: MIT
#include "engine/gpu/kernel_text.h"

#include <algorithm>
#include <bit>

namespace decal::gpu {
namespace {

// The extremes of what indices reach, from the tensor's first element; `rows` may be null.
Span Reach(const Tensor& tensor, const Rows* rows) {
  int64_t low = 0, high = 0;
  for (size_t d = 0; d < tensor.shape.rank(); ++d) {
    int64_t first = 0, last = tensor.shape[d] - 1;
    if (rows != nullptr && rows->dimension == d) {
      first = std::clamp<int64_t>(rows->begin, 0, last);
      last = std::clamp<int64_t>(rows->end - 1, first, last);
    }
    low += std::min(first * tensor.strides[d], last * tensor.strides[d]);
    high += std::max(first * tensor.strides[d], last * tensor.strides[d]);
  }
  return {tensor.offset + low, tensor.offset + high + 1};
}

}  // namespace

Span SpanOf(const Tensor& tensor) { return Reach(tensor, nullptr); }
Span SpanOf(const Tensor& tensor, const Rows& rows) { return Reach(tensor, &rows); }

bool HoldsVectors(const Tensor& tensor, size_t d) {
  if (tensor.offset % 4 != 0 || tensor.shape[d] % 4 != 0 || tensor.strides[d] != 1) return false;
  for (size_t i = 0; i < tensor.shape.rank(); ++i)
    if (i != d && tensor.shape[i] > 1 && tensor.strides[i] % 4 != 0) return false;
  return true;
}

std::string Unroll(std::string_view text) {
  constexpr std::string_view kBegin = "#unroll ";
  std::string out;
  for (size_t begin; (begin = text.find(kBegin)) != std::string_view::npos;) {
    out += text.substr(0, begin);
    text.remove_prefix(begin + kBegin.size());
    const std::string_view name = text.substr(0, text.find(' '));
    text.remove_prefix(name.size() + 1);
    int count = 0;
    for (; text[0] != '\n'; text.remove_prefix(1)) count = count * 10 + (text[0] - '0');
    text.remove_prefix(1);
    const std::string end = "#end " + std::string(name) + "\n", variable = "$" + std::string(name);
    const std::string_view body = text.substr(0, text.find(end));
    text.remove_prefix(body.size() + end.size());
    for (int i = 0; i < count; ++i) {
      std::string copy(body);
      const std::string number = std::to_string(i);
      for (size_t at; (at = copy.find(variable)) != std::string::npos;) copy.replace(at, variable.size(), number);
      out += Unroll(copy);
    }
  }
  return out += text;
}

std::string WithCounts(std::string_view text, std::initializer_list<std::pair<std::string_view, int64_t>> counts) {
  std::string body(text);
  for (const auto& [name, count] : counts) {
    // "#unroll i NAME" up to the end of its line.
    const std::string end = " " + std::string(name) + "\n";
    for (size_t at = 0; (at = body.find(end, at)) != std::string::npos; ++at) {
      const size_t line = body.rfind('\n', at) + 1;
      if (body.compare(line, 8, "#unroll ") == 0) body.replace(at + 1, name.size(), std::to_string(count));
    }
  }
  return body;
}

Kernel& Kernel::Const(std::string_view name, int64_t value) {
  constants_ += "const " + std::string(name) + " = " + std::to_string(value) + ";\n";
  return *this;
}

Kernel& Kernel::Flag(std::string_view name, bool value) {
  constants_ += "const " + std::string(name) + " = " + (value ? "true" : "false") + ";\n";
  return *this;
}

Kernel& Kernel::Param(std::string_view name, int64_t value) {
  fields_ += "  " + std::string(name) + ": i32,\n";
  values_.push_back(std::bit_cast<std::array<std::byte, 4>>(static_cast<int32_t>(value)));
  return *this;
}

Kernel& Kernel::Param(std::string_view name, float value) {
  fields_ += "  " + std::string(name) + ": f32,\n";
  values_.push_back(std::bit_cast<std::array<std::byte, 4>>(value));
  return *this;
}

Kernel& Kernel::Include(std::string_view wgsl) {
  includes_ += wgsl;
  return *this;
}

Kernel& Kernel::Absent(std::string_view name) {
  const std::string x(name);
  absent_ += "fn " + x + "_at(i: i32) -> f32 { return 0.0; }\n";
  absent_ += "fn " + x + "_at4(i: i32, n: i32) -> vec4f { return vec4f(0.0); }\n";
  return *this;
}

Kernel& Kernel::Workgroup(uint32_t x, uint32_t y, uint32_t z) {
  workgroup_ = {x, y, z};
  return *this;
}

Kernel& Kernel::WorkgroupBytes(uint32_t bytes) {
  workgroup_bytes_ = bytes;
  return *this;
}

Kernel& Kernel::Groups(int64_t x, int64_t y, int64_t z) {
  groups_ = {x, y, z};
  return *this;
}

Kernel& Kernel::Items(int64_t items) {
  items_ = items;
  return *this;
}

Kernel& Kernel::Elements(int64_t count) {
  constexpr std::string_view kMain =
      "@compute @workgroup_size(WG_X, WG_Y, WG_Z)\n"
      "fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,\n"
      "        @builtin(local_invocation_index) local: u32) {\n"
      "  let i = item(group, groups, local);\n"
      "  if (i < u.items) { element(i); }\n"
      "}\n";
  elements_ = true;
  return Items(count).Param("items", count).Include(kMain);
}

Kernel& Kernel::Subgroups() {
  subgroups_ = true;
  return *this;
}

Kernel& Kernel::Operand(std::string_view name, const Tensor& tensor, Span span, bool vectors, bool written) {
  operands_.push_back({std::string(name), tensor, span, vectors, written});
  return *this;
}

}  // namespace decal::gpu
