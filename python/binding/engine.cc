// Calls into the library: arguments checked under the GIL, everything else without it, one call at a time.
// SPDX-License-Identifier: MIT
#include "binding/engine.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "binding/errors.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;  // of a model's file; it is never whole in memory beside its weights

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status FeedFile(ModelStream& stream, const std::string& path) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "rb"));
  if (!file) return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, std::strerror(errno), path);
  std::vector<std::byte> piece(kPieceBytes);
  while (const size_t read = std::fread(piece.data(), 1, piece.size(), file.get())) {
    if (Status fed = stream.Feed({piece.data(), read}); !fed) return fed;
  }
  if (std::ferror(file.get())) return Fail(ErrorCode::kIo, std::strerror(errno), path);
  return {};
}

// The file, and those beside it that hold further weights.
Result<Session> LoadFile(const std::string& path) {
  namespace fs = std::filesystem;
  ModelStream stream;
  if (Status fed = FeedFile(stream, path); !fed) return std::unexpected(fed.error());
  const auto others = stream.OtherFiles();
  if (!others) return std::unexpected(others.error());
  for (size_t i = 0; i < others->size(); ++i) {
    const fs::path other = fs::path(path).parent_path() / (*others)[i];
    std::error_code error;
    if (fs::exists(other, error) && !fs::is_regular_file(other, error))
      return Fail(ErrorCode::kIo, "the model's weights must be in a regular file", other.string());
    Status fed = stream.Open(i);
    if (fed) fed = FeedFile(stream, other.string());
    if (!fed) return std::unexpected(fed.error());
  }
  return Session::Load(std::move(stream));
}

Session Load(const ModelSource& source) {
  if (source.file.empty())
    return Unwrap(Session::Load(EmbeddedModelBytes(*Unwrap(FindModel(source.name)))), source.name);
  return Unwrap(LoadFile(source.file), source.file);
}

// What to assume of a file that the registry does not know, as the command does: RGB in 0..1.
ModelInfo InfoOf(const ModelSource& source) {
  if (!source.name.empty()) return *Unwrap(FindModel(source.name));
  ModelInfo info;
  info.std = {1, 1, 1};
  info.width = info.height = 512;  // for models of free size only
  return info;
}

Refine ReadRefine(const std::string& word) {
  if (word == "off") return Refine::kOff;
  if (word == "fast") return Refine::kFast;
  if (word == "best") return Refine::kBest;
  Throw({ErrorCode::kInvalidArgument, "refine is off, fast or best, not " + word});
}

// One line for each option of the picture work; unknown names are the caller's error.
CompositeOptions ReadOptions(const nb::dict& given) {
  CompositeOptions options;
  for (const auto& [key, value] : given) {
    const std::string name = nb::cast<std::string>(key);
    if (name == "background") {
      options.background = nb::cast<std::array<uint8_t, 4>>(value);
    } else if (name == "mask") {
      options.mask_only = nb::cast<bool>(value);
    } else if (name == "refine") {
      options.refine = ReadRefine(nb::cast<std::string>(value));
    } else if (name == "decontaminate") {
      options.decontaminate = nb::cast<bool>(value);
    } else if (name == "background_only") {
      options.background_only = nb::cast<bool>(value);
    } else if (name == "threshold") {
      options.threshold = nb::cast<float>(value);
    } else if (name == "remove_islands") {
      options.remove_islands = nb::cast<float>(value);
    } else if (name == "fill_holes") {
      options.fill_holes = nb::cast<float>(value);
    } else if (name == "smooth") {
      options.smooth = nb::cast<float>(value);
    } else if (name == "grow") {
      options.grow = nb::cast<float>(value);
    } else if (name == "shadow") {
      options.shadow = nb::cast<float>(value);
    } else {
      Throw({ErrorCode::kInvalidArgument, "no such option", name});
    }
  }
  return options;
}

void CheckSize(const PictureArray& picture, const OutputArray& out) {
  const size_t channels = picture.shape(2);
  if (channels != 3 && channels != 4) Throw({ErrorCode::kInvalidArgument, "a picture has 3 or 4 channels"});
  if (picture.shape(0) != out.shape(0) || picture.shape(1) != out.shape(1)) {
    Throw({ErrorCode::kInvalidArgument, "picture and result differ in size"});
  }
}

