// Shifted windows (Swin, Liu 2021) out of pads, slices and concats:
//
//   x ─► Pad bottom, right ─► Roll (y) ─► Roll (x) ─► View ─► Transpose ─► View            ⇒  WindowPartition(x)
//   w ─► View ─► Transpose ─► View ─► Roll (y) ─► Roll (x) ─► Slice (crop)                 ⇒  WindowMerge(w)
//
//   Roll is   x ─┬─► Slice [k..n] ─┬─► Concat
//                └─► Slice [0..k] ─┘
//
// What View and Transpose do together is compared as an index map, so that their number does not matter.
// where pad, rolls and crop may each be missing, but not all of them: a plain cut is a regular map already.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <string>

#include "engine/ops/movement/slice_spec.h"
#include "engine/passes/index_map.h"
#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

// Maps here are [N,H,W,C]; rolls and crops happen along H and W.
constexpr size_t kMapRank = 4;

struct Extent {
  int64_t y = 0, x = 0;
};

class WindowFuser {
 public:
  explicit WindowFuser(Graph& graph) : graph_(graph), pattern_(graph) {}

  void Run() {
    // From the last node up, so that the end of a chain is seen before its inner parts, which look like shorter chains.
    std::vector<std::optional<Fused>> found(graph_.nodes.size());
    std::vector<bool> inner(graph_.values.size(), false);
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      const Node& node = graph_.nodes[n];
      if (inner[node.outputs[0]]) continue;
      chain_.clear();
      found[n] = MatchPartition(node);
      if (!found[n]) found[n] = MatchMerge(node);
      if (!found[n]) continue;
      for (ValueId v : chain_) inner[v] = true;
    }
    std::vector<Node> done;
    for (size_t n = 0; n < found.size(); ++n) {
      const Node& node = graph_.nodes[n];
      const std::optional<Fused>& fused = found[n];
      if (!fused) {
        done.push_back(node);
        continue;
      }
      const ValueId out = node.outputs[0];
      const bool reshaped = !(fused->shape == pattern_.ShapeOf(out));
      const ValueId windows =
          reshaped ? graph_.AddValue(node.name, {graph_.values[out].type.dtype, fused->shape}) : out;
      done.push_back(Node{fused->op, node.name, {fused->x}, {windows}});
      if (reshaped) done.push_back(Node{View{}, node.name, {windows}, {out}});
    }
    graph_.nodes = std::move(done);
  }

 private:
  struct Fused {
    Op op;
    ValueId x;
    Shape shape;  // of its own output
  };

  // What a chain of View and Transpose makes of its root.
  struct Movement {
    ValueId root;
    IndexMap map;
  };
  std::optional<Movement> MovementOf(ValueId v) {
    const Node* node = pattern_.AnyMaker(v);
    const bool moves =
        node != nullptr && (std::holds_alternative<View>(node->op) || std::holds_alternative<Transpose>(node->op));
    if (!moves) return Movement{v, IndexMap::Identity(0, pattern_.ShapeOf(v))};
    std::optional<Movement> movement = MovementOf(node->inputs[0]);
    if (!movement) return std::nullopt;
    chain_.push_back(node->inputs[0]);
    std::optional<IndexMap> map;
    if (const auto* transpose = std::get_if<Transpose>(&node->op)) {
      std::array<size_t, kMaxRank> perm{};
      const size_t rank = pattern_.ShapeOf(v).rank();
      for (size_t d = 0; d < rank; ++d)
        perm[d] = transpose->perm.empty() ? rank - 1 - d : static_cast<size_t>(transpose->perm[d]);
      map = movement->map.Transposed(std::span(perm).first(rank));
    } else {
      map = movement->map.Reshaped(pattern_.ShapeOf(v));
    }
    if (!map) return std::nullopt;
    return Movement{movement->root, *map};
  }

  // Both pick the same elements in the same order, whatever their shapes.
  static bool SameOrder(const IndexMap& map, const std::optional<IndexMap>& expected) {
    if (!expected) return false;
    const Strided a = map.ToStrided(), b = expected->ToStrided();
    return a.digits == b.digits && a.start == b.start;
  }

  static std::optional<IndexMap> Then(const std::optional<IndexMap>& map, const Shape& shape,
                                      std::initializer_list<size_t> perm) {
    const std::optional<IndexMap> boxed = map ? map->Reshaped(shape) : std::nullopt;
    return boxed ? boxed->Transposed(std::span(perm)) : std::nullopt;
  }

  // v[i] = source[(i + shift) mod n] along `axis`.
  struct Roll {
    ValueId source;
    size_t axis;
    int64_t shift;
  };
  std::optional<Roll> MatchRoll(ValueId v) const {
    const Node* concat = pattern_.Maker<Concat>(v);
    if (concat == nullptr || concat->inputs.size() != 2 || pattern_.ShapeOf(v).rank() != kMapRank) return std::nullopt;
    const Result<size_t> axis = NormalizeAxis(std::get<Concat>(concat->op).axis, kMapRank);
    if (!axis || (*axis != 1 && *axis != 2)) return std::nullopt;
    const std::optional<Crop> tail = MatchCrop(concat->inputs[0]), head = MatchCrop(concat->inputs[1]);
    if (!tail || !head || tail->source != head->source) return std::nullopt;
    const Shape& source = pattern_.ShapeOf(tail->source);
    if (!(source == pattern_.ShapeOf(v))) return std::nullopt;
    const int64_t n = source[*axis];
    if (n == 0) return std::nullopt;  // shifts are counted modulo n
    for (size_t d = 0; d < kMapRank; ++d)
      if (d != *axis && (tail->extents[d] != source[d] || head->extents[d] != source[d])) return std::nullopt;
    if (tail->start[*axis] + tail->extents[*axis] != n || head->start[*axis] != 0 ||
        head->extents[*axis] != tail->start[*axis])
      return std::nullopt;
    return Roll{tail->source, *axis, tail->start[*axis]};
  }

  // A box of a map.
  struct Crop {
    ValueId source;
    Dims start, extents;
  };
  std::optional<Crop> MatchCrop(ValueId v) const {
    const Node* node = pattern_.Maker<Slice>(v);
    if (node == nullptr || pattern_.ShapeOf(node->inputs[0]).rank() != kMapRank) return std::nullopt;
    TensorView parameters[4];
    for (size_t i = 1; i < 5 && i < node->inputs.size(); ++i) {
      if (node->inputs[i] == kNoValue) continue;
      if (!graph_.IsConstant(node->inputs[i])) return std::nullopt;
      parameters[i - 1] = graph_.values[node->inputs[i]].constant->view();
    }
    const Result<SliceSpec> spec = ResolveSlice(pattern_.ShapeOf(node->inputs[0]), parameters);
    if (!spec) return std::nullopt;
    for (int64_t step : spec->step)
      if (step != 1) return std::nullopt;
    return Crop{node->inputs[0], spec->start, spec->shape};
  }

  // Follows rolls upwards from `v`; `shift` receives their sum, modulo the extents.
  ValueId ThroughRolls(ValueId v, Extent& shift, bool& any) {
    while (const std::optional<Roll> roll = MatchRoll(v)) {
      chain_.push_back(v);
      for (ValueId part : pattern_.AnyMaker(v)->inputs) chain_.push_back(part);
      int64_t& total = roll->axis == 1 ? shift.y : shift.x;
      total = (total + roll->shift) % pattern_.ShapeOf(v)[roll->axis];
      v = roll->source;
      any = true;
    }
    return v;
  }

  std::optional<Fused> MatchPartition(const Node& node) {
    if (!std::holds_alternative<View>(node.op) && !std::holds_alternative<Transpose>(node.op)) return std::nullopt;
    const std::optional<Movement> cut = MovementOf(node.outputs[0]);
    if (!cut || pattern_.ShapeOf(cut->root).rank() != kMapRank) return std::nullopt;
    const Shape padded = pattern_.ShapeOf(cut->root);
    Extent window;
    for (const Strided::Digit& digit : cut->map.ToStrided().digits)
      if (digit.step == 1 && (digit.axis == 1 || digit.axis == 2))
        (digit.axis == 1 ? window.y : window.x) = digit.extent;
    if (window.y < 1 || window.x < 1 || padded[1] % window.y != 0 || padded[2] % window.x != 0) return std::nullopt;
    const int64_t ny = padded[1] / window.y, nx = padded[2] / window.x;
    const Shape windows{padded[0] * ny * nx, window.y * window.x, padded[3]};
    if (!SameOrder(cut->map, Then(IndexMap::Identity(0, padded), {padded[0], ny, window.y, nx, window.x, padded[3]},
                                  {0, 1, 3, 2, 4, 5})))
      return std::nullopt;
    bool any = false;
    Extent shift;
    ValueId x = ThroughRolls(cut->root, shift, any);
    if (const std::optional<ValueId> unpadded = BeforePad(x, window)) {
      x = *unpadded;
      any = true;
    }
    if (!any) return std::nullopt;
    return Fused{WindowPartition{window.y, window.x, shift.y, shift.x}, x, windows};
  }

  // The input of a Pad that only completes the last windows with zeros.
  std::optional<ValueId> BeforePad(ValueId v, Extent window) const {
    const Node* node = pattern_.Maker<Pad>(v);
    if (node == nullptr || std::get<Pad>(node->op).mode != PadMode::kConstant || !graph_.IsConstant(node->inputs[1]))
      return std::nullopt;
    if (node->inputs.size() > 2 && node->inputs[2] != kNoValue && !pattern_.IsScalar(node->inputs[2], 0))
      return std::nullopt;
    if (node->inputs.size() > 3 && node->inputs[3] != kNoValue) return std::nullopt;
    const ConstantTensor& pads = *graph_.values[node->inputs[1]].constant;
    if (pads.dtype != DType::kInt64 || pads.shape.elements() != static_cast<int64_t>(2 * kMapRank)) return std::nullopt;
    const int64_t* p = pads.view().as<int64_t>();
    for (size_t i : {0u, 1u, 2u, 3u, 4u, 7u})
      if (p[i] != 0) return std::nullopt;
    if (p[5] < 0 || p[5] >= window.y || p[6] < 0 || p[6] >= window.x) return std::nullopt;
    return node->inputs[0];
  }

  std::optional<Fused> MatchMerge(const Node& node) {
    if (!std::holds_alternative<Slice>(node.op) && !std::holds_alternative<Concat>(node.op)) return std::nullopt;
    ValueId v = node.outputs[0];
    Extent size{INT64_MAX, INT64_MAX}, shift;
    bool any = false;
    while (const std::optional<Crop> crop = MatchCrop(v)) {
      for (int64_t start : crop->start)
        if (start != 0) return std::nullopt;
      const Shape& source = pattern_.ShapeOf(crop->source);
      if (crop->extents[0] != source[0] || crop->extents[3] != source[3]) return std::nullopt;
      size.y = std::min(size.y, crop->extents[1]);
      size.x = std::min(size.x, crop->extents[2]);
      v = crop->source;
      chain_.push_back(v);
      any = true;
    }
    v = ThroughRolls(v, shift, any);
    const std::optional<Movement> join = MovementOf(v);
    if (!any || !join) return std::nullopt;
    const Shape &windows = pattern_.ShapeOf(join->root), &padded = pattern_.ShapeOf(v);
    if (windows.rank() != 3 || padded.rank() != kMapRank || windows[2] != padded[3]) return std::nullopt;
    // The window's width is the innermost digit along the tokens.
    Extent window;
    for (const Strided::Digit& digit : join->map.ToStrided().digits)
      if (digit.axis == 1 && digit.step == 1) window.x = digit.extent;
    if (window.x < 1 || windows[1] % window.x != 0) return std::nullopt;
    window.y = windows[1] / window.x;
    if (padded[1] % window.y != 0 || padded[2] % window.x != 0) return std::nullopt;
    const Shape boxes{padded[0], padded[1] / window.y, padded[2] / window.x, window.y, window.x, padded[3]};
    if (!SameOrder(join->map, Then(IndexMap::Identity(0, windows), boxes, {0, 1, 3, 2, 4, 5}))) return std::nullopt;
    size.y = std::min(size.y, padded[1]);
    size.x = std::min(size.x, padded[2]);
    // WindowMerge completes the windows itself, so the padded size must be the smallest that holds the map.
    if (padded[1] - size.y >= window.y || padded[2] - size.x >= window.x) return std::nullopt;
    const Extent back{(padded[1] - shift.y) % padded[1], (padded[2] - shift.x) % padded[2]};
    return Fused{WindowMerge{window.y, window.x, back.y, back.x, size.y, size.x}, join->root,
                 Shape{padded[0], size.y, size.x, padded[3]}};
  }

  Graph& graph_;
  Pattern pattern_;
  std::vector<ValueId> chain_;  // values between the two ends of the match in progress
};

}  // namespace

Status FuseWindows(Graph& graph) {
  WindowFuser(graph).Run();
  return EliminateDead(graph);
}

}  // namespace decal
