// The Remover over tiny models written here: layouts, activations, sizes, cancelling; and over the default model.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "cutout/test_picture.h"
#include "decal/cutout.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

// Just enough protobuf to spell an ONNX file.
class Proto {
 public:
  Proto& Int(int field, int64_t value) {
    Varint(static_cast<uint64_t>(field) << 3);
    Varint(static_cast<uint64_t>(value));
    return *this;
  }
  Proto& Bytes(int field, const std::string& value) {
    Varint(static_cast<uint64_t>(field) << 3 | 2);
    Varint(value.size());
    bytes_ += value;
    return *this;
  }
  Proto& Message(int field, const Proto& message) { return Bytes(field, message.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

using Shape = std::vector<int64_t>;  // -1: free

Proto ValueInfo(const std::string& name, const Shape& shape) {
  Proto dims;
  for (const int64_t extent : shape) {
    dims.Message(1, extent < 0 ? Proto().Bytes(2, "n" + std::to_string(&extent - shape.data())) : Proto().Int(1, extent));
  }
  return Proto().Bytes(1, name).Message(2, Proto().Message(1, Proto().Int(1, 1).Message(2, dims)));
}

Proto Node(const std::string& type, std::initializer_list<const char*> inputs, const std::string& output,
           const Shape& perm = {}) {
  Proto node;
  for (const char* input : inputs) node.Bytes(1, input);
  node.Bytes(2, output).Bytes(3, type + "_" + output).Bytes(4, type);
  if (!perm.empty()) {
    Proto attribute;
    attribute.Bytes(1, "perm").Int(20, 7);
    for (const int64_t axis : perm) attribute.Int(8, axis);
    node.Message(5, attribute);
  }
  return node;
}

// A 1x1 convolution kernel over RGB: output channel i takes rows[i] of (r, g, b).
Proto Kernel(const std::vector<std::array<float, 3>>& rows) {
  std::string raw;
  for (const auto& row : rows) {
    for (const float value : row) {
      for (int shift = 0; shift < 32; shift += 8) raw += static_cast<char>(std::bit_cast<uint32_t>(value) >> shift);
    }
  }
  return Proto().Int(1, static_cast<int64_t>(rows.size())).Int(1, 3).Int(1, 1).Int(1, 1).Int(2, 1).Bytes(8, "kernel")
      .Bytes(9, raw);
}

struct Io {
  std::string name;
  Shape shape;
};

Result<Session> LoadModel(const std::vector<Proto>& nodes, const Proto& kernel, const Io& input,
                          const std::vector<Io>& outputs) {
  Proto graph;
  for (const Proto& node : nodes) graph.Message(1, node);
  graph.Bytes(2, "test").Message(5, kernel).Message(11, ValueInfo(input.name, input.shape));
  for (const Io& output : outputs) graph.Message(12, ValueInfo(output.name, output.shape));
  const Proto model = Proto().Int(1, 8).Message(7, graph).Message(8, Proto().Bytes(1, "").Int(2, 17));
  return Session::Load(std::as_bytes(std::span(model.bytes())));
}

constexpr std::array<float, 3> kRed = {1, 0, 0}, kGreen = {0, 1, 0};

// The matte is the picture's red.
Result<Session> RedModel() {
  return LoadModel({Node("Conv", {"x", "kernel"}, "y")}, Kernel({kRed}), {"x", {1, 3, -1, -1}}, {{"y", {1, 1, -1, -1}}});
}

ModelInfo PlainInfo(int width, int height, OutputActivation activation = OutputActivation::kNone) {
  return {.width = width, .height = height, .mean = {0, 0, 0}, .std = {1, 1, 1}, .activation = activation};
}

Remover MakeRemover(Result<Session> session, const ModelInfo& info) {
  EXPECT_TRUE(session.has_value()) << session.error().ToString();
  Result<Remover> remover = Remover::Create(*std::move(session), info, SerialRunner());
  EXPECT_TRUE(remover.has_value()) << remover.error().ToString();
  return *std::move(remover);
}

CutoutReport RunOk(Remover& remover, const TestPicture& picture, TestPicture& out) {
  const Result<CutoutReport> report = remover.Run(picture.view(), {}, out.mutable_view());
  EXPECT_TRUE(report.has_value()) << report.error().ToString();
  return report.value_or(CutoutReport{});
}

TEST(RemoverTest, MatteBecomesAlpha) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  const TestPicture picture = TestPicture::Filled(10, 6, {51, 7, 9, 255});
  TestPicture out(10, 6);
  const CutoutReport report = RunOk(remover, picture, out);
  EXPECT_EQ(out.at(3, 3), (Rgba{51, 7, 9, 51}));
  EXPECT_EQ(report.input, (Extent{4, 4}));
  EXPECT_NEAR(report.coverage, 0.2f, 1e-5f);
  EXPECT_GE(report.memory_bytes, 4 * 4 * 4 * sizeof(float));  // at least the model's input and output
  EXPECT_EQ(remover.matte().width, 4);
  EXPECT_EQ(remover.matte().height, 4);
  EXPECT_NEAR(remover.matte().data[5], 0.2f, 1e-5f);
}

TEST(RemoverTest, ShortSideRuleFollowsEachPicture) {
  ModelInfo info = PlainInfo(8, 8);
  info.size_rule = SizeRule::kShortSide;
  info.multiple = 4;
  Remover remover = MakeRemover(RedModel(), info);
  for (const auto& [picture_extent, input] : {std::pair{Extent{20, 10}, Extent{16, 8}}, {Extent{10, 20}, Extent{8, 16}},
                                              {Extent{40, 20}, Extent{16, 8}}}) {
    TestPicture picture(picture_extent.width, picture_extent.height);
    picture.ForEach([&](int, int y) { return Rgba{static_cast<uint8_t>(y < picture_extent.height / 2 ? 255 : 0), 0, 0, 255}; });
    TestPicture out = picture;
    EXPECT_EQ(RunOk(remover, picture, out).input, input);
    EXPECT_EQ(out.at(1, 0)[3], 255);
    EXPECT_EQ(out.at(1, picture_extent.height - 1)[3], 0);
  }
}

TEST(RemoverTest, LogitsGetTheSigmoid) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(2, 2, OutputActivation::kSigmoid));
  TestPicture out(2, 2);
  const CutoutReport report = RunOk(remover, TestPicture::Filled(2, 2, {255, 0, 0, 255}), out);
  EXPECT_NEAR(report.coverage, 1 / (1 + std::exp(-1.0)), 1e-5);
}