MutableImageView ViewOf(const OutputArray& out) {
  return {out.data(), static_cast<int>(out.shape(1)), static_cast<int>(out.shape(0)), 4 * out.shape(1)};
}

// The picture as the library takes it: the array's own memory where that is RGBA in rows, a copy in `out` otherwise.
ImageView RgbaOf(const PictureArray& picture, const OutputArray& out, ThreadRunner& runner) {
  const MutableImageView view = ViewOf(out);
  const int64_t row = picture.stride(0), pixel = picture.stride(1), channel = picture.stride(2);
  if (picture.shape(2) == 4 && channel == 1 && pixel == 4 && row >= 4 * view.width) {
    return {picture.data(), view.width, view.height, static_cast<size_t>(row)};
  }
  const bool opaque = picture.shape(2) == 3;
  ParallelFor(runner, static_cast<size_t>(view.height), [&](size_t y, size_t) {
    const uint8_t* from = picture.data() + static_cast<int64_t>(y) * row;
    uint8_t* to = view.row(static_cast<int>(y));
    for (int x = 0; x < view.width; ++x, from += pixel, to += 4) {
      for (int c = 0; c < 3; ++c) to[c] = from[c * channel];
      to[3] = opaque ? 255 : from[3 * channel];
    }
  });
  return view;
}

// An exception of a signal handler goes before everything that the interruption caused.
void RaiseSignal() {
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
}

nb::object ToTuple(const Box& box) {
  return box == Box{} ? nb::object(nb::none()) : nb::object(nb::make_tuple(box.x, box.y, box.width, box.height));
}

nb::dict ToDict(const CutoutReport& report) {
  nb::dict dict;
  dict["preprocess"] = report.preprocess_ms;
  dict["inference"] = report.inference_ms;
  dict["postprocess"] = report.postprocess_ms;
  dict["memory_bytes"] = report.memory_bytes;
  dict["coverage"] = report.coverage;
  dict["passes"] = report.passes;
  dict["found_subject"] = report.found_subject();
  dict["input"] = nb::make_tuple(report.input.width, report.input.height);
  dict["bounding_box"] = ToTuple(report.bounding_box);
  dict["visible"] = ToTuple(report.visible);
  return dict;
}

}  // namespace

Engine::Engine(const ModelSource& source, const ModelSpec& spec, size_t threads)
    : Shared(threads), model_(source.file.empty() ? source.name : source.file) {
  const nb::gil_scoped_release released;
  remover_.emplace(Unwrap(Remover::Create(Load(source), spec.Over(InfoOf(source)), runner), source.file));
}

void Engine::Prepare(int width, int height) {
  const nb::gil_scoped_release released;
  const std::lock_guard lock(mutex);
  Named(remover_->Prepare({width, height}));
}

nb::dict Engine::Run(const PictureArray& picture, const OutputArray& out, const nb::dict& given,
                     const std::optional<OwnColours>& own) {
  const CompositeOptions options = ReadOptions(given);
  CheckSize(picture, out);
  CompositeOptions own_options = options;
  if (own) {
    const auto& [own_picture, own_out, own_background] = *own;
    CheckSize(own_picture, own_out);
    CheckSize(picture, own_out);
    own_options.background = own_background;
  }
  Result<CutoutReport> report;
  {
    const nb::gil_scoped_release released;
    const std::lock_guard lock(mutex);
    CancelFlag cancel = false;
    runner.WatchSignals(&cancel);
    report = own ? remover_->Segment(RgbaOf(picture, out, runner), &cancel, options.refine == Refine::kBest)
                 : remover_->Run(RgbaOf(picture, out, runner), options, ViewOf(out), &cancel);
    runner.WatchSignals(nullptr);
    if (report && own) {
      const auto& [own_picture, own_out, own_background] = *own;
      const Status composed = Composite(RgbaOf(own_picture, own_out, runner), remover_->matte(), own_options,
                                        ViewOf(own_out), runner, &report->visible);
      if (!composed) report = std::unexpected(composed.error());
    }
  }
  RaiseSignal();
  return ToDict(Named(std::move(report)));
}

