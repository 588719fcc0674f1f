// Deformable convolution (Dai 2017) out of the spelling that PyTorch exports have used since before DeformConv existed;
// after compose-movement it reads, with p = offset + grid of tap positions:
//
//   p ─► Floor ─► Cast i64 ─┬─► y, x ─────► Clip ─┬─► Concat (y0,x0) ─► GatherND(padded x) ─► Mul (1-fy)(1-fx) ─┐
//                           └─► y+1, x+1 ─► Clip ─┼─► Concat (y1,x1) ─► GatherND ───────────► Mul fy fx ────────┤
//                                                 ├─► Concat (y1,x0) ─► GatherND ───────────► Mul fy (1-fx) ────┼─► Sum ─► Mul mask
//   p - Floor(p) = fy, fx                         └─► Concat (y0,x1) ─► GatherND ───────────► Mul (1-fy) fx ────┘       │
//                                                                  y ◄─ Conv (stride = kernel) ◄─ taps side by side ◄───┘
//
//   ⇒  y = DeformConv(x, weight, offset, mask)
//
// The four gathers hold every tap of every pixel, 200 times the input for a 7x7 kernel; DeformConv holds a tile.
// Indices are clipped into the padded map, whose border is zero: the same as zeros outside.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/passes/index_map.h"
#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

// Extents that the whole pattern shares.
struct Extents {
  int64_t batch, channels, kernel_h, kernel_w, height, width;
  int64_t taps() const { return kernel_h * kernel_w; }
};

// One of the two coordinates of a corner: which axis (0 is y), and whether it is the far neighbour.
struct Coordinate {
  size_t axis;
  bool far;
  bool operator==(const Coordinate&) const = default;
};

class DeformFuser {
 public:
  explicit DeformFuser(Graph& graph) : graph_(graph), pattern_(graph) {}

  void Run() {
    for (Node& node : graph_.nodes) {
      const auto* conv = std::get_if<Conv>(&node.op);
      if (conv == nullptr || conv->group != 1 || !conv->epilogue.empty()) continue;
      DeformConv op;
      std::vector<ValueId> inputs;
      if (!Match(node, *conv, op, inputs)) continue;
      node.op = op;
      node.inputs = std::move(inputs);
    }
  }

 private:
  // The maker of `v` is the Strided that `make` composes over the maker's own input; returns that input.
  template <class Make>
  ValueId Through(ValueId v, const Make& make) const {
    const Node* node = pattern_.Maker<Strided>(v);
    if (node == nullptr) return kNoValue;
    const std::optional<IndexMap> map = make(IndexMap::Identity(0, pattern_.ShapeOf(node->inputs[0])));
    if (!map) return kNoValue;
    const Strided expected = map->ToStrided();
    const Strided& op = std::get<Strided>(node->op);
    return expected.digits == op.digits && expected.start == op.start ? node->inputs[0] : kNoValue;
  }
  // Through any pure reshape, or none.
  ValueId ThroughReshape(ValueId v) const {
    const ValueId x = Through(v, [&](const IndexMap& map) { return map.Reshaped(pattern_.ShapeOf(v)); });
    return x == kNoValue ? v : x;
  }

  bool Match(const Node& node, const Conv& conv, DeformConv& op, std::vector<ValueId>& inputs) {
    const Shape &weight = pattern_.ShapeOf(node.inputs[1]), &out = pattern_.ShapeOf(node.outputs[0]);
    if (weight.rank() != 4 || out.rank() != 4) return false;
    extents_ = {out[0], weight[1], weight[2], weight[3], out[2], out[3]};
    const Dims& strides = conv.window.strides;
    const bool steps_over_taps =
        strides.empty() ? extents_.taps() == 1 : strides[0] == weight[2] && strides[1] == weight[3];
    if (!steps_over_taps || !AllAre(conv.window.pads_begin, 0) || !AllAre(conv.window.pads_end, 0) ||
        !AllAre(conv.window.dilations, 1) || conv.window.auto_pad != Window::AutoPad::kNotSet) {
      return false;
    }
    // [N,1,C,taps,H,W], the taps of a pixel laid side by side.
    const auto [n, c, kh, kw, h, w] = extents_;
    ValueId v = Through(node.inputs[0], [&](const IndexMap& map) -> std::optional<IndexMap> {
      if (pattern_.ShapeOf(node.inputs[0]).elements() != n * c * kh * kw * h * w) return std::nullopt;
      const std::optional<IndexMap> boxes = map.Reshaped({n, c, kh, kw, h, w});
      const std::array<size_t, 6> perm = {0, 1, 4, 2, 5, 3};
      const std::optional<IndexMap> turned = boxes ? boxes->Transposed(perm) : std::nullopt;
      return turned ? turned->Reshaped({n, c, h * kh, w * kw}) : std::nullopt;
    });
    if (v == kNoValue) return false;

    ValueId mask = kNoValue;
    std::vector<ValueId> terms;
    if (const Node* mul = pattern_.Maker(v, BinaryKind::kMul)) {
      for (size_t i : {0, 1}) {
        if (pattern_.Maker(mul->inputs[i], BinaryKind::kAdd) == nullptr) continue;
        mask = MaskMap(mul->inputs[1 - i]);
        if (mask == kNoValue) return false;
        v = mul->inputs[i];
        break;
      }
    }
    CollectTerms(v, 0, terms);
    if (terms.size() != 4) return false;

    position_ = padded_ = kNoValue;
    std::array<bool, 4> seen{};
    for (ValueId term : terms) {
      const std::optional<size_t> corner = MatchCorner(term);
      if (!corner || seen[*corner]) return false;
      seen[*corner] = true;
    }
    ValueId x = kNoValue;
    std::array<int64_t, 2> border{};
    if (!MatchPad(x, border)) return false;
    ValueId offset = kNoValue;
    if (!MatchPosition(border, offset, op.window)) return false;
    op.window.kernel = {kh, kw};
    inputs = {x, node.inputs[1], offset, node.inputs[2], mask};
    return true;
  }

