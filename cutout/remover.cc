// Remover: prepares a picture, runs the model, reads the matte, composes.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cutout/joined_matte.h"
#include "cutout/matte_output.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "cutout/second_pass.h"
#include "decal/cutout.h"
#include "decal/heedful_runner.h"

namespace decal {
namespace {

double MillisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// A size that is `value`, or is dynamic and may become it.
bool CanBe(int64_t size, int64_t value) { return size == value || size < 0; }

// Where the picture's dimensions are in a [1,3,H,W] or [1,H,W,3] input.
struct InputLayout {
  bool channels_last = false;
  int64_t height = -1, width = -1;  // -1: dynamic
  bool bytes = false;               // 0 to 255 instead of normalised values
};

std::optional<InputLayout> PictureLayout(const std::vector<int64_t>& shape) {
  if (shape.size() != 4 || !CanBe(shape[0], 1)) return std::nullopt;
  if (shape[1] == 3) return InputLayout{false, shape[2], shape[3]};
  if (shape[3] == 3) return InputLayout{true, shape[1], shape[2]};
  if (shape[1] < 0) return InputLayout{false, shape[2], shape[3]};
  return std::nullopt;
}

Result<InputLayout> FindInputLayout(const Session& session) {
  const std::vector<TensorInfo>& inputs = session.inputs();
  const auto is_picture = [](const TensorInfo& input) { return PictureLayout(input.shape).has_value(); };
  const auto picture = std::ranges::find_if(inputs, is_picture);
  if (picture == inputs.end()) {
    return Fail(ErrorCode::kShapeMismatch, "the model's input is not a picture: [1,3,H,W] or [1,H,W,3]",
                ShapeText(inputs[0].name, inputs[0].shape));
  }
  std::string others;
  for (const TensorInfo& input : inputs) {
    if (&input != &*picture) others += (others.empty() ? "" : ", ") + input.name;
  }
  if (!others.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "the model has inputs besides the picture '" + picture->name + "': give a value to each of " + others,
                "inputs");
  }
  InputLayout layout = *PictureLayout(picture->shape);
  // Integer inputs take the bytes of RGB.
  layout.bytes = picture->dtype != "f32" && picture->dtype != "f16";
  return layout;
}

// The bounding box of cells of at least one half, in pixels of the picture.
Box BoundingBox(MatteView matte, Extent picture) {
  int left = matte.width, right = -1, top = -1, bottom = -1;
  const float* value = matte.data;
  for (int y = 0; y < matte.height; ++y) {
    for (int x = 0; x < matte.width; ++x) {
      if (*value++ < 0.5f) continue;
      left = std::min(left, x);
      right = std::max(right, x);
      top = top < 0 ? y : top;
      bottom = y;
    }
  }
  if (top < 0) return {};
  const auto begin = [](int cell, int cells, int pixels) { return static_cast<int>(int64_t{cell} * pixels / cells); };
  const auto end = [](int cell, int cells, int pixels) {
    return static_cast<int>(((int64_t{cell} + 1) * pixels + cells - 1) / cells);
  };
  const int x = begin(left, matte.width, picture.width), y = begin(top, matte.height, picture.height);
  return {x, y, end(right, matte.width, picture.width) - x, end(bottom, matte.height, picture.height) - y};
}

}  // namespace

struct Remover::Impl {
  Session session;
  ModelInfo model;
  ThreadRunner* runner;
  InputLayout layout;

  // The size that the buffers and the last plan serve; empty if there is none.
  Extent extent;
  MatteLayout matte_layout;
  Buffer input, output;
  bool has_matte = false;
  JoinedMatte joined;  // the number of parts that the picture is divided into
  Box closer;        // cells of the matte that a second pass is to see, from the end of the first one on; or empty
  Extent closer_of;  // the picture that they belong to
  Buffer first;      // the first pass's matte while the second one runs, then that of both
  bool first_kept = false, seen_twice = false;
  // The size that the session itself is planned for; empty if a GPU runs the model. Expect does not change it.
  Extent specialized;
  double preprocess_ms = 0;

  InputSpec Spec() const {
    InputSpec spec{extent, model.mean, model.std, layout.channels_last};
    if (layout.bytes) spec.mean = {}, spec.std.fill(1.0f / 255);
    return spec;
  }
  std::span<float> OutputValues() {
    return {reinterpret_cast<float*>(output.data()), output.size_bytes() / sizeof(float)};
  }
  MatteView View() const {
    if (!has_matte) return {};
    if (seen_twice) return {FirstValues(), matte_layout.extent.width, matte_layout.extent.height};
    return joined.is_open() ? joined.view() : PartView();
  }
  MatteView PartView() const {
    const float* values = reinterpret_cast<const float*>(output.data());
    return {values + matte_layout.offset(), matte_layout.extent.width, matte_layout.extent.height};
  }

