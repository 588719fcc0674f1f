// A strict reader for the three fields of a .npy header (a Python dict literal) and a writer of the same.
// SPDX-License-Identifier: MIT
#include "cli/npy.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace decal::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "float32 values are copied as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 32;  // NumPy's own limit

// Reads the dict literal from left to right. NumPy writes the keys sorted, other writers may not.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  bool Take(std::string_view token) {
    SkipSpace();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<std::string_view> String() {
    if (!Take("'")) return {};
    const size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return {};
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }

  // "()", "(3,)", "(1, 3, 4)".
  std::optional<std::vector<int64_t>> Tuple() {
    if (!Take("(")) return {};
    std::vector<int64_t> values;
    while (!Take(")")) {
      if (!values.empty() && !Take(",")) return {};
      if (!values.empty() && Take(")")) break;
      SkipSpace();
      int64_t value = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc{} || value < 0 || values.size() == kMaxRank) return {};
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      values.push_back(value);
    }
    return values;
  }

  bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }

 private:
  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }

  std::string_view rest_;
};

struct Header {
  std::optional<std::string_view> type;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

std::optional<Header> ParseHeader(std::string_view text) {
  HeaderParser parser(text);
  Header header;
  if (!parser.Take("{")) return {};
  while (!parser.Take("}")) {
    const auto key = parser.String();
    if (!key || !parser.Take(":")) return {};
    if (*key == "descr" && !header.type) {
      header.type = parser.String();
      if (!header.type) header.type = "a structured type";
    } else if (*key == "fortran_order" && !header.fortran_order) {
      header.fortran_order = parser.Take("True");
      if (!*header.fortran_order && !parser.Take("False")) return {};
    } else if (*key == "shape" && !header.shape) {
      header.shape = parser.Tuple();
    } else {
      return {};
    }
    parser.Take(",");
  }
  if (!parser.AtEnd() || !header.type || !header.fortran_order || !header.shape) return {};
  return header;
}

}  // namespace

Result<NpyArray> ParseNpy(std::span<const std::byte> file, const std::string& where) {
  const auto fail = [&](std::string message) { return Fail(ErrorCode::kInvalidArgument, std::move(message), where); };
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  // Magic, two bytes of version, then the header's size in two bytes (version 1) or four (2 and 3).
  if (!text.starts_with(kMagic) || text.size() < kMagic.size() + 6) return fail("not a .npy file");
  const int version = std::to_integer<int>(file[kMagic.size()]);
  if (version < 1 || version > 3) return fail(fmt::format("version {} of the .npy format is unknown", version));
  const size_t size_bytes = version == 1 ? 2 : 4;
  size_t header_bytes = 0;
  for (size_t i = 0; i < size_bytes; ++i) {
    header_bytes |= std::to_integer<size_t>(file[kMagic.size() + 2 + i]) << (8 * i);
  }
  const size_t header_at = kMagic.size() + 2 + size_bytes;
  if (header_bytes > text.size() - header_at) return fail("truncated .npy header");
  const auto header = ParseHeader(text.substr(header_at, header_bytes));
  if (!header) return fail("malformed .npy header");
  if (*header->type != "<f4") return fail(fmt::format("holds {}, not little-endian float32 ('<f4')", *header->type));
  if (*header->fortran_order) return fail("is in Fortran order, not C order");

  size_t elements = 1;
  for (const int64_t extent : *header->shape) {
    if (__builtin_mul_overflow(elements, static_cast<size_t>(extent), &elements)) return fail("shape is too large");
  }
  const std::string_view data = text.substr(header_at + header_bytes);
  if (data.size() / sizeof(float) != elements || data.size() % sizeof(float) != 0) {
    return fail(fmt::format("has {} bytes of data where the shape ({}) needs {} floats", data.size(),
                            fmt::join(*header->shape, ", "), elements));
  }
  NpyArray array{*header->shape, std::vector<float>(elements)};
  if (elements > 0) std::memcpy(array.values.data(), data.data(), data.size());
  return array;
}

std::vector<std::byte> FormatNpy(std::span<const int64_t> shape, std::span<const float> values) {
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}",
                                   fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  // The data starts at a multiple of 64 bytes, the header ends in a line feed.
  const size_t prefix = kMagic.size() + 4;
  header.resize((prefix + header.size() + 1 + 63) / 64 * 64 - prefix, ' ');
  header.back() = '\n';
  std::string start(kMagic);
  start += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  start += header;

  std::vector<std::byte> file(start.size() + values.size_bytes());
  std::memcpy(file.data(), start.data(), start.size());
  if (!values.empty()) std::memcpy(file.data() + start.size(), values.data(), values.size_bytes());
  return file;
}

}  // namespace decal::cli
