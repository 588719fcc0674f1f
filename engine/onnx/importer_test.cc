// The ONNX reader: streaming, broken files, names and operators that are missing.
// SPDX-License-Identifier: MIT
#include "engine/onnx/importer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "tests/support/onnx_builder.h"
#include "tests/support/reference_runner.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using ::decal::testing::AsBytes;
using ::decal::testing::Import;
using ::decal::testing::OnnxAttributes;
using ::decal::testing::OnnxBuilder;

std::string SmallModel() {
  OnnxBuilder b;
  b.Input("x", {1, 2, -1, -1});
  b.Floats("w", {3, 2, 1, 1}, {1, 2, 3, 4, 5, 6});
  b.Node("Conv", {"x", "w"}, {"c"}, OnnxAttributes().Ints("kernel_shape", {1, 1}).Ints("pads", {0, 0, 0, 0}));
  b.Node("Clip", {"c", b.Floats("low", {}, {0}), b.Floats("high", {}, {6})}, {"y"});
  b.Output("y");
  return b.Build();
}

ErrorCode CodeOf(const std::string& model) {
  auto graph = Import(model);
  return graph ? ErrorCode::kInternal : graph.error().code;
}

TEST(Importer, ReadsNodesWeightsAndOpenExtents) {
  auto graph = Import(SmallModel());
  ASSERT_TRUE(graph) << graph.error().ToString();
  ASSERT_EQ(graph->nodes.size(), 2u);
  EXPECT_STREQ(OpName(graph->nodes[0].op), "Conv");
  const auto* clip = std::get_if<Unary>(&graph->nodes[1].op);
  ASSERT_NE(clip, nullptr);
  EXPECT_EQ(clip->kind, UnaryKind::kClip);
  EXPECT_EQ(clip->alpha, 0);
  EXPECT_EQ(clip->beta, 6);
  EXPECT_EQ(graph->values[graph->inputs[0]].type.shape->ToString(), "[1,2,?,?]");
  EXPECT_EQ(graph->values[graph->nodes[0].inputs[1]].constant->view().as<float>()[5], 6);
}

TEST(Importer, AnyCutOfTheStreamGivesTheSameGraph) {
  const std::string model = SmallModel();
  const std::string whole = Print(*Import(model));
  for (size_t piece : {1, 2, 3, 7, 64}) {
    OnnxStream stream;
    for (size_t at = 0; at < model.size(); at += piece)
      ASSERT_TRUE(stream.Feed(AsBytes(model).subspan(at, std::min(piece, model.size() - at))));
    auto parsed = stream.Finish();
    ASSERT_TRUE(parsed) << parsed.error().ToString();
    auto graph = ImportGraph(*std::move(parsed));
    ASSERT_TRUE(graph);
    EXPECT_EQ(Print(*graph), whole) << "pieces of " << piece;
  }
}

TEST(Importer, EveryTruncationIsAnError) {
  const std::string model = SmallModel();
  for (size_t size = 0; size < model.size(); ++size) {
    auto graph = Import(model.substr(0, size));
    ASSERT_FALSE(graph) << size;
    EXPECT_EQ(graph.error().code, ErrorCode::kCorruptModel) << size << ": " << graph.error().ToString();
  }
}

TEST(Importer, BrokenBytesNeverCrash) {
  const std::string model = SmallModel();
  std::mt19937 random(testing::TestSeed(1));
  size_t errors = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string broken = model;
    const int flips = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < flips; ++i) broken[random() % broken.size()] = static_cast<char>(random());
    auto graph = Import(broken);
    if (!graph) ++errors;
    else (void)FoldConstants(*graph, FoldStage::kLoaded);
  }
  EXPECT_GT(errors, 5000u);
}

