// Loops, lanes and bands of the shared reduction kernel.
// SPDX-License-Identifier: MIT
#include "engine/gpu/templates/reduction.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/base/rounding.h"
#include "engine/gpu/templates/nest.h"

namespace decal {
namespace {

constexpr std::string_view kReduction =
#include "engine/gpu/templates/reduction.wgsl.inc"
    ;

// Operands in the order of `at`'s lanes.
enum : size_t { kX, kY, kScale, kBias, kOperands };
static_assert(kOperands == kNestOperands);

struct Loops {
  GpuNest kept, run;
};

int64_t PowerAtMost(int64_t v) {
  int64_t power = 1;
  while (power * 2 <= v) power *= 2;
  return power;
}

int64_t PowerAtLeast(int64_t v) { return v <= 1 ? 1 : PowerAtMost(v - 1) * 2; }

// Which neighbours in memory share a state, and how invocations are laid over items and runs.
struct Lanes {
  bool run_first = false;  // neighbours of a workgroup walk along the run, else over the items
  bool vectors = false;    // four neighbours in that direction at a time
  int64_t unit = 1, width = 1;
  int64_t units = 1, items = 1, inner_items = 1;
  int64_t kept = 1, run = 1;
  int64_t splits = 1, length = 1;  // of the run, in units
};

Lanes ChooseLanes(const Reduction& reduction, const Loops& loops) {
  Lanes lanes;
  lanes.run_first = std::abs(loops.run.strides[kX].back()) <= std::abs(loops.kept.strides[kX].back());
  const GpuNest& fast = lanes.run_first ? loops.run : loops.kept;
  const int64_t inner = fast.extents.back();
  const bool writes = reduction.every || !lanes.run_first;
  lanes.vectors = fast.strides[kX].back() == 1 && (!writes || fast.strides[kY].back() == 1);
  for (const size_t o : {kScale, kBias}) lanes.vectors = lanes.vectors && (fast.strides[o].back() & ~int64_t{1}) == 0;
  if (lanes.run_first)
    lanes.vectors = lanes.vectors && reduction.run_vectors && (fast.extents.rank() == 1 || inner % 4 == 0);
  (lanes.run_first ? lanes.unit : lanes.width) = lanes.vectors ? 4 : 1;
  lanes.units = CeilDiv(loops.run.extents.elements(), lanes.unit);
  lanes.inner_items = CeilDiv(loops.kept.extents.back(), lanes.width);
  lanes.items = loops.kept.rows() * lanes.inner_items;

  // Along a run, enough invocations that each has a few elements; beside each other, items that read whole cache lines
  // together. More than these would hide no more latency, and SwiftShader compiles workgroup memory word by word (256
  // states of three parts: 2.3 s; 64: 0.6 s).
  const int64_t threads = reduction.parts == 1 ? 128 : 64;
  if (lanes.run_first) {
    lanes.run = std::clamp<int64_t>(PowerAtMost(std::max<int64_t>(1, lanes.units / 2)), 1, threads);
    lanes.kept = std::min(threads / lanes.run, PowerAtLeast(lanes.items));
  } else {
    lanes.kept = std::min<int64_t>(lanes.units < 8 ? 64 : 16, PowerAtLeast(lanes.items));
    lanes.run = std::clamp<int64_t>(PowerAtMost(std::max<int64_t>(1, lanes.units / 4)), 1, threads / lanes.kept);
  }
  // A few hundred workgroups fill any device; each walk should be longer than the tree that ends it.
  const int64_t groups = CeilDiv(lanes.items, lanes.kept);
  if (reduction.splits)
    lanes.splits = std::clamp<int64_t>(lanes.units / (lanes.run * 16), 1, std::max<int64_t>(1, 256 / groups));
  lanes.length = CeilDiv(lanes.units, lanes.splits);
  lanes.splits = CeilDiv(lanes.units, lanes.length);
  return lanes;
}

// `tensor` with the dimensions of the loops: items, then run.
gpu::Tensor OverLoops(gpu::Tensor tensor, const Loops& loops, size_t operand) {
  tensor.shape = loops.kept.extents;
  tensor.strides = loops.kept.strides[operand];
  for (size_t d = 0; d < loops.run.extents.rank(); ++d) {
    tensor.shape.push_back(loops.run.extents[d]);
    tensor.strides.push_back(loops.run.strides[operand][d]);
  }
  return tensor;
}

class ReductionWriter {
 public:
  ReductionWriter(gpu::PlanBuilder& builder, const Reduction& reduction, const ReductionOperands& operands,
                  const Loops& loops, bool of_states = false)
      : builder_(builder), reduction_(reduction), operands_(operands), loops_(loops),
        lanes_(ChooseLanes(reduction, loops)), of_states_(of_states) {}

