// The families of WebGPU test cases: each adds random single operators to the writer.
#pragma once

#include "tests/gpu/case_writer.h"

namespace decal::testing {

void AddProductCases(CaseWriter& writer);
void AddElementwiseCases(CaseWriter& writer);
void AddMovementCases(CaseWriter& writer);
void AddMapCases(CaseWriter& writer);
void AddReductionCases(CaseWriter& writer);

}  // namespace decal::testing
