// The C interface over the C++ library: handles, last error, JSON. See decal_wasm.h for the contract.
#include <bit>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cutout/png_filter.h"
#include "decal/cutout.h"
#include "decal/gpu.h"
#include "decal/session.h"
#include "engine/base/buffer.h"
#include "wasm/decal_wasm.h"
#include "wasm/errors.h"
#include "engine/base/json.h"
#include "wasm/thread_runner.h"

namespace decal {
namespace {

// One module, one engine: the host starts another instance for a second one.
WorkerRunner runner;

// The host stores a 32-bit 1 into it; the flag is the first, lowest byte.
alignas(4) CancelFlag cancel_flag[4];
static_assert(sizeof(CancelFlag) == 1 && std::endian::native == std::endian::little);

// What the last JSON-returning call answered.
std::string json_result;

// 0 for success; otherwise keeps the error and returns 1.
template <class T>
int Report(const Result<T>& result) {
  if (result) {
    ClearError();
    return 0;
  }
  SetError(result.error());
  return 1;
}

// A run that was cancelled has used up the request, and one that ended anyway must not hand it on.
int ReportRun(const Status& status) {
  std::memset(cancel_flag, 0, sizeof(cancel_flag));
  return Report(status);
}

struct RemoverHandle {
  Remover remover;
  CutoutReport report;

