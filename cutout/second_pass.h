// A second pass: the model sees the surroundings of the subject again, closer; what both passes say of them together is more often right.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "decal/cutout.h"
#include "engine/base/buffer.h"

namespace decal {

// A part of a picture, and where its matte lies in a matte of the whole picture with cells of the same size.
struct CloserView {
  Box box;       // pixels of the picture
  Extent whole;  // cells of the whole
  int x, y;      // the part's first cell
};

// The surroundings of `subject`, a box in the picture's pixels, for a model whose mattes have so many cells. Empty where
// they are nearly the whole picture, or there is no subject.
std::optional<CloserView> ChooseCloserView(Extent picture, const Box& subject, Extent cells);

// The matte of both passes.
class CloserMatte {
 public:
  // `first`, the matte of the whole picture, is copied. Errors: kOutOfMemory.
  static Result<CloserMatte> Create(const CloserView& part, MatteView first);

  // Takes the matte of the part. If it shows another subject than the first one does, the whole remains the first.
  Status Add(MatteView second);

  bool is_open() const { return first_.size_bytes() > 0; }
  const Box& box() const { return part_.box; }
  MatteView view() const;
  // The mean of `view`.
  float coverage() const;
  size_t size_bytes() const { return first_.size_bytes() + joined_.size_bytes(); }

 private:
  CloserView part_{};
  Extent cells_;  // of each pass
  Buffer first_, joined_;  // joined_ is empty unless the passes agree
};

}  // namespace decal
