// What Python holds: an engine for pictures (Remover) and a bare network (Session), both safe for many threads.
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

// The picture once more in its own colours, where that cut-out goes, and the background in those colours. The matte is the one of the
// picture in sRGB.
using OwnColours = std::tuple<PictureArray, OutputArray, std::optional<std::array<uint8_t, 4>>>;

// x, y, width and height; and such a part of a picture with the width and height that it gets.
using BoxTuple = std::tuple<int, int, int, int>;
using FrameTuple = std::pair<BoxTuple, std::pair<int, int>>;

// Where weights are: an entry of the registry (empty: one that it does not know), and a file (empty: the embedded weights).
struct ModelSource {
  std::string name;
  std::string file;
};

// What is given instead of the registry's fields, and values of inputs besides the picture. The texts are its own.
class ModelSpec {
 public:
  // As SetModelField takes them. What is wrong is an error here.
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

  // Plans for pictures of that size, so that a later Run has nothing left to prepare.
  void Prepare(int width, int height);
  // The cut-out of `picture` into `out` (its size, RGBA), and that of `own`. `options`: see ReadOptions. Returns the report as a dict.
  nanobind::dict Run(const PictureArray& picture, const OutputArray& out, const nanobind::dict& options,
                     const std::optional<OwnColours>& own);
  // Composes `picture` with a matte 0..1 of any size; no network. Returns what is visible, x, y, width and height, or None.
  nanobind::object Compose(const PictureArray& picture, const MatteArray& matte, const OutputArray& out,
                           const nanobind::dict& options);
  // See decal::ChooseFrame and decal::TakeFrame; a picture to take from is RGBA in rows.
  static FrameTuple ChooseFrame(int width, int height, const std::optional<BoxTuple>& visible,
                                std::optional<float> crop, float aspect_ratio, std::pair<int, int> size, float scale);
  void TakeFrame(const PictureArray& picture, const BoxTuple& source, std::array<uint8_t, 4> beyond,
                 const OutputArray& out);

 private:
  // What errors of the model, and not of a picture, name.
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

  // The shapes of the picture input and of the outputs; -1 is open.
  std::vector<int64_t> input_shape() const { return input_shape_; }
  // Float32 NCHW or NHWC as the model has it; answers the first output and its shape.
  nanobind::ndarray<nanobind::numpy, float> Run(const TensorArray& input);

 private:
  std::optional<Session> session_;
  std::vector<int64_t> input_shape_, specialized_;
};

}  // namespace decal::python