TEST(Importer, NamesEveryMissingOperatorAtOnce) {
  OnnxBuilder b;
  b.Input("x", {1, 2});
  b.Node("Foo", {"x"}, {"f"});
  b.Node("Relu", {"f"}, {"r"});
  b.Node("Bar", {"r"}, {"b"});
  b.Node("Foo", {"x"}, {"g"});
  b.Node("AveragePool", {"x"}, {"p"}, OnnxAttributes().Ints("kernel_shape", {2, 2}).Ints("strides", {0, 1}));
  b.Output("g");
  auto graph = Import(b.Build());
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::kUnsupportedOperator);
  for (const char* part : {"Foo (Foo_0, Foo_3)", "AveragePool with a stride or dilation of 0 (AveragePool_4)"})
    EXPECT_NE(graph.error().message.find(part), std::string::npos) << graph.error().message;
}

TEST(Importer, RefusesWhatIsNotAModel) {
  EXPECT_EQ(CodeOf(""), ErrorCode::kCorruptModel);
  EXPECT_EQ(CodeOf("hello, this is a text file"), ErrorCode::kCorruptModel);
  EXPECT_EQ(CodeOf(std::string(1000, '\0')), ErrorCode::kCorruptModel);
  EXPECT_EQ(CodeOf(std::string(1000, '\xFF')), ErrorCode::kCorruptModel);
}

TEST(Importer, RefusesWeightsThatAreNotThere) {
  OnnxBuilder b;
  b.Input("x", {1, 2, 4, 4});
  b.Floats("w", {64, 64, 3, 3}, {1, 2, 3});
  b.Node("Conv", {"x", "w"}, {"y"});
  b.Output("y");
  auto graph = Import(b.Build());
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::kCorruptModel);
  EXPECT_EQ(graph.error().where, "w");
}

// Five nodes of a diamond and its tail, in the order of `at`.
std::string Diamond(std::span<const size_t> at) {
  OnnxBuilder b;
  b.Input("x", {2});
  const std::array<std::function<void()>, 5> nodes = {
      [&] { b.Node("Neg", {"x"}, {"a"}); }, [&] { b.Node("Relu", {"a"}, {"b"}); }, [&] { b.Node("Abs", {"a"}, {"c"}); },
      [&] { b.Node("Sub", {"b", "c"}, {"d"}); }, [&] { b.Node("Exp", {"d"}, {"y"}); }};
  for (const size_t i : at) nodes[i]();
  b.Output("y");
  return b.Build();
}

std::vector<std::string> Operators(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.emplace_back(OpName(node.op));
  return names;
}

TEST(Importer, SortsNodesAsTheyNeedEachOther) {
  std::array<size_t, 5> at = {0, 1, 2, 3, 4};
  const auto sorted = Import(Diamond(at));
  ASSERT_TRUE(sorted) << sorted.error().ToString();
  do {
    const auto graph = Import(Diamond(at));
    ASSERT_TRUE(graph) << graph.error().ToString();
    const std::vector<std::string> names = Operators(*graph), expected = Operators(*sorted);
    EXPECT_EQ(names.size(), expected.size());
    EXPECT_EQ(names.front(), expected.front());
    EXPECT_EQ(names.back(), expected.back());
  } while (std::next_permutation(at.begin(), at.end()));
}

TEST(Importer, RefusesNodesThatNeedEachOther) {
  OnnxBuilder b;
  b.Input("x", {2});
  b.Node("Add", {"x", "c"}, {"a"});
  b.Node("Relu", {"a"}, {"b"});
  b.Node("Abs", {"b"}, {"c"});
  b.Output("c");
  const auto graph = Import(b.Build());
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::kCorruptModel);
  EXPECT_EQ(graph.error().where, "Add_0");
}

TEST(Importer, SortsALongChainFromItsEnd) {
  constexpr int kNodes = 20000;
  OnnxBuilder b;
  b.Input("n0", {2});
  for (int i = kNodes; i > 0; --i) b.Node("Relu", {"n" + std::to_string(i - 1)}, {"n" + std::to_string(i)});
  b.Output("n" + std::to_string(kNodes));
  EXPECT_TRUE(Import(b.Build()));
}