TEST(RemoverTest, SecondOfTwoChannelsIsTheForeground) {
  Remover remover = MakeRemover(LoadModel({Node("Conv", {"x", "kernel"}, "y")}, Kernel({kRed, kGreen}),
                                          {"x", {1, 3, -1, -1}}, {{"y", {1, 2, -1, -1}}}),
                                PlainInfo(4, 4));
  TestPicture out(4, 4);
  RunOk(remover, TestPicture::Filled(4, 4, {51, 102, 0, 255}), out);
  EXPECT_EQ(out.at(0, 0)[3], 102);
}

TEST(RemoverTest, ChannelsLastWithAFixedSize) {
  Remover remover = MakeRemover(
      LoadModel({Node("Transpose", {"x"}, "planes", {0, 3, 1, 2}), Node("Conv", {"planes", "kernel"}, "matte"),
                 Node("Transpose", {"matte"}, "y", {0, 2, 3, 1})},
                Kernel({kGreen}), {"x", {1, 6, 8, 3}}, {{"y", {1, 6, 8, 1}}}),
      PlainInfo(100, 100));
  TestPicture picture(8, 6), out(8, 6);
  picture.ForEach([](int x, int y) { return Rgba{1, static_cast<uint8_t>(x * 20 + y * 10), 2, 255}; });
  EXPECT_EQ(RunOk(remover, picture, out).input, (Extent{8, 6}));
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 8; ++x) EXPECT_EQ(out.at(x, y)[3], x * 20 + y * 10);
  }
}