  void CollectTerms(ValueId v, int depth, std::vector<ValueId>& terms) const {
    const Node* add = pattern_.UsedOnce(v) ? pattern_.Maker(v, BinaryKind::kAdd) : nullptr;
    if (add == nullptr || depth > 4 || terms.size() > 4) {
      terms.push_back(v);
      return;
    }
    for (ValueId operand : add->inputs) CollectTerms(operand, depth + 1, terms);
  }

  // `v` is one factor for each tap of each pixel, the same for all channels: [N,1,1,taps,H,W], if need be after
  // leading ones. (With as many channels as taps, a factor for each channel has as many elements.)
  bool IsPerTap(ValueId v) const {
    const Shape whole{extents_.batch, 1, 1, extents_.taps(), extents_.height, extents_.width};
    const Shape& shape = pattern_.ShapeOf(v);
    for (size_t d = 0; d < whole.rank(); ++d) {
      const size_t missing = whole.rank() - std::min(shape.rank(), whole.rank());
      if (whole[d] != (d < missing ? 1 : shape[d - missing])) return false;
    }
    return shape.rank() <= whole.rank();
  }

  // The mask [N,taps,H,W] of [N,1,1,taps,H,W].
  ValueId MaskMap(ValueId v) const {
    if (!IsPerTap(v)) return kNoValue;
    const ValueId mask = ThroughReshape(v);
    return pattern_.ShapeOf(mask) == Shape{extents_.batch, extents_.taps(), extents_.height, extents_.width} ? mask
                                                                                                             : kNoValue;
  }

  // weight * gathered: the number of the corner (bit 0: far in y, bit 1: far in x) if the indices agree with the weight.
  std::optional<size_t> MatchCorner(ValueId term) {
    const Node* mul = pattern_.Maker(term, BinaryKind::kMul);
    if (mul == nullptr) return std::nullopt;
    for (size_t i : {0, 1}) {
      const std::optional<std::array<bool, 2>> gathered = GatheredCorner(mul->inputs[i]);
      if (!gathered) continue;
      const std::optional<std::array<bool, 2>> weighted = WeightCorner(mul->inputs[1 - i]);
      if (!weighted || *weighted != *gathered) return std::nullopt;
      return ((*gathered)[0] ? 1 : 0) + ((*gathered)[1] ? 2 : 0);
    }
    return std::nullopt;
  }

  // Which neighbour the GatherND under `v` reads.
  std::optional<std::array<bool, 2>> GatheredCorner(ValueId v) {
    const auto [n, c, kh, kw, h, w] = extents_;
    const ValueId gathered = Through(v, [&](const IndexMap& map) -> std::optional<IndexMap> {
      const std::optional<IndexMap> boxes = map.Reshaped({n, kh * kw * h * w, c});
      const std::array<size_t, 3> perm = {0, 2, 1};
      const std::optional<IndexMap> turned = boxes ? boxes->Transposed(perm) : std::nullopt;
      return turned ? turned->Reshaped({n, 1, c, kh * kw, h, w}) : std::nullopt;
    });
    const Node* gather = pattern_.Maker<GatherNd>(gathered);
    if (gather == nullptr || std::get<GatherNd>(gather->op).batch_dims != 2) return std::nullopt;
    if (padded_ != kNoValue && padded_ != gather->inputs[0]) return std::nullopt;
    padded_ = gather->inputs[0];
    const Node* pair = pattern_.Maker<Concat>(gather->inputs[1]);
    if (pair == nullptr || pair->inputs.size() != 2) return std::nullopt;
    const int64_t axis = std::get<Concat>(pair->op).axis;
    if (axis != -1 && axis != static_cast<int64_t>(pattern_.ShapeOf(gather->inputs[1]).rank()) - 1) return std::nullopt;
    std::array<bool, 2> far{};
    for (size_t i : {0, 1}) {
      const std::optional<Coordinate> index = MatchIndex(pair->inputs[i], i);
      if (!index) return std::nullopt;
      far[i] = index->far;
    }
    return far;
  }

