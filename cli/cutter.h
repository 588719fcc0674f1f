// Decodes, cuts out and encodes one picture with a loaded model: shared by `decal`, `decal batch` and `decal serve`.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "cli/picture_io.h"
#include "cli/report.h"
#include "decal/cutout.h"

namespace decal::cli {

inline constexpr const char* kNoSubject = "no subject found";

// What came of a picture.
struct Done {
  Extent extent;
  Execution execution;
  std::vector<std::string> notes;
  float coverage = 0;
  Box bounding_box;
  bool found_subject = true;
};

struct Decoded {
  Picture picture;
  double ms = 0;
};

// A picture that is not encoded yet. `result` lies in `picture`.
struct Cutout {
  Done done;
  Picture picture;
  bool own = false;  // in the picture's own colours
  ImageView result;
};

// How a file is decoded for these options.
DecodeOptions Decoding(const CutOptions& options);

// Reads a file or standard input and decodes it; from any thread. Errors: of ReadPictureFile and DecodeInterruptibly.
Result<Decoded> DecodeFile(const std::string& path, const CutOptions& options);

// Whether a result of that size may be made of a picture that takes `picture_bytes`. A result with no more pixels than its picture, whose
// limits were checked when it was decoded, always has room. Errors: kLimitExceeded (--max-memory, --max-pixels), kInvalidArgument where
// the format cannot hold it.
Status CheckResult(Extent result, Extent picture, size_t picture_bytes, const CutOptions& options);

// The finished file's bytes; from any thread, whose own `runner` it is, or null. Adds its time to cutout.done. Errors: of EncodePicture;
// kCancelled (cli/interrupt.h).
Result<std::vector<std::byte>> EncodeCutout(Cutout& cutout, const CutOptions& options, ThreadRunner* runner);

// JPEG cannot be transparent: white unless the user says otherwise.
inline bool NeedsWhite(const CutOptions& options) {
  return options.format == PictureFormat::kJpeg && !options.background && !options.mask_only;
}

// {"x":1,"y":2,"width":3,"height":4}, or null of an empty one.
std::string BoxJson(const Box& box);

// A model with its threads. One picture at a time.
class Cutter {
 public:
  // `threads` 0: one per core. `cancel` ends a picture between two layers, or some of its rows (kCancelled); it outlives the cutter.
  Cutter(int threads, const CancelFlag& cancel)
      : cancel_(&cancel), runner_(MakeThreadPool(static_cast<size_t>(threads))) {}

  // Before the first picture. Errors: of LoadModel and Remover::Create.
  Status Load(const ModelChoice& choice);

  // The cut-out in the picture's place. `cancel`: another flag for this picture alone.
  Result<Cutout> Cut(Decoded decoded, const CutOptions& options, const CancelFlag* cancel = nullptr);

  // While the network does not run.
  ThreadRunner* runner() { return runner_.get(); }

  const std::string& model_name() const { return model_name_; }

  // Of an error of Cut: any other picture may meet the same.
  bool IsOfModel(const Error& error) const { return IsModelFault(error) && error.where.starts_with(model_name_); }

 private:
  std::unexpected<Error> OfRun(const Error& error) const;
  Result<ImageView> Show(Picture& picture, bool own, const Box& visible,
                         const std::optional<std::array<uint8_t, 4>>& background, const CutOptions& options,
                         const CancelFlag& cancel);

  const CancelFlag* cancel_;
  std::unique_ptr<ThreadRunner> runner_;  // outlives the remover
  std::optional<Remover> remover_;
  std::string model_name_;
  Stopwatch stopwatch_;
  double unreported_load_ms_ = 0;  // belongs to the first picture
};

}  // namespace decal::cli
