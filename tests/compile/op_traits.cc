// Must not compile, but for DECAL_CASE 0: an operator whose traits are missing, or leave a fact out. See compile/test.cmake.
// SPDX-License-Identifier: MIT
#include "engine/ops/op_traits.h"

namespace decal {

struct Made {};

#if DECAL_CASE != 1
template <>
struct OpTraits<Made> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts{.required_inputs = 1,
                                  .packed_input = kNoInput,
                                  .layout = LayoutNeed::kAny,
                                  .activations = kAllInputs,
                                  .any_strides = kAllInputs,
                                  .unit_last = kNoInputs,
#if DECAL_CASE != 2
                                  .in_place = false,
#endif
                                  .takes_strings = false,
                                  .known_by_shapes = false,
                                  .on_cpu = false,
                                  .on_gpu = false};
};
#endif

static_assert(OpTraits<Made>::kFacts.required_inputs == 1);

}  // namespace decal
