// Weights in other files: where names may lead, what arrives in pieces, and files that are not what the model needs.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/onnx/external_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "decal/session.h"
#include "engine/base/sha1.h"
#include "engine/onnx/importer.h"
#include "tests/support/onnx_builder.h"

namespace decal {
namespace {

using testing::AsBytes;
using testing::OnnxBuilder;

using Entries = std::vector<std::pair<std::string, std::string>>;

std::string Hash(const std::string& text) {
  Sha1 hash;
  hash.Update(AsBytes(text));
  return hash.Digest();
}

// Of RFC 3174, and lengths around the ends of blocks, which other tools have computed.
TEST(Sha1Test, KnownAnswers) {
  EXPECT_EQ(Hash("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hash(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(Hash(std::string(55, 'a')), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(Hash(std::string(64, 'a')), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  Sha1 pieces;
  const std::string million(1'000'000, 'a');
  for (size_t at = 0, size = 1; at < million.size(); at += size, size = size % 150 + 1)
    pieces.Update(AsBytes(million).subspan(at, std::min(size, million.size() - at)));
  EXPECT_EQ(pieces.Digest(), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(ExternalDataTest, NamesStayInTheModelsFolder) {
  for (const char* good :
       {"model.onnx.data", "model.onnx_data", "weights/part 1.bin", "a/./b", "..data", "a..b/c", "ü"})
    EXPECT_TRUE(StaysInFolder(good)) << good;
  const std::vector<std::string> bad = {"",
                                        "/weights",
                                        "../weights",
                                        "a/../../weights",
                                        "a/..",
                                        "..",
                                        "a//b",
                                        "a/",
                                        "a\\b",
                                        "..\\weights",
                                        "C:weights",
                                        "http://host/weights",
                                        "file:/a",
                                        "weights\n",
                                        std::string("a\0b", 3)};
  for (const std::string& name : bad) EXPECT_FALSE(StaysInFolder(name)) << name;
}

// y = a * x + b, four values each.
struct ExternalModel {
  std::string onnx;
  explicit ExternalModel(const Entries& a, const Entries& b) {
    OnnxBuilder builder;
    builder.Input("x", {4});
    const std::string scaled = builder.Node("Mul", {"x", builder.External("a", {4}, 1, a)});
    builder.Node("Add", {scaled, builder.External("b", {4}, 1, b)}, {"y"});
    builder.Output("y");
    onnx = builder.Build();
  }
};

std::string FloatFile(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// Feeds `files` by their names, in pieces of `piece` bytes.
Result<Session> Load(const std::string& onnx, const Entries& files, size_t piece = SIZE_MAX) {
  ModelStream stream;
  const auto feed = [&](const std::string& bytes) -> Status {
    for (size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
      if (Status fed = stream.Feed(AsBytes(bytes).subspan(at, std::min(piece, bytes.size() - at))); !fed) return fed;
    }
    return {};
  };
  if (Status fed = feed(onnx); !fed) return std::unexpected(fed.error());
  const auto names = stream.OtherFiles();
  if (!names) return std::unexpected(names.error());
  for (size_t i = 0; i < names->size(); ++i) {
    const auto found = std::ranges::find(files, (*names)[i], &std::pair<std::string, std::string>::first);
    if (found == files.end()) continue;
    if (Status opened = stream.Open(i); !opened) return std::unexpected(opened.error());
    if (Status fed = feed(found->second); !fed) return std::unexpected(fed.error());
  }
  return Session::Load(std::move(stream));
}

std::vector<float> RunOk(Result<Session> session, const std::vector<float>& x) {
  std::vector<float> y(4);
  EXPECT_TRUE(session.has_value()) << session.error().ToString();
  if (!session) return y;
  const Status planned = session->Specialize(0, 0);
  EXPECT_TRUE(planned.has_value()) << planned.error().ToString();
  const Status ran = session->Run(x, y);
  EXPECT_TRUE(ran.has_value());
  return y;
}

const std::string kData = FloatFile({9, 1, 2, 3, 4, 8, 10, 20, 30, 40, 7});

TEST(ExternalDataTest, OneFileOrSeveralWithOffsets) {
  const ExternalModel one({{"location", "w"}, {"offset", "4"}, {"length", "16"}},
                          {{"location", "w"}, {"offset", "24"}});
  const std::vector<float> expected = {11, 22, 33, 44};
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{7}, size_t{20}, SIZE_MAX})
    EXPECT_EQ(RunOk(Load(one.onnx, {{"w", kData}}, piece), {1, 1, 1, 1}), expected) << piece;
  // The later tensor first, and overlapping ones.
  const ExternalModel swapped({{"location", "w"}, {"offset", "24"}}, {{"location", "w"}, {"offset", "4"}});
  EXPECT_EQ(RunOk(Load(swapped.onnx, {{"w", kData}}, 5), {1, 1, 1, 1}), expected);
  const ExternalModel overlap({{"location", "w"}, {"offset", "4"}}, {{"location", "w"}, {"offset", "8"}});
  EXPECT_EQ(RunOk(Load(overlap.onnx, {{"w", kData}}, 6), {1, 1, 1, 1}), (std::vector<float>{3, 5, 7, 12}));
  const ExternalModel two({{"location", "a.bin"}}, {{"location", "sub/b.bin"}});
  const Entries files = {{"sub/b.bin", FloatFile({10, 20, 30, 40})}, {"a.bin", FloatFile({1, 2, 3, 4})}};
  EXPECT_EQ(RunOk(Load(two.onnx, files, 5), {1, 1, 1, 1}), expected);
}

TEST(ExternalDataTest, EveryPackingOfValues) {
  OnnxBuilder builder;
  builder.Input("x", {4});
  const std::string data = "\xF7\x21\x05";  // int4: 7, -1, 1, 2; then a bool that is neither 0 nor 1
  const std::string packed = builder.External("int4", {4}, 22, {{"location", "w"}});
  const std::string flag = builder.External("flag", {1}, 9, {{"location", "w"}, {"offset", "2"}});
  const std::string floats = builder.Node("Cast", {packed}, testing::OnnxAttributes().Int("to", 1));
  const std::string number = builder.Node("Cast", {flag}, testing::OnnxAttributes().Int("to", 1));
  builder.Node("Add", {builder.Node("Mul", {"x", floats}), number}, {"y"});
  builder.Output("y");
  EXPECT_EQ(RunOk(Load(builder.Build(), {{"w", data}}, 1), {1, 1, 1, 1}), (std::vector<float>{8, 0, 2, 3}));
}

TEST(ExternalDataTest, AnotherAttemptStartsOver) {
  const ExternalModel model({{"location", "w"}, {"offset", "4"}}, {{"location", "w"}, {"offset", "24"}});
  ModelStream stream;
  ASSERT_TRUE(stream.Feed(AsBytes(model.onnx)));
  ASSERT_EQ(*stream.OtherFiles(), std::vector<std::string>{"w"});
  ASSERT_TRUE(stream.Open(0));
  ASSERT_TRUE(stream.Feed(AsBytes(std::string(30, 'x'))));
  ASSERT_TRUE(stream.Open(0));
  ASSERT_TRUE(stream.Feed(AsBytes(kData)));
  EXPECT_EQ(RunOk(Session::Load(std::move(stream)), {1, 1, 1, 1}), (std::vector<float>{11, 22, 33, 44}));
}

TEST(ExternalDataTest, Checksums) {
  const std::string right = Hash(kData);
  std::string upper = right;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& stated : {right, upper}) {
    const ExternalModel model({{"location", "w"}, {"offset", "4"}, {"checksum", stated}},
                              {{"location", "w"}, {"offset", "24"}});
    EXPECT_EQ(RunOk(Load(model.onnx, {{"w", kData}}, 9), {1, 1, 1, 1}), (std::vector<float>{11, 22, 33, 44}));
    std::string damaged = kData;
    damaged.back() ^= 1;  // beyond all tensors
    const auto failed = Load(model.onnx, {{"w", damaged}});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::kCorruptModel);
    EXPECT_EQ(failed.error().where, "w");
  }
  const ExternalModel two({{"location", "w"}, {"checksum", right}}, {{"location", "w"}, {"checksum", Hash("")}});
  EXPECT_EQ(Load(two.onnx, {{"w", kData}}).error().code, ErrorCode::kCorruptModel);
}

TEST(ExternalDataTest, WhatDoesNotFit) {
  const ExternalModel good({{"location", "w"}}, {{"location", "w"}, {"offset", "24"}});
  const auto without = Load(good.onnx, {});
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(without.error().where, "w");
  EXPECT_EQ(Session::Load(AsBytes(good.onnx)).error().code, ErrorCode::kNotFound);
  const auto cut = Load(good.onnx, {{"w", kData.substr(0, 39)}});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kCorruptModel);
  EXPECT_NE(cut.error().message.find("has 39 bytes, the model needs 40"), std::string::npos) << cut.error().message;

  for (const Entries& entries : std::vector<Entries>{{{"location", "../w"}},
                                                     {{"location", "/w"}},
                                                     {{"location", "w"}, {"length", "15"}},
                                                     {{"location", "w"}, {"offset", "-1"}},
                                                     {{"location", "w"}, {"offset", "18446744073709551615"}},
                                                     {{"location", "w"}, {"offset", "99999999999999999999"}},
                                                     {{"location", "w"}, {"length", ""}},
                                                     {}}) {
    const ExternalModel model(entries, {{"location", "w"}});
    EXPECT_EQ(Load(model.onnx, {{"w", kData}}).error().code, ErrorCode::kCorruptModel);
  }
  ModelStream stream;
  ASSERT_TRUE(stream.Feed(AsBytes(good.onnx)));
  EXPECT_EQ(stream.Open(1).error().code, ErrorCode::kInvalidArgument);
}

// A model of a few bytes may state tensors of gigabytes: nothing is allocated before a file has come that far.
TEST(ExternalDataTest, NothingIsAllocatedForFilesThatDoNotCome) {
  ExternalData data;
  std::vector<OnnxInitializer> initializers(1);
  initializers[0].external = std::make_shared<ExternalPlace>();
  ExternalPlace& place = *initializers[0].external;
  place.file = "w";
  place.offset = uint64_t{1} << 40;
  place.shape = Shape{1 << 30};
  place.size = size_t{1} << 62;
  data.Add(place);
  ASSERT_TRUE(data.Open(0, initializers));
  EXPECT_TRUE(data.Feed(AsBytes(kData), initializers));
  EXPECT_EQ(place.bytes.size_bytes(), 0u);
  EXPECT_EQ(data.Finish(initializers).error().code, ErrorCode::kCorruptModel);
}

}  // namespace
}  // namespace decal
