// ICC profiles by Little CMS.
// SPDX-License-Identifier: MIT
#include "cli/pictures/own_profile.h"

#include <memory>

#include <lcms2.h>

#include "cli/pictures/profile_transform.h"

namespace decal::cli {

std::vector<std::byte> OwnProfile(const SampleLayout& layout) {
  const Colour& colour = layout.colour;
  if (layout.model != ColourModel::kRgb || colour.is_srgb() || colour.is_hdr()) return {};
  std::vector<std::string> notes;
  if (!colour.icc.empty()) {
    return MakeProfileFunction(colour.icc, layout.type, layout.model, notes) ? colour.icc : std::vector<std::byte>();
  }
  const auto& xy = colour.primaries.xy;
  const cmsCIExyY white = {xy[6], xy[7], 1};
  const cmsCIExyYTRIPLE rgb = {{xy[0], xy[1], 1}, {xy[2], xy[3], 1}, {xy[4], xy[5], 1}};
  // IEC 61966-2-1 as ICC's parametric curve of type 4 (lcms counts from 1).
  const cmsFloat64Number srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  const std::unique_ptr<cmsToneCurve, void (*)(cmsToneCurve*)> curve(
      colour.transfer == Transfer::kSrgb
          ? cmsBuildParametricToneCurve(nullptr, 4, srgb)
          : cmsBuildGamma(nullptr, colour.transfer == Transfer::kGamma ? colour.gamma : 1),
      cmsFreeToneCurve);
  cmsToneCurve* const curves[3] = {curve.get(), curve.get(), curve.get()};
  const std::unique_ptr<void, void (*)(void*)> profile(cmsCreateRGBProfile(&white, &rgb, curves), [](void* made) {
    if (made) cmsCloseProfile(made);
  });
  cmsUInt32Number size = 0;
  if (!profile || !cmsSaveProfileToMem(profile.get(), nullptr, &size)) return {};
  std::vector<std::byte> bytes(size);
  if (!cmsSaveProfileToMem(profile.get(), bytes.data(), &size)) return {};
  return bytes;
}

std::array<uint8_t, 4> ToOwnColour(const std::vector<std::byte>& profile, std::array<uint8_t, 4> srgb) {
  const auto close = [](void* made) {
    if (made) cmsCloseProfile(made);
  };
  const std::unique_ptr<void, decltype(close)> own(
      cmsOpenProfileFromMem(profile.data(), static_cast<cmsUInt32Number>(profile.size())), close);
  const std::unique_ptr<void, decltype(close)> from(cmsCreate_sRGBProfile(), close);
  if (!own) return srgb;
  void* transform = cmsCreateTransform(from.get(), TYPE_RGB_8, own.get(), TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC, 0);
  if (transform == nullptr) return srgb;  // a profile for one direction
  std::array<uint8_t, 4> colour = srgb;
  cmsDoTransform(transform, srgb.data(), colour.data(), 1);
  cmsDeleteTransform(transform);
  return colour;
}

}  // namespace decal::cli
