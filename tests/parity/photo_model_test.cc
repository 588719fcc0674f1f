// A trained model on real photos, from the file to the matte, against mattes that PyTorch computed after PIL's resize.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cli/picture_io.h"
#include "decal/cutout.h"
#include "engine/base/dtype.h"

namespace decal {
namespace {

namespace fs = std::filesystem;

// Photos and references are not part of the project; DECAL_SHARED names their folder.
fs::path SharedFolder() {
  const char* folder = std::getenv("DECAL_SHARED");
  return folder != nullptr ? fs::path(folder) : fs::path(DECAL_SOURCE_DIR) / ".." / "shared";
}

std::vector<std::byte> ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return {data, data + bytes.size()};
}

// A version 1 .npy file of float16.
std::vector<float> ReadHalves(const fs::path& path) {
  const std::vector<std::byte> file = ReadFile(path);
  const auto byte = [&](size_t i) { return std::to_integer<uint16_t>(file.at(i)); };
  std::vector<float> values;
  for (size_t at = 10 + byte(8) + 256u * byte(9); at + 1 < file.size(); at += 2) {
    Half half;
    half.bits = static_cast<uint16_t>(byte(at) | byte(at + 1) << 8);
    values.push_back(half);
  }
  return values;
}

class PhotoModelTest : public testing::TestWithParam<const char*> {};

TEST_P(PhotoModelTest, AgreesWithTheReference) {
  const fs::path shared = SharedFolder(), folder = shared / "models" / "first-default";
  const fs::path photo = shared / "photos" / (std::string(GetParam()) + ".png");
  const fs::path reference_file = folder / "reference" / (std::string(GetParam()) + ".npy");
  if (!fs::exists(photo) || !fs::exists(reference_file)) {
    GTEST_SKIP() << "NOT TESTED: no photos and reference mattes in " << shared << "; set DECAL_SHARED to their folder";
  }
  ASSERT_TRUE(cli::InitPictures("decal_parity_test", 1).has_value());
  Result<cli::Picture> picture = cli::DecodePicture(ReadFile(photo), photo.string());
  ASSERT_TRUE(picture.has_value()) << picture.error().ToString();

  const auto pool = MakeThreadPool(2);
  ModelInfo info = Models().front();
  info.size_rule = SizeRule::kStretch;
  info.width = info.height = 256;
  info.mean = {0.5f, 0.5f, 0.5f};
  info.std = {0.25f, 0.25f, 0.25f};
  info.activation = OutputActivation::kNone;
  Result<Session> session = Session::Load(ReadFile(folder / "first-default.onnx"));
  ASSERT_TRUE(session.has_value()) << session.error().ToString();
  Result<Remover> remover = Remover::Create(*std::move(session), info, *pool);
  ASSERT_TRUE(remover.has_value()) << remover.error().ToString();
  const Result<CutoutReport> report = remover->Run(picture->view(), {}, picture->view());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();

  const std::vector<float> reference = ReadHalves(reference_file);
  const MatteView matte = remover->matte();
  ASSERT_EQ(reference.size(), static_cast<size_t>(matte.width) * static_cast<size_t>(matte.height));
  double sum = 0, worst = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double difference = std::abs(matte.data[i] - reference[i]);
    sum += difference;
    worst = std::max(worst, difference);
  }
  // Measured with our resize and onnxruntime: at most 0.0007 and 0.009. The rest of the references' error is theirs:
  // PIL rounds to bytes between its two axes.
  EXPECT_LT(sum / static_cast<double>(reference.size()), 0.002);
  EXPECT_LT(worst, 0.03);
}

INSTANTIATE_TEST_SUITE_P(Photos, PhotoModelTest, testing::Values("lemur", "astronaut", "chelsea"));

}  // namespace
}  // namespace decal
