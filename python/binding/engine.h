// The objects that Python holds: an engine for pictures (Remover) and a bare network (Session), both safe for many
// threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "binding/errors.h"
#include "binding/runner.h"
#include "decal/cutout.h"

namespace decal::python {

// [H,W,3] or [H,W,4], any strides.
using PictureArray = nanobind::ndarray<const uint8_t, nanobind::ndim<3>, nanobind::device::cpu>;
using OutputArray = nanobind::ndarray<uint8_t, nanobind::shape<-1, -1, 4>, nanobind::c_contig, nanobind::device::cpu>;
using MatteArray = nanobind::ndarray<const float, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;
using TensorArray = nanobind::ndarray<const float, nanobind::c_contig, nanobind::device::cpu>;

// The picture in its own colours, the array for its cut-out, and the background in those colours. The matte is that of
// the picture in sRGB.
using OwnColours = std::tuple<PictureArray, OutputArray, std::optional<std::array<uint8_t, 4>>>;

// x, y, width and height of a part of a picture; and the width and height it is scaled to.
using BoxTuple = std::tuple<int, int, int, int>;
using FrameTuple = std::pair<BoxTuple, std::pair<int, int>>;

// Where weights come from: an entry of the registry (empty: not in the registry), and a file (empty: the embedded
// weights).
struct ModelSource {
  std::string name;
  std::string file;
};

// Fields that replace the registry's, and values of inputs besides the picture. It owns its texts.
class ModelSpec {
 public:
  // Fields as SetModelField takes them. Throws for invalid ones.
  ModelSpec(const nanobind::dict& fields, const nanobind::dict& inputs);
  ModelInfo Over(ModelInfo info) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
  std::vector<std::pair<std::string, float>> inputs_;
  std::vector<InputValue> values_;
};

class Engine : public Shared {
 public:
  Engine(const ModelSource& source, const ModelSpec& spec, size_t threads);

  // Plans for pictures of that size, so that a later Run need not.
  void Prepare(int width, int height);
  // Writes the cut-out of `picture` into `out` (the same size, RGBA), and that of `own`. `options`: see ReadOptions.
  // Returns the report as a dict.
  nanobind::dict Run(const PictureArray& picture, const OutputArray& out, const nanobind::dict& options,
                     const std::optional<OwnColours>& own);
  // Composes `picture` with a matte, 0..1, of any size, without a network. Returns the visible part as x, y, width and
  // height, or None.
  nanobind::object Compose(const PictureArray& picture, const MatteArray& matte, const OutputArray& out,
                           const nanobind::dict& options);
  // See decal::ChooseFrame and decal::TakeFrame. The picture to take from is RGBA in rows.
  static FrameTuple ChooseFrame(int width, int height, const std::optional<BoxTuple>& visible,
                                std::optional<float> crop, float aspect_ratio, std::pair<int, int> size, float scale);
  void TakeFrame(const PictureArray& picture, const BoxTuple& source, std::array<uint8_t, 4> beyond,
                 const OutputArray& out);

 private:
  // The name in errors of the model (as opposed to errors of a picture).
  template <class T>
  T Named(Result<T> result) const {
    const bool of_model = !result && IsModelFault(result.error());
    return Unwrap(std::move(result), of_model ? model_ : std::string());
  }

  std::string model_;
  std::optional<Remover> remover_;
};

class Network : public Shared {
 public:
  Network(const ModelSource& source, size_t threads);

  // The shapes of the picture input and of the outputs; -1 is a dynamic dimension.
  std::vector<int64_t> input_shape() const { return input_shape_; }
  // Takes float32 as NCHW or NHWC, as the model does. Returns the first output and its shape.
  nanobind::ndarray<nanobind::numpy, float> Run(const TensorArray& input);

 private:
  std::optional<Session> session_;
  std::vector<int64_t> input_shape_, specialized_;
};

}  // namespace decal::python
