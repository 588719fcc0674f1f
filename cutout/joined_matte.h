// Long pictures in overlapping parts: the parts' positions, and joining their mattes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/cutout.h"
#include "engine/base/buffer.h"

namespace decal {

// 1 for pictures up to 3.5:1. For longer ones, enough parts of 3:2 that each overlaps the next by at least a third of
// its length; at most 16.
int PartCount(Extent picture);

// Part `index` of `count`. All have the same length and are spread evenly along the picture.
Box PartOf(Extent picture, int index, int count);

// Joins the mattes of a picture's parts. Where parts overlap, the weight of each grows with the distance from its own
// end.
class JoinedMatte {
 public:
  // `part`: the size of one part's matte. Errors: kOutOfMemory.
  static Result<JoinedMatte> Create(Extent picture, int count, Extent part);

  bool is_open() const { return count_ > 0; }
  void Add(int index, MatteView matte);
  // Call after the last part. Returns the mean of the whole.
  float Finish();
  MatteView view() const;
  size_t size_bytes() const { return values_.size_bytes() + weights_.size_bytes(); }

 private:
  bool wide_ = true;
  int count_ = 0;
  Extent extent_, part_;
  Buffer values_, weights_;  // weighted sums until Finish; one weight for each place along the picture
};

}  // namespace decal