  // `prepared`: its input was made, without which there is nothing to join a second pass with.
  Status CheckPart(Extent picture, int part, bool prepared) const {
    if (part >= 0 && part < Parts(picture)) return {};
    if (part == Parts(picture) && SecondPassDue() && picture == closer_of && (first_kept || !prepared)) return {};
    return Fail(ErrorCode::kInvalidArgument, "this picture has no such part");
  }
  bool OneShape() const { return model.size_rule == SizeRule::kStretch || (layout.width > 0 && layout.height > 0); }
  // A model of dynamic size sees long pictures in their own shape.
  int Parts(Extent picture) const { return OneShape() ? PartCount(picture) : 1; }
  Box BoxOf(Extent picture, int part) const {
    return part < Parts(picture) ? PartOf(picture, part, Parts(picture))
                                 : PixelsUnder(closer, matte_layout.extent, picture);
  }
  bool SecondPassDue() const { return closer.width > 0; }
  float* FirstValues() { return reinterpret_cast<float*>(first.data()); }
  const float* FirstValues() const { return reinterpret_cast<const float*>(first.data()); }
  Extent Wanted(Extent picture) const;
  std::span<float> InputValues() {
    return {reinterpret_cast<float*>(input.data()), input.size_bytes() / sizeof(float)};
  }

  void ForgetPasses() {
    closer = {};
    first_kept = seen_twice = false;
  }
  Status KeepFirstPass();
  Status Prepare(Extent picture);
  Status Allocate(Extent wanted, const std::string& output_name, const std::vector<int64_t>& output_shape);
  Status PrepareValues(ImageView picture, int part);
  Status Infer(const CancelFlag* cancel);
  Result<CutoutReport> Read(Extent picture, int part);
  Status Compose(ImageView picture, const CompositeOptions& options, MutableImageView out, CutoutReport& report,
                 const CancelFlag* cancel = nullptr);
};

bool IsModelFault(const Error& error) {
  switch (error.code) {
    case ErrorCode::kShapeMismatch:
    case ErrorCode::kCorruptModel:
    case ErrorCode::kUnsupportedOperator:
    case ErrorCode::kInternal: return true;
    case ErrorCode::kInvalidArgument: return !error.where.empty();  // a field of ModelInfo, or a tensor
    default: return false;
  }
}

Extent Remover::Impl::Wanted(Extent picture) const {
  const Box part = PartOf(picture, 0, Parts(picture));
  Extent wanted = InputExtent(model, {part.width, part.height});
  if (layout.width > 0) wanted.width = static_cast<int>(layout.width);
  if (layout.height > 0) wanted.height = static_cast<int>(layout.height);
  return wanted;
}

Status Remover::Impl::Prepare(Extent picture) {
  if (picture.width <= 0 || picture.height <= 0) return Fail(ErrorCode::kInvalidArgument, "the picture is empty");
  const Extent wanted = Wanted(picture);
  if (wanted == extent && wanted == specialized) return {};
  if (wanted != specialized) {
    specialized = {};
    const bool fixed = layout.width > 0 && layout.height > 0;
    DECAL_TRY(session.Specialize(fixed ? 0 : wanted.height, fixed ? 0 : wanted.width, *runner));
    specialized = wanted;
  }
  return Allocate(wanted, session.outputs()[0].name, session.outputs()[0].shape);
}

// Allocates the buffers around the model for an input of that size. The old ones are freed first.
Status Remover::Impl::Allocate(Extent wanted, const std::string& output_name,
                               const std::vector<int64_t>& output_shape) {
  extent = {};
  has_matte = false;
  ForgetPasses();
  first = {};
  DECAL_TRY_ASSIGN(matte_layout, FindMatteLayout(output_name, output_shape, model.foreground_class));
  const uint64_t pixels = static_cast<uint64_t>(wanted.width) * static_cast<uint64_t>(wanted.height);
  DECAL_TRY_ASSIGN(input, AllocateArray<float>(3 * pixels, "the model's input"));
  DECAL_TRY_ASSIGN(output, AllocateArray<float>(matte_layout.values(), "the matte"));
  extent = wanted;
  return {};
}

