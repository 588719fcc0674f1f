// From a model's output to a matte: which output it is, its position there, and its activation.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "decal/cutout.h"

namespace decal {

// Where the matte is in an output, whose values lie densely.
struct MatteLayout {
  Extent extent;
  size_t classes = 1;
  size_t foreground = 0;       // the class of the subject
  bool channels_last = false;  // the classes of a pixel lie side by side

  size_t pixels() const { return static_cast<size_t>(extent.width) * static_cast<size_t>(extent.height); }
  size_t values() const { return classes * pixels(); }
  // Where ReadMatte leaves the matte.
  size_t offset() const { return channels_last ? 0 : foreground * pixels(); }
};

// [1,C,H,W], [1,H,W,C], [1,H,W] or [H,W]. `foreground_class` is that of ModelInfo. Errors: kShapeMismatch for other
// shapes; kInvalidArgument if there are several classes and none is named, or one that is not there.
Result<MatteLayout> FindMatteLayout(const std::string& name, const std::vector<int64_t>& shape, int foreground_class);

// "alpha [1,1,?,?]"
std::string ShapeText(const std::string& name, const std::vector<int64_t>& shape);

// Turns an output into a matte of 0..1, in place at layout.offset(), and returns its mean. A NaN is an error: a picture
// with holes, or a blank one, must not pass for a result. Errors: kInternal for NaN; kInvalidArgument for values that are
// no matte, with the activation to choose.
Result<float> ReadMatte(OutputActivation activation, const MatteLayout& layout, std::span<float> output,
                        ThreadRunner& runner);

}  // namespace decal
