// The public session: a loaded graph, its current specialisation, and the checks of the caller's arguments.
// SPDX-License-Identifier: MIT
#include "decal/session.h"

#include <set>
#include <string>
#include <utility>

#include "engine/onnx/importer.h"
#include "engine/passes/passes.h"
#include "engine/runtime/gpu_compiler.h"
#include "engine/runtime/schedule.h"

namespace decal {
namespace {

// Shapes of those values. Names and types stay as in the file, although passes may change them.
void SetShapes(std::vector<TensorInfo>& infos, const Graph& graph, std::span<const ValueId> ids) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::optional<Shape>& shape = graph.values[ids[i]].type.shape;
    infos[i].shape.clear();
    if (shape) infos[i].shape.assign(shape->begin(), shape->end());
  }
}

// The dimensions that hold height and width of a picture input: 2 and 3 of [N,C,H,W], 1 and 2 of [N,H,W,C]. Three or
// fewer channels tell the two apart. If both or neither fit, NCHW is assumed.
bool IsChannelsLastPicture(const Shape& shape) {
  const auto channels = [&](size_t i) { return shape[i] >= 1 && shape[i] <= 4; };
  return shape.rank() == 4 && channels(3) && !channels(1);
}

Status FixExtent(Value& input, size_t dimension, int64_t extent, const char* what) {
  Shape& shape = *input.type.shape;
  if (shape[dimension] == kDynamic) {
    if (extent <= 0)
      return Fail(ErrorCode::kShapeMismatch, std::string("the model's ") + what + " is dynamic: pass a size",
                  input.name);
    shape[dimension] = extent;
  } else if (extent > 0 && extent != shape[dimension]) {
    return Fail(ErrorCode::kShapeMismatch,
                std::string("the model's ") + what + " is fixed to " + std::to_string(shape[dimension]) + ", not " +
                    std::to_string(extent),
                input.name);
  }
  return {};
}

// Gives every graph input a static shape.
Status FixInputs(Graph& graph, int64_t height, int64_t width) {
  for (ValueId v : graph.inputs) {
    Value& input = graph.values[v];
    if (!input.type.shape)
      return Fail(ErrorCode::kShapeMismatch, "the model does not state this input's rank", input.name);
    Shape& shape = *input.type.shape;
    if (shape.rank() == 4) {
      const size_t at = IsChannelsLastPicture(shape) ? 1 : 2;
      if (shape[0] == kDynamic) shape[0] = 1;
      DECAL_TRY(FixExtent(input, at, height, "height"));
      DECAL_TRY(FixExtent(input, at + 1, width, "width"));
      if (shape[at == 1 ? 3 : 1] == kDynamic) shape[at == 1 ? 3 : 1] = 3;
    }
    if (!shape.is_static())
      return Fail(ErrorCode::kShapeMismatch,
                  "the shape " + shape.ToString() + " has dynamic dimensions that cannot be inferred", input.name);
  }
  return {};
}

// The caller chooses the size of a picture input.
bool HasOpenSize(const Graph& graph) {
  for (ValueId v : graph.inputs) {
    const std::optional<Shape>& shape = graph.values[v].type.shape;
    if (!shape || shape->rank() != 4) continue;
    const size_t at = IsChannelsLastPicture(*shape) ? 1 : 2;
    if ((*shape)[at] == kDynamic || (*shape)[at + 1] == kDynamic) return true;
  }
  return false;
}

Status RequireFloats(const Graph& graph, std::span<const ValueId> values, const char* what) {
  for (ValueId v : values)
    if (graph.values[v].type.dtype != DType::kFloat32)
      return Fail(ErrorCode::kUnsupportedOperator, std::string(what) + " of type " + Name(graph.values[v].type.dtype),
                  graph.values[v].name);
  return {};
}

}  // namespace

struct ModelStream::Impl {
  OnnxStream stream;
};

ModelStream::ModelStream() : impl_(std::make_unique<Impl>()) {}
ModelStream::ModelStream(ModelStream&&) noexcept = default;
ModelStream& ModelStream::operator=(ModelStream&&) noexcept = default;
ModelStream::~ModelStream() = default;

Status ModelStream::Feed(std::span<const std::byte> bytes) { return impl_->stream.Feed(bytes); }
Result<std::vector<std::string>> ModelStream::OtherFiles() { return impl_->stream.OtherFiles(); }
Status ModelStream::Open(size_t file) { return impl_->stream.Open(file); }

