// The sequence parameter set of ITU-T H.265, read as far as its colours.
// SPDX-License-Identifier: MIT
#include "cli/pictures/hevc_colour.h"

#include <algorithm>
#include <array>
#include <vector>

namespace decal::cli {
namespace {

// Bits from the first; past the end are zeros, remembered.
class Bits {
 public:
  explicit Bits(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  uint32_t Get(int count) {
    uint32_t value = 0;
    for (; count > 0; --count, ++at_) {
      if (at_ / 8 >= bytes_.size()) failed_ = true;
      value = value << 1 | (failed_ ? 0u : static_cast<uint32_t>(bytes_[at_ / 8] >> (7 - at_ % 8) & 1));
    }
    return value;
  }
  void Skip(int count) { at_ += static_cast<size_t>(count); }
  // ue(v) of H.265, 9.2; se(v) has the same length.
  uint32_t Golomb() {
    int zeros = 0;
    while (!failed_ && zeros < 32 && Get(1) == 0) ++zeros;
    if (zeros >= 32) failed_ = true;
    return failed_ ? 0 : (1u << zeros) - 1 + Get(zeros);
  }
  bool failed() const { return failed_; }

 private:
  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

void SkipProfile(Bits& bits, uint32_t sub_layers) {
  bits.Skip(96);
  std::array<uint32_t, 8> present{};
  for (uint32_t i = 0; i < sub_layers; ++i) present[i] = bits.Get(2);
  if (sub_layers > 0) bits.Skip(static_cast<int>(2 * (8 - sub_layers)));
  for (uint32_t i = 0; i < sub_layers; ++i) {
    if ((present[i] & 2) != 0) bits.Skip(88);
    if ((present[i] & 1) != 0) bits.Skip(8);
  }
}

void SkipScalingLists(Bits& bits) {
  for (int size = 0; size < 4; ++size) {
    for (int matrix = 0; matrix < 6; matrix += size == 3 ? 3 : 1) {
      if (bits.Get(1) == 0) {
        bits.Golomb();
        continue;
      }
      if (size > 1) bits.Golomb();
      for (int i = 0; i < std::min(64, 1 << (4 + 2 * size)); ++i) bits.Golomb();
    }
  }
}

void SkipReferenceSets(Bits& bits) {
  const uint32_t count = std::min(bits.Golomb(), 64u);
  uint32_t pictures = 0;  // of the set before
  for (uint32_t i = 0; i < count && !bits.failed(); ++i) {
    if (i > 0 && bits.Get(1) == 1) {
      bits.Skip(1);
      bits.Golomb();
      uint32_t kept = 0;
      for (uint32_t j = 0; j <= pictures; ++j) {
        if (bits.Get(1) == 1 || bits.Get(1) == 1) ++kept;
      }
      pictures = kept;
      continue;
    }
    const uint32_t before = bits.Golomb();
    pictures = std::min(before + bits.Golomb(), 64u);
    for (uint32_t j = 0; j < pictures; ++j) {
      bits.Golomb();
      bits.Skip(1);
    }
  }
}

std::optional<StreamColour> ReadUsability(Bits& bits) {
  if (bits.Get(1) == 1 && bits.Get(8) == 255) bits.Skip(32);
  if (bits.Get(1) == 1) bits.Skip(1);
  if (bits.Get(1) == 0) return {};
  bits.Skip(3);
  StreamColour colour{.full_range = bits.Get(1) == 1};
  if (bits.Get(1) == 1) {
    colour.primaries = static_cast<int>(bits.Get(8));
    colour.transfer = static_cast<int>(bits.Get(8));
  }
  if (bits.failed()) return {};
  return colour;
}

std::optional<StreamColour> ReadParameterSet(Bits bits) {
  bits.Skip(16 + 4);
  const uint32_t sub_layers = bits.Get(3);
  bits.Skip(1);
  SkipProfile(bits, sub_layers);
  bits.Golomb();
  if (bits.Golomb() == 3) bits.Skip(1);
  bits.Golomb();
  bits.Golomb();
  if (bits.Get(1) == 1) {
    for (int i = 0; i < 4; ++i) bits.Golomb();
  }
  bits.Golomb();
  bits.Golomb();
  const uint32_t order_bits = std::min(bits.Golomb() + 4, 16u);
  for (uint32_t i = bits.Get(1) == 1 ? 0 : sub_layers; i <= sub_layers; ++i) {
    for (int k = 0; k < 3; ++k) bits.Golomb();
  }
  for (int i = 0; i < 6; ++i) bits.Golomb();
  if (bits.Get(1) == 1 && bits.Get(1) == 1) SkipScalingLists(bits);
  bits.Skip(2);
  if (bits.Get(1) == 1) {
    bits.Skip(8);
    bits.Golomb();
    bits.Golomb();
    bits.Skip(1);
  }
  SkipReferenceSets(bits);
  if (bits.Get(1) == 1) {
    const uint32_t count = std::min(bits.Golomb(), 32u);
    bits.Skip(static_cast<int>(count * (order_bits + 1)));
  }
  bits.Skip(2);
  if (bits.failed() || bits.Get(1) == 0) return {};
  return ReadUsability(bits);
}

}  // namespace

std::optional<StreamColour> HevcColour(ByteSpan file) {
  constexpr int kParameterSet = 33;
  const size_t box = AsText(file).find("hvcC");
  if (box == std::string_view::npos) return {};
  const Numbers numbers(file, true);
  size_t at = box + 4 + 22;
  const int arrays = numbers.U8(at++);
  for (int i = 0; i < arrays && !numbers.failed(); ++i) {
    const int type = numbers.U8(at) & 0x3f, units = numbers.U16(at + 1);
    at += 3;
    for (int k = 0; k < units && !numbers.failed(); ++k) {
      const ByteSpan unit = Slice(file, at + 2, numbers.U16(at));
      at += 2 + size_t{numbers.U16(at)};
      if (type != kParameterSet) continue;
      // Two zeros and a three: the three is only there to be left out.
      std::vector<uint8_t> bytes;
      for (size_t b = 0; b < unit.size(); ++b) {
        const auto value = static_cast<uint8_t>(unit[b]);
        const size_t n = bytes.size();
        if (b >= 2 && value == 3 && unit[b - 1] == std::byte{0} && unit[b - 2] == std::byte{0} && n >= 2) continue;
        bytes.push_back(value);
      }
      return ReadParameterSet(Bits(std::move(bytes)));
    }
  }
  return {};
}

}  // namespace decal::cli
