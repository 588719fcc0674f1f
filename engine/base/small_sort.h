// Sorting a handful of elements: std::sort of each type would be 2 to 4 kB of WebAssembly.
// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

namespace decal {

// Stable insertion sort of [begin, end).
template <class Iterator, class Less>
void SmallSort(Iterator begin, Iterator end, const Less& less) {
  for (Iterator i = begin; i != end; ++i)
    for (Iterator j = i; j != begin && less(*j, *(j - 1)); --j) std::swap(*j, *(j - 1));
}

}  // namespace decal
