// The pass lists, the runner and the tools that passes share.
// SPDX-License-Identifier: MIT
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

namespace {

// fn(operator, its epilogue's slots), where it has an epilogue.
template <class OpVariant, class R>
R WithEpilogue(OpVariant& op, R otherwise, auto&& fn) {
  return std::visit(
      [&]<class O>(O& o) -> R {
        if constexpr (requires { o.epilogue; }) return fn(o, OpTraits<std::remove_const_t<O>>::kEpilogue);
        else return otherwise;
      },
      op);
}

}  // namespace

Epilogue* EpilogueOf(Op& op) {
  return WithEpilogue(op, static_cast<Epilogue*>(nullptr), [](auto& o, const EpilogueSlots&) { return &o.epilogue; });
}

const Epilogue* EpilogueOf(const Op& op) {
  return WithEpilogue(op, static_cast<const Epilogue*>(nullptr),
                      [](auto& o, const EpilogueSlots&) { return &o.epilogue; });
}

EpilogueSlots EpilogueSlotsOf(const Op& op) {
  return WithEpilogue(op, EpilogueSlots{SIZE_MAX, SIZE_MAX, false},
                      [](auto&, const EpilogueSlots& slots) { return slots; });
}

}  // namespace decal
