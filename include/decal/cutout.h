// From picture to cut-out: prepare the model's input, run the model, composite with its matte.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "decal/image.h"
#include "decal/model.h"
#include "decal/parallel.h"
#include "decal/result.h"
#include "decal/session.h"

namespace decal {

// Picture size in pixels.
struct Extent {
  int width = 0;
  int height = 0;
  bool operator==(const Extent&) const = default;
};

// The size a picture is scaled to for `model` (its size rule).
Extent InputExtent(const ModelInfo& model, Extent picture);

// How the values of a model's input are computed and ordered.
struct InputSpec {
  Extent extent;
  std::array<float, 3> mean{}, std{};
  bool channels_last = false;  // [1,H,W,3] instead of [1,3,H,W]
};

// Resizes the picture's RGB to `spec.extent` with antialiasing (area-weighted triangle filter, as PIL's BILINEAR), then
// writes (rgb / 255 - mean) / std into `input` (3 * width * height floats). Where the picture is
// transparent it is laid on black or on white, whichever is farther from what is visible: hidden colours mean nothing.
// Errors: kInvalidArgument for an empty picture or a wrong span size, kOutOfMemory.
Status PrepareInput(ImageView picture, const InputSpec& spec, std::span<float> input, ThreadRunner& runner);

// How the matte, which is as coarse as the model sees, becomes one of the picture's own resolution. docs/edges.md has what each gains.
enum class Refine {
  kOff,  // enlarged bilinearly
  kFast,  // along its outline alpha follows from the picture's colours, learnt from those around that are sure
  kBest,  // in two steps, the second on a grid twice as fine
};

// Part of a picture, in its pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Box&) const = default;
};

// What Composite makes of a matte, in the order in which it happens. docs/edges.md has what each is good for.
struct CompositeOptions {
  // RGBA to put behind the subject; without one the result is transparent.
  std::optional<std::array<uint8_t, 4>> background;
  // The matte itself as an opaque grey picture instead of the cut-out.
  bool mask_only = false;
  // Where the matte is larger than the picture, it is reduced first.
  Refine refine = Refine::kOff;
  // Gives mixed pixels the subject's own colours, without what shone through of the old background.
  bool decontaminate = false;
  // The other side: what is not the subject.
  bool background_only = false;
  // Alpha from here on, 0..1, is whole, and below it nothing: no soft edges. Without it they stay.
  std::optional<float> threshold;
  // Parts of the matte with less than that share (0..1) of the largest part's sum go; holes in it that are smaller close.
  float remove_islands = 0, fill_holes = 0;
  // Pixels, 0..50: jags and wobbles of the outline up to about that size are straightened. Soft edges become firm.
  float smooth = 0;
  // Pixels, -50..50, by which the outline moves outwards, or inwards. Parts of a pixel count.
  float grow = 0;
  // 0..1: how dark a soft shadow is, on the ground below the subject. Neither a mask nor the background alone has one.
  float shadow = 0;
};

// Resizes `matte` to the picture's size in floating point (bilinear when enlarging, antialiased when reducing) and writes
// the cut-out to `out`, which has the picture's size and may be the same memory. Alpha is straight: the picture's alpha
// times the matte. RGB is 0 where the resulting alpha is 0. Matte values are clamped to 0..1, NaN counts as 0. With an
// opaque background the result is opaque. `visible`, if given, gets the box around all that the result shows of the subject (at
// least a twentieth of it in a pixel) and its shadow; an empty one where that is nothing. Errors: kInvalidArgument, which names an
// option that is out of range; kOutOfMemory.
Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner, Box* visible = nullptr);

// Which part of a picture a result shows, and how large. It may reach beyond the picture.
struct FrameOptions {
  // Cuts to what is visible, with a margin in percent (0..100) of its longer side. Where nothing is visible, nothing is cut.
  std::optional<float> crop;
  // Width to height, 0.01..100: widens the frame, on all sides alike, until it has it. 0: it stays.
  float aspect_ratio = 0;
  // Pixels of the result, 1..32768 each, which widen the frame as aspect_ratio does. One of them may be 0 and follows then.
  Extent size;
  // Or a factor, 0.01..8.
  float scale = 1;
  bool operator==(const FrameOptions&) const = default;
};

struct Frame {
  Box source;  // in the picture's pixels, and perhaps partly outside
  Extent extent;  // of the result
};

// `visible` is Composite's. Errors: kInvalidArgument, which names an option that is out of range, or that goes against another;
// kLimitExceeded for a result over 2^30 pixels.
Result<Frame> ChooseFrame(Extent picture, const Box& visible, const FrameOptions& options);

// Fills `out`, of frame.extent, with that part of the picture, resized as by ResizeImage, and with `beyond` (RGBA) outside of it.
// They do not share memory. Errors: as ResizeImage.
Status TakeFrame(ImageView picture, const Frame& frame, std::array<uint8_t, 4> beyond, MutableImageView out,
                 ThreadRunner& runner);

// The size of a preview: the picture's, scaled down so that its long side is at most `long_side`. Never larger.
Extent PreviewExtent(Extent picture, int long_side);

