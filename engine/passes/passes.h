// The graph rewrites, in the order they run. Each has its own file with its pattern in a comment.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

#include "engine/ir/graph.h"

namespace decal {

// A weights-only view of the graph (after loading) or one with every shape known (after Specialize).
enum class FoldStage : uint8_t { kLoaded, kSpecialized };

// Evaluates every node whose inputs are known, with the scalar references. At kSpecialized also gives every
// value its type, and fails where a shape depends on the contents of a tensor or does not fit.
Status FoldConstants(Graph& graph, FoldStage stage);

// Makes inputs and outputs float32: what a Session does before the passes.
Status FloatBorder(Graph& graph);

// Lets float16 graphs compute in float32.
Status WidenHalf(Graph& graph);

// Folds BatchNormalization into the weights and bias of the convolution before it.
Status FoldBatchNorm(Graph& graph);

// Lets quantised models run on the float kernels, with their weights dequantised. The one pass that changes results:
// by less than a step of the quantisation it removes.
Status LowerQuantized(Graph& graph);

// Replaces operators by simpler ones of the same meaning and drops those that do nothing.
Status Canonicalize(Graph& graph);

// Recognises activations (GELU, hard-swish) in the spellings of exporters.
Status FuseActivations(Graph& graph);

// Recognises layer and instance normalisation in their eight-operator spelling.
Status FuseNorms(Graph& graph);

// Composes chains of data movement into single Strided operators.
Status ComposeMovement(Graph& graph);

// Recognises shifted windows.
Status FuseWindows(Graph& graph);

// Makes one operator of instance and batch normalisation of parts of the channels, and of the limits behind; expects
// composed movement.
Status FuseInstanceNorms(Graph& graph);

// Recognises attention; expects composed movement, and leaves Transposes to compose.
Status FuseAttention(Graph& graph);

// Recognises deformable convolution in its GatherND spelling; expects composed movement.
Status FuseDeformConv(Graph& graph);

// Lets 1x1 convolutions run before the resizes in front of them.
Status SinkResize(Graph& graph);

// Moves activations, biases and residual additions into the product that feeds them.
Status FuseEpilogue(Graph& graph);

// Removes nodes whose results nobody uses, and lets go of unused constants.
Status EliminateDead(Graph& graph);

// Moves nodes that shrink what is alive up to where they can run first.
Status HoistShrinking(Graph& graph);

// Chooses a memory layout for every value and inserts Relayout where neighbours disagree.
Status AssignLayout(Graph& graph);

// A pass by name, as `decal inspect --after` and the tests know it.
struct Pass {
  const char* name;
  Status (*run)(Graph&);
};

// The passes of the two stages, in order.
std::span<const Pass> LoadPasses();
std::span<const Pass> SpecializePasses();

// Runs passes in order, verifying the graph after each in debug builds. Stops after the pass named `last`, if any
// has that name.
Status RunPasses(Graph& graph, std::span<const Pass> passes, std::string_view last = {});

// ---- tools for passes ------------------------------------------------------------------------

// Lets every use of `from`, graph outputs included, refer to `to`.
void ReplaceUses(Graph& graph, ValueId from, ValueId to);

// Removes the marked nodes.
void EraseNodes(Graph& graph, const std::vector<bool>& erase);

// Where the epilogue of a product lives, or null.
Epilogue* EpilogueOf(Op& op);
const Epilogue* EpilogueOf(const Op& op);

// Where an operator with an epilogue has its bias and the epilogue's inputs.
EpilogueSlots EpilogueSlotsOf(const Op& op);

}  // namespace decal