// The output is about to be overwritten.
Status Remover::Impl::KeepFirstPass() {
  const MatteView matte = PartView();
  const size_t cells = static_cast<size_t>(matte.width) * static_cast<size_t>(matte.height);
  DECAL_TRY_ASSIGN(float* const values, Reserve<float>(first, cells, "the matte"));
  std::copy_n(matte.data, cells, values);
  first_kept = true;
  return {};
}

Status Remover::Impl::PrepareValues(ImageView picture, int part) {
  if (part == Parts({picture.width, picture.height})) DECAL_TRY(KeepFirstPass());
  has_matte = false;
  const auto start = std::chrono::steady_clock::now();
  const Box box = BoxOf({picture.width, picture.height}, part);
  const uint8_t* first = picture.row(box.y) + 4 * static_cast<size_t>(box.x);
  DECAL_TRY(decal::PrepareInput({first, box.width, box.height, picture.stride_bytes}, Spec(), InputValues(), *runner));
  if (layout.bytes) {
    for (float& value : InputValues()) value = std::clamp(std::round(value), 0.0f, 255.0f);
  }
  preprocess_ms = MillisecondsSince(start) + (part == 0 ? 0 : preprocess_ms);
  return {};
}

// The next step once `output` holds the model's output for a part: the matte.
Result<CutoutReport> Remover::Impl::Read(Extent picture, int part) {
  CutoutReport report;
  report.input = extent;
  report.preprocess_ms = preprocess_ms;
  const auto start = std::chrono::steady_clock::now();
  DECAL_TRY_ASSIGN(report.coverage, ReadMatte(model.activation, matte_layout, OutputValues(), *runner));
  const int parts = Parts(picture);
  if (part == 0) ForgetPasses();
  if (parts == 1) joined = {};
  if (parts > 1) {
    if (part == 0) {
      DECAL_TRY_ASSIGN(joined, JoinedMatte::Create(picture, parts, matte_layout.extent));
    }
    joined.Add(part, PartView());
    if (part + 1 < parts) return report;
    report.coverage = joined.Finish();
  }
  if (part == parts) {
    const Extent cells = matte_layout.extent;
    const std::span<float> matte(FirstValues(), static_cast<size_t>(cells.width) * static_cast<size_t>(cells.height));
    JoinPasses(matte, cells, closer, PartView());
    closer = {};
    seen_twice = true;
    report.passes = 2;
    double sum = 0;
    for (const float value : matte) sum += value;
    report.coverage = static_cast<float>(sum / static_cast<double>(matte.size()));
  }
  has_matte = true;
  report.bounding_box = BoundingBox(View(), picture);
  if (part < parts && parts == 1 && model.passes == 2 && OneShape()) {
    closer = ChooseCloserView(picture, report.bounding_box, matte_layout.extent);
    closer_of = picture;
  }
  report.postprocess_ms = MillisecondsSince(start);
  const size_t session_bytes = specialized != Extent{} ? session.memory().total_bytes() : session.raw_weight_bytes();
  const ImageView whole{nullptr, picture.width, picture.height, 0};
  report.memory_bytes = session_bytes + input.size_bytes() + output.size_bytes() + joined.size_bytes() +
                        first.size_bytes() + PrepareInputScratchBytes(whole, Spec(), runner->thread_count());
  return report;
}

// And the last step: the cut-out.
Status Remover::Impl::Compose(ImageView picture, const CompositeOptions& options, MutableImageView out,
                              CutoutReport& report, const CancelFlag* cancel) {
  const auto start = std::chrono::steady_clock::now();
  if (cancel == nullptr) {
    DECAL_TRY(Composite(picture, View(), options, out, *runner, &report.visible));
  } else {
    HeedfulRunner heedful(*runner, *cancel);
    DECAL_TRY(Composite(picture, View(), options, out, heedful, &report.visible));
    if (*cancel) return Fail(ErrorCode::kCancelled, "cancelled");
  }
  report.postprocess_ms += MillisecondsSince(start);
  // The two stages allocate one after the other.
  const size_t prepared = PrepareInputScratchBytes(picture, Spec(), runner->thread_count());
  const size_t composed = CompositeScratchBytes(picture, View(), options, runner->thread_count());
  report.memory_bytes += std::max(prepared, composed) - prepared;
  return {};
}

Status Remover::Impl::Infer(const CancelFlag* cancel) {
  const std::span<const float> inputs[] = {InputValues()};
  const std::span<float> outputs[] = {OutputValues()};
  return session.Run(inputs, outputs, {.cancel = cancel});
}

