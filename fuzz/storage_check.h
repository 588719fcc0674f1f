// Follows every byte of a planned graph's memory without computing anything.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ir/graph.h"

namespace decal::fuzz {

// Aborts, saying which value, if a value's bytes are written between the node that makes it and one that reads it.
// `graph` is specialised and laid out, and its values take a few MB at most.
void CheckStorage(const Graph& graph);

}  // namespace decal::fuzz