TEST(Importer, RefusesUnknownNamesAndDoubleOutputs) {
  OnnxBuilder unknown;
  unknown.Input("x", {1});
  unknown.Node("Relu", {"z"}, {"y"});
  unknown.Output("y");
  EXPECT_EQ(CodeOf(unknown.Build()), ErrorCode::kCorruptModel);
  OnnxBuilder twice;
  twice.Input("x", {1});
  twice.Node("Relu", {"x"}, {"y"});
  twice.Node("Abs", {"x"}, {"y"});
  twice.Output("y");
  EXPECT_EQ(CodeOf(twice.Build()), ErrorCode::kCorruptModel);
}

TEST(Importer, RefusesOtherOpsets) {
  for (int64_t opset : {6, 26}) {
    OnnxBuilder b(opset);
    b.Input("x", {1});
    b.Node("Relu", {"x"}, {"y"});
    b.Output("y");
    EXPECT_EQ(CodeOf(b.Build()), ErrorCode::kUnsupportedOperator) << opset;
  }
}

TEST(Importer, TakesOldOpsetsOfOperatorsThatNeverChanged) {
  OnnxBuilder b(1);
  b.Input("x", {1});
  b.Node("Softplus", {"x"}, {"y"});
  b.Output("y");
  EXPECT_TRUE(Import(b.Build()).has_value());
}

TEST(Tensor, UnpacksValuesBelowAByteAndRefusesMissingOnes) {
  // dims: 3, data_type: 22 (int4), raw_data: 0xF7 0x08, low bits first.
  const std::string int4("\x08\x03\x10\x16\x4A\x02\xF7\x08", 8);
  Result<OnnxInitializer> tensor = ParseTensor(AsBytes(int4));
  ASSERT_TRUE(tensor.has_value());
  const TensorView view = tensor->tensor->view();
  EXPECT_EQ(view.dtype, DType::kInt4);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(view.as<int8_t>()[i], (std::array{7, -1, -8}[i]));
  // The same as int32_data, and five uint2 values in two bytes of it.
  EXPECT_TRUE(ParseTensor(AsBytes(std::string("\x08\x03\x10\x16\x2A\x03\xF7\x01\x08", 9))).has_value());
  tensor = ParseTensor(AsBytes(std::string("\x08\x05\x10\x19\x4A\x02\xE4\x02", 8)));
  ASSERT_TRUE(tensor.has_value());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tensor->tensor->view().as<uint8_t>()[i], (std::array{0, 1, 2, 3, 2}[i]));
  const std::string missing("\x08\x05\x10\x16\x4A\x02\xF7\x08", 8);  // five int4 values take three bytes
  EXPECT_EQ(ParseTensor(AsBytes(missing)).error().code, ErrorCode::kCorruptModel);
}

TEST(Importer, StringsAreMovedAndComparedAndNothingElse) {
  const auto model = [](const char* op) {
    OnnxBuilder b;
    b.Input("x", {3});
    const std::string words = b.Strings("words", {3}, {"cat", "", "dog"});
    const std::string made = b.Node(op, {words, b.Strings("other", {1}, {"cat"})});
    b.Node("Where", {made, "x", b.Floats("zero", {1}, {0})}, {"y"});
    b.Output("y");
    return b.Build();
  };
  auto graph = testing::ImportAndInfer(model("Equal"));
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::vector<testing::TestTensor> inputs;
  inputs.push_back(testing::TestTensor::Of({3}, {1, 2, 3}));
  EXPECT_EQ(testing::RunByReference(*graph, inputs)[0], (std::vector<float>{1, 0, 0}));
  EXPECT_EQ(testing::ImportAndInfer(model("Less")).error().code, ErrorCode::kUnsupportedOperator);
  OnnxBuilder cast;
  cast.Input("x", {3});
  cast.Node("Cast", {"x"}, {"y"}, OnnxAttributes().Int("to", 8));
  cast.Output("y");
  EXPECT_EQ(testing::ImportAndInfer(cast.Build()).error().code, ErrorCode::kUnsupportedOperator);
  OnnxBuilder missing;
  missing.Input("x", {1});
  missing.Strings("words", {2}, {"cat"});
  missing.Node("Equal", {"words", "words"}, {"y"});
  missing.Output("y");
  EXPECT_EQ(CodeOf(missing.Build()), ErrorCode::kCorruptModel);
}