Result<Remover> Remover::Create(Session session, const ModelInfo& model, ThreadRunner& runner) {
  DECAL_TRY(CheckModel(model));
  for (const InputValue& input : model.inputs) DECAL_TRY(session.FixInput(input.name, input.value));
  DECAL_TRY(ChooseMatte(session, model.output));
  DECAL_TRY_ASSIGN(const InputLayout layout, FindInputLayout(session));
  auto impl = std::make_unique<Impl>(Impl{std::move(session), model, &runner, layout});
  // The texts belong to the caller and may be freed earlier.
  impl->model.name = impl->model.description = impl->model.licence = {};
  impl->model.file = impl->model.url = impl->model.sha256 = impl->model.output = {};
  impl->model.inputs = {};
  return Remover(std::move(impl));
}

Remover::Remover(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Remover::Remover(Remover&&) noexcept = default;
Remover& Remover::operator=(Remover&&) noexcept = default;
Remover::~Remover() = default;

Status Remover::Prepare(Extent picture) { return impl_->Prepare(picture); }

Result<CutoutReport> Remover::Segment(ImageView picture, const CancelFlag* cancel, bool twice) {
  Impl& impl = *impl_;
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(impl.Prepare({picture.width, picture.height}));
  CutoutReport report;
  double inference_ms = 0;
  const Extent extent{picture.width, picture.height};
  const int parts = impl.Parts(extent);
  for (int part = 0; part < parts || (part == parts && twice && impl.SecondPassDue()); ++part) {
    DECAL_TRY(impl.PrepareValues(picture, part));
    const auto start = std::chrono::steady_clock::now();
    DECAL_TRY(impl.Infer(cancel));
    inference_ms += MillisecondsSince(start);
    DECAL_TRY_ASSIGN(report, impl.Read(extent, part));
  }
  report.inference_ms = inference_ms;
  return report;
}

Result<CutoutReport> Remover::Run(ImageView picture, const CompositeOptions& options, MutableImageView out,
                                  const CancelFlag* cancel) {
  DECAL_TRY_ASSIGN(CutoutReport report, Segment(picture, cancel, options.refine == Refine::kBest));
  DECAL_TRY(impl_->Compose(picture, options, out, report, cancel));
  return report;
}

Status Remover::Expect(Extent picture, std::span<const int64_t> output_shape) {
  if (picture.width <= 0 || picture.height <= 0) return Fail(ErrorCode::kInvalidArgument, "the picture is empty");
  return impl_->Allocate(impl_->Wanted(picture), "the plan's output", {output_shape.begin(), output_shape.end()});
}

Extent Remover::InputSize(Extent picture) const { return impl_->Wanted(picture); }

bool Remover::Fits(Extent picture) const {
  return picture.width > 0 && picture.height > 0 && impl_->Wanted(picture) == impl_->extent;
}

int Remover::Parts(Extent picture) const { return impl_->Parts(picture); }

bool Remover::SecondPassDue() const { return impl_->SecondPassDue(); }

Result<std::span<const float>> Remover::PrepareInput(ImageView picture, int part) {
  DECAL_TRY(CheckPicture(picture));
  if (!Fits({picture.width, picture.height}))
    return Fail(ErrorCode::kInvalidArgument, "call Expect with this picture's size first");
  DECAL_TRY(impl_->CheckPart({picture.width, picture.height}, part, false));
  DECAL_TRY(impl_->PrepareValues(picture, part));
  return impl_->InputValues();
}

Result<CutoutReport> Remover::FinishMatte(std::span<const float> model_output, Extent picture, int part) {
  Impl& impl = *impl_;
  DECAL_TRY(impl.CheckPart(picture, part, true));
  if (!Fits(picture) || model_output.size() != impl.OutputValues().size())
    return Fail(ErrorCode::kInvalidArgument, "the model's output is not of the size that was planned");
  impl.has_matte = false;
  std::ranges::copy(model_output, impl.OutputValues().data());
  return impl.Read(picture, part);
}

Result<CutoutReport> Remover::Finish(std::span<const float> model_output, ImageView picture,
                                     const CompositeOptions& options, MutableImageView out) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY_ASSIGN(CutoutReport report, FinishMatte(model_output, {picture.width, picture.height}));
  DECAL_TRY(impl_->Compose(picture, options, out, report));
  return report;
}

MatteView Remover::matte() const { return impl_->View(); }

const Session& Remover::session() const { return impl_->session; }

}  // namespace decal
