// What decal.rembg does to arrays beside the network, on an engine's threads.
// SPDX-License-Identifier: MIT
#pragma once

#include "binding/engine.h"

namespace decal::python {

// [H,W], [H,W,3] or [H,W,4], row after row.
using SamplesArray = nanobind::ndarray<const uint8_t, nanobind::c_contig, nanobind::device::cpu>;

// A new array of the same number of channels, enlarged as Pillow's LANCZOS does (see ResizeLanczos for reducing). Throws
// kInvalidArgument for other shapes or an empty size.
nanobind::ndarray<nanobind::numpy, uint8_t> Resize(Shared& engine, const SamplesArray& from, int width, int height);

// Writes `picture` ([H,W,3] or [H,W,4], row after row) times `mask` ([h,w], resized) to `out`, as pasting through it onto nothing does.
// Throws kInvalidArgument for other shapes.
void Paste(Shared& engine, const SamplesArray& picture, const SamplesArray& mask, const OutputArray& out);

}  // namespace decal::python
