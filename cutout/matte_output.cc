// The choice of output is by name, then by shape; what its numbers mean is what the model says, or follows from them.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/matte_output.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "engine/base/result.h"
#include "engine/cpu/activation.h"

namespace decal {
namespace {

// How surely an output of that shape is a matte, 0 to 3. Two classes are background and subject.
int MatteLikeness(const std::vector<int64_t>& s) {
  if (s.empty()) return 2;  // the file does not say
  if (s.size() == 3) return s[0] == 1 ? 3 : 2;
  if (s.size() != 4 || s[0] > 1) return 0;
  if (s[1] == 1 || s[1] == 2 || s[3] == 1) return 3;
  return s[1] < 0 ? 2 : 1;
}

bool NamesMatte(std::string name, std::string_view word) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c;
  return word == "pha" ? name == word : name.find(word) != std::string::npos;
}

const TensorInfo& LikeliestMatte(const std::vector<TensorInfo>& outputs) {
  for (const std::string_view word : {"matte", "alpha", "pha", "mask"})
    for (const TensorInfo& output : outputs)
      if (MatteLikeness(output.shape) > 0 && NamesMatte(output.name, word)) return output;
  return *std::ranges::max_element(outputs, {}, [](const TensorInfo& output) { return MatteLikeness(output.shape); });
}

// Values of a matte per task: 64 kB, a sixteenth of a matte of 512 x 512.
constexpr size_t kMatteRun = 16 << 10;

// What may be beyond 0..1 without being another kind of number: rounding, and the overshoot of resampling.
constexpr float kOvershoot = 0.01f;

struct Range {
  size_t outside = 0, count = 0;  // values beyond 0..1, of how many
  float least = 0, most = 0;      // of those within reach of a 32-bit integer

  void Add(float value) {
    ++count;
    outside += value < -kOvershoot || value > 1 + kOvershoot;
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  void Add(const Range& other) {
    outside += other.outside;
    count += other.count;
    least = std::min(least, other.least);
    most = std::max(most, other.most);
  }
  bool is_matte() const { return outside * 100 <= count; }
  bool is_negative() const { return least < -kOvershoot; }
};

// Rows of work over a matte: each task returns what it found.
template <class Found, class Fn>
Found ForRuns(size_t pixels, ThreadRunner& runner, const Fn& fn) {
  std::vector<Found> parts((pixels + kMatteRun - 1) / kMatteRun);
  ParallelFor(runner, parts.size(), [&](size_t task, size_t) {
    const size_t begin = task * kMatteRun;
    parts[task] = fn(begin, std::min(pixels, begin + kMatteRun));
  });
  Found all;
  for (const Found& part : parts) all.Add(part);
  return all;
}

struct Summary {
  double sum = 0;
  Range range;  // before values are clamped
  void Add(const Summary& other) {
    sum += other.sum;
    range.Add(other.range);
  }
};

// "-8.3": without printf, which would be a fiftieth of the WebAssembly module.
std::string Tenths(float value) {
  constexpr float kMost = 1e8f;
  const long tenths = std::lround(10 * std::clamp(value, -kMost, kMost));
  return (tenths < 0 ? "-" : "") + std::to_string(std::labs(tenths) / 10) + "." +
         std::to_string(std::labs(tenths) % 10);
}

std::unexpected<Error> NotAMatte(OutputActivation activation, const MatteLayout& layout, const Range& range) {
  const char* what = range.is_negative() ? layout.classes > 1 ? "logits: set activation to softmax"
                                                              : "logits: set activation to sigmoid"
                                         : "set activation to bytes for 0 to 255";
  const char* scale = activation == OutputActivation::kBytes ? " after division by 255" : "";
  return Fail(ErrorCode::kInvalidArgument,
              "the matte has values from " + Tenths(range.least) + " to " + Tenths(range.most) + scale +
                  ", not 0 to 1: " + what + ", or to auto",
              "activation");
}

}  // namespace

std::string ShapeText(const std::string& name, const std::vector<int64_t>& shape) {
  std::string text = name + " [";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ",";
    text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

Status ChooseMatte(Session& session, std::string_view output) {
  const std::vector<TensorInfo>& outputs = session.outputs();
  if (output.empty() && outputs.size() < 2) return {};
  return session.KeepOutput(output.empty() ? LikeliestMatte(outputs).name : std::string(output));
}

Result<MatteLayout> FindMatteLayout(const std::string& name, const std::vector<int64_t>& shape, int foreground_class) {
  const bool good = std::ranges::all_of(shape, [](int64_t size) { return size > 0 && size <= INT32_MAX; });
  const size_t rank = shape.size();
  if (!good || rank < 2 || rank > 4 || (rank > 2 && shape[0] != 1)) {
    return Fail(ErrorCode::kShapeMismatch, "the model's output is not a matte: [1,C,H,W], [1,H,W,C], [1,H,W] or [H,W]",
                ShapeText(name, shape));
  }
  MatteLayout layout;
  size_t height = rank - 2;
  if (rank == 4) {
    // There are fewer classes than rows or columns.
    layout.channels_last = shape[3] < shape[1];
    layout.classes = static_cast<size_t>(shape[layout.channels_last ? 3 : 1]);
    height = layout.channels_last ? 1 : 2;
  }
  layout.extent = {static_cast<int>(shape[height + 1]), static_cast<int>(shape[height])};
  if (foreground_class < 0 && layout.classes > 2) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "the model tells " + std::to_string(layout.classes) + " classes apart: set foregroundClass to the subject's",
        ShapeText(name, shape));
  }
  layout.foreground = foreground_class < 0 ? layout.classes - 1 : static_cast<size_t>(foreground_class);
  if (layout.foreground >= layout.classes) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "foregroundClass " + std::to_string(foreground_class) + " of " + std::to_string(layout.classes) + " classes",
        ShapeText(name, shape));
  }
  return layout;
}

