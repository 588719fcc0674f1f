// Long pictures in overlapping parts: their positions, and joining their mattes to one.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/cutout.h"
#include "engine/base/buffer.h"

namespace decal {

// 1 for pictures up to 2:1; beyond, so many parts of 3:2 that each overlaps the next by at least a third of its length, 16 at most.
int PartCount(Extent picture);

// Part `index` of `count`: all of one length, spread evenly along the picture.
Box PartOf(Extent picture, int index, int count);

// The mattes of a picture's parts, in one matte. Where parts overlap, each counts the more the farther its own end is.
class JoinedMatte {
 public:
  // `part`: the extent of one part's matte. Errors: kOutOfMemory.
  static Result<JoinedMatte> Create(Extent picture, int count, Extent part);

  bool is_open() const { return count_ > 0; }
  void Add(int index, MatteView matte);
  // After the last part: the mean of the whole.
  float Finish();
  MatteView view() const;
  size_t size_bytes() const { return values_.size_bytes() + weights_.size_bytes(); }

 private:
  bool wide_ = true;
  int count_ = 0;
  Extent extent_, part_;
  Buffer values_, weights_;  // weighted sums until Finish; a weight for each place along the picture
};

}  // namespace decal
