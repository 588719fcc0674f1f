// From picture to cut-out: prepare the model's input, refine its matte, composite.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

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

// How the values of a model's input are made and ordered.
struct InputSpec {
  Extent extent;
  std::array<float, 3> mean{}, std{};
  bool channels_last = false;  // [1,H,W,3] rather than [1,3,H,W]
};

// Antialiased (area-weighted triangle filter, as PIL's BILINEAR) resize of the picture's RGB to `spec.extent`, then
// (rgb / 255 - mean) / std, into `input` (3 * width * height floats). The picture's own alpha is ignored:
// fully transparent pixels count as they are stored. Errors: kInvalidArgument for an empty picture or a
// wrong span size, kOutOfMemory.
Status PrepareInput(ImageView picture, const InputSpec& spec, std::span<float> input, ThreadRunner& runner);

struct CompositeOptions {
  // RGBA to put behind the subject; without one the result is transparent.
  std::optional<std::array<uint8_t, 4>> background;
  // The matte itself as an opaque grey picture instead of the cut-out.
  bool mask_only = false;
};

// Resizes `matte` to the picture in floating point (bilinear when enlarging, antialiased when reducing) and
// composes `out` (same extent as `picture`; may be the same memory): straight alpha, picture alpha times
// matte, RGB zeroed where alpha comes out 0. Matte values outside 0..1 are clamped, NaN counts as 0. With an
// opaque background the result is opaque. Errors: kInvalidArgument, kOutOfMemory.
Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner);

// Size of a preview: the picture's, scaled down so that the long side is at most `long_side`; never enlarged.
Extent PreviewExtent(Extent picture, int long_side);

// Antialiased resize of RGBA with straight alpha (weighted by alpha, so that hidden colours do not bleed);
// RGB is zeroed where alpha comes out 0. Errors: kInvalidArgument, kOutOfMemory.
Status ResizeImage(ImageView picture, MutableImageView out, ThreadRunner& runner);

// How long each stage took and what it did.
struct CutoutReport {
  double preprocess_ms = 0;
  double inference_ms = 0;  // 0 from Finish: the host's
  double postprocess_ms = 0;
  Extent input;        // what the model saw
  size_t memory_bytes = 0;  // weights, arena and scratch of the session plus the picture work's buffers
  float coverage = 0;  // mean of the matte, 0..1
};

// A model ready for pictures: the session, its preprocessing and its current specialisation.
// Not thread-safe. `runner` must outlive it.
//
// Run does everything on the CPU. A host that has a GPU does the middle itself, by a plan of its own: Expect once a size, then
// PrepareInput -> inference on the GPU -> Finish for each picture. The session is then never specialised: its weights
// stay as they came (IS-Net: 176 MB, or 88 as float16) until a Run packs them after all.
class Remover {
 public:
  // Takes a loaded session. The model must have one picture input ([1,3,H,W] or [1,H,W,3], sizes may be
  // free) and a matte as its first output ([1,1,H,W], [1,H,W,1], or [1,2,H,W] whose second channel is the
  // foreground). Errors: kShapeMismatch. A fixed input size of the model wins over the registry's.
  static Result<Remover> Create(Session session, const ModelInfo& model, ThreadRunner& runner);
  // The embedded default model.
  static Result<Remover> CreateDefault(ThreadRunner& runner);

  Remover(Remover&&) noexcept;
  Remover& operator=(Remover&&) noexcept;
  ~Remover();

  // Plans and allocates for pictures of that extent; Run does it by itself when needed.
  Status Prepare(Extent picture);
  Result<CutoutReport> Run(ImageView picture, const CompositeOptions& options, MutableImageView out,
                           const CancelFlag* cancel = nullptr);
  // The matte of the last Run or Finish, at the model's resolution.
  MatteView matte() const;
  const Session& session() const;

  // For a plan of the same model at InputSize(picture) (Session::PlanGpu): makes room for its output of that shape. What
  // Run had prepared stays. Errors: kShapeMismatch where the output is no matte.
  Status Expect(Extent picture, std::span<const int64_t> output_shape);
  // What the model sees of pictures of that extent.
  Extent InputSize(Extent picture) const;
  // Whether the last Expect or Prepare serves pictures of that extent.
  bool Fits(Extent picture) const;
  // The model's input, dense float32 in its own layout; valid until the next call. Errors: kInvalidArgument where
  // there is no plan for pictures of that extent; as PrepareInput above.
  Result<std::span<const float>> PrepareInput(ImageView picture);
  // From the model's first output, dense float32, to the cut-out; `picture` is that of PrepareInput. Nothing is
  // written unless all is well. Errors: kInvalidArgument for a wrong size; kInternal where the output is not a
  // number; as Composite.
  Result<CutoutReport> Finish(std::span<const float> model_output, ImageView picture, const CompositeOptions& options,
                              MutableImageView out);

 private:
  struct Impl;
  explicit Remover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
