// Integers of 1 to 64 bits and floats of 16, 24, 32 and 64.
// SPDX-License-Identifier: MIT
#include "cli/pictures/tiff_samples.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace decal::cli {
namespace {

uint64_t Packed(ByteSpan row, size_t bit, int bits) {
  uint64_t value = 0;
  for (int i = 0; i < bits; ++i) {
    const size_t at = bit + static_cast<size_t>(i), byte = at / 8;
    const unsigned whole = byte < row.size() ? static_cast<unsigned>(row[byte]) : 0;
    value = value << 1 | (whole >> (7 - at % 8) & 1);
  }
  return value;
}

// libtiff has turned whole bytes into the machine's order.
uint64_t Whole(ByteSpan row, size_t index, int bits) {
  const auto bytes = static_cast<size_t>(bits / 8);
  uint64_t value = 0;
  const ByteSpan sample = Slice(row, index * bytes, bytes);
  if (sample.size() < bytes) return 0;
  if constexpr (std::endian::native == std::endian::little) std::memcpy(&value, sample.data(), bytes);
  else std::memcpy(reinterpret_cast<char*>(&value) + 8 - bytes, sample.data(), bytes);
  return value;
}

// IEEE 754 binary16, and the same idea with 24 bits (7 of exponent, 16 of fraction; Adobe's TIFF technical note 3).
float SmallFloat(uint32_t word, int exponent_bits, int fraction_bits) {
  const uint32_t exponent = word >> fraction_bits & ((1u << exponent_bits) - 1),
                 fraction = word & ((1u << fraction_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  float value;
  if (exponent == (1u << exponent_bits) - 1) value = fraction != 0 ? NAN : INFINITY;
  else if (exponent == 0) value = std::ldexp(static_cast<float>(fraction), 1 - bias - fraction_bits);
  else
    value = std::ldexp(static_cast<float>(fraction | 1u << fraction_bits),
                       static_cast<int>(exponent) - bias - fraction_bits);
  return word >> (exponent_bits + fraction_bits) & 1 ? -value : value;
}

float Float(uint64_t word, int bits) {
  if (bits == 16) return SmallFloat(static_cast<uint32_t>(word), 5, 10);
  if (bits == 24) return SmallFloat(static_cast<uint32_t>(word), 7, 16);
  if (bits == 32) return std::bit_cast<float>(static_cast<uint32_t>(word));
  return static_cast<float>(std::bit_cast<double>(word));
}

}  // namespace

bool TiffSamples::known() const {
  if (format == TiffFormat::kFloat) return bits == 16 || bits == 24 || bits == 32 || bits == 64;
  return (bits >= 1 && bits <= 16) || bits == 24 || bits == 32 || bits == 64;
}

SampleType TiffSamples::type() const {
  return format == TiffFormat::kFloat ? SampleType::kF32 : bits <= 8 ? SampleType::kU8 : SampleType::kU16;
}

void UnpackTiff(ByteSpan row, const TiffSamples& samples, size_t count, bool raw, void* out) {
  const int bits = samples.bits;
  const bool whole = bits % 8 == 0;
  auto* bytes = static_cast<uint8_t*>(out);
  auto* words = static_cast<uint16_t*>(out);
  auto* floats = static_cast<float*>(out);
  if (bits == 8 && samples.format == TiffFormat::kUnsigned && !raw && row.size() >= count) {
    std::memcpy(out, row.data(), count);
    return;
  }
  const bool is_signed = samples.format == TiffFormat::kSigned;
  const uint64_t full = is_signed ? (uint64_t{1} << (bits - 1)) - 1 : ~uint64_t{0} >> (64 - bits);
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = whole ? Whole(row, i, bits) : Packed(row, i * static_cast<size_t>(bits), bits);
    if (raw) {
      words[i] = static_cast<uint16_t>(value);
      continue;
    }
    if (samples.format == TiffFormat::kFloat) {
      floats[i] = Float(value, bits);
      continue;
    }
    if (is_signed && (value >> (bits - 1) & 1) != 0) value = 0;
    if (bits <= 8) bytes[i] = full == 0 ? 0 : static_cast<uint8_t>((value * 255 + full / 2) / full);
    else if (bits == 16 && !is_signed) words[i] = static_cast<uint16_t>(value);
    else words[i] = static_cast<uint16_t>(static_cast<double>(value) / static_cast<double>(full) * 65535 + 0.5);
  }
}

}  // namespace decal::cli