  // Clip(Floor(p)[axis] + (0 or 1), 0, extent - 1) of the padded map.
  std::optional<Coordinate> MatchIndex(ValueId v, size_t axis) {
    const Shape& map = pattern_.ShapeOf(padded_);  // [N,1,Hp,Wp,C]
    if (map.rank() != 5) return std::nullopt;
    const Node* low = pattern_.Maker(ThroughReshape(v), BinaryKind::kMin);
    const Node* high =
        low ? pattern_.Maker(pattern_.Beside(low, static_cast<double>(map[2 + axis] - 1)), BinaryKind::kMax) : nullptr;
    ValueId index = pattern_.Beside(high, 0);
    bool far = false;
    if (const Node* add = pattern_.Maker(index, BinaryKind::kAdd)) {
      index = pattern_.Beside(add, 1);
      far = true;
    }
    const Node* cast = pattern_.Maker<Cast>(Component(index, axis));
    const Node* floor = cast && std::get<Cast>(cast->op).to == DType::kInt64
                            ? pattern_.Maker(cast->inputs[0], UnaryKind::kFloor)
                            : nullptr;
    if (floor == nullptr || !IsPosition(floor->inputs[0])) return std::nullopt;
    return Coordinate{axis, far};
  }

  // Which neighbour a product of two fractions, or of what they leave to 1, belongs to.
  std::optional<std::array<bool, 2>> WeightCorner(ValueId v) {
    if (!IsPerTap(v)) return std::nullopt;
    const Node* mul = pattern_.Maker(ThroughReshape(v), BinaryKind::kMul);
    if (mul == nullptr) return std::nullopt;
    std::array<std::optional<bool>, 2> far;
    for (ValueId operand : mul->inputs) {
      bool is_far = true;
      ValueId fraction = operand;
      if (const Node* rest = pattern_.Maker(operand, BinaryKind::kSub); rest && pattern_.IsScalar(rest->inputs[0], 1)) {
        fraction = rest->inputs[1];
        is_far = false;
      }
      for (size_t axis : {0, 1})
        if (IsFraction(Component(fraction, axis))) far[axis] = is_far;
    }
    if (!far[0] || !far[1]) return std::nullopt;
    return std::array<bool, 2>{*far[0], *far[1]};
  }

  bool IsFraction(ValueId v) {
    const Node* sub = pattern_.Maker(v, BinaryKind::kSub);
    const Node* floor = sub ? pattern_.Maker(sub->inputs[1], UnaryKind::kFloor) : nullptr;
    return floor != nullptr && floor->inputs[0] == sub->inputs[0] && IsPosition(sub->inputs[0]);
  }

  // [N,1,taps,2,H,W] whose part `axis` is `v`.
  ValueId Component(ValueId v, size_t axis) const {
    return Through(v, [&](const IndexMap& map) -> std::optional<IndexMap> {
      if (!(map.shape() == PositionShape())) return std::nullopt;
      return map.Sliced(3, static_cast<int64_t>(axis), 1, 1);
    });
  }

  Shape PositionShape() const { return {extents_.batch, 1, extents_.taps(), 2, extents_.height, extents_.width}; }

  // All corners speak of one position.
  bool IsPosition(ValueId v) {
    if (position_ == kNoValue && pattern_.ShapeOf(v) == PositionShape()) position_ = v;
    return v == position_;
  }

  // The gathered map is x with a border of zeros, channels last.
  bool MatchPad(ValueId& x, std::array<int64_t, 2>& border) const {
    const std::array<size_t, 5> perm = {0, 1, 3, 4, 2};
    const ValueId map = Through(padded_, [&](const IndexMap& identity) -> std::optional<IndexMap> {
      const Shape& shape = identity.shape();
      if (shape.rank() != 4) return std::nullopt;
      const std::optional<IndexMap> grouped = identity.Reshaped({shape[0], 1, shape[1], shape[2], shape[3]});
      return grouped ? grouped->Transposed(perm) : std::nullopt;
    });
    const Node* pad = pattern_.Maker<Pad>(map);
    if (pad == nullptr || std::get<Pad>(pad->op).mode != PadMode::kConstant || !graph_.IsConstant(pad->inputs[1]))
      return false;
    if (pad->inputs.size() > 2 && pad->inputs[2] != kNoValue && !pattern_.IsScalar(pad->inputs[2], 0)) return false;
    if (pad->inputs.size() > 3 && pad->inputs[3] != kNoValue) return false;
    const ConstantTensor& pads = *graph_.values[pad->inputs[1]].constant;
    if (pads.dtype != DType::kInt64 || pads.shape.elements() != 8) return false;
    const int64_t* p = pads.view().as<int64_t>();
    // Without a border on every side, clipped indices would read the map's own edge.
    if (p[0] != 0 || p[1] != 0 || p[4] != 0 || p[5] != 0 || p[2] < 1 || p[3] < 1 || p[6] < 1 || p[7] < 1) return false;
    x = pad->inputs[0];
    border = {p[2], p[3]};
    return pattern_.ShapeOf(x)[1] == extents_.channels;
  }

