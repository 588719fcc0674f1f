// The C interface, second part: the engine and the picture work.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "border/exports.h"
#include "border/rules.h"
#include "decal/cutout.h"
#include "decal/session.h"
#include "wasm/handles.h"
#include "wasm/thread_runner.h"

namespace decal {
namespace {

// One module, one engine: the host starts another instance for a second one.
WorkerRunner runner;

// The host stores a 32-bit 1 into it; the flag is the first, lowest byte.
alignas(4) CancelFlag cancel_flag[4];
static_assert(sizeof(CancelFlag) == 1 && std::endian::native == std::endian::little);

// A run that was cancelled has used up the request, and one that ended anyway must not hand it on.
int ReportRun(const Status& status) {
  std::memset(cancel_flag, 0, sizeof(cancel_flag));
  return Report(status);
}

struct RemoverHandle {
  Remover remover;
  CutoutReport report;
  // What the last call that answers with one answered.
  border::RemoverReport told;
  border::PixelSize size;

  int Keep(const Result<CutoutReport>& result) {
    if (!result) return ReportRun(std::unexpected(result.error()));
    report = *result;
    return ReportRun({});
  }
};

size_t Elements(const TensorInfo& info) {
  size_t count = 1;
  for (const int64_t extent : info.shape) count *= static_cast<size_t>(extent);
  return count;
}

bool IsStatic(const std::vector<TensorInfo>& tensors) {
  for (const TensorInfo& info : tensors)
    for (const int64_t extent : info.shape)
      if (extent < 0) return false;
  return true;
}

size_t PixelBytes(int32_t width, int32_t height) {
  return size_t{4} * static_cast<size_t>(width) * static_cast<size_t>(height);
}

// Extents whose RGBA pixels fit the address space, so that sizes computed from them do not overflow.
Status CheckExtent(int32_t width, int32_t height) {
  if (width > 0 && height > 0 &&
      uint64_t{4} * static_cast<uint32_t>(width) * static_cast<uint32_t>(height) <= UINT32_MAX) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "a picture of " + std::to_string(width) + " x " + std::to_string(height) + " pixels");
}

ModelInfo MakeModelInfo(const border::ModelParameters& parameters) {
  ModelInfo info{.size_rule = parameters.rule,
                 .width = parameters.width,
                 .height = parameters.height,
                 .multiple = parameters.multiple,
                 .activation = parameters.activation,
                 .foreground_class = parameters.foreground_class,
                 .passes = parameters.passes};
  std::ranges::copy(parameters.mean, info.mean.begin());
  std::ranges::copy(parameters.std, info.std.begin());
  return info;
}

Status RunSession(Session& session, const float* const* inputs, float* const* outputs) {
  if (!IsStatic(session.inputs()) || !IsStatic(session.outputs())) {
    return Fail(ErrorCode::kInvalidArgument, "the session is not compiled for an input size yet: call Specialize");
  }
  std::vector<std::span<const float>> in;
  for (const TensorInfo& info : session.inputs()) in.emplace_back(inputs[in.size()], Elements(info));
  std::vector<std::span<float>> out;
  for (const TensorInfo& info : session.outputs()) {
    float* data = outputs[out.size()];
    out.emplace_back(data, data == nullptr ? 0 : Elements(info));
  }
  return session.Run(in, out, {.cancel = cancel_flag});
}

}  // namespace
}  // namespace decal

using namespace decal;  // NOLINT: the exports are the outside of that namespace

// ---- threads ----------------------------------------------------------------------------------

int decal_threads_init(uint32_t threads) {
  // Fewer stacks than threads would leave some of them on memory that is not theirs.
  if (!rules::kThreads.Allows(threads)) {
    return Report(Status(Fail(ErrorCode::kInvalidArgument, rules::kThreads.message, rules::kThreads.name)));
  }
  if (runner.Init(threads)) return 0;
  SetOutOfMemoryError();
  return 1;
}

uint32_t decal_worker_stack(uint32_t index) { return static_cast<uint32_t>(runner.stack_pointer(index)); }
void decal_worker_main(uint32_t index) { runner.WorkerMain(index); }
void decal_worker_failed() { runner.WorkerFailed(); }
void decal_threads_stop() { runner.Stop(); }
uint32_t decal_workers_ready() { return runner.workers_ready(); }

uint32_t decal_cancel_flag() { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(cancel_flag)); }

// ---- models -----------------------------------------------------------------------------------

int decal_session_specialize(void* session, int32_t height, int32_t width) {
  return Report(static_cast<Session*>(session)->Specialize(height, width, runner));
}

int decal_session_run(void* session, const float* const* inputs, float* const* outputs) {
  return ReportRun(RunSession(*static_cast<Session*>(session), inputs, outputs));
}

// ---- pictures ---------------------------------------------------------------------------------

void* decal_remover_new(void* session, const border::ModelParameters* parameters) {
  auto remover = Remover::Create(TakeHandle<Session>(session), MakeModelInfo(*parameters), runner);
  if (Report(remover) != 0) return nullptr;
  return new RemoverHandle{*std::move(remover), {}, {}, {}};
}