struct Session::Impl {
  Graph graph;  // as loaded: dynamic sizes, batch norms folded; or `specialized`
  // All passes have run. A model of fixed size keeps only this form, without the nodes that computed shapes and masks
  // (BiRefNet-lite at 1024: 63 MB of constants and 7,000 nodes).
  bool specialized = false;
  PackedWeights packed;
  std::optional<Schedule> schedule;
  ThreadRunner* runner = nullptr;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<StepInfo> steps;
  MemoryPlan no_plan;

  // A copy for inputs of that size with all passes run; weights are shared, not copied.
  Result<Graph> SpecializedFor(int64_t height, int64_t width) const {
    Graph copy = graph;
    DECAL_TRY(FixInputs(copy, height, width));
    if (!specialized) DECAL_TRY(RunPasses(copy, SpecializePasses()));
    DECAL_TRY(RequireFloats(copy, copy.inputs, "an input"));
    DECAL_TRY(RequireFloats(copy, copy.outputs, "an output"));
    return copy;
  }

  // The index of the value with that name. Errors: kNotFound; kInvalidArgument after Specialize, because it needs all
  // of them.
  Result<size_t> Find(const std::vector<TensorInfo>& tensors, std::string_view name) const {
    if (schedule)
      return Fail(ErrorCode::kInvalidArgument, "choose inputs and outputs before Specialize", std::string(name));
    std::string names;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].name == name) return i;
      names += (i > 0 ? ", " : "") + tensors[i].name;
    }
    const char* what = &tensors == &inputs ? "input" : "output";
    return Fail(ErrorCode::kNotFound, std::string("the model has no such ") + what + "; it has " + names,
                std::string(name));
  }

  void Describe(const Graph& described) {
    SetShapes(inputs, described, described.inputs);
    SetShapes(outputs, described, described.outputs);
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::Load(std::span<const std::byte> onnx) {
  ModelStream stream;
  DECAL_TRY(stream.Feed(onnx));
  return Load(std::move(stream));
}

Result<Session> Session::Load(ModelStream stream) {
  DECAL_TRY_ASSIGN(OnnxModel model, stream.impl_->stream.Finish());
  auto impl = std::make_unique<Impl>();
  for (const OnnxValueInfo& output : model.outputs) impl->outputs.push_back({output.name, Name(output.type.dtype), {}});
  DECAL_TRY_ASSIGN(impl->graph, ImportGraph(std::move(model)));
  for (ValueId v : impl->graph.inputs) {
    const Value& input = impl->graph.values[v];
    impl->inputs.push_back({input.name, Name(input.type.dtype), {}});
  }
  if (impl->graph.inputs.empty()) return Fail(ErrorCode::kCorruptModel, "the model has no inputs");
  DECAL_TRY(FloatBorder(impl->graph));
  DECAL_TRY(RunPasses(impl->graph, LoadPasses()));
  impl->Describe(impl->graph);
  return Session(std::move(impl));
}

const std::vector<TensorInfo>& Session::inputs() const { return impl_->inputs; }
const std::vector<TensorInfo>& Session::outputs() const { return impl_->outputs; }

Status Session::FixInput(std::string_view name, float value) {
  Impl& impl = *impl_;
  Graph& graph = impl.graph;
  DECAL_TRY_ASSIGN(const size_t index, impl.Find(impl.inputs, name));
  if (graph.inputs.size() == 1)
    return Fail(ErrorCode::kInvalidArgument, "the model has only one input, the picture", impl.inputs[0].name);
  Value& input = graph.values[graph.inputs[index]];
  Shape shape = input.type.shape.value_or(Shape{});
  for (int64_t& size : shape) size = size == kDynamic ? 1 : size;
  DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(DType::kFloat32, shape));
  float* values = reinterpret_cast<float*>(tensor->buffer.data());
  for (int64_t i = 0; i < shape.elements(); ++i) values[i] = value;
  input.type.shape = shape;
  input.constant = std::move(tensor);
  for (size_t i = index + 1; i < graph.inputs.size(); ++i) {
    graph.inputs[i - 1] = graph.inputs[i];
    std::swap(impl.inputs[i - 1], impl.inputs[i]);
  }
  graph.inputs.pop_back();
  impl.inputs.pop_back();
  return {};
}

Status Session::KeepOutput(std::string_view name) {
  Impl& impl = *impl_;
  DECAL_TRY_ASSIGN(const size_t index, impl.Find(impl.outputs, name));
  std::swap(impl.graph.outputs[0], impl.graph.outputs[index]);
  std::swap(impl.outputs[0], impl.outputs[index]);
  while (impl.outputs.size() > 1) {
    impl.graph.outputs.pop_back();
    impl.outputs.pop_back();
  }
  return EliminateDead(impl.graph);
}

