// Little CMS behind a function; a profile that does not fit its picture is left aside, and said.
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
    default: return "another space";
  }
}

const char* ModelName(ColourModel model) {
  switch (model) {
    case ColourModel::kGrey: return "grey";
    case ColourModel::kRgb: return "RGB";
    case ColourModel::kCmyk: return "CMYK";
    case ColourModel::kLab: return "Lab";
  }
  return "";
}

// Grey pictures may have an RGB profile: grey is then red = green = blue, as all browsers have it.
bool Fits(cmsColorSpaceSignature space, ColourModel model) {
  switch (model) {
    case ColourModel::kGrey: return space == cmsSigGrayData || space == cmsSigRgbData;
    case ColourModel::kRgb: return space == cmsSigRgbData;
    case ColourModel::kCmyk: return space == cmsSigCmykData;
    case ColourModel::kLab: return false;
  }
  return false;
}

cmsUInt32Number InputFormat(SampleType type, cmsColorSpaceSignature space) {
  const cmsUInt32Number colour = space == cmsSigGrayData  ? COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1)
                                 : space == cmsSigRgbData ? COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3)
                                                          : COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4);
  switch (type) {
    case SampleType::kU8: return colour | BYTES_SH(1);
    case SampleType::kU16: return colour | BYTES_SH(2);
    case SampleType::kF32: return colour | BYTES_SH(4) | FLOAT_SH(1);
  }
  return colour;
}

template <class T>
void Triple(const void* grey, std::vector<std::byte>& out, size_t count, T scale) {
  out.resize(3 * count * sizeof(T));
  const T* from = static_cast<const T*>(grey);
  T* to = reinterpret_cast<T*>(out.data());
  for (size_t i = 0; i < count; ++i) to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = static_cast<T>(from[i] * scale);
}

}  // namespace

ColourFunction MakeProfileFunction(const std::vector<std::byte>& icc, SampleType type, ColourModel model,
                                   std::vector<std::string>& notes) {
  const auto ignored = [&](const std::string& why) {
    notes.push_back(fmt::format("colour profile ignored: {}", why));
    return ColourFunction();
  };
  const Numbers header(icc, true);
  if (header.U32(0) > icc.size() || !HasAt(icc, 36, "acsp")) return ignored("it is damaged");
  const ProfilePointer profile(cmsOpenProfileFromMem(icc.data(), static_cast<cmsUInt32Number>(icc.size())));
  if (!profile) return ignored("it is damaged");
  if (const char* what = ClassThatDescribesNoDevice(cmsGetDeviceClass(profile.get()))) {
    return ignored(fmt::format("it is {}", what));
  }
  const cmsColorSpaceSignature space = cmsGetColorSpace(profile.get());
  if (!Fits(space, model)) {
    return ignored(fmt::format("it is for {}, the picture is {}", SpaceName(space), ModelName(model)));
  }

  const bool only_perceptual = cmsIsTag(profile.get(), cmsSigAToB0Tag) && !cmsIsTag(profile.get(), cmsSigAToB1Tag);
  const cmsUInt32Number intent = only_perceptual ? INTENT_PERCEPTUAL : INTENT_RELATIVE_COLORIMETRIC;
  cmsUInt32Number flags = cmsFLAGS_HIGHRESPRECALC;
  if (space == cmsSigCmykData) flags |= cmsFLAGS_BLACKPOINTCOMPENSATION;
  const ProfilePointer srgb(cmsCreate_sRGBProfile());
  const std::shared_ptr<void> transform(
      cmsCreateTransform(profile.get(), InputFormat(type, space), srgb.get(), TYPE_RGB_8, intent, flags),
      [](void* made) {
        if (made) cmsDeleteTransform(made);
      });
  if (!transform) return ignored("it has no table from the picture's values to colours");

  // Little CMS counts float inks in percent.
  const float scale = space == cmsSigCmykData ? 100.0f : 1.0f;
  const bool triple = model == ColourModel::kGrey && space == cmsSigRgbData;
  return [=, buffer = std::vector<std::byte>()](const void* colours, uint8_t* rgb, size_t count) mutable {
    const void* input = colours;
    if (triple) {
      if (type == SampleType::kU8) Triple<uint8_t>(colours, buffer, count, 1);
      if (type == SampleType::kU16) Triple<uint16_t>(colours, buffer, count, 1);
      if (type == SampleType::kF32) Triple<float>(colours, buffer, count, 1);
      input = buffer.data();
    } else if (type == SampleType::kF32 && scale != 1) {
      const size_t values = 4 * count;
      buffer.resize(values * sizeof(float));
      float* scaled = reinterpret_cast<float*>(buffer.data());
      for (size_t i = 0; i < values; ++i) scaled[i] = static_cast<const float*>(colours)[i] * scale;
      input = scaled;
    }
    cmsDoTransform(transform.get(), input, rgb, static_cast<cmsUInt32Number>(count));
  };
}

}  // namespace decal::cli