TEST(RemoverTest, FurtherOutputsAreDropped) {
  Remover remover = MakeRemover(LoadModel({Node("Conv", {"x", "kernel"}, "y"), Node("Sigmoid", {"y"}, "side")},
                                          Kernel({kRed}), {"x", {1, 3, -1, -1}},
                                          {{"y", {1, 1, -1, -1}}, {"side", {1, 1, -1, -1}}}),
                                PlainInfo(4, 4));
  TestPicture out(4, 4);
  RunOk(remover, TestPicture::Filled(4, 4, {51, 0, 0, 255}), out);
  EXPECT_EQ(out.at(0, 0)[3], 51);
}

TEST(RemoverTest, CancelledRunLeavesAWorkingRemover) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  const TestPicture picture = TestPicture::Filled(4, 4, {51, 0, 0, 255});
  TestPicture out(4, 4);
  const CancelFlag cancel = true;
  const auto report = remover.Run(picture.view(), {}, out.mutable_view(), &cancel);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(remover.matte().data, nullptr);
  RunOk(remover, picture, out);
  EXPECT_EQ(out.at(0, 0)[3], 51);
}

TEST(RemoverTest, ModelsWithOtherShapesAreRefused) {
  Result<Session> session =
      LoadModel({Node("Relu", {"x"}, "y")}, Kernel({kRed}), {"x", {1, 4, 8, 8}}, {{"y", {1, 4, 8, 8}}});
  ASSERT_TRUE(session.has_value()) << session.error().ToString();
  const Result<Remover> created = Remover::Create(*std::move(session), PlainInfo(8, 8), SerialRunner());
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code, ErrorCode::kShapeMismatch);
  EXPECT_NE(created.error().where.find("x [1,4,8,8]"), std::string::npos);

  Remover remover = MakeRemover(LoadModel({Node("Conv", {"x", "kernel"}, "y")}, Kernel({kRed, kGreen, kRed}),
                                          {"x", {1, 3, -1, -1}}, {{"y", {1, 3, -1, -1}}}),
                                PlainInfo(4, 4));
  const Status prepared = remover.Prepare({10, 10});
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, ErrorCode::kShapeMismatch);
}

TEST(RemoverTest, EmptyPicturesAreRefused) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  EXPECT_EQ(remover.Prepare({0, 5}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(remover.Run({}, {}, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(RemoverTest, DefaultModelSeparatesASubject) {
  const auto pool = MakeThreadPool(2);
  Result<Remover> remover = Remover::CreateDefault(*pool);
  ASSERT_TRUE(remover.has_value()) << remover.error().ToString();
  // A red disc on grass-coloured noise is no photo, but subject enough for the matte to be higher on it than around.
  TestPicture picture = TestPicture::Random(320, 240, 1), out(320, 240);
  picture.ForEach([&](int x, int y) {
    const Rgba noise = picture.at(x, y);
    if (std::hypot(x - 160, y - 120) < 70) return Rgba{220, 40, 30, 255};
    return Rgba{static_cast<uint8_t>(40 + noise[0] / 8), static_cast<uint8_t>(120 + noise[1] / 8), 40, 255};
  });
  const CutoutReport report = RunOk(*remover, picture, out);
  EXPECT_EQ(report.input, (Extent{256, 256}));
  EXPECT_GT(report.coverage, 0.01f);
  EXPECT_LT(report.coverage, 0.9f);
  EXPECT_GT(out.at(160, 120)[3], out.at(5, 5)[3] + 100);
}

}  // namespace
}  // namespace decal
