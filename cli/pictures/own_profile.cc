// Decides which pictures keep their RGB values, which become Display P3, and which sRGB.
// SPDX-License-Identifier: MIT
#include "cli/pictures/own_profile.h"

#include <memory>

#include <lcms2.h>

#include "cli/pictures/profile_transform.h"

namespace decal::cli {
namespace {

// Powers below that leave the darkest bytes further apart than the eye does.
constexpr double kLeastGamma = 1.4;

void CloseOwnProfile(void* profile) {
  if (profile) cmsCloseProfile(profile);
}
using OwnProfilePointer = std::unique_ptr<void, void (*)(void*)>;

OwnProfilePointer OpenOwn(const std::vector<std::byte>& icc) {
  return {cmsOpenProfileFromMem(icc.data(), static_cast<cmsUInt32Number>(icc.size())), CloseOwnProfile};
}

// Whether colours can be turned into the profile's values, as a background's must.
bool LeadsBack(const std::vector<std::byte>& icc) {
  const OwnProfilePointer profile = OpenOwn(icc);
  return profile && (cmsIsMatrixShaper(profile.get()) || cmsIsTag(profile.get(), cmsSigBToA0Tag) ||
                     cmsIsTag(profile.get(), cmsSigBToA1Tag));
}

OwnColours AsNumbers(const SampleLayout& layout, std::vector<std::byte> profile) {
  OwnColours own{std::move(profile), layout, kSrgbPrimaries};
  own.layout.colour = {};
  return own;
}

OwnColours InSpace(const SampleLayout& layout, const Primaries& primaries) {
  return {MakeRgbProfile(primaries, Transfer::kSrgb, 1), layout, primaries};
}

}  // namespace

OwnColours OwnColoursOf(const SampleLayout& layout, std::vector<std::string>& notes) {
  const Colour& colour = layout.colour;
  const bool needs_profile = layout.model != ColourModel::kLab && !colour.icc.empty();
  std::vector<std::string> scratch;
  const bool profile_fits = needs_profile && MakeProfileFunction(layout, scratch);
  switch (layout.model) {
    case ColourModel::kGrey:
      if (profile_fits || (!needs_profile && colour.transfer != Transfer::kSrgb))
        notes.push_back("own colours of grey: written as sRGB, which holds all of them");
      return {};
    case ColourModel::kLab:
      notes.push_back("own colours of CIELAB: written in Display P3, with its profile");
      return InSpace(layout, kP3Primaries);
    case ColourModel::kCmyk:
    case ColourModel::kInks:
      if (!profile_fits) return {};
      notes.push_back("own colours of inks, which have no transparency: written in Display P3, with its profile");
      return InSpace(layout, kP3Primaries);
    case ColourModel::kRgb: break;
  }
  if (profile_fits) {
    if (LeadsBack(colour.icc)) return AsNumbers(layout, colour.icc);
    notes.push_back("own colours: the picture's profile leads one way only; written in Display P3, with its profile");
    return InSpace(layout, kP3Primaries);
  }
  Colour own = colour;
  own.icc.clear();
  if (own.is_hdr()) {
    notes.push_back("own colours of high dynamic range: tone-mapped, and written as sRGB");
    return {};
  }
  if (own.is_srgb() || !RgbMatrix(own.primaries)) return {};
  const bool steps = own.transfer == Transfer::kLinear || (own.transfer == Transfer::kGamma && own.gamma < kLeastGamma);
  if (!steps) return AsNumbers(layout, MakeRgbProfile(own.primaries, own.transfer, own.gamma));
  return own.primaries == kSrgbPrimaries ? OwnColours() : InSpace(layout, own.primaries);
}

std::array<uint8_t, 4> ToOwnColour(const std::vector<std::byte>& profile, std::array<uint8_t, 4> srgb) {
  const OwnProfilePointer own = OpenOwn(profile), from(cmsCreate_sRGBProfile(), CloseOwnProfile);
  if (!own) return srgb;
  void* transform = cmsCreateTransform(from.get(), TYPE_RGB_8, own.get(), TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC, 0);
  if (transform == nullptr) return srgb;
  std::array<uint8_t, 4> colour = srgb;
  cmsDoTransform(transform, srgb.data(), colour.data(), 1);
  cmsDeleteTransform(transform);
  return colour;
}

}  // namespace decal::cli