nb::object Engine::Compose(const PictureArray& picture, const MatteArray& matte, const OutputArray& out,
                           const nb::dict& given) {
  const CompositeOptions options = ReadOptions(given);
  CheckSize(picture, out);
  const MatteView view{matte.data(), static_cast<int>(matte.shape(1)), static_cast<int>(matte.shape(0))};
  Box visible;
  {
    const nb::gil_scoped_release released;
    const std::lock_guard lock(mutex);
    Unwrap(Composite(RgbaOf(picture, out, runner), view, options, ViewOf(out), runner, &visible));
  }
  return ToTuple(visible);
}

FrameTuple Engine::ChooseFrame(int width, int height, const std::optional<BoxTuple>& visible, std::optional<float> crop,
                               float aspect_ratio, std::pair<int, int> size, float scale) {
  Box box;
  if (visible) std::tie(box.x, box.y, box.width, box.height) = *visible;
  const FrameOptions options{
      .crop = crop, .aspect_ratio = aspect_ratio, .size = {size.first, size.second}, .scale = scale};
  const Frame frame = Unwrap(decal::ChooseFrame({width, height}, box, options));
  const Box& source = frame.source;
  return {{source.x, source.y, source.width, source.height}, {frame.extent.width, frame.extent.height}};
}

void Engine::TakeFrame(const PictureArray& picture, const BoxTuple& source, std::array<uint8_t, 4> beyond,
                       const OutputArray& out) {
  Frame frame{.extent = {static_cast<int>(out.shape(1)), static_cast<int>(out.shape(0))}};
  std::tie(frame.source.x, frame.source.y, frame.source.width, frame.source.height) = source;
  if (picture.shape(2) != 4 || picture.stride(2) != 1 || picture.stride(1) != 4) {
    Throw({ErrorCode::kInvalidArgument, "the picture to frame must be RGBA"});
  }
  const ImageView view{picture.data(), static_cast<int>(picture.shape(1)), static_cast<int>(picture.shape(0)),
                       static_cast<size_t>(picture.stride(0))};
  const nb::gil_scoped_release released;
  const std::lock_guard lock(mutex);
  Unwrap(decal::TakeFrame(view, frame, beyond, ViewOf(out), runner));
}

Network::Network(const ModelSource& source, size_t threads) : Shared(threads) {
  const nb::gil_scoped_release released;
  session_.emplace(Load(source));
  if (session_->inputs().size() != 1 || session_->outputs().empty()) {
    Throw({ErrorCode::kShapeMismatch, "the model's output is not one picture", source.file});
  }
  input_shape_ = session_->inputs()[0].shape;
  if (input_shape_.size() != 4) {
    Throw({ErrorCode::kShapeMismatch, "the model's input needs four dimensions, as a picture has", source.file});
  }
}

nb::ndarray<nb::numpy, float> Network::Run(const TensorArray& input) {
  std::vector<int64_t> shape(input.ndim());
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = static_cast<int64_t>(input.shape(i));
  bool fits = shape.size() == 4, fixed = true;
  for (size_t i = 0; fits && i < 4; ++i) {
    fits = shape[i] > 0 && (input_shape_[i] < 0 || input_shape_[i] == shape[i]);
    fixed = fixed && (i < 2 || input_shape_[i] > 0);
  }
  if (!fits) Throw({ErrorCode::kShapeMismatch, "the array does not have the shape of the model's input"});

  std::unique_ptr<float[]> values;
  std::vector<size_t> output_shape;
  Status status;
  {
    const nb::gil_scoped_release released;
    const std::lock_guard lock(mutex);
    if (specialized_ != shape) {
      specialized_.clear();
      Unwrap(session_->Specialize(fixed ? 0 : shape[2], fixed ? 0 : shape[3], runner));
      specialized_ = shape;
    }
    size_t count = 1;
    for (const int64_t extent : session_->outputs()[0].shape) {
      output_shape.push_back(static_cast<size_t>(extent));
      count *= static_cast<size_t>(extent);
    }
    values.reset(new float[count]);
    const std::span<const float> inputs[] = {{input.data(), input.size()}};
    std::vector<std::span<float>> outputs(session_->outputs().size());
    outputs[0] = {values.get(), count};
    CancelFlag cancel = false;
    runner.WatchSignals(&cancel);
    status = session_->Run(inputs, outputs, {.cancel = &cancel});
    runner.WatchSignals(nullptr);
  }
  RaiseSignal();
  Unwrap(std::move(status));
  float* data = values.release();
  const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<float*>(p); });
  return {data, output_shape.size(), output_shape.data(), owner};
}

}  // namespace decal::python
