// The module decal._decal, which decal's Python files wrap; its types are in decal/_decal.pyi.
// SPDX-License-Identifier: MIT
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "binding/engine.h"
#include "binding/errors.h"
#include "binding/rembg.h"
#ifdef DECAL_PNG
#include "binding/png.h"
#endif
#include "decal/model.h"
#include "decal/version.h"

namespace nb = nanobind;

namespace decal::python {
namespace {

nb::list ListModels() {
  nb::list list;
  for (const ModelInfo& model : Models()) {
    nb::dict entry;
    const auto text = [&](const char* key, std::string_view value) {
      entry[key] = nb::str(value.data(), value.size());
    };
    text("name", model.name);
    text("description", model.description);
    text("licence", model.licence);
    text("url", model.url);
    text("sha256", model.sha256);
    entry["bytes"] = model.bytes;
    entry["embedded"] = !model.file.empty();
    list.append(entry);
  }
  return list;
}

// With the type that Python knows.
template <class T>
auto ResizeOn(T& engine, const SamplesArray& picture, int width, int height) {
  return Resize(engine, picture, width, height);
}
template <class T>
void PasteOn(T& engine, const SamplesArray& picture, const SamplesArray& mask, const OutputArray& out) {
  Paste(engine, picture, mask, out);
}

}  // namespace

NB_MODULE(_decal, m) {
  RegisterErrors();
  m.def("version", &Version);
  m.def("simd_target", &SimdTarget);
  m.def("models", &ListModels);
  m.def(
      "check_fields", [](const nb::dict& fields, const nb::dict& inputs) { ModelSpec(fields, inputs); },
      nb::arg("fields"), nb::arg("inputs"));
  m.def("before_fork", &BeforeFork);
  m.def("after_fork_in_parent", &AfterForkInParent);
  m.def("after_fork_in_child", &AfterForkInChild);

#ifdef DECAL_PNG
  m.def("pack_png", &PackPng, nb::arg("rgba"), nb::arg("channels"), nb::arg("threads"));
#endif

  const auto source = [](std::string name, std::string file) { return ModelSource{std::move(name), std::move(file)}; };
  nb::class_<Engine>(m, "Engine")
      .def(
          "__init__",
          [source](Engine* self, std::string name, std::string file, size_t threads, const nb::dict& fields,
                   const nb::dict& inputs) {
            new (self) Engine(source(std::move(name), std::move(file)), ModelSpec(fields, inputs), threads);
          },
          nb::arg("name"), nb::arg("file"), nb::arg("threads"), nb::arg("fields"), nb::arg("inputs"))
      .def_prop_ro("threads", [](const Engine& engine) { return engine.runner.thread_count(); })
      .def("prepare", &Engine::Prepare, nb::arg("width"), nb::arg("height"))
      .def("run", &Engine::Run, nb::arg("picture"), nb::arg("out"), nb::arg("options"),
           nb::arg("own").none() = nb::none())
      .def("compose", &Engine::Compose, nb::arg("picture"), nb::arg("matte"), nb::arg("out"), nb::arg("options"))
      .def("resize", &ResizeOn<Engine>, nb::arg("picture"), nb::arg("width"), nb::arg("height"))
      .def("paste", &PasteOn<Engine>, nb::arg("picture"), nb::arg("mask"), nb::arg("out"))
      .def_static("choose_frame", &Engine::ChooseFrame, nb::arg("width"), nb::arg("height"), nb::arg("visible").none(),
                  nb::arg("crop").none(), nb::arg("aspect_ratio"), nb::arg("size"), nb::arg("scale"))
      .def("take_frame", &Engine::TakeFrame, nb::arg("picture"), nb::arg("source"), nb::arg("beyond"), nb::arg("out"));
  nb::class_<Network>(m, "Network")
      .def(
          "__init__",
          [source](Network* self, std::string name, std::string file, size_t threads) {
            new (self) Network(source(std::move(name), std::move(file)), threads);
          },
          nb::arg("name"), nb::arg("file"), nb::arg("threads"))
      .def_prop_ro("input_shape", &Network::input_shape)
      .def_prop_ro("threads", [](const Network& network) { return network.runner.thread_count(); })
      .def("resize", &ResizeOn<Network>, nb::arg("picture"), nb::arg("width"), nb::arg("height"))
      .def("paste", &PasteOn<Network>, nb::arg("picture"), nb::arg("mask"), nb::arg("out"))
      .def("run", &Network::Run, nb::arg("input"));
}

}  // namespace decal::python
