// Chooses the output by name, then by shape. The model states its activation, or it follows from the values.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/matte_output.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/cpu/simd/activation.h"

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

struct Summary {
  double sum = 0;
  Range range;  // before values are clamped
  void Add(const Summary& other) {
    sum += other.sum;
    range.Add(other.range);
  }
};

std::unexpected<Error> NotAMatte(OutputActivation activation, const MatteLayout& layout, const Range& range) {
  const char* what = range.is_negative() ? layout.classes > 1 ? "logits: set activation to softmax"
                                                              : "logits: set activation to sigmoid"
                                         : "set activation to bytes for 0 to 255";
  std::string text = "the matte has values from ";
  json::AppendNumber(text, range.least);
  text += " to ";
  json::AppendNumber(text, range.most);
  if (activation == OutputActivation::kBytes) text += " after division by 255";
  return Fail(ErrorCode::kInvalidArgument, text + ", not 0 to 1: " + what + ", or to auto", "activation");
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
  const size_t given = static_cast<size_t>(foreground_class);
  if (foreground_class < 0 ? layout.classes > 2 : given >= layout.classes) {
    return Fail(ErrorCode::kInvalidArgument,
                "the model distinguishes " + std::to_string(layout.classes) +
                    " classes: set foregroundClass to the subject's, from 0",
                ShapeText(name, shape));
  }
  layout.foreground = foreground_class < 0 ? layout.classes - 1 : given;
  return layout;
}

Result<float> ReadMatte(OutputActivation activation, const MatteLayout& layout, std::span<float> output,
                        ThreadRunner& runner) {
  const size_t pixels = layout.pixels();
  // From one pixel, and from one class, to the next.
  const size_t step = layout.channels_last ? layout.classes : 1, plane = layout.channels_last ? 1 : pixels;
  const float* source = output.data() + layout.foreground * plane;
  float* matte = output.data() + layout.offset();
  const auto run = [&](size_t begin, size_t end, Summary& found) {
    if (activation == OutputActivation::kAuto) {
      for (size_t i = begin; i < end; ++i) found.range.Add(source[i * step]);
      return;
    }
    const float scale = activation == OutputActivation::kBytes ? 1.0f / 255 : 1.0f;
    for (size_t i = begin; i < end; ++i) {
      float value = source[i * step] * scale;
      if (activation == OutputActivation::kSoftmax) {
        double sum = 0;
        for (size_t c = 0; c < layout.classes; ++c) sum += std::exp(double{output[i * step + c * plane]} - value);
        value = static_cast<float>(1 / sum);
      }
      matte[i] = value;
    }
    if (activation == OutputActivation::kSigmoid)
      cpu::ActivateRun({cpu::Activation::kSigmoid}, matte + begin, matte + begin, end - begin);
    for (size_t i = begin; i < end; ++i) {
      found.range.Add(matte[i]);
      matte[i] = std::clamp(matte[i], 0.0f, 1.0f);  // keeps NaN, and so does the sum
      found.sum += matte[i];
    }
  };
  const auto run_all = [&] {
    // Side by side, the classes of one pixel lie where the matte of others goes: from the front, on one thread.
    const size_t run_pixels = step > 1 ? pixels : kMatteRun;
    std::vector<Summary> parts((pixels + run_pixels - 1) / run_pixels);
    ParallelFor(runner, parts.size(), [&](size_t task, size_t) {
      const size_t begin = task * run_pixels;
      run(begin, std::min(pixels, begin + run_pixels), parts[task]);
    });
    Summary all;
    for (const Summary& part : parts) all.Add(part);
    return all;
  };

  Summary all;
  if (activation == OutputActivation::kAuto) {
    all = run_all();
    activation = all.range.is_matte()       ? OutputActivation::kNone
                 : !all.range.is_negative() ? OutputActivation::kBytes
                                            : OutputActivation::kSoftmax;
  }
  // Of one class, softmax is the sigmoid of its logit against 0.
  if (activation == OutputActivation::kSoftmax && layout.classes == 1) activation = OutputActivation::kSigmoid;
  all = run_all();
  if (std::isnan(all.sum)) return Fail(ErrorCode::kInternal, "the model's output contains NaN");
  if (!all.range.is_matte()) return NotAMatte(activation, layout, all.range);
  return static_cast<float>(all.sum / static_cast<double>(pixels));
}

}  // namespace decal