  int Keep(const Result<CutoutReport>& result) {
    if (!result) return ReportRun(std::unexpected(result.error()));
    report = *result;
    return ReportRun({});
  }
};

// Moves a value to the heap as a handle.
template <class T>
void* MakeHandle(Result<T> value) {
  if (Report(value) != 0) return nullptr;
  return new T(*std::move(value));
}

template <class T>
T TakeHandle(void* handle) {
  T* pointer = static_cast<T*>(handle);
  T value = std::move(*pointer);
  delete pointer;
  return value;
}

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

void AppendTensors(std::string& out, const std::vector<TensorInfo>& tensors) {
  out += '[';
  for (size_t i = 0; i < tensors.size(); ++i) {
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    json::AppendString(out, tensors[i].name);
    out += ",\"dtype\":";
    json::AppendString(out, tensors[i].dtype);
    out += ",\"shape\":[";
    for (size_t d = 0; d < tensors[i].shape.size(); ++d) {
      if (d > 0) out += ',';
      json::AppendInteger(out, tensors[i].shape[d]);
    }
    out += "]}";
  }
  out += ']';
}

// `"key":value` with a comma before all but the first of an object.
void AppendField(std::string& out, const char* key, auto value) {
  if (out.back() != '{') out += ',';
  json::AppendString(out, key);
  out += ':';
  if constexpr (std::is_integral_v<decltype(value)>) {
    json::AppendInteger(out, static_cast<int64_t>(value));
  } else {
    json::AppendNumber(out, value);
  }
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

ModelInfo MakeModelInfo(const float* mean_std, const int32_t* rule) {
  ModelInfo info;
  for (size_t i = 0; i < 3; ++i) {
    info.mean[i] = mean_std[i];
    info.std[i] = mean_std[3 + i];
  }
  info.size_rule = rule[0] == 0 ? SizeRule::kStretch : SizeRule::kShortSide;
  info.width = rule[1];
  info.height = rule[2];
  info.multiple = rule[3];
  info.activation = rule[4] == 0 ? OutputActivation::kNone : OutputActivation::kSigmoid;
  return info;
}

GpuLimits MakeGpuLimits(const double* limits) {
  return {.workgroups = static_cast<uint32_t>(limits[0]),
          .offset_alignment = static_cast<uint32_t>(limits[1]),
          .binding_bytes = static_cast<uint64_t>(limits[2]),
          .buffer_bytes = static_cast<uint64_t>(limits[3])};
}

CompositeOptions MakeCompositeOptions(const uint8_t* background, int32_t mask_only) {
  CompositeOptions options;
  options.mask_only = mask_only != 0;
  if (background != nullptr) options.background = {background[0], background[1], background[2], background[3]};
  return options;
}

Status RunSession(Session& session, const float* const* inputs, float* const* outputs) {
  if (!IsStatic(session.inputs()) || !IsStatic(session.outputs())) {
    return Fail(ErrorCode::kInvalidArgument, "the session has no input size yet: specialise it first");
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

// ---- memory -----------------------------------------------------------------------------------

void* decal_alloc(uint32_t bytes) {
  if (bytes > SIZE_MAX - kAlignment) return nullptr;
  return std::aligned_alloc(kAlignment, AlignUp(bytes == 0 ? 1 : bytes));
}

void decal_free(void* memory) { std::free(memory); }

// ---- threads ----------------------------------------------------------------------------------

int decal_threads_init(uint32_t threads) {
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

void* decal_stream_new() { return new ModelStream(); }

int decal_stream_feed(void* stream, const uint8_t* bytes, uint32_t size) {
  return Report(static_cast<ModelStream*>(stream)->Feed({reinterpret_cast<const std::byte*>(bytes), size}));
}

void decal_stream_free(void* stream) { delete static_cast<ModelStream*>(stream); }

void* decal_session_from_stream(void* stream) {
  return MakeHandle(Session::Load(TakeHandle<ModelStream>(stream)));
}

void decal_session_free(void* session) { delete static_cast<Session*>(session); }

const char* decal_session_info(void* handle) {
  const Session& session = *static_cast<const Session*>(handle);
  std::string& out = json_result;
  out = "{\"inputs\":";
  AppendTensors(out, session.inputs());
  out += ",\"outputs\":";
  AppendTensors(out, session.outputs());
  const MemoryPlan& memory = session.memory();
  out += ",\"memory\":{";
  AppendField(out, "weights", memory.weights_bytes);
  AppendField(out, "arena", memory.arena_bytes);
  AppendField(out, "scratch", memory.scratch_bytes);
  AppendField(out, "lower_bound", memory.lower_bound_bytes);
  out += '}';
  AppendField(out, "steps", session.steps().size());
  out += '}';
  return out.c_str();
}

int decal_session_specialize(void* session, int32_t height, int32_t width) {
  return Report(static_cast<Session*>(session)->Specialize(height, width, runner));
}

int decal_session_run(void* session, const float* const* inputs, float* const* outputs) {
  return ReportRun(RunSession(*static_cast<Session*>(session), inputs, outputs));
}

// ---- plans for WebGPU -------------------------------------------------------------------------

void* decal_gpu_plan_new(void* session, int32_t height, int32_t width, const double* limits, int32_t half) {
  return MakeHandle(static_cast<Session*>(session)->PlanGpu(height, width, MakeGpuLimits(limits),
                                                            {.half_storage = half != 0}));
}

void decal_gpu_plan_free(void* plan) { delete static_cast<GpuPlan*>(plan); }

const char* decal_gpu_plan_json(void* plan) {
  json_result = ToJson(*static_cast<const GpuPlan*>(plan));
  return json_result.c_str();
}

const uint8_t* decal_gpu_plan_uniforms(void* plan) {
  return reinterpret_cast<const uint8_t*>(static_cast<const GpuPlan*>(plan)->uniforms.data());
}

void decal_gpu_plan_fill(void* plan, uint32_t index, uint8_t* out) {
  static_cast<const GpuPlan*>(plan)->uploads[index].fill(reinterpret_cast<std::byte*>(out));
}

// ---- pictures ---------------------------------------------------------------------------------

void* decal_remover_new(void* session, const float* mean_std, const int32_t* rule) {
  auto remover = Remover::Create(TakeHandle<Session>(session), MakeModelInfo(mean_std, rule), runner);
  if (Report(remover) != 0) return nullptr;
  return new RemoverHandle{*std::move(remover), {}};
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

int decal_remover_run(void* remover, uint8_t* rgba, int32_t width, int32_t height, const uint8_t* background,
                      int32_t mask_only) {
  if (const Status status = CheckExtent(width, height); !status) return ReportRun(status);
  const MutableImageView picture{rgba, width, height, PixelBytes(width, 1)};
  auto& handle = *static_cast<RemoverHandle*>(remover);
  return handle.Keep(handle.remover.Run(picture, MakeCompositeOptions(background, mask_only), picture, cancel_flag));
}

void* decal_remover_plan_gpu(void* remover, int32_t width, int32_t height, const double* limits, int32_t half) {
  auto& handle = *static_cast<RemoverHandle*>(remover);
  auto plan = handle.remover.PlanGpu({width, height}, MakeGpuLimits(limits), {.half_storage = half != 0});
  handle.report = {};
  handle.report.memory_bytes = handle.remover.session().raw_weight_bytes();
  return MakeHandle(std::move(plan));
}

int decal_remover_fits(void* remover, int32_t width, int32_t height) {
  return static_cast<const RemoverHandle*>(remover)->remover.Fits({width, height}) ? 1 : 0;
}

void decal_remover_keep_weights(void* remover, int32_t keep) {
  static_cast<RemoverHandle*>(remover)->remover.KeepWeights(keep != 0);
}

const float* decal_remover_input(void* remover, const uint8_t* rgba, int32_t width, int32_t height) {
  if (Report(CheckExtent(width, height)) != 0) return nullptr;
  const ImageView picture{rgba, width, height, PixelBytes(width, 1)};
  const auto input = static_cast<RemoverHandle*>(remover)->remover.PrepareInput(picture);
  return Report(input) == 0 ? input->data() : nullptr;
}

int decal_remover_finish(void* remover, const float* output, uint32_t values, uint8_t* rgba, int32_t width,
                         int32_t height, const uint8_t* background, int32_t mask_only) {
  if (const Status status = CheckExtent(width, height); !status) return ReportRun(status);
  const MutableImageView picture{rgba, width, height, PixelBytes(width, 1)};
  auto& handle = *static_cast<RemoverHandle*>(remover);
  return handle.Keep(
      handle.remover.Finish({output, values}, picture, MakeCompositeOptions(background, mask_only), picture));
}

const char* decal_remover_report(void* remover) {
  const auto& handle = *static_cast<const RemoverHandle*>(remover);
  const CutoutReport& report = handle.report;
  const MatteView matte = handle.remover.matte();
  std::string& out = json_result;
  out = "{";
  AppendField(out, "preprocess_ms", report.preprocess_ms);
  AppendField(out, "inference_ms", report.inference_ms);
  AppendField(out, "postprocess_ms", report.postprocess_ms);
  AppendField(out, "memory_bytes", report.memory_bytes);
  AppendField(out, "coverage", static_cast<double>(report.coverage));
  out += ",\"input\":[";
  json::AppendInteger(out, report.input.width);
  out += ',';
  json::AppendInteger(out, report.input.height);
  out += "],\"matte\":{";
  AppendField(out, "pointer", reinterpret_cast<uintptr_t>(matte.data));
  AppendField(out, "width", matte.width);
  AppendField(out, "height", matte.height);
  out += "}}";
  return out.c_str();
}

int decal_resize(const uint8_t* rgba, int32_t width, int32_t height, uint8_t* out, int32_t out_width,
                 int32_t out_height) {
  if (const Status status = CheckExtent(width, height); !status) return Report(status);
  if (const Status status = CheckExtent(out_width, out_height); !status) return Report(status);
  return Report(ResizeImage({rgba, width, height, PixelBytes(width, 1)},
                            {out, out_width, out_height, PixelBytes(out_width, 1)}, runner));
}

// ---- PNG --------------------------------------------------------------------------------------

void decal_png_filter(const uint8_t* rgba, int32_t width, int32_t first, int32_t count, uint8_t* out) {
  FilterPngRows(rgba, width, first, count, out, runner);
}
