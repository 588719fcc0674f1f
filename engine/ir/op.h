// The operators of the intermediate form: plain attribute structs in one std::variant.
//
// Input and output order is that of the ONNX operator of the same name (opset 17), unless said here.
// Adding an operator: a struct and a place in `OpVariant` below, its functions in ops/<family>/, and a row in
// onnx/import_<part>.cc. A missing function is a compile error.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "engine/base/element.h"
#include "engine/base/shape.h"

namespace decal {

// ---- elementwise -----------------------------------------------------------------------------

enum class UnaryKind : uint8_t {
  kAbs, kNeg, kSqrt, kExp, kLog, kReciprocal, kFloor, kCeil, kRound, kErf, kTanh, kSigmoid, kRelu,
  kLeakyRelu,    // alpha: slope below zero
  kElu,          // alpha
  kHardSigmoid,  // max(0, min(1, alpha * x + beta))
  kHardSwish,    // x * HardSigmoid(x; 1/6, 1/2)
  kSoftplus,
  kGelu,         // exact, through erf
  kGeluTanh,     // through tanh
  kSign,
  kClip,         // min(max(x, alpha), beta)
  kNot,
};

struct Unary {
  UnaryKind kind;
  float alpha = 0;
  float beta = 0;
};

enum class BinaryKind : uint8_t {
  kAdd, kSub, kMul, kDiv, kPow, kMin, kMax,
  kMod, kFmod,                                                  // remainder with the sign of b, of a; floats: of a
  kPRelu,                                                       // x < 0 ? x * slope : x
  kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual,       // -> bool
  kAnd, kOr, kXor,                                              // bool -> bool
};

// NumPy broadcasting. kPRelu: the slope broadcasts to x only.
struct Binary { BinaryKind kind; };

// condition ? a : b, all three broadcast.
struct Where {};

struct Cast {
  DType to;
  NarrowRule rule = {};
};

// ---- epilogue --------------------------------------------------------------------------------

// What a product kernel does with its sums before it stores them:
//   y = sum + bias;  if (residual == kBeforeActivation) y += r;  y = activation(y);
//   if (residual == kAfterActivation) y += r
// The operator's own inputs come first (an absent bias is kNoValue), then the PRelu slope if
// `prelu_slope`, then the residual. The residual has exactly the output's shape; the slope is one
// element per output channel.
struct Epilogue {
  enum class Residual : uint8_t { kNone, kBeforeActivation, kAfterActivation };
  std::optional<Unary> activation;  // set by fusion; any UnaryKind but kNot
  bool prelu_slope = false;         // activation is PRelu; excludes `activation`
  Residual residual = Residual::kNone;