  Status Add() {
    if (lanes_.splits > 1) return AddSplit();
    // Bands of items: of the outermost dimension, in whole vectors where it is the innermost too.
    const int64_t extent = loops_.kept.extents[0];
    const int64_t step = loops_.kept.extents.rank() == 1 ? lanes_.width : 1;
    const int64_t rows = CeilDiv(extent, step), row_items = lanes_.items / rows;
    return builder_.AddInBands(rows, [&](int64_t begin, int64_t end) {
      const gpu::Rows band{0, begin * step, std::min(extent, end * step)};
      gpu::Kernel kernel = Common(band, begin * row_items, end * row_items, 0, 1);
      if (operands_.scale || operands_.bias) {
        ReadParameter(kernel, "scale", operands_.scale, kScale, band);
        ReadParameter(kernel, "bias", operands_.bias, kBias, band);
      }
      Write(kernel, "y", operands_.y, band);
      if (operands_.z) Write(kernel, "z", *operands_.z, band);
      kernel.Include(reduction_.result);
      return kernel;
    });
  }

 private:
  size_t FastDimension() const {
    return lanes_.run_first ? loops_.kept.extents.rank() + loops_.run.extents.rank() - 1
                            : loops_.kept.extents.rank() - 1;
  }

  bool Vectors(const gpu::Tensor& tensor) const { return lanes_.vectors && gpu::HoldsVectors(tensor, FastDimension()); }

  // Every access to an output is as wide as its items, unless all elements are written.
  void Write(gpu::Kernel& kernel, std::string_view name, const gpu::Tensor& tensor, const gpu::Rows& band) const {
    const gpu::Tensor over = OverLoops(tensor, loops_, kY);
    const bool vectors = Vectors(over) && (reduction_.every || !lanes_.run_first);
    kernel.Write(name, over, vectors, band);
  }

  void ReadParameter(gpu::Kernel& kernel, const std::string& name, const std::optional<gpu::Tensor>& tensor,
                     size_t operand, const gpu::Rows& band) const {
    const GpuNest& fast = lanes_.run_first ? loops_.run : loops_.kept;
    const bool splat = lanes_.vectors && fast.strides[operand].back() == 0;
    if (tensor) {
      const gpu::Tensor over = OverLoops(*tensor, loops_, operand);
      kernel.Read(name, over, !splat && Vectors(over), band);
    } else {
      kernel.Absent(name);
    }
    const std::string lane = operand == kScale ? "z" : "w";
    kernel.Include("fn " + name + "_of(at: vec4i, n: i32) -> vec4f { return " +
                   (splat ? "vec4f(" + name + "_at(at." + lane + "))" : name + "_at4(at." + lane + ", n)") + "; }\n");
  }

  // All but what results are made of: the outputs, the parameters and the function that writes.
  gpu::Kernel Common(const gpu::Rows& band, int64_t first_item, int64_t end_item, int64_t first_split,
                     int64_t splits) const {
    gpu::Kernel kernel(reduction_.label, kReduction);
    kernel.Const("PARTS", reduction_.parts).Const("STAGES", reduction_.stages).Flag("EVERY", reduction_.every);
    kernel.Const("KEPT", lanes_.kept).Const("RUN", lanes_.run).Flag("RUN_FIRST", lanes_.run_first);
    kernel.Const("UNIT", lanes_.unit).Const("WIDTH", lanes_.width);
    kernel.Param("first_item", first_item).Param("end_item", std::min(lanes_.items, end_item));
    kernel.Param("first_split", first_split).Param("splits", splits).Param("length", lanes_.length);
    kernel.Param("units", lanes_.units).Param("run", loops_.run.extents.elements());
    kernel.Param("inner", loops_.kept.extents.back()).Param("inner_items", lanes_.inner_items);
    const int64_t threads = lanes_.kept * lanes_.run;
    kernel.Workgroup(static_cast<uint32_t>(threads))
        .WorkgroupBytes(static_cast<uint32_t>(threads * reduction_.parts * 16))
        .Items(CeilDiv(end_item - first_item, lanes_.kept) * splits * threads);
    AddIndex(kernel, "kept", loops_.kept);
    AddIndex(kernel, "run", loops_.run);
    const gpu::Tensor x = OverLoops(operands_.x, loops_, kX);
    // States have parts behind what the loops see.
    if (of_states_) kernel.Read("x", operands_.x, Vectors(x));
    else kernel.Read("x", x, Vectors(x), band);
    kernel.Include(reduction_.basis).Include(reduction_.take);
    if (reduction_.every) kernel.Include("fn emit(item: i32, split: i32, at: vec4i, n: i32) {}\n");
    else kernel.Include("fn store(at: vec4i, n: i32) {}\n");
    if (reduction_.adjust) reduction_.adjust(kernel);
    return kernel;
  }