Status Session::Specialize(int64_t height, int64_t width, ThreadRunner& runner) {
  if (height < 0 || width < 0 || height > kMaxTensorElements || width > kMaxTensorElements)
    return Fail(ErrorCode::kInvalidArgument,
                "the input size " + std::to_string(width) + " x " + std::to_string(height) + " is out of range");
  impl_->packed.DropOrphans();
  DECAL_TRY_ASSIGN(Graph copy, impl_->SpecializedFor(height, width));
  const Graph* graph = &copy;
  if (!HasOpenSize(impl_->graph)) {  // always so once it is specialized
    impl_->graph = std::move(copy);
    impl_->specialized = true;
    graph = &impl_->graph;
  }
  ReturnFreeMemory();
  DECAL_TRY_ASSIGN(Schedule schedule, Schedule::Build(*graph, impl_->packed, runner));
  impl_->steps = schedule.Describe();
  impl_->schedule = std::move(schedule);
  impl_->runner = &runner;
  impl_->Describe(*graph);
  ReturnFreeMemory();
  return {};
}

size_t Session::raw_weight_bytes() const {
  std::set<const ConstantTensor*> seen;
  size_t bytes = 0;
  for (const Value& value : impl_->graph.values)
    if (value.constant && seen.insert(value.constant.get()).second) bytes += value.constant->buffer.size_bytes();
  return bytes;
}

Result<std::string> Session::PrintGraph(int64_t height, int64_t width, std::string_view after) const {
  std::string names;
  bool known = after.empty();
  for (const Pass& pass : SpecializePasses()) {
    known = known || after == pass.name;
    names += std::string(names.empty() ? "" : ", ") + pass.name;
  }
  if (!known)
    return Fail(ErrorCode::kInvalidArgument, "there is no pass '" + std::string(after) + "'; the passes are " + names);
  Graph graph = impl_->graph;
  DECAL_TRY(FixInputs(graph, height, width));
  if (impl_->specialized) {
    if (!after.empty() && after != SpecializePasses().back().name)
      return Fail(ErrorCode::kInvalidArgument,
                  "the graph after '" + std::string(after) + "' is not kept after Specialize: print it before");
    return Print(graph);
  }
  DECAL_TRY(RunPasses(graph, SpecializePasses(), after));
  return Print(graph);
}

Result<GpuPlan> Session::PlanGpu(int64_t height, int64_t width, const GpuLimits& limits,
                                 const GpuOptions& options) const {
  DECAL_TRY_ASSIGN(const Graph graph, impl_->SpecializedFor(height, width));
  return CompileForGpu(graph, limits, options);
}

const MemoryPlan& Session::memory() const { return impl_->schedule ? impl_->schedule->memory() : impl_->no_plan; }
const std::vector<StepInfo>& Session::steps() const { return impl_->steps; }

Status Session::Run(std::span<const std::span<const float>> inputs, std::span<const std::span<float>> outputs,
                    const RunOptions& options) {
  if (!impl_->schedule) return Fail(ErrorCode::kInvalidArgument, "call Specialize before Run");
  if (inputs.size() != impl_->inputs.size() || outputs.size() > impl_->outputs.size())
    return Fail(ErrorCode::kShapeMismatch, "the model has " + std::to_string(impl_->inputs.size()) + " inputs and " +
                                               std::to_string(impl_->outputs.size()) + " outputs");
  const auto elements = [](const TensorInfo& info) {
    size_t n = 1;
    for (int64_t extent : info.shape) n *= static_cast<size_t>(extent);
    return n;
  };
  const auto wrong = [](const TensorInfo& info, size_t have, size_t want) {
    return Fail(ErrorCode::kShapeMismatch, "got " + std::to_string(have) + " values, needs " + std::to_string(want),
                info.name);
  };
  std::vector<const void*> in;
  std::vector<void*> out(impl_->outputs.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t want = elements(impl_->inputs[i]);
    if (inputs[i].size() != want) return wrong(impl_->inputs[i], inputs[i].size(), want);
    in.push_back(inputs[i].data());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const size_t want = elements(impl_->outputs[i]);
    if (outputs[i].data() == nullptr) continue;
    if (outputs[i].size() != want) return wrong(impl_->outputs[i], outputs[i].size(), want);
    out[i] = outputs[i].data();
  }
  return impl_->schedule->Run(in, out, *impl_->runner, options.cancel, options.step_ms);
}

Status Session::Run(std::span<const float> input, std::span<float> output) {
  return Run({&input, 1}, {&output, 1}, {});
}

}  // namespace decal
