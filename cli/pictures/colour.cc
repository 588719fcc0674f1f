// Transfer functions and matrices of ITU-T H.273, ITU-R BT.2100 and IEC 61966-2-1.
// SPDX-License-Identifier: MIT
#include "cli/pictures/colour.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace decal::cli {
namespace {

constexpr double kDiffuseWhiteNits = 203;  // ITU-R BT.2408

Matrix3 Times(const Matrix3& a, const Matrix3& b) {
  Matrix3 c{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 3; ++k) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
    }
  }
  return c;
}

std::optional<Matrix3> Inverse(const Matrix3& m) {
  const auto minor = [&](size_t a, size_t b, size_t c, size_t d) { return m[a] * m[d] - m[b] * m[c]; };
  const double determinant = m[0] * minor(4, 5, 7, 8) - m[1] * minor(3, 5, 6, 8) + m[2] * minor(3, 4, 6, 7);
  if (!(std::abs(determinant) > 1e-9)) return {};
  Matrix3 inverse = {minor(4, 5, 7, 8),  -minor(1, 2, 7, 8), minor(1, 2, 4, 5),  //
                     -minor(3, 5, 6, 8), minor(0, 2, 6, 8),  -minor(0, 2, 3, 5),  //
                     minor(3, 4, 6, 7),  -minor(0, 1, 6, 7), minor(0, 1, 3, 4)};
  for (double& value : inverse) value /= determinant;
  return inverse;
}

std::array<double, 3> Times(const Matrix3& m, const std::array<double, 3>& v) {
  std::array<double, 3> product{};
  for (size_t i = 0; i < 3; ++i) product[i] = m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
  return product;
}

std::array<double, 3> XyzOf(double x, double y) { return {x / y, 1, (1 - x - y) / y}; }

// Columns: the XYZ of full red, green and blue, which add up to white (SMPTE RP 177).
std::optional<Matrix3> RgbToXyz(const Primaries& primaries) {
  Matrix3 m{};
  const auto& xy = primaries.xy;
  for (size_t i = 0; i < 4; ++i) {
    if (!(xy[2 * i + 1] > 1e-6)) return {};
  }
  for (size_t i = 0; i < 3; ++i) {
    const auto xyz = XyzOf(xy[2 * i], xy[2 * i + 1]);
    for (size_t k = 0; k < 3; ++k) m[3 * k + i] = xyz[k];
  }
  const auto inverse = Inverse(m);
  if (!inverse) return {};
  const auto scale = Times(*inverse, XyzOf(xy[6], xy[7]));
  for (size_t i = 0; i < 9; ++i) m[i] *= scale[i % 3];
  return m;
}

Matrix3 Adaptation(const std::array<double, 3>& from, const std::array<double, 3>& to) {
  constexpr Matrix3 kBradford = {0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296};
  const auto a = Times(kBradford, from), b = Times(kBradford, to);
  const Matrix3 scale = {b[0] / a[0], 0, 0, 0, b[1] / a[1], 0, 0, 0, b[2] / a[2]};
  return Times(*Inverse(kBradford), Times(scale, kBradford));
}

double PqNits(double value) {
  constexpr double m1 = 2610.0 / 16384, m2 = 2523.0 / 4096 * 128;
  constexpr double c1 = 3424.0 / 4096, c2 = 2413.0 / 4096 * 32, c3 = 2392.0 / 4096 * 32;
  const double power = std::pow(std::clamp(value, 0.0, 1.0), 1 / m2);
  return 10000 * std::pow(std::max(power - c1, 0.0) / (c2 - c3 * power), 1 / m1);
}

double HlgSceneLight(double value) {
  constexpr double a = 0.17883277, b = 1 - 4 * a, c = 0.55991073;
  value = std::clamp(value, 0.0, 1.0);
  return value <= 0.5 ? value * value / 3 : (std::exp((value - c) / a) + b) / 12;
}

}  // namespace

Colour ColourOfCicp(int primaries, int transfer, std::vector<std::string>& notes) {
  Colour colour;
  switch (primaries) {
    case 0:
    case 1:
    case 2: break;
    case 4: colour.primaries = {{0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316}}; break;
    case 5: colour.primaries = {{0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290}}; break;
    case 6:
    case 7: colour.primaries = {{0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290}}; break;
    case 8: colour.primaries = {{0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316}}; break;
    case 9: colour.primaries = {{0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290}}; break;
    case 11: colour.primaries = {{0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351}}; break;
    case 12: colour.primaries = kP3Primaries; break;
    case 22: colour.primaries = {{0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290}}; break;
    default: notes.push_back(fmt::format("colour primaries {} of H.273 are unknown: sRGB assumed", primaries));
  }
  switch (transfer) {
    case 0:
    case 1:
    case 2:
    case 6:
    case 7:  // SMPTE 240M: within 2 of 255 of BT.709's
    case 11:
    case 12:
    case 13:
    case 14:
    case 15: break;
    case 4:
      colour.transfer = Transfer::kGamma;
      colour.gamma = 2.2;
      break;
    case 5:
      colour.transfer = Transfer::kGamma;
      colour.gamma = 2.8;
      break;
    case 8: colour.transfer = Transfer::kLinear; break;
    case 16: colour.transfer = Transfer::kPq; break;
    case 17:
      colour.transfer = Transfer::kGamma;
      colour.gamma = 2.6;
      break;
    case 18: colour.transfer = Transfer::kHlg; break;
    default: notes.push_back(fmt::format("transfer function {} of H.273 is unknown: sRGB assumed", transfer));
  }
  return colour;
}

double LightOf(const Colour& colour, double value) {
  switch (colour.transfer) {
    case Transfer::kSrgb: {
      const double magnitude = std::abs(value);
      const double light = magnitude <= 0.04045 ? magnitude / 12.92 : std::pow((magnitude + 0.055) / 1.055, 2.4);
      return value < 0 ? -light : light;
    }
    case Transfer::kLinear: return value;
    case Transfer::kGamma: return value <= 0 ? 0 : std::pow(value, colour.gamma);
    case Transfer::kPq: return PqNits(value) / kDiffuseWhiteNits;
    case Transfer::kHlg: return HlgSceneLight(value);
  }
  return value;
}

double HlgDisplayGain(double luminance) {
  constexpr double kPeakNits = 1000, kSystemGamma = 1.2;
  return luminance <= 0 ? 0 : kPeakNits / kDiffuseWhiteNits * std::pow(luminance, kSystemGamma - 1);
}

double SrgbValueOf(double light) {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * std::pow(light, 1 / 2.4) - 0.055;
}

std::optional<Matrix3> RgbMatrix(const Primaries& primaries, const Primaries& to) {
  const auto to_xyz = RgbToXyz(primaries);
  if (!to_xyz) return {};
  return Times(XyzMatrix(primaries.xy[6], primaries.xy[7], to), *to_xyz);
}

Matrix3 XyzMatrix(double white_x, double white_y, const Primaries& to) {
  const auto white = XyzOf(to.xy[6], to.xy[7]);
  return Times(*Inverse(*RgbToXyz(to)), Adaptation(XyzOf(white_x, white_y), white));
}

}  // namespace decal::cli