Result<float> ReadMatte(OutputActivation activation, const MatteLayout& layout, std::span<float> output,
                        ThreadRunner& runner) {
  const size_t pixels = layout.pixels();
  // From one pixel, and from one class, to the next.
  const size_t step = layout.channels_last ? layout.classes : 1, plane = layout.channels_last ? 1 : pixels;
  const float* source = output.data() + layout.foreground * plane;
  if (activation == OutputActivation::kAuto) {
    const Range range = ForRuns<Range>(pixels, runner, [&](size_t begin, size_t end) {
      Range found;
      for (size_t i = begin; i < end; ++i) found.Add(source[i * step]);
      return found;
    });
    activation = range.is_matte()       ? OutputActivation::kNone
                 : !range.is_negative() ? OutputActivation::kBytes
                 : layout.classes > 1   ? OutputActivation::kSoftmax
                                        : OutputActivation::kSigmoid;
  }
  if (activation == OutputActivation::kSoftmax && layout.classes == 1) activation = OutputActivation::kSigmoid;

  const float scale = activation == OutputActivation::kBytes ? 1.0f / 255 : 1.0f;
  float* matte = output.data() + layout.offset();
  const auto run = [&](size_t begin, size_t end) {
    Summary found;
    for (size_t i = begin; i < end; ++i) {
      float value = source[i * step] * scale;
      if (activation == OutputActivation::kSoftmax) {
        double sum = 0;
        for (size_t c = 0; c < layout.classes; ++c) sum += std::exp(double{output[i * step + c * plane]} - value);
        value = static_cast<float>(1 / sum);
      }
      matte[i] = value;
    }
    const std::span<float> values(matte + begin, end - begin);
    if (activation == OutputActivation::kSigmoid)
      cpu::ActivateRun({cpu::Activation::kSigmoid}, values.data(), values.data(), values.size());
    for (float& value : values) {
      found.range.Add(value);
      value = std::clamp(value, 0.0f, 1.0f);  // keeps NaN, and so does the sum
      found.sum += value;
    }
    return found;
  };
  // Side by side, the classes of one pixel lie where the matte of others goes: from the front, on one thread.
  const Summary all = layout.channels_last ? run(0, pixels) : ForRuns<Summary>(pixels, runner, run);
  if (std::isnan(all.sum)) return Fail(ErrorCode::kInternal, "the model's output contains NaN");
  if (!all.range.is_matte()) return NotAMatte(activation, layout, all.range);
  return static_cast<float>(all.sum / static_cast<double>(pixels));
}

}  // namespace decal
