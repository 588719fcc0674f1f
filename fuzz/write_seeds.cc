// Writes a few tiny models into a folder: what the fuzzers start from if there are no conformance cases.
// SPDX-License-Identifier: MIT
#include <fstream>
#include <iostream>

#include "tests/support/onnx_builder.h"

using decal::testing::OnnxAttributes;
using decal::testing::OnnxBuilder;

namespace {

std::string Convolutions() {
  std::mt19937 random(1);
  OnnxBuilder b;
  b.Input("x", {1, 3, -1, -1});
  b.RandomFloats("w", {8, 3, 3, 3}, random);
  b.RandomFloats("d", {8, 1, 3, 3}, random);
  const std::string pads = "pads";
  const std::string first =
      b.Node("Conv", {"x", "w"}, OnnxAttributes().Ints(pads, {1, 1, 1, 1}).Ints("strides", {2, 2}));
  const std::string second =
      b.Node("Conv", {b.Node("Relu", {first}), "d"}, OnnxAttributes().Ints(pads, {1, 1, 1, 1}).Int("group", 8));
  b.Node("Concat", {b.Node("Sigmoid", {second}), first}, {"y"}, OnnxAttributes().Int("axis", 1));
  b.Output("y");
  return b.Build();
}

std::string ShapeArithmetic() {
  OnnxBuilder b;
  b.Input("x", {1, 4, -1, -1});
  b.Ints("start", {2});
  b.Ints("end", {4});
  b.Ints("two", {2});
  const std::string size = b.Node("Mul", {b.Node("Slice", {b.Node("Shape", {"x"}), "start", "end"}), "two"});
  b.Ints("head", {1, 4});
  const std::string sizes = b.Node("Concat", {"head", size}, OnnxAttributes().Int("axis", 0));
  b.Node("Resize", {"x", "", "", sizes}, {"y"}, OnnxAttributes().String("mode", "linear"));
  b.Output("y");
  return b.Build();
}

std::string Attention() {
  OnnxBuilder b;
  b.Input("x", {2, 4, 8});
  const std::string scores =
      b.Node("MatMul", {"x", b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {0, 2, 1}))});
  b.Ints("shape", {0, -1});
  b.Node("Reshape", {b.Node("MatMul", {b.Node("Softmax", {scores}), "x"}), "shape"}, {"y"});
  b.Output("y");
  return b.Build();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string models[] = {Convolutions(), ShapeArithmetic(), Attention()};
  for (size_t i = 0; i < std::size(models); ++i) {
    std::ofstream file(std::string(argv[1]) + "/tiny_" + std::to_string(i) + ".onnx", std::ios::binary);
    if (!file.write(models[i].data(), static_cast<std::streamsize>(models[i].size()))) return 1;
  }
}
