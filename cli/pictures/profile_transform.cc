// Little CMS behind a function. A profile that does not match its picture is ignored, with a note.
// SPDX-License-Identifier: MIT
#include "cli/pictures/profile_transform.h"

#include <memory>
#include <optional>

#include <fmt/format.h>
#include <lcms2.h>

#include "cli/pictures/bytes.h"

namespace decal::cli {
namespace {

struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
using ProfilePointer = std::unique_ptr<void, CloseProfile>;

const char* ClassThatDescribesNoDevice(cmsProfileClassSignature signature) {
  switch (signature) {
    case cmsSigLinkClass: return "a device link";
    case cmsSigAbstractClass: return "an abstract profile";
    case cmsSigNamedColorClass: return "a list of named colours";
    default: return nullptr;
  }
}

const char* SpaceName(cmsColorSpaceSignature space) {
  switch (space) {
    case cmsSigGrayData: return "grey";
    case cmsSigRgbData: return "RGB";
    case cmsSigCmykData: return "CMYK";
    case cmsSigLabData: return "Lab";
    case cmsSigCmyData: return "CMY";
    default: return "another space";
  }
}

const char* ModelName(ColourModel model) {
  switch (model) {
    case ColourModel::kGrey: return "grey";
    case ColourModel::kRgb: return "RGB";
    case ColourModel::kCmyk: return "CMYK";
    case ColourModel::kLab: return "Lab";
    case ColourModel::kInks: return "made of inks";
  }
  return "";
}

bool IsOfInks(cmsColorSpaceSignature space) {
  switch (space) {
    case cmsSigCmyData:
    case cmsSigCmykData:
    case cmsSig1colorData:
    case cmsSig2colorData:
    case cmsSig3colorData:
    case cmsSig4colorData:
    case cmsSig5colorData:
    case cmsSig6colorData:
    case cmsSig7colorData:
    case cmsSig8colorData:
    case cmsSig9colorData:
    case cmsSig10colorData:
    case cmsSig11colorData:
    case cmsSig12colorData:
    case cmsSig13colorData:
    case cmsSig14colorData:
    case cmsSig15colorData: return true;
    default: return false;
  }
}

// Little CMS counts float inks in percent, but not those of profiles for one to four nameless ones.
bool CountsInPercent(cmsColorSpaceSignature space) {
  return space == cmsSigCmyData || space == cmsSigCmykData || (IsOfInks(space) && cmsChannelsOf(space) > 4);
}

ProfilePointer Open(const std::vector<std::byte>& icc) {
  const Numbers header(icc, true);
  if (header.U32(0) > icc.size() || !HasAt(icc, 36, "acsp")) return nullptr;
  return ProfilePointer(cmsOpenProfileFromMem(icc.data(), static_cast<cmsUInt32Number>(icc.size())));
}

ProfilePointer RgbProfile(const Primaries& primaries, Transfer transfer, double gamma) {
  const auto& xy = primaries.xy;
  const cmsCIExyY white = {xy[6], xy[7], 1};
  const cmsCIExyYTRIPLE rgb = {{xy[0], xy[1], 1}, {xy[2], xy[3], 1}, {xy[4], xy[5], 1}};
  // IEC 61966-2-1 as ICC's parametric curve of type 4 (lcms counts from 1).
  const cmsFloat64Number srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  const std::unique_ptr<cmsToneCurve, void (*)(cmsToneCurve*)> curve(
      transfer == Transfer::kSrgb ? cmsBuildParametricToneCurve(nullptr, 4, srgb) : cmsBuildGamma(nullptr, gamma),
      cmsFreeToneCurve);
  cmsToneCurve* const curves[3] = {curve.get(), curve.get(), curve.get()};
  return ProfilePointer(cmsCreateRGBProfile(&white, &rgb, curves));
}

// Grey pictures may have an RGB profile: grey is then red = green = blue, as all browsers have it.
bool Fits(cmsColorSpaceSignature space, const SampleLayout& layout) {
  switch (layout.model) {
    case ColourModel::kGrey: return space == cmsSigGrayData || space == cmsSigRgbData;
    case ColourModel::kRgb: return space == cmsSigRgbData;
    case ColourModel::kCmyk: return space == cmsSigCmykData;
    case ColourModel::kLab: return false;
    case ColourModel::kInks: return IsOfInks(space) && static_cast<int>(cmsChannelsOf(space)) == layout.inks;
  }
  return false;
}

cmsUInt32Number InputFormat(SampleType type, cmsColorSpaceSignature space) {
  const auto kind = static_cast<cmsUInt32Number>(_cmsLCMScolorSpace(space));
  const cmsUInt32Number colour = COLORSPACE_SH(kind) | CHANNELS_SH(cmsChannelsOf(space));
  switch (type) {
    case SampleType::kU8: return colour | BYTES_SH(1);
    case SampleType::kU16: return colour | BYTES_SH(2);
    case SampleType::kF32: return colour | BYTES_SH(4) | FLOAT_SH(1);
  }
  return colour;
}

template <class T>
void Triple(const void* grey, std::vector<std::byte>& out, size_t count) {
  out.resize(3 * count * sizeof(T));
  const T* from = static_cast<const T*>(grey);
  T* to = reinterpret_cast<T*>(out.data());
  for (size_t i = 0; i < count; ++i) to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
}

}  // namespace

int InksOfProfile(const std::vector<std::byte>& icc) {
  const ProfilePointer profile = Open(icc);
  if (!profile) return 0;
  const cmsColorSpaceSignature space = cmsGetColorSpace(profile.get());
  return IsOfInks(space) ? static_cast<int>(cmsChannelsOf(space)) : 0;
}

std::vector<std::byte> MakeRgbProfile(const Primaries& primaries, Transfer transfer, double gamma) {
  const ProfilePointer profile = RgbProfile(primaries, transfer, gamma);
  cmsUInt32Number size = 0;
  if (!profile || !cmsSaveProfileToMem(profile.get(), nullptr, &size)) return {};
  std::vector<std::byte> bytes(size);
  if (!cmsSaveProfileToMem(profile.get(), bytes.data(), &size)) return {};
  return bytes;
}

ColourFunction MakeProfileFunction(const SampleLayout& layout, std::vector<std::string>& notes, const Primaries& to) {
  const auto ignored = [&](const std::string& why) {
    notes.push_back(fmt::format("colour profile ignored: {}", why));
    return ColourFunction();
  };
  const ProfilePointer profile = Open(layout.colour.icc);
  if (!profile) return ignored("it is damaged");
  if (const char* what = ClassThatDescribesNoDevice(cmsGetDeviceClass(profile.get()))) {
    return ignored(fmt::format("it is {}", what));
  }
  const cmsColorSpaceSignature space = cmsGetColorSpace(profile.get());
  if (!Fits(space, layout)) {
    return ignored(fmt::format("it is for {}, the picture is {}", SpaceName(space), ModelName(layout.model)));
  }
  const SampleType type = layout.type;

  const bool only_perceptual = cmsIsTag(profile.get(), cmsSigAToB0Tag) && !cmsIsTag(profile.get(), cmsSigAToB1Tag);
  const cmsUInt32Number intent = only_perceptual ? INTENT_PERCEPTUAL : INTENT_RELATIVE_COLORIMETRIC;
  // A table of that many dimensions may take gigabytes.
  cmsUInt32Number flags = cmsChannelsOf(space) > 4 ? cmsFLAGS_NOOPTIMIZE : cmsFLAGS_HIGHRESPRECALC;
  if (IsOfInks(space)) flags |= cmsFLAGS_BLACKPOINTCOMPENSATION;
  const ProfilePointer target =
      to == kSrgbPrimaries ? ProfilePointer(cmsCreate_sRGBProfile()) : RgbProfile(to, Transfer::kSrgb, 1);
  const std::shared_ptr<void> transform(
      cmsCreateTransform(profile.get(), InputFormat(type, space), target.get(), TYPE_RGB_8, intent, flags),
      [](void* made) {
        if (made) cmsDeleteTransform(made);
      });
  if (!transform) return ignored("it has no table from the picture's values to colours");

  const size_t channels = cmsChannelsOf(space);
  const bool percent = CountsInPercent(space) && type == SampleType::kF32;
  const bool triple = layout.model == ColourModel::kGrey && space == cmsSigRgbData;
  return [=, buffer = std::vector<std::byte>()](const void* colours, uint8_t* rgb, size_t count) mutable {
    const void* input = colours;
    if (triple) {
      if (type == SampleType::kU8) Triple<uint8_t>(colours, buffer, count);
      if (type == SampleType::kU16) Triple<uint16_t>(colours, buffer, count);
      if (type == SampleType::kF32) Triple<float>(colours, buffer, count);
      input = buffer.data();
    } else if (percent) {
      buffer.resize(channels * count * sizeof(float));
      float* scaled = reinterpret_cast<float*>(buffer.data());
      for (size_t i = 0; i < channels * count; ++i) scaled[i] = static_cast<const float*>(colours)[i] * 100;
      input = scaled;
    }
    cmsDoTransform(transform.get(), input, rgb, static_cast<cmsUInt32Number>(count));
  };
}

}  // namespace decal::cli
