// The colour space of a picture: a profile, or primaries and a transfer function.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace decal::cli {

// CIE x, y of red, green, blue and white.
struct Primaries {
  std::array<double, 8> xy;
  bool operator==(const Primaries&) const = default;
};

inline constexpr Primaries kSrgbPrimaries = {{0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290}};
// Of Display P3 (SMPTE EG 432-1 with the white D65).
inline constexpr Primaries kP3Primaries = {{0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290}};

enum class Transfer {
  kSrgb,    // IEC 61966-2-1; the camera curves of BT.601, BT.709 and BT.2020 are taken for it, as viewers do
  kLinear,
  kGamma,   // a power: Colour::gamma
  kPq,      // SMPTE ST 2084, 1.0 is 10,000 nits
  kHlg,     // ARIB STD-B67, shown on a display of 1,000 nits
};

struct Colour {
  std::vector<std::byte> icc;  // wins over the rest where it fits the picture
  Primaries primaries = kSrgbPrimaries;
  Transfer transfer = Transfer::kSrgb;
  double gamma = 1;  // light = value ^ gamma

  bool is_srgb() const { return icc.empty() && primaries == kSrgbPrimaries && transfer == Transfer::kSrgb; }
  bool is_hdr() const { return icc.empty() && (transfer == Transfer::kPq || transfer == Transfer::kHlg); }
};

// Primaries and transfer function by their numbers of ITU-T H.273 (CICP), as PNG's cICP chunk and HEIF's nclx have them. Numbers
// that say "unspecified" or are unknown mean sRGB; unknown ones are reported in `notes`.
Colour ColourOfCicp(int primaries, int transfer, std::vector<std::string>& notes);

// Light of a value 0..1 (and beyond, where the function goes on), 0..1 for kSrgb, kLinear and kGamma; for kPq and kHlg 1.0 is the
// light of diffuse white, 203 nits (ITU-R BT.2408). Of kHlg this is the light of the scene, before HlgDisplayGain.
double LightOf(const Colour& colour, double value);

// BT.2100's OOTF for a display of 1,000 nits: the factor that turns a pixel's scene light into shown light, 1.0 being 203 nits.
// `luminance`: that of the scene light, 0..1.
double HlgDisplayGain(double luminance);

// The inverse of sRGB's transfer function: light 0..1 to a value 0..1.
double SrgbValueOf(double light);

using Matrix3 = std::array<double, 9>;

// Linear RGB of these primaries to linear RGB of others; another white is adapted (Bradford). Empty where the primaries span
// nothing.
std::optional<Matrix3> RgbMatrix(const Primaries& primaries, const Primaries& to = kSrgbPrimaries);

// The same from CIE XYZ whose white is (x, y); `to` are those of a real space.
Matrix3 XyzMatrix(double white_x, double white_y, const Primaries& to = kSrgbPrimaries);

}  // namespace decal::cli
