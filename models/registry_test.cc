// The generated table says what registry.json says, and the embedded bytes are the file it names.
// (That the file's size and hash are the registry's is checked when the build is configured.)
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "decal/model.h"

namespace decal {
namespace {

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

TEST(RegistryTest, DefaultComesFirstAndIsEmbedded) {
  const ModelInfo& model = Models().front();
  EXPECT_EQ(model.name, "decal-default");
  EXPECT_EQ(model.file, "decal-default.onnx");
  EXPECT_EQ(model.mean[0], 0.5f);
  EXPECT_EQ(model.std[2], 0.25f);
  const std::span<const std::byte> bytes = DefaultModelBytes();
  ASSERT_EQ(bytes.size(), model.bytes);
  // An ONNX file starts with field 1, ir_version, and this one names its producer's weights as float16.
  EXPECT_EQ(bytes[0], std::byte{0x08});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_NE(text.find("provenance"), std::string_view::npos);
}

TEST(RegistryTest, EveryModelWithAFileIsEmbedded) {
  std::vector<std::string_view> embedded;
  for (const ModelInfo& model : Models()) {
    SCOPED_TRACE(model.name);
    const std::span<const std::byte> bytes = EmbeddedModelBytes(model);
    EXPECT_EQ(bytes.size(), model.file.empty() ? 0 : model.bytes);
    if (bytes.empty()) continue;
    embedded.push_back(model.name);
    EXPECT_EQ(bytes[0], std::byte{0x08});  // as above: an ONNX file
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 64, 0u);
  }
  EXPECT_EQ(embedded, (std::vector<std::string_view>{"decal-default", "people-live"}));
  EXPECT_LT((*FindModel("people-live"))->bytes, 500'000u);
}

TEST(RegistryTest, EntriesAreComplete) {
  std::set<std::string_view> names;
  for (const ModelInfo& model : Models()) {
    SCOPED_TRACE(model.name);
    EXPECT_TRUE(names.insert(model.name).second) << "the name is there twice";
    EXPECT_FALSE(model.description.empty());
    EXPECT_FALSE(model.licence.empty());
    EXPECT_NE(model.file.empty(), model.url.empty()) << "either in the package or at an address";
    EXPECT_TRUE(model.url.empty() || model.url.starts_with("https://"));
    EXPECT_TRUE(model.sha256.empty() || IsSha256(model.sha256));
    EXPECT_GT(model.width, 0);
    EXPECT_GT(model.height, 0);
    EXPECT_GT(model.multiple, 0);
    EXPECT_EQ(model.height % model.multiple, 0);
    for (const float std : model.std) EXPECT_GT(std, 0);
  }
}

TEST(RegistryTest, RulesAndActivationsAreTranslated) {
  EXPECT_EQ((*FindModel("u2netp"))->size_rule, SizeRule::kStretch);
  EXPECT_EQ((*FindModel("u2netp"))->width, 320);
  EXPECT_EQ((*FindModel("modnet"))->size_rule, SizeRule::kShortSide);
  EXPECT_EQ((*FindModel("modnet"))->multiple, 32);
  EXPECT_EQ((*FindModel("modnet"))->activation, OutputActivation::kNone);
  EXPECT_EQ((*FindModel("birefnet"))->activation, OutputActivation::kSigmoid);
  EXPECT_NE((*FindModel("rmbg-1.4"))->licence.find("non-commercial"), std::string_view::npos);
  const ModelInfo& clothes = **FindModel("u2net_cloth_seg");  // four classes, 0 the background
  EXPECT_EQ(clothes.activation, OutputActivation::kSoftmax);
  EXPECT_EQ(clothes.foreground_class, 1);
  EXPECT_EQ((*FindModel("decal-default"))->foreground_class, -1);
}

TEST(RegistryTest, WhatNoPictureCanBePreparedForIsNamed) {
  for (const ModelInfo& model : Models()) EXPECT_TRUE(CheckModel(model).has_value()) << model.name;
  const auto refused = [](auto change) {
    ModelInfo model = Models().front();
    change(model);
    const Status status = CheckModel(model);
    EXPECT_FALSE(status.has_value());
    return status ? std::string() : status.error().ToString();
  };
  EXPECT_EQ(refused([](ModelInfo& model) { model.width = 0; }),
            "model.input.width: whole pixels, 1 to 16384 (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.height = 16385; }),
            "model.input.height: whole pixels, 1 to 16384 (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.multiple = -1; }),
            "model.input.multiple: whole pixels, 1 to 16384 (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.std[2] = 0; }),
            "model.std: three numbers, each more than 0 (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.mean[1] = std::numeric_limits<float>::quiet_NaN(); }),
            "model.mean: three numbers (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.size_rule = static_cast<SizeRule>(2); }),
            "model.input.rule: \"stretch\" or \"short-side\" (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.activation = static_cast<OutputActivation>(-1); }),
            "model.activation: one of none, sigmoid, softmax, bytes, auto (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.activation = static_cast<OutputActivation>(5); }),
            "model.activation: one of none, sigmoid, softmax, bytes, auto (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.foreground_class = 65536; }),
            "model.foregroundClass: a whole number, 0 to 65535 (invalid-argument)");
  EXPECT_EQ(refused([](ModelInfo& model) { model.passes = 3; }), "model.passes: 1 or 2 (invalid-argument)");
  static constexpr InputValue kEndless[] = {{"ratio", std::numeric_limits<float>::infinity()}};
  EXPECT_EQ(refused([](ModelInfo& model) { model.inputs = kEndless; }),
            "model.inputs: a number for each input besides the picture (invalid-argument)");
}

TEST(RegistryTest, FieldsFromText) {
  ModelInfo model;
  for (const auto& [field, text] : {std::pair{"mean", "0.5,-1,2e-1"},
                                    {"std", "1,2,3"},
                                    {"input.rule", "short-side"},
                                    {"input.width", "640"},
                                    {"input.height", "480"},
                                    {"input.multiple", "32"},
                                    {"activation", "auto"},
                                    {"output", "pha"},
                                    {"foregroundClass", "15"},
                                    {"passes", "2"}}) {
    const Status set = SetModelField(model, field, text);
    EXPECT_TRUE(set.has_value()) << set.error().ToString();
  }
  EXPECT_EQ(model.mean, (std::array<float, 3>{0.5f, -1, 0.2f}));
  EXPECT_EQ(model.std, (std::array<float, 3>{1, 2, 3}));
  EXPECT_EQ(model.size_rule, SizeRule::kShortSide);
  EXPECT_EQ(model.width, 640);
  EXPECT_EQ(model.height, 480);
  EXPECT_EQ(model.multiple, 32);
  EXPECT_EQ(model.activation, OutputActivation::kAuto);
  EXPECT_EQ(model.output, "pha");
  EXPECT_EQ(model.foreground_class, 15);
  EXPECT_EQ(model.passes, 2);
  const ModelInfo before = model;
  for (const auto& [field, text] : {std::pair{"mean", "1,2"},
                                    {"mean", "1,2,3,4"},
                                    {"mean", "1,2,"},
                                    {"mean", ""},
                                    {"mean", "1,2,nan"},
                                    {"std", "1,0,1"},
                                    {"input.rule", "Stretch"},
                                    {"input.width", "0"},
                                    {"input.width", "1.5"},
                                    {"input.width", " 8"},
                                    {"activation", ""},
                                    {"output", ""},
                                    {"foregroundClass", "-1"},
                                    {"foregroundClass", "99999999999"},
                                    {"passes", "0"},
                                    {"passes", "3"},
                                    {"name", "x"},
                                    {"", "x"}}) {
    const Status set = SetModelField(model, field, text);
    EXPECT_FALSE(set.has_value()) << field << " = " << text;
    EXPECT_TRUE(set || set.error().code == ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(model.mean, before.mean);
  EXPECT_EQ(model.width, before.width);
}

TEST(RegistryTest, UnknownNamesListTheKnownOnes) {
  const auto found = FindModel("u3net");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(found.error().where, "u3net");
  for (const ModelInfo& model : Models()) EXPECT_NE(found.error().message.find(model.name), std::string::npos);
}

}  // namespace
}  // namespace decal
