// Attention on the CPU: a block of query rows at a time, whose scores stay in cache between the two products.
#include <algorithm>

#include "engine/cpu/elementwise.h"
#include "engine/cpu/igemm.h"
#include "engine/cpu/norm.h"
#include "engine/ops/attention/attention.h"

namespace decal {
namespace {

// Scores of one block of rows: half of the smallest L2 we know (256 kB), the rest is for keys and values.
constexpr size_t kScoreBytes = 128 << 10;
// More rows than this gain nothing: packing keys and values is by then a fiftieth of the work.
constexpr size_t kMaxRows = 64;
// Fewer would not amortise packing; with very many tokens the scores then spill to L2 and L3.
constexpr size_t kMinRows = 16;

class AttentionKernel final : public CpuKernel {
 public:
  AttentionKernel(const Attention& op, const Shape& q, const Shape& k, const Shape& v)
      : op_(op), batch_(Size(q[0])), m_(Size(q[1])), n_(Size(k[1])), heads_(Size(q[2])), d_(Size(q[3])), e_(Size(v[3])) {
    rows_ = std::min({m_, kMaxRows, std::max(kMinRows, kScoreBytes / sizeof(float) / n_)});
    // Equal blocks: 65 rows are 33 and 32 rather than 64 and 1.
    const size_t blocks = (m_ + rows_ - 1) / rows_;
    rows_ = (m_ + blocks - 1) / blocks;
  }

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out, const CpuContext& context) const override {
    const size_t blocks = (m_ + rows_ - 1) / rows_;
    ParallelFor(context.runner, batch_ * heads_ * blocks, [&](size_t task, size_t thread) {
      const size_t block = task % blocks, head = task / blocks % heads_, b = task / blocks / heads_;
      RunBlock(in, out[0], b, head, block * rows_, context.scratch_of(thread));
    });
  }
  size_t scratch_bytes_per_thread() const override { return QueryBytes() + ScoreBytes() + PanelBytes(); }
  const char* algorithm() const override { return "attention in row blocks"; }
  uint64_t multiply_adds() const override { return uint64_t{batch_} * heads_ * m_ * n_ * (d_ + e_); }

 private:
  static size_t Size(int64_t extent) { return static_cast<size_t>(extent); }
  size_t QueryBytes() const { return AlignUp(rows_ * d_ * sizeof(float)); }
  size_t ScoreBytes() const { return AlignUp(rows_ * n_ * sizeof(float)); }
  size_t PanelBytes() const {
    const cpu::TileShape tile = cpu::IgemmTileShape();
    return std::max(cpu::ProductScratchBytes(ScoreProduct(0), tile), cpu::ProductScratchBytes(ValueProduct(0, 0), tile));
  }

  // Scores = Q K'.
  cpu::ProductShape ScoreProduct(ptrdiff_t k_row) const {
    cpu::ProductShape shape;
    shape.rows = rows_, shape.depth = d_, shape.columns = n_;
    shape.a = {static_cast<ptrdiff_t>(d_), 1};
    shape.b = {1, k_row};
    shape.out_row = static_cast<ptrdiff_t>(n_);
    return shape;
  }
  // Out = P V.
  cpu::ProductShape ValueProduct(ptrdiff_t v_row, ptrdiff_t out_row) const {
    cpu::ProductShape shape;
    shape.rows = rows_, shape.depth = n_, shape.columns = e_;
    shape.a = {static_cast<ptrdiff_t>(n_), 1};
    shape.b = {v_row, 1};
    shape.out_row = out_row;
    return shape;
  }

  static void Multiply(const cpu::ProductShape& shape, const float* a, const float* b, float* out, std::byte* panel) {
    cpu::IgemmBuffers buffers;
    buffers.in = a;
    buffers.out = out;
    const size_t width = cpu::IgemmTileShape().width;
    for (size_t p = 0; p * width < shape.columns; ++p) cpu::RunProductPanel(shape, {}, buffers, b, p, panel);
  }

  void RunBlock(std::span<const TensorView> in, const MutableTensorView& out, size_t b, size_t head, size_t first, std::byte* scratch) const {
    const auto at = [&](const auto& view, size_t row) {
      return static_cast<ptrdiff_t>(b) * view.strides[0] + static_cast<ptrdiff_t>(row) * view.strides[1] +
             static_cast<ptrdiff_t>(head) * view.strides[2];
    };
    float* q = reinterpret_cast<float*>(scratch);
    float* scores = reinterpret_cast<float*>(scratch + QueryBytes());
    std::byte* panel = scratch + QueryBytes() + ScoreBytes();
    const size_t rows = std::min(rows_, m_ - first);

    cpu::RunArithmetic(cpu::Arithmetic::kMul, {.a = in[0].as<float>() + at(in[0], first), .b = &op_.scale, .out = q,
                                               .rows = rows, .columns = d_, .a_row = in[0].strides[1],
                                               .out_row = static_cast<ptrdiff_t>(d_), .a_column = 1, .out_column = 1});
    cpu::ProductShape product = ScoreProduct(in[1].strides[1]);
    product.rows = rows;
    Multiply(product, q, in[1].as<float>() + at(in[1], 0), scores, panel);
    for (size_t i = 0; i < static_cast<size_t>(op_.biases); ++i) {
      const TensorView& bias = in[3 + i];
      const float* from = bias.as<float>() + static_cast<int64_t>(b) % bias.shape[0] * bias.strides[0] +
                          (bias.shape[1] == 1 ? 0 : static_cast<int64_t>(head) * bias.strides[1]) +
                          static_cast<int64_t>(first) * bias.strides[2];
      const ptrdiff_t score_row = static_cast<ptrdiff_t>(n_);
      cpu::RunArithmetic(cpu::Arithmetic::kAdd, {.a = scores, .b = from, .out = scores, .rows = rows, .columns = n_,
                                                 .a_row = score_row, .b_row = bias.strides[2], .out_row = score_row,
                                                 .a_column = 1, .b_column = 1, .out_column = 1});
    }
    cpu::SoftmaxRows(scores, static_cast<ptrdiff_t>(n_), scores, static_cast<ptrdiff_t>(n_), rows, n_, false);
    product = ValueProduct(in[2].strides[1], out.strides[1]);
    product.rows = rows;
    Multiply(product, scores, in[2].as<float>() + at(in[2], 0), out.as<float>() + at(out, first), panel);
  }

  Attention op_;
  size_t batch_, m_, n_, heads_, d_, e_;
  size_t rows_;
};

}  // namespace

KernelResult MakeCpuKernel(const Attention& op, const KernelRequest& request) {
  for (const Operand& operand : request.inputs) {
    const TensorView& view = operand.view;
    if (!operand.present || view.dtype != DType::kFloat32 || view.shape.elements() == 0) return nullptr;
    if (view.strides[3] != 1 && view.shape[3] != 1) return nullptr;
  }
  if (request.outputs[0].view.strides[3] != 1 && request.outputs[0].view.shape[3] != 1) return nullptr;
  return std::make_unique<AttentionKernel>(op, request.inputs[0].view.shape, request.inputs[1].view.shape, request.inputs[2].view.shape);
}

}  // namespace decal