  // States of pieces of the runs go to scratch memory; a second dispatch joins them.
  Status AddSplit() {
    const int64_t inner = lanes_.inner_items * lanes_.width, part = loops_.kept.rows() * inner;
    const int64_t states = part * reduction_.parts;
    gpu::Tensor scratch{.region = builder_.Scratch(static_cast<uint64_t>(lanes_.splits * states) * sizeof(float)),
                        .shape = {lanes_.splits, states},
                        .strides = {states, 1}};
    const size_t outer = loops_.kept.extents.rank();  // dimension of the run's outermost loop
    const int64_t row = loops_.run.extents.elements() / loops_.run.extents[0];
    DECAL_TRY(builder_.AddInBands(lanes_.splits, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * lanes_.length * lanes_.unit, last = end * lanes_.length * lanes_.unit;
      gpu::Kernel kernel = Common({outer, first / row, std::min(loops_.run.extents[0], CeilDiv(last, row))}, 0,
                                  lanes_.items, begin, end - begin);
      kernel.Param("states", states).Param("part", part).Write("partial", scratch, lanes_.width == 4);
      kernel.Include(
          "fn emit(item: i32, split: i32, at: vec4i, n: i32) {\n"
          "  for (var p = 0; p < PARTS; p++) {\n"
          "    partial_set4(split * u.states + p * u.part + item * WIDTH, carried[0][p], WIDTH);\n"
          "  }\n}\n");
      return kernel;
    }));

    Reduction rest = reduction_;
    rest.splits = rest.run_vectors = false;
    rest.take =
        "fn take(s: State, stage: i32, at: vec4i, n: i32) -> State {\n  var t: State;\n"
        "  for (var p = 0; p < PARTS; p++) { t[p] = x_at4(at.x + p * u.part, n); }\n"
        "  return join(s, t, stage);\n}\n";
    rest.adjust = [&](gpu::Kernel& kernel) {
      if (reduction_.adjust) reduction_.adjust(kernel);
      kernel.Param("part", part);
    };
    ReductionOperands again = operands_;
    again.x = scratch;
    Loops left{loops_.kept, {}};
    left.run.extents = {lanes_.splits};
    for (Strides& strides : left.run.strides) strides = {0};
    left.run.strides[kX] = {states};
    int64_t stride = 1;
    for (size_t d = left.kept.extents.rank(); d-- > 0;) {
      left.kept.strides[kX][d] = stride;
      stride *= d + 1 == left.kept.extents.rank() ? inner : left.kept.extents[d];
    }
    return ReductionWriter(builder_, rest, again, left, true).Add();
  }

  gpu::PlanBuilder& builder_;
  const Reduction& reduction_;
  const ReductionOperands& operands_;
  const Loops& loops_;
  Lanes lanes_;
  bool of_states_;  // x holds states of pieces of the runs
};

}  // namespace

Status AddReduction(gpu::PlanBuilder& builder, const Reduction& reduction, const ReductionOperands& operands,
                    const AxisSet& run) {
  const Shape& shape = operands.x.shape;
  const Strides none = Dims::Filled(shape.rank(), 0);
  const std::array<Strides, kOperands> strides{operands.x.strides, operands.y.strides,
                                               operands.scale ? operands.scale->strides : none,
                                               operands.bias ? operands.bias->strides : none};
  const Loops loops{CoalesceSubset<kOperands>(shape, strides, run, false),
                    CoalesceSubset<kOperands>(shape, strides, run, true)};
  return ReductionWriter(builder, reduction, operands, loops).Add();
}

Reduction FoldReduction(std::string_view label, const Fold& fold) {
  Reduction r{.label = label, .run_vectors = true, .splits = true};
  r.basis = "fn joined(a: vec4f, b: vec4f) -> vec4f { return " + fold.joined +
            "; }\n"
            "fn start(stage: i32) -> State { return State(vec4f(u.start)); }\n"
            "fn join(a: State, b: State, stage: i32) -> State { return State(joined(a[0], b[0])); }\n";
  r.take = "fn each(v: vec4f) -> vec4f { return " + fold.each +
           "; }\n"
           "fn take(s: State, stage: i32, at: vec4i, n: i32) -> State {\n"
           "  return State(joined(s[0], masked(each(x_at4(at.x, n)), n, vec4f(u.start))));\n}\n";
  r.result = "fn last(v: vec4f) -> vec4f { return " + fold.last +
             "; }\n"
             "fn emit(item: i32, split: i32, at: vec4i, n: i32) { y_set4(at.y, last(carried[0][0]), n); }\n";
  r.adjust = [fold](gpu::Kernel& kernel) { kernel.Param("start", fold.start).Param("factor", fold.factor); };
  return r;
}

Reduction SumOfExponentials(std::string_view label) {
  Reduction r{.label = label, .stages = 2, .run_vectors = true};
  // Far below all elements that exp does not make 0, and finite, as constants of shaders have to be.
  r.basis =
      "const LOWEST = vec4f(-3.4e38);\n"
      "fn start(stage: i32) -> State { return State(select(vec4f(0.0), LOWEST, stage == 0)); }\n"
      "fn join(a: State, b: State, stage: i32) -> State {\n"
      "  return State(select(a[0] + b[0], max(a[0], b[0]), stage == 0));\n}\n";
  r.take =
      "fn take(s: State, stage: i32, at: vec4i, n: i32) -> State {\n"
      "  let v = masked(x_at4(at.x, n), n, LOWEST);\n"
      "  if (stage == 0) { return State(max(s[0], v)); }\n"
      "  return State(s[0] + exp(v - carried[0][0]));\n}\n";
  return r;
}

}  // namespace decal
