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

// Resizes the picture's RGB to `spec.extent` with antialiasing (area-weighted triangle filter, like PIL's BILINEAR), then
// writes (rgb / 255 - mean) / std into `input` (3 * width * height floats). Transparent
// parts are put on black or white, whichever differs more from the visible parts: the colours of transparent pixels are meaningless.
// Errors: kInvalidArgument for an empty picture or a wrong span size, kOutOfMemory.
Status PrepareInput(ImageView picture, const InputSpec& spec, std::span<float> input, ThreadRunner& runner);

// How the matte is brought from the model's resolution to the picture's. docs/edges.md compares the choices.
enum class Refine {
  kOff,  // enlarged bilinearly
  kFast,  // along its outline alpha follows from the picture's colours, learnt from those around that are sure
  kBest,  // in two steps, the second on a grid twice as fine; and a model of two passes makes both
};

// Part of a picture, in its pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Box&) const = default;
};

// Options of Composite, in the order in which they are applied. docs/edges.md explains them.
struct CompositeOptions {
  // RGBA behind the subject. Without it the result is transparent.
  std::optional<std::array<uint8_t, 4>> background;
  // Writes the matte as an opaque grey picture instead of the cut-out.
  bool mask_only = false;
  // A matte that is larger than the picture is reduced first.
  Refine refine = Refine::kOff;
  // Removes the old background's colours from soft edges.
  bool decontaminate = false;
  // Keeps the background and removes the subject.
  bool background_only = false;
  // Hard edges: alpha from this value (0..1) on becomes 1, below it 0. Without it edges stay soft.
  std::optional<float> threshold;
  // Removes parts of the matte with less than this share (0..1) of the largest part's sum, and fills smaller holes.
  float remove_islands = 0, fill_holes = 0;
  // Smooths jags of the outline up to about this many pixels (0..50). Soft edges become harder.
  float smooth = 0;
  // Moves the outline outwards by this many pixels, or inwards if negative (-50..50). Fractions are allowed.
  float grow = 0;
  // Darkness (0..1) of a soft shadow on the ground below the subject. Masks and background_only ignore it.
  float shadow = 0;
};

// What Composite works in, kept from one call to the next: for frames, whose sizes stay the same. One for each stream.
class CompositeMemory {
 public:
  CompositeMemory();
  CompositeMemory(CompositeMemory&&) noexcept;
  CompositeMemory& operator=(CompositeMemory&&) noexcept;
  ~CompositeMemory();

  size_t memory_bytes() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Resizes `matte` to the picture's size in floating point (bilinear when enlarging, antialiased when reducing) and writes
// the cut-out to `out`, which has the picture's size and may be the same memory. Alpha is straight: the picture's alpha
// times the matte. RGB is 0 where the resulting alpha is 0. Matte values are clamped to 0..1, NaN counts as 0. With an
// opaque background the result is opaque. `visible`, if given, receives the bounding box of the visible subject (alpha of at
// least a twentieth) and its shadow, or an empty box. `memory`, if given, makes no difference but to the time that it takes. Errors:
// kInvalidArgument, which names an option that is out of range; kOutOfMemory.
Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner, Box* visible = nullptr, CompositeMemory* memory = nullptr);

// The part of the picture that a result shows, and its size. It may extend beyond the picture.
struct FrameOptions {
  // Crops to the visible part, with a margin in percent (0..100) of its longer side. If nothing is visible, nothing is cropped.
  std::optional<float> crop;
  // Width divided by height, 0.01..100: extends the frame evenly to this aspect ratio. 0: no change.
  float aspect_ratio = 0;
  // Size of the result in pixels, 1..32768 each; extends the frame as aspect_ratio does. A side of 0 follows from the other.
  Extent size;
  // Scale factor instead of a size, 0.01..8.
  float scale = 1;
  bool operator==(const FrameOptions&) const = default;
};

struct Frame {
  Box source;  // in the picture's pixels, and perhaps partly outside
  Extent extent;  // of the result
};

// `visible` is Composite's. Errors: kInvalidArgument, which names an option that is out of range or excludes another;
// kLimitExceeded for a result over 2^30 pixels.
Result<Frame> ChooseFrame(Extent picture, const Box& visible, const FrameOptions& options);

