// The pass lists, the runner and the tools that passes share.
#include "engine/passes/passes.h"

#include <string>

namespace decal {
namespace {

constexpr Pass kLoadPasses[] = {
    {"widen-half", WidenHalf},
    {"fold-constants", [](Graph& g) { return FoldConstants(g, FoldStage::kLoaded); }},
    {"lower-quantized", LowerQuantized},
    {"fold-batch-norm", FoldBatchNorm},
    {"eliminate-dead", EliminateDead},
};

constexpr Pass kSpecializePasses[] = {
    {"specialize-shapes", [](Graph& g) { return FoldConstants(g, FoldStage::kSpecialized); }},
    {"canonicalize", Canonicalize},
    {"fuse-norms", FuseNorms},
    {"fuse-activations", FuseActivations},
    {"fuse-windows", FuseWindows},
    {"compose-movement", ComposeMovement},
    {"fuse-deform-conv", FuseDeformConv},
    {"fuse-attention", FuseAttention},
    {"compose-movement-again", ComposeMovement},
    {"sink-resize", SinkResize},
    {"fuse-instance-norms", FuseInstanceNorms},
    {"fuse-epilogue", FuseEpilogue},
    {"eliminate-dead", EliminateDead},
    {"hoist-shrinking", HoistShrinking},
    {"assign-layout", AssignLayout},
};

}  // namespace

std::span<const Pass> LoadPasses() { return kLoadPasses; }
std::span<const Pass> SpecializePasses() { return kSpecializePasses; }

Status RunPasses(Graph& graph, std::span<const Pass> passes, std::string_view last) {
  for (const Pass& pass : passes) {
    DECAL_TRY(pass.run(graph));
#ifndef NDEBUG
    if (Status status = Verify(graph); !status)
      return Fail(ErrorCode::kInternal, std::string("after pass ") + pass.name + ": " + status.error().message,
                  status.error().where);
#endif
    if (last == pass.name) break;
  }
  return {};
}

void ReplaceUses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes)
    for (ValueId& v : node.inputs)
      if (v == from) v = to;
  for (ValueId& v : graph.outputs)
    if (v == from) v = to;
}

void EraseNodes(Graph& graph, const std::vector<bool>& erase) {
  size_t kept = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (erase[i]) continue;
    if (kept != i) graph.nodes[kept] = std::move(graph.nodes[i]);
    ++kept;
  }
  graph.nodes.resize(kept);
}

Epilogue* EpilogueOf(Op& op) {
  if (auto* conv = std::get_if<Conv>(&op)) return &conv->epilogue;
  if (auto* conv = std::get_if<ConvTranspose>(&op)) return &conv->epilogue;
  if (auto* conv = std::get_if<DeformConv>(&op)) return &conv->epilogue;
  if (auto* matmul = std::get_if<MatMul>(&op)) return &matmul->epilogue;
  return nullptr;
}

size_t OwnInputs(const Op& op) {
  if (EpilogueOf(const_cast<Op&>(op)) == nullptr) return SIZE_MAX;
  return std::holds_alternative<DeformConv>(op) ? 5 : 3;
}

size_t BiasInput(const Op& op) { return std::holds_alternative<DeformConv>(op) ? 3 : 2; }

}  // namespace decal
