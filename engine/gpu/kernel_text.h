// One dispatch while it is being written: WGSL body, constants, parameters and operands, turned into shader text.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/shape.h"

namespace decal::gpu {

// How the elements of a buffer are stored.
enum class Storage : uint8_t { kFloat32, kFloat16, kInt32 };
constexpr int64_t SizeOf(Storage storage) { return storage == Storage::kFloat16 ? 2 : 4; }

// Memory that will have a place once the plan is laid out.
struct Region {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t id = kNone;
  bool weight = false;  // read-only, in a weight buffer
};

// A tensor inside a region: sizes in ONNX order, offset and strides in elements.
struct Tensor {
  Region region;
  Storage storage = Storage::kFloat32;
  int64_t offset = 0;
  Shape shape;
  Strides strides;
};

// Part of a tensor along one dimension: what a dispatch reads or writes of it.
struct Rows {
  size_t dimension = 0;
  int64_t begin = 0, end = 0;
};

// Elements [begin, end) of a region that `rows` of `tensor` touch.
struct Span {
  int64_t begin = 0, end = 0;
};
Span SpanOf(const Tensor& tensor);
Span SpanOf(const Tensor& tensor, const Rows& rows);

// True if four neighbours along dimension `d` can be read as one vec4: unit stride there, and everything else a multiple
// of four, so that no vector straddles two places.
bool HoldsVectors(const Tensor& tensor, size_t d);

// `text` with its #unroll parts written out.
std::string Unroll(std::string_view text);

// `text` with numbers for the names in its #unroll lines.
std::string WithCounts(std::string_view text, std::initializer_list<std::pair<std::string_view, int64_t>> counts);

// The text of a kernel is its body, a .wgsl file, behind a prelude made of what is declared here:
//   const NAME = ..;             for Const
//   u.name                       an i32 or f32 for Param, the same shader for all values
//   x_at(i), x_at4(i, n)         for an operand "x": element i, or 4 from i of which n exist; i counts from the tensor's
//   x_set(i, v), x_set4(i, v, n) first element. Absent operands read as 0.
// Operands whose memory overlaps share one binding.
//
// Lines between `#unroll i 4` and `#end i` are repeated four times, with $i as 0 to 3: no compiler can be trusted to unroll
// loops, and an array of registers that stays one lives in slow memory.
class Kernel {
 public:
  Kernel(std::string_view label, std::string_view body) : label_(label), body_(body) {}

  Kernel& Const(std::string_view name, int64_t value);
  Kernel& Flag(std::string_view name, bool value);
  Kernel& Param(std::string_view name, int64_t value);
  Kernel& Param(std::string_view name, float value);
  // WGSL that stands before the body: functions it calls.
  Kernel& Include(std::string_view wgsl);

  // `vectors`: every access is x_at4 or x_set4 at a multiple of four (see HoldsVectors).
  Kernel& Read(std::string_view name, const Tensor& tensor, bool vectors) {
    return Operand(name, tensor, SpanOf(tensor), vectors, false);
  }
  Kernel& Read(std::string_view name, const Tensor& tensor, bool vectors, const Rows& rows) {
    return Operand(name, tensor, SpanOf(tensor, rows), vectors, false);
  }
  Kernel& Write(std::string_view name, const Tensor& tensor, bool vectors) {
    return Operand(name, tensor, SpanOf(tensor), vectors, true);
  }
  Kernel& Write(std::string_view name, const Tensor& tensor, bool vectors, const Rows& rows) {
    return Operand(name, tensor, SpanOf(tensor, rows), vectors, true);
  }
  Kernel& Absent(std::string_view name);

  // Constants WG_X, WG_Y and WG_Z.
  Kernel& Workgroup(uint32_t x, uint32_t y = 1, uint32_t z = 1);
  Kernel& WorkgroupBytes(uint32_t bytes);
  Kernel& Groups(int64_t x, int64_t y = 1, int64_t z = 1);
  // One invocation for each of `items`, folded over two dimensions; the body calls item(group, groups, local_index).
  Kernel& Items(int64_t items);
  // The shader uses subgroups, which the device has.
  Kernel& Subgroups();
  // One for each of `count` elements, in workgroups that the builder chooses; the body has fn element(i: i32), and u.items is `count`.
  Kernel& Elements(int64_t count);

 private:
  friend class PlanBuilder;
  struct OperandUse {
    std::string name;
    Tensor tensor;
    Span span;
    bool vectors = false, written = false;
  };
  Kernel& Operand(std::string_view name, const Tensor& tensor, Span span, bool vectors, bool written);

  std::string label_, body_, constants_, includes_, absent_, fields_;
  std::vector<std::array<std::byte, 4>> values_;  // of the fields
  std::vector<OperandUse> operands_;
  std::array<uint32_t, 3> workgroup_{1, 1, 1};
  std::array<int64_t, 3> groups_{1, 1, 1};
  int64_t items_ = -1;  // set: groups follow from the device's limits
  bool elements_ = false, subgroups_ = false;
  uint32_t workgroup_bytes_ = 0;
};

}  // namespace decal::gpu
