// The families of WebGPU test cases: each adds random single operators to the writer.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/gpu/case_writer.h"

namespace decal::testing {

void AddProductCases(CaseWriter& writer);
void AddElementwiseCases(CaseWriter& writer);
void AddMovementCases(CaseWriter& writer);
void AddAttentionCases(CaseWriter& writer);
void AddMapCases(CaseWriter& writer);
void AddReductionCases(CaseWriter& writer);

// What cases of convolutions share: the same size in both directions, and an epilogue with its inputs for an output of `shape`.
Window SquareWindow(int64_t kernel, int64_t stride, int64_t dilation, int64_t pad);
Epilogue RandomEpilogue(CaseGraph& g, const Shape& shape, std::vector<ValueId>& inputs);

}  // namespace decal::testing