void decal_remover_free(void* remover) { delete static_cast<RemoverHandle*>(remover); }

int decal_remover_prepare(void* remover, int32_t width, int32_t height) {
  if (const Status status = CheckExtent(width, height); !status) return Report(status);
  auto& handle = *static_cast<RemoverHandle*>(remover);
  const Status prepared = handle.remover.Prepare({width, height});
  handle.report = {};
  handle.report.memory_bytes = handle.remover.session().memory().total_bytes();
  return Report(prepared);
}

int decal_remover_run(void* remover, const uint8_t* rgba, int32_t width, int32_t height, int32_t twice) {
  if (const Status status = CheckExtent(width, height); !status) return ReportRun(status);
  auto& handle = *static_cast<RemoverHandle*>(remover);
  return handle.Keep(handle.remover.Segment({rgba, width, height, PixelBytes(width, 1)}, cancel_flag, twice != 0));
}

const border::PixelSize* decal_remover_input_size(void* remover, int32_t width, int32_t height) {
  auto& handle = *static_cast<RemoverHandle*>(remover);
  const Extent extent = handle.remover.InputSize({width, height});
  handle.size = {extent.width, extent.height};
  return &handle.size;
}

int decal_remover_expect(void* remover, int32_t width, int32_t height, const int32_t* shape, uint32_t rank) {
  auto& handle = *static_cast<RemoverHandle*>(remover);
  const std::vector<int64_t> extents(shape, shape + rank);
  handle.report = {};
  handle.report.memory_bytes = handle.remover.session().raw_weight_bytes();
  return Report(handle.remover.Expect({width, height}, extents));
}

int decal_remover_fits(void* remover, int32_t width, int32_t height) {
  return static_cast<const RemoverHandle*>(remover)->remover.Fits({width, height}) ? 1 : 0;
}

int32_t decal_remover_parts(void* remover, int32_t width, int32_t height) {
  return static_cast<const RemoverHandle*>(remover)->remover.Parts({width, height});
}

int decal_remover_second_pass(void* remover) {
  return static_cast<const RemoverHandle*>(remover)->remover.SecondPassDue() ? 1 : 0;
}

const float* decal_remover_input(void* remover, const uint8_t* rgba, int32_t width, int32_t height, int32_t part) {
  if (Report(CheckExtent(width, height)) != 0) return nullptr;
  const ImageView picture{rgba, width, height, PixelBytes(width, 1)};
  const auto input = static_cast<RemoverHandle*>(remover)->remover.PrepareInput(picture, part);
  return Report(input) == 0 ? input->data() : nullptr;
}

int decal_remover_finish(void* remover, const float* output, uint32_t values, int32_t width, int32_t height,
                         int32_t part) {
  if (const Status status = CheckExtent(width, height); !status) return ReportRun(status);
  auto& handle = *static_cast<RemoverHandle*>(remover);
  return handle.Keep(handle.remover.FinishMatte({output, values}, {width, height}, part));
}

const border::RemoverReport* decal_remover_report(void* remover) {
  auto& handle = *static_cast<RemoverHandle*>(remover);
  const CutoutReport& report = handle.report;
  const MatteView matte = handle.remover.matte();
  handle.told = {.preprocess_ms = report.preprocess_ms,
                 .inference_ms = report.inference_ms,
                 .postprocess_ms = report.postprocess_ms,
                 .memory_bytes = static_cast<double>(report.memory_bytes),
                 .coverage = report.coverage,
                 .passes = report.passes,
                 .input_width = report.input.width,
                 .input_height = report.input.height,
                 .matte = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(matte.data)),
                 .matte_width = matte.width,
                 .matte_height = matte.height,
                 .box_x = report.bounding_box.x,
                 .box_y = report.bounding_box.y,
                 .box_width = report.bounding_box.width,
                 .box_height = report.bounding_box.height};
  return &handle.told;
}

int decal_resize(const uint8_t* rgba, int32_t width, int32_t height, uint8_t* out, int32_t out_width,
                 int32_t out_height) {
  if (const Status status = CheckExtent(width, height); !status) return Report(status);
  if (const Status status = CheckExtent(out_width, out_height); !status) return Report(status);
  return Report(ResizeImage({rgba, width, height, PixelBytes(width, 1)},
                            {out, out_width, out_height, PixelBytes(out_width, 1)}, runner));
}

// ---- for the cut-out module -------------------------------------------------------------------

void decal_run_tasks(uint32_t tasks, void* task, void* context) {
  runner.Run(tasks, reinterpret_cast<ThreadRunner::Task>(task), context);
}

uint32_t decal_thread_count() { return static_cast<uint32_t>(runner.thread_count()); }

void decal_set_error(int32_t code, const char* message, const char* where) {
  if (code < 0) return ClearError();
  if (message == nullptr) return SetOutOfMemoryError();
  SetError({static_cast<ErrorCode>(code), message, where});
}
