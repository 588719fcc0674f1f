// The graph rewrites, in the order they run. Each has its own file with its pattern in a comment.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

#include "engine/ir/graph.h"

namespace decal {

// A weights-only view of the graph (after loading) or one with every shape known (after Specialize).
enum class FoldStage : uint8_t { kLoaded, kSpecialized };

// Evaluates every node whose inputs are known, with the scalar references. At kSpecialized it also gives every value its
// type. It then fails if a shape depends on the contents of a tensor or does not fit.
Status FoldConstants(Graph& graph, FoldStage stage);

// Makes inputs and outputs float32: what a Session does before the passes.
Status FloatBorder(Graph& graph);

// Lets float16 graphs compute in float32.
Status WidenHalf(Graph& graph);

// Folds BatchNormalization into the weights and bias of the convolution before it.
Status FoldBatchNorm(Graph& graph);

// Lets quantised models run on the float kernels, with their weights dequantised. The only pass that changes results:
// by less than a step of the quantisation that it removes.
Status LowerQuantized(Graph& graph);

// Replaces operators by simpler ones of the same meaning and removes those without effect.
Status Canonicalize(Graph& graph);

// Recognises activations (GELU, hard-swish) as exporters write them.
Status FuseActivations(Graph& graph);

// Recognises layer and instance normalisation written as eight operators.
Status FuseNorms(Graph& graph);

// Composes chains of data movement into single Strided operators.
Status ComposeMovement(Graph& graph);

// Recognises shifted windows.
Status FuseWindows(Graph& graph);

// Fuses instance and batch normalisation of parts of the channels, and the clipping after them, into one operator.
// Expects composed movement.
Status FuseInstanceNorms(Graph& graph);

// Recognises attention. Expects composed movement, and leaves Transposes for composition.
Status FuseAttention(Graph& graph);

// Recognises deformable convolution in its GatherND form. Expects composed movement.
Status FuseDeformConv(Graph& graph);

// Moves 1x1 convolutions before the resizes in front of them.
Status SinkResize(Graph& graph);

// Moves activations, biases and residual additions into the convolution or matrix product before them.
Status FuseEpilogue(Graph& graph);

// Removes nodes whose results are not used, and releases unused constants.
Status EliminateDead(Graph& graph);

// Moves nodes whose results are smaller than what they free to the earliest place where they can run.
Status HoistShrinking(Graph& graph);

// Chooses a memory layout for every value and inserts Relayout between values that differ.
Status AssignLayout(Graph& graph);

// Finds a pass by the name that `decal inspect --after` and tests use.
struct Pass {
  const char* name;
  Status (*run)(Graph&);
};

// The passes of the two stages, in order.
std::span<const Pass> LoadPasses();
std::span<const Pass> SpecializePasses();

// Runs passes in order. Debug builds verify the graph after each. Stops after the pass named `last`, if there is one of
// that name.
Status RunPasses(Graph& graph, std::span<const Pass> passes, std::string_view last = {});

// ---- tools for passes ------------------------------------------------------------------------

// Replaces every use of `from`, including graph outputs, by `to`.
void ReplaceUses(Graph& graph, ValueId from, ValueId to);

// Removes the marked nodes.
void EraseNodes(Graph& graph, const std::vector<bool>& erase);

// The epilogue of a convolution or matrix product; null for other operators.
Epilogue* EpilogueOf(Op& op);
const Epilogue* EpilogueOf(const Op& op);

// Where an operator with an epilogue has its bias and the epilogue's inputs.
EpilogueSlots EpilogueSlotsOf(const Op& op);

}  // namespace decal
