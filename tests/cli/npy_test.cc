// The .npy reader takes what NumPy writes and refuses everything else with a reason.
// SPDX-License-Identifier: MIT
#include "cli/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace decal::cli {
namespace {

std::vector<std::byte> BytesOf(const std::string& text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

// A file as NumPy lays it out: version 1 has two bytes of header size, 2 and 3 have four.
std::vector<std::byte> File(int version, const std::string& header, const std::vector<float>& values) {
  std::string text = "\x93NUMPY";
  text += {static_cast<char>(version), '\0'};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> (8 * i) & 0xff);
  text += header;
  text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return BytesOf(text);
}

std::string Reason(const std::vector<std::byte>& file) {
  const auto array = ParseNpy(file, "x.npy");
  if (array) return "accepted";
  EXPECT_EQ(array.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(array.error().where, "x.npy");
  return array.error().message;
}

constexpr const char* kPair = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";

TEST(Npy, ReadsAllVersions) {
  for (const int version : {1, 2, 3}) {
    const auto array = ParseNpy(File(version, kPair, {1.5f, -2}), "x.npy");
    ASSERT_TRUE(array) << array.error().message;
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2}));
    EXPECT_EQ(array->values, (std::vector<float>{1.5f, -2}));
  }
}

TEST(Npy, ReadsScalarsEmptyTensorsAndOtherOrders) {
  const auto scalar = ParseNpy(File(1, "{'descr':'<f4','fortran_order':False,'shape':()}", {7}), "x.npy");
  ASSERT_TRUE(scalar) << scalar.error().message;
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(scalar->values, (std::vector<float>{7}));
  const auto empty = ParseNpy(File(1, "{'shape': (0, 3), 'descr': '<f4', 'fortran_order': False}", {}), "x.npy");
  ASSERT_TRUE(empty) << empty.error().message;
  EXPECT_EQ(empty->shape, (std::vector<int64_t>{0, 3}));
}

TEST(Npy, RoundTrip) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {6}, {1, 2, 3}}) {
    std::vector<float> values(shape.empty() ? 1 : 6, 0.25f);
    const auto file = FormatNpy(shape, values);
    EXPECT_EQ((file.size() - values.size() * sizeof(float)) % 64, 0u) << "data must be aligned";
    const auto array = ParseNpy(file, "x.npy");
    ASSERT_TRUE(array) << array.error().message;
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->values, values);
  }
}

TEST(Npy, RefusesWithReason) {
  EXPECT_EQ(Reason(BytesOf("")), "not a .npy file");
  EXPECT_EQ(Reason(BytesOf("\x89PNG and so on and on")), "not a .npy file");
  EXPECT_EQ(Reason(File(4, kPair, {1, 2})), "version 4 of the .npy format is unknown");
  EXPECT_EQ(Reason(File(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", {1, 2})),
            "holds <f8, not little-endian float32 ('<f4')");
  EXPECT_EQ(Reason(File(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", {1})),
            "holds >f4, not little-endian float32 ('<f4')");
  EXPECT_EQ(Reason(File(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", {1})),
            "is in Fortran order, not C order");
  EXPECT_EQ(Reason(File(1, kPair, {1})), "has 4 bytes of data where the shape (2) needs 2 floats");
  EXPECT_EQ(Reason(File(1, kPair, {1, 2, 3})), "has 12 bytes of data where the shape (2) needs 2 floats");
  EXPECT_EQ(Reason(File(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", {})),
            "shape is too large");
  for (const char* header : {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
                             "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} and more"}) {
    EXPECT_EQ(Reason(File(1, header, {1, 2})), "malformed .npy header") << header;
  }
}

TEST(Npy, EveryTruncationIsAnError) {
  const auto whole = FormatNpy(std::vector<int64_t>{2, 2}, std::vector<float>{1, 2, 3, 4});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpy(std::span(whole).first(size), "x.npy")) << size;
  }
}

}  // namespace
}  // namespace decal::cli