// Fills `out`, of size frame.extent, with this part of the picture, resized as by ResizeImage, and with `beyond` (RGBA) outside of it.
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
  int passes = 1;  // 2 where the model saw the subject's surroundings again, closer (ModelInfo::passes)
  float coverage = 0;  // mean of the matte, 0..1
  // Bounding box of the matte where it is at least one half, in the picture's pixels; empty if there is none.
  Box bounding_box;
  Box visible;  // Composite's; empty from Segment
  // Whether the matte is practically empty (coverage under a thousandth), which callers should report to the user.
  bool found_subject() const { return coverage >= 0.001f; }
};

// Keeps only the output that is the matte: `output`, or if that is empty the one guessed by name and shape. A Remover
// does this itself; a host that plans the same model for a GPU calls it before PlanGpu. Errors: as Session::KeepOutput.
Status ChooseMatte(Session& session, std::string_view output);

// Whether an error of Remover's Prepare, Run or Finish is the model's fault rather than the picture's or the options'.
bool IsModelFault(const Error& error);

// A model that takes pictures: a session, its preprocessing, and the size it is compiled for.
// Not thread-safe. `runner` must outlive it.
//
// A model of one fixed input shape processes pictures beyond 3.5:1 in overlapping parts of 3:2, because squeezed into one input their
// subjects would be too small and narrow to be found. The parts' mattes are joined. With Refine::kBest, a model of two passes
// (ModelInfo::passes) sees what surrounds the subject of any other picture again, closer, unless that is nearly all of it; where both
// passes show the same subject, the matte says what they agree on.
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
  // `cancel`, if set from another thread, ends it with kCancelled: between two layers, or some rows of the picture. `out` is then incomplete.
  Result<CutoutReport> Run(ImageView picture, const CompositeOptions& options, MutableImageView out,
                           const CancelFlag* cancel = nullptr);
  // The first part of Run: computes only the matte, for Composite. `twice`: in the two passes of a model that has them, as Run does for
  // Refine::kBest.
  Result<CutoutReport> Segment(ImageView picture, const CancelFlag* cancel = nullptr, bool twice = false);
  // The matte of the last Run, Segment or Finish, at the model's resolution.
  MatteView matte() const;
  const Session& session() const;

  // Prepares for a plan of the same model (Session::PlanGpu) at InputSize(picture): allocates for its output of that shape.
  // Does not affect what Run has prepared. Errors: kShapeMismatch if the output is not a matte.
  Status Expect(Extent picture, std::span<const int64_t> output_shape);
  // The size of the model's input for pictures of that size.
  Extent InputSize(Extent picture) const;
  // Whether the last Expect or Prepare was for pictures of this size or one that shares its plan.
  bool Fits(Extent picture) const;
  // The number of parts in which the model processes pictures of this size, 1 to 16.
  int Parts(Extent picture) const;
  // After FinishMatte for the last part: whether the model is to see one more part of this picture, Parts(picture), for its second pass.
  // Without it, the matte is that of the first pass.
  bool SecondPassDue() const;
  // The model's input for a part, dense float32 in its own layout; valid until the next call. Errors: kInvalidArgument if nothing is
  // prepared for pictures of that size, or there is no such part; as PrepareInput above.
  Result<std::span<const float>> PrepareInput(ImageView picture, int part = 0);
  // Makes the cut-out from the model's output, dense float32, for a picture of one part, that of PrepareInput, in one pass. Nothing is
  // written after an error. Errors: kInvalidArgument for a wrong size; of the model: kInternal if the output contains NaN,
  // kInvalidArgument (`where` is "activation") if its values are out of the activation's range; as Composite.
  Result<CutoutReport> Finish(std::span<const float> model_output, ImageView picture, const CompositeOptions& options,
                              MutableImageView out);
  // The same up to the matte, one part at a time: after the last part, the report and matte() are those of the whole picture.
  Result<CutoutReport> FinishMatte(std::span<const float> model_output, Extent picture, int part = 0);

 private:
  struct Impl;
  explicit Remover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