// Resizes RGBA with straight alpha, with antialiasing. Colours are weighted by alpha, so that colours of transparent pixels
// do not bleed. RGB is 0 where the resulting alpha is 0. Errors: kInvalidArgument, kOutOfMemory.
Status ResizeImage(ImageView picture, MutableImageView out, ThreadRunner& runner);

// How long each stage took and what it did.
struct CutoutReport {
  double preprocess_ms = 0;
  double inference_ms = 0;  // 0 from Finish: the host knows it
  double postprocess_ms = 0;
  Extent input;  // the size of the model's input
  size_t memory_bytes = 0;  // weights, arena and scratch of the session plus the picture work's buffers
  float coverage = 0;  // mean of the matte, 0..1
  // Around all of the matte that is at least one half, in the picture's pixels; empty if nothing is.
  Box bounding_box;
  Box visible;  // Composite's; empty from Segment
  // A result without a subject shows nothing, and whoever asked for it should hear so: coverage under a thousandth.
  bool found_subject() const { return coverage >= 0.001f; }
};

// Keeps the output with the matte alone: `output`, or where that is empty the one whose name or shape says so. A Remover
// does it itself; a host that plans the same model for a GPU does it before PlanGpu. Errors: as Session::KeepOutput.
Status ChooseMatte(Session& session, std::string_view output);

// Whether what Remover's Prepare, Run or Finish reports is a fault of the model rather than of this picture or its options.
bool IsModelFault(const Error& error);

// A model that takes pictures: a session, its preprocessing, and the size it is compiled for.
// Not thread-safe. `runner` must outlive it.
//
// A model of one input shape sees pictures beyond 2:1 in parts of 3:2, which overlap: squeezed into one input, what they show would
// be too small and too narrow to be found. Their mattes are joined.
//
// Run does everything on the CPU. A host with a GPU runs the model itself: Expect once for each size, then for each picture
// PrepareInput, inference on the GPU and FinishMatte, part by part, and Composite. The session is then not compiled for a size: its weights stay raw
// (IS-Net: 176 MB, or 88 as float16) until a Run packs them.
class Remover {
 public:
  // Takes a loaded session. The model must have one picture input, [1,3,H,W] or [1,H,W,3] of floats or bytes, whose sizes
  // may be dynamic; all others have a value in `model.inputs`. An input of bytes takes 0 to 255: mean and std do not apply.
  // Its matte is an output of [1,C,H,W], [1,H,W,C], [1,H,W] or [H,W]; see ModelInfo. A fixed input size wins over the
  // size rule. Errors: kShapeMismatch; kInvalidArgument; kNotFound for the name of an input or output; as CheckModel.
  static Result<Remover> Create(Session session, const ModelInfo& model, ThreadRunner& runner);
  // The embedded default model.
  static Result<Remover> CreateDefault(ThreadRunner& runner);

  Remover(Remover&&) noexcept;
  Remover& operator=(Remover&&) noexcept;
  ~Remover();

  // Plans and allocates for pictures of that size. Run does so itself when needed.
  Status Prepare(Extent picture);
  Result<CutoutReport> Run(ImageView picture, const CompositeOptions& options, MutableImageView out,
                           const CancelFlag* cancel = nullptr);
  // The first part of Run: the matte alone, for Composite.
  Result<CutoutReport> Segment(ImageView picture, const CancelFlag* cancel = nullptr);
  // The matte of the last Run, Segment or Finish, at the model's resolution.
  MatteView matte() const;
  const Session& session() const;

  // Prepares for a plan of the same model (Session::PlanGpu) at InputSize(picture): allocates for its output of that shape.
  // What Run has prepared stays. Errors: kShapeMismatch if the output is not a matte.
  Status Expect(Extent picture, std::span<const int64_t> output_shape);
  // The size of the model's input for pictures of that size.
  Extent InputSize(Extent picture) const;
  // Whether the last Expect or Prepare serves pictures of that size.
  bool Fits(Extent picture) const;
  // In how many parts the model sees pictures of that size, 1 to 16.
  int Parts(Extent picture) const;
  // The model's input for a part, dense float32 in its own layout; valid until the next call. Errors: kInvalidArgument if nothing is
  // prepared for pictures of that size, or there is no such part; as PrepareInput above.
  Result<std::span<const float>> PrepareInput(ImageView picture, int part = 0);
  // Makes the cut-out from the model's output, dense float32, for a picture of one part, that of PrepareInput. Nothing is written
  // after an error. Errors: kInvalidArgument for a wrong size; of the model: kInternal if the output contains NaN,
  // kInvalidArgument (`where` is "activation") if it is neither a matte nor what the activation makes one of; as Composite.
  Result<CutoutReport> Finish(std::span<const float> model_output, ImageView picture, const CompositeOptions& options,
                              MutableImageView out);
  // The same up to the matte, a part after the other: the report and matte() are those of the picture after its last one.
  Result<CutoutReport> FinishMatte(std::span<const float> model_output, Extent picture, int part = 0);

 private:
  struct Impl;
  explicit Remover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