  bool empty() const { return !activation && !prelu_slope && residual == Residual::kNone; }
  size_t extra_inputs() const { return (prelu_slope ? 1 : 0) + (residual != Residual::kNone ? 1 : 0); }
};

// ---- convolution -----------------------------------------------------------------------------

// Spatial window of rank 1 to 3 (3 for Pool only); unused entries are 1 (or 0 for pads).
struct Window {
  Dims kernel;         // empty in an imported Conv whose kernel comes from its weight
  Dims strides;
  Dims dilations;
  Dims pads_begin;
  Dims pads_end;
  enum class AutoPad : uint8_t { kNotSet, kValid, kSameUpper, kSameLower } auto_pad = AutoPad::kNotSet;
};

// inputs: x [N,C,H,W], weight [M,C/group,kh,kw], bias [M] or absent, then the epilogue's.
struct Conv {
  Window window;
  int64_t group = 1;
  Epilogue epilogue;
};

// inputs: x [N,C,H,W], weight [C,M/group,kh,kw], bias [M] or absent, then the epilogue's.
struct ConvTranspose {
  Window window;
  int64_t group = 1;
  Dims output_padding;
  Dims output_shape;  // empty: computed from the rest
  Epilogue epilogue;
};

// Convolution that samples its input bilinearly at positions moved by `offset` (Dai 2017; with a mask, Zhu 2019).
// inputs: x [N,C,H,W], weight [M,C/group,kh,kw], offset [N,2*offset_group*kh*kw,oH,oW] (pairs y, x of each tap), bias
// [M] or absent, mask [N,offset_group*kh*kw,oH,oW] or absent, then the epilogue's. Samples outside the input are 0.
struct DeformConv {
  Window window;
  int64_t group = 1;
  int64_t offset_group = 1;
  Epilogue epilogue;
};

// ---- products --------------------------------------------------------------------------------

// NumPy matmul; inputs a, b, bias (absent unless fused; [N] of the last dimension), then the epilogue's.
struct MatMul { Epilogue epilogue; };

// alpha * A' * B' + beta * C.
struct Gemm {
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
};

// ---- attention and windows: made by passes ---------------------------------------------------

// softmax(scale * q k' + biases) v for every batch element and head; the scores never exist whole (Vaswani 2017).
// inputs: q [B,M,H,D], k [B,N,H,D], v [B,N,H,E], then `biases` tensors (0 to 2) [P,G,M,N] with P dividing B (element b
// reads b mod P) and G 1 or H. output: [B,M,H,E].
struct Attention { float scale = 1; int64_t biases = 0; };

// Cuts x [N,H,W,C] into windows [N * nh * nw, window_h * window_w, C] after completing the last windows with zeros,
// bottom and right, to Hp x Wp, and rolling: pixel (y, x) is ((y + shift_y) mod Hp, (x + shift_x) mod Wp) of the
// completed map (Liu 2021, Swin).
struct WindowPartition { int64_t window_h = 1, window_w = 1, shift_y = 0, shift_x = 0; };

// The inverse: windows back to [N,height,width,C], so that merging what was partitioned gives x.
struct WindowMerge { int64_t window_h = 1, window_w = 1, shift_y = 0, shift_x = 0, height = 0, width = 0; };

// ---- quantisation ----------------------------------------------------------------------------

// inputs: x, scale, zero point or absent. Scales: one; one per index of `axis`; one per block along it.
struct Quantize {
  int64_t axis = 1;
  int64_t block_size = 0;   // 0: no blocks
  bool saturate = true;     // to 8-bit floats only: integers always do
  std::optional<DType> to;  // absent: the zero point's, else u8
};

// inputs: codes, scale, zero point or absent.
struct Dequantize {
  int64_t axis = 1;
  int64_t block_size = 0;
  std::optional<DType> to;  // absent: the scale's
};

// Quantize and Dequantize by one scale, in float32: scale * clip(round(x / scale), low, high).
struct RoundToGrid { float scale = 1, low = 0, high = 0; };

// outputs: u8 codes, scale, zero point.
struct DynamicQuantize {};

// inputs: a, b, zero point of a or absent, zero point of b or absent -> i32.
struct MatMulInteger {};
struct ConvInteger {
  Window window;
  int64_t group = 1;
};

// ---- pooling, resizing -----------------------------------------------------------------------

enum class PoolKind : uint8_t { kMax, kAverage };

struct Pool {
  PoolKind kind;
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;
  bool columns_first = false;  // of the indices that a second output of kMax holds: offsets in x, [.., W, H] order
};

// Mean or maximum over all spatial dimensions, kept as extents of 1.
struct GlobalPool { PoolKind kind; };

enum class ResizeMode : uint8_t { kNearest, kLinear, kCubic };
enum class ResizeCoordinates : uint8_t {
  kHalfPixel, kPytorchHalfPixel, kAlignCorners, kAsymmetric, kHalfPixelSymmetric, kTfCropAndResize,
};
enum class ResizeAspect : uint8_t { kStretch, kNotLarger, kNotSmaller };
enum class ResizeNearest : uint8_t { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil };

// inputs: x, scales (f32) or absent, sizes (i64) or absent, roi (f32; starts, then ends) for kTfCropAndResize only.
// Upsample becomes Resize. Exactly one of scales and sizes is present.
struct Resize {
  ResizeMode mode = ResizeMode::kNearest;
  ResizeCoordinates coordinates = ResizeCoordinates::kHalfPixel;
  ResizeNearest nearest = ResizeNearest::kRoundPreferFloor;
  float cubic_a = -0.75f;
  bool exclude_outside = false;
  bool antialias = false;       // wider filters where the picture shrinks
  Dims axes;                    // those that scales, sizes and roi speak of; empty: all
  ResizeAspect aspect = ResizeAspect::kStretch;  // how sizes are met
  float extrapolation = 0;      // outside of the roi
};

enum class GridPadding : uint8_t { kZeros, kBorder, kReflection };

// inputs: x [N,C,H,W] or [N,C,D,H,W], grid [N,..,2 or 3]: positions from -1 to 1 in the order x, y(, z).
struct GridSample {
  ResizeMode mode = ResizeMode::kLinear;
  GridPadding padding = GridPadding::kZeros;
  bool align_corners = false;
};

// ---- normalisation, reduction ----------------------------------------------------------------

// inputs: x, scale, bias, mean, var; each [C]. In training the batch's own moments are used, and two more outputs are
// the running mean and variance: old * momentum + batch * (1 - momentum).
struct BatchNorm { float epsilon = 1e-5f; float momentum = 0.9f; bool training = false; };

// inputs: x, scale, bias; each [C]. Ulyanov 2016. Set by fusion: channels outside [first, end) are only scaled and
// shifted, as in instance-batch normalisation (Pan 2018), and the result is limited to [low, high].
struct InstanceNorm {
  float epsilon = 1e-5f;
  int64_t first = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  bool normalizes(int64_t channel) const { return channel >= first && channel < end; }
};

// inputs: x, scale, bias or absent; over [axis, rank). Two more outputs, where wanted: mean and 1 / deviation.
struct LayerNorm { int64_t axis = -1; float epsilon = 1e-5f; };

struct Softmax {
  int64_t axis = -1;
  bool log = false;
  bool flatten = false;  // opset < 13: over all of [axis, rank) at once
};

enum class ReduceKind : uint8_t { kSum, kMean, kMax, kMin, kProd, kL1, kL2, kSumSquare, kLogSum, kLogSumExp };

// inputs: x, axes (i64) or absent. `axes` holds the attribute of older opsets.
struct Reduce {
  ReduceKind kind;
  Dims axes;
  bool keepdims = true;
  bool noop_with_empty_axes = false;
};

// ---- shape and data movement -----------------------------------------------------------------

// The elements of the input in row-major order under the output's type. Reshape, Flatten, Squeeze and
// Unsqueeze become this once shapes are known.
struct View {};

struct Reshape { bool allowzero = false; };          // inputs: x, shape
struct Flatten { int64_t axis = 1; };
struct Squeeze { Dims axes; };                       // inputs: x, axes or absent; `axes` of older opsets
struct Unsqueeze { Dims axes; };                     // likewise
struct Transpose { Dims perm; };                     // empty: reversed
struct Concat { int64_t axis = 0; };
struct Split { int64_t axis = 0; int64_t outputs = 0; };  // inputs: x, sizes or absent (equal parts)
struct Slice {};                                     // inputs: x, starts, ends, axes or absent, steps or absent
struct Expand {};                                    // inputs: x, shape
struct Tile {};                                      // inputs: x, repeats
enum class PadMode : uint8_t { kConstant, kReflect, kEdge, kWrap };
struct Pad { PadMode mode = PadMode::kConstant; };   // inputs: x, pads, value or absent, axes or absent
struct Gather { int64_t axis = 0; };
struct GatherNd { int64_t batch_dims = 0; };         // inputs: x, indices (i64)
enum class ScatterReduction : uint8_t { kNone, kAdd, kMul, kMin, kMax };
struct ScatterNd { ScatterReduction reduction = ScatterReduction::kNone; };  // inputs: x, indices (i64), updates
struct GatherElements { int64_t axis = 0; };         // inputs: x, indices
struct ScatterElements {                             // inputs: x, indices, updates
  int64_t axis = 0;
  ScatterReduction reduction = ScatterReduction::kNone;
};
struct DepthToSpace { int64_t block = 1; bool crd = false; };  // crd: channels vary slower than blocks
struct SpaceToDepth { int64_t block = 1; };

// inputs: x, k; outputs: values, indices (i64). Equal elements come in the order of their indices.
struct TopK { int64_t axis = -1; bool largest = true; };

// Position (i64) of the maximum or minimum along an axis; the first of equal ones unless `last`.
struct ArgReduce {
  bool max = true;
  int64_t axis = 0;
  bool keepdims = true;
  bool last = false;
};

struct CumSum { bool exclusive = false, reverse = false; };  // inputs: x, axis
struct NonZero {};                                           // x must be known: the output's size is its contents
struct Einsum { std::string equation; };                     // any number of inputs of one type
struct ShapeOf { int64_t start = 0; int64_t end = std::numeric_limits<int64_t>::max(); };
struct ConstantOfShape { DType dtype = DType::kFloat32; double value = 0; };
struct Range {};

// Elements of x picked by a regular index map: what a chain of Transpose, Reshape, Slice, Split, Squeeze, Expand and
// Concat of equal parts over one tensor comes down to (passes/compose_movement). In row-major order the output is a
// box with the extents of `digits`; a digit walks along input dimension `axis` in steps of `step`, from `start[axis]`.
// The output's extents are products of neighbouring digits.
struct Strided {
  struct Digit {
    int64_t extent = 1;
    size_t axis = 0;
    int64_t step = 1;  // 0 repeats
    bool operator==(const Digit&) const = default;
  };
  Shape shape;
  std::vector<Digit> digits;  // outermost first, none of extent 1, at most kMaxRank
  Dims start;                 // one entry for each input dimension
};

// Same tensor in another memory layout; the layout is that of the output value.
struct Relayout {};

using OpVariant =
    std::variant<Unary, Binary, Where, Cast, Conv, ConvTranspose, DeformConv, MatMul, Gemm, Attention, WindowPartition,
                 WindowMerge, Quantize, Dequantize, RoundToGrid, DynamicQuantize, MatMulInteger, ConvInteger, Pool,
                 GlobalPool, Resize, GridSample, BatchNorm, InstanceNorm, LayerNorm, Softmax, Reduce, View, Reshape,
                 Flatten, Squeeze, Unsqueeze, Transpose, Concat, Split, Slice, Expand, Tile, Pad, Gather, GatherNd,
                 ScatterNd, GatherElements, ScatterElements, DepthToSpace, SpaceToDepth, TopK, ArgReduce, CumSum,
                 NonZero, Einsum, ShapeOf, ConstantOfShape, Range, Strided, Relayout>;

// Where T stands among the alternatives; their number if it is none.
template <class T, class Variant>
inline constexpr size_t kAlternative = 0;
template <class T, class... Operators>
inline constexpr size_t kAlternative<T, std::variant<Operators...>> = [] {
  size_t i = 0;
  static_cast<void>(((std::is_same_v<T, Operators> || (++i, false)) || ...));
  return i;
}();

// One operator, for std::visit, std::get_if and std::holds_alternative. A class of its own, so that op.cc alone compiles how its
// alternatives are copied, moved and destroyed: every file that has nodes did, which took half of the time it took to compile.
class Op : public OpVariant {
 public:
  Op() noexcept;
  template <class T>
    requires(kAlternative<T, OpVariant> < std::variant_size_v<OpVariant>)
  Op(T op) : Op() {
    Take(kAlternative<T, OpVariant>, &op);
  }
  Op(const Op&);
  Op(Op&&) noexcept;
  Op& operator=(const Op&);
  Op& operator=(Op&&) noexcept;
  ~Op();

 private:
  // Moves `op`, the alternative of that index, into this. Without its type, so that callers compile nothing of the variant.
  void Take(size_t index, void* op);
};

// "Conv", "Relu", "Add": the ONNX spelling where there is one.
const char* OpName(const Op& op);
const char* Name(UnaryKind kind);
const char* Name(BinaryKind kind);

}  // namespace decal