TEST(Importer, DropoutKeepsEverythingOrIsRefused) {
  const auto model = [](bool training, float ratio) {
    OnnxBuilder b;
    b.Input("x", {2});
    b.Node("Dropout", {"x", b.Floats("ratio", {}, {ratio}), b.Tensor<uint8_t>("training", {}, 9, {training})},
           {"d", "mask"});
    b.Node("Where", {"mask", "d", b.Floats("zero", {1}, {0})}, {"y"});
    b.Output("y");
    return b.Build();
  };
  std::vector<testing::TestTensor> inputs;
  inputs.push_back(testing::TestTensor::Of({2}, {3, 4}));
  for (const auto& kept : {model(false, 0.5f), model(true, 0)}) {
    auto graph = testing::ImportAndInfer(kept);
    ASSERT_TRUE(graph) << graph.error().ToString();
    EXPECT_EQ(testing::RunByReference(*graph, inputs)[0], (std::vector<float>{3, 4}));
  }
  EXPECT_EQ(CodeOf(model(true, 0.5f)), ErrorCode::kUnsupportedOperator);
}

TEST(Importer, HugeClaimsDoNotAllocate) {
  // A tensor that claims 2^40 elements, and a field that claims 1 GiB but ends after four bytes.
  OnnxBuilder b;
  b.Input("x", {1});
  b.Floats("w", {int64_t{1} << 20, int64_t{1} << 20}, {1});
  b.Node("Relu", {"x"}, {"y"});
  b.Output("y");
  EXPECT_EQ(CodeOf(b.Build()), ErrorCode::kLimitExceeded);
  EXPECT_EQ(CodeOf(std::string("\x3A\x80\x80\x80\x80\x04\x0A\x80\x80\x80\x80\x03zzzz", 16)), ErrorCode::kCorruptModel);
}

TEST(Wire, VarintsAtTheirBorders) {
  uint64_t value;
  size_t used;
  const auto read = [&](std::string_view text) { return ReadVarint(std::as_bytes(std::span(text)), value, used); };
  EXPECT_EQ(read("\x7F"), WireState::kOk);
  EXPECT_EQ(value, 127u);
  EXPECT_EQ(read(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10)), WireState::kOk);
  EXPECT_EQ(value, UINT64_MAX);
  EXPECT_EQ(used, 10u);
  EXPECT_EQ(read("\x80"), WireState::kNeedMore);
  EXPECT_EQ(read(std::string_view("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11)), WireState::kCorrupt);
}

// Passes look at the inputs of what they match, before any shape rule has counted them.
TEST(Importer, NodesWithoutTheirInputsAreRefused) {
  for (const auto& [op, inputs] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{{"Mul", {"x"}},
                                                                     {"Mul", {"x", ""}},
                                                                     {"Sum", {"x", "", "x"}},
                                                                     {"Conv", {"x"}},
                                                                     {"BatchNormalization", {"x"}},
                                                                     {"Pad", {"x"}}}) {
    OnnxBuilder b;
    b.Input("x", {1, 2, 3, 4});
    b.Node(op, inputs, {"y"});
    b.Output("y");
    const auto graph = Import(b.Build());
    ASSERT_FALSE(graph) << op;
    EXPECT_EQ(graph.error().code, ErrorCode::kCorruptModel) << graph.error().ToString();
  }
}

}  // namespace
}  // namespace decal