  // position = offset + a grid that says stride, dilation and padding.
  bool MatchPosition(std::array<int64_t, 2> border, ValueId& offset, Window& window) const {
    const Node* add = pattern_.Maker(position_, BinaryKind::kAdd);
    if (add == nullptr) return false;
    const auto [n, c, kh, kw, h, w] = extents_;
    for (size_t i : {0, 1}) {
      const ValueId grid = add->inputs[i];
      if (!graph_.IsConstant(grid) || graph_.values[grid].constant->dtype != DType::kFloat32) continue;
      if (!(graph_.values[grid].constant->shape == Shape{1, 1, kh * kw, 2, h, w})) return false;
      const float* values = graph_.values[grid].constant->view().as<float>();
      const auto at = [&](int64_t tap, int64_t axis, int64_t y, int64_t x) {
        return values[((tap * 2 + axis) * h + y) * w + x];
      };
      const std::array<int64_t, 2> kernel = {kh, kw}, size = {h, w};
      std::array<float, 2> origin{}, stride{1, 1}, dilation{1, 1};
      for (size_t a : {0, 1}) {
        const int64_t axis = static_cast<int64_t>(a), next_tap = a == 0 ? kw : 1;
        origin[a] = at(0, axis, 0, 0);
        if (size[a] > 1) stride[a] = (a == 0 ? at(0, 0, 1, 0) : at(0, 1, 0, 1)) - origin[a];
        if (kernel[a] > 1) dilation[a] = at(next_tap, axis, 0, 0) - origin[a];
        for (float number : {origin[a], stride[a], dilation[a]})
          if (number != std::floor(number) || std::abs(number) > 1e6f) return false;
        if (stride[a] < 1 || dilation[a] < 1 || static_cast<float>(border[a]) < origin[a]) return false;
      }
      for (int64_t tap = 0; tap < kh * kw; ++tap) {
        const int64_t row = tap / kw, column = tap % kw;
        for (int64_t y = 0; y < h; ++y)
          for (int64_t x = 0; x < w; ++x) {
            if (at(tap, 0, y, x) !=
                origin[0] + static_cast<float>(y) * stride[0] + static_cast<float>(row) * dilation[0])
              return false;
            if (at(tap, 1, y, x) !=
                origin[1] + static_cast<float>(x) * stride[1] + static_cast<float>(column) * dilation[1])
              return false;
          }
      }
      for (size_t a : {0, 1}) {
        const int64_t pad = border[a] - static_cast<int64_t>(origin[a]);
        window.strides.push_back(static_cast<int64_t>(stride[a]));
        window.dilations.push_back(static_cast<int64_t>(dilation[a]));
        window.pads_begin.push_back(pad);
        // What makes the output as large as it is.
        window.pads_end.push_back((size[a] - 1) * static_cast<int64_t>(stride[a]) +
                                  (kernel[a] - 1) * static_cast<int64_t>(dilation[a]) + 1 - pad - InputExtent(a));
        if (window.pads_end.back() < 0) return false;
      }
      offset = ThroughReshape(add->inputs[1 - i]);
      return pattern_.ShapeOf(offset) == Shape{n, 2 * kh * kw, h, w};
    }
    return false;
  }

  // Height or width of x.
  int64_t InputExtent(size_t axis) const {
    const Node* strided = pattern_.Maker<Strided>(padded_);
    const Node* pad = pattern_.Maker<Pad>(strided->inputs[0]);
    return pattern_.ShapeOf(pad->inputs[0])[2 + axis];
  }

  Graph& graph_;
  Pattern pattern_;
  Extents extents_{};
  ValueId position_ = kNoValue;  // [N,1,taps,2,H,W]: where each tap of each pixel samples, in padded pixels
  ValueId padded_ = kNoValue;  // [N,1,Hp,Wp,C]: what is sampled
};

}  // namespace

Status FuseDeformConv(Graph& graph) {
  DeformFuser(graph).Run();
  return EliminateDead(graph);
}

}  // namespace decal
