// Converts rows to sRGB: separates alpha, undoes premultiplication, then applies one function from the picture's values to sRGB.
// SPDX-License-Identifier: MIT
#include "cli/pictures/converter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>

#include "cli/pictures/profile_transform.h"

namespace decal::cli {
namespace {

template <class T>
constexpr float kFull = std::is_same_v<T, float> ? 1.0f : static_cast<float>(static_cast<T>(~0ull));

template <class T>
uint8_t ToByte(T value) {
  if constexpr (std::is_same_v<T, uint8_t>) return value;
  if constexpr (std::is_same_v<T, uint16_t>) return static_cast<uint8_t>((value * 255u + 32767u) / 65535u);
  if constexpr (std::is_same_v<T, float>) {
    // In this order NaN becomes 0.
    return static_cast<uint8_t>(std::min(std::max(0.0f, value), 1.0f) * 255.0f + 0.5f);
  }
}

// Light 0..1 in 65,536 steps: a step is at most 0.05 of a byte's, where sRGB is steepest.
const std::array<uint8_t, 65536>& ByteOfLight() {
  static const auto table = [] {
    auto made = std::make_unique<std::array<uint8_t, 65536>>();
    for (size_t i = 0; i < made->size(); ++i) {
      (*made)[i] = static_cast<uint8_t>(SrgbValueOf(static_cast<double>(i) / 65535) * 255 + 0.5);
    }
    return made;
  }();
  return *table;
}

uint8_t EncodeLight(float light) {
  return ByteOfLight()[static_cast<size_t>(std::min(std::max(0.0f, light), 1.0f) * 65535.0f + 0.5f)];
}

// Light by value; floats have no table.
template <class T>
class LightTable {
 public:
  explicit LightTable(const Colour& colour) : colour_(colour) {
    if constexpr (!std::is_same_v<T, float>) {
      table_.resize(static_cast<size_t>(kFull<T>) + 1);
      for (size_t i = 0; i < table_.size(); ++i) {
        table_[i] = static_cast<float>(LightOf(colour, static_cast<double>(i) / static_cast<double>(kFull<T>)));
      }
    }
  }
  float operator[](T value) const {
    if constexpr (std::is_same_v<T, float>) return static_cast<float>(LightOf(colour_, static_cast<double>(value)));
    else return table_[value];
  }

 private:
  Colour colour_;
  std::vector<float> table_;
};

std::array<float, 9> AsFloats(const Matrix3& matrix) {
  std::array<float, 9> floats{};
  for (size_t i = 0; i < 9; ++i) floats[i] = static_cast<float>(matrix[i]);
  return floats;
}

// Linear sRGB, possibly beyond 0..1. Colours brighter than white keep their hue: the largest component becomes 1.
void StoreLight(std::array<float, 3> light, bool keep_hue, uint8_t* rgb) {
  const float largest = std::max({light[0], light[1], light[2]});
  const float scale = keep_hue && largest > 1 ? 1 / largest : 1;
  for (size_t k = 0; k < 3; ++k) rgb[k] = EncodeLight(light[k] * scale);
}

std::array<float, 3> Times(const std::array<float, 9>& m, const std::array<float, 3>& v) {
  return {m[0] * v[0] + m[1] * v[1] + m[2] * v[2], m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
          m[6] * v[0] + m[7] * v[1] + m[8] * v[2]};
}

template <class T>
ColourFunction ThroughLight(const Colour& colour, bool grey, const Matrix3& matrix) {
  const auto table = std::make_shared<LightTable<T>>(colour);
  const bool hlg = colour.transfer == Transfer::kHlg, hdr = colour.is_hdr();
  // Only high dynamic range and floats exceed white; values that were clipped before do not.
  const bool keep_hue = hdr || std::is_same_v<T, float>;
  return [=, m = AsFloats(matrix)](const void* colours, uint8_t* rgb, size_t count) {
    const T* values = static_cast<const T*>(colours);
    for (size_t i = 0; i < count; ++i, rgb += 3) {
      std::array<float, 3> light{};
      for (size_t k = 0; k < 3; ++k) light[k] = (*table)[values[grey ? i : 3 * i + k]];
      if (hlg) {
        const double luminance = 0.2627 * light[0] + 0.6780 * light[1] + 0.0593 * light[2];  // BT.2100
        const float gain = static_cast<float>(HlgDisplayGain(luminance));
        for (float& value : light) value *= gain;
      }
      StoreLight(grey ? light : Times(m, light), keep_hue, rgb);
    }
  };
}

template <class T>
ColourFunction AsIs(bool grey) {
  return [grey](const void* colours, uint8_t* rgb, size_t count) {
    const T* values = static_cast<const T*>(colours);
    for (size_t i = 0; i < 3 * count; ++i) rgb[i] = ToByte(values[grey ? i / 3 : i]);
  };
}

// CSS Color 4's device-cmyk without a profile, which is what browsers make of such JPEGs: each ink takes away its
// complement, black all.
template <class T>
ColourFunction NaiveInks() {
  return [](const void* colours, uint8_t* rgb, size_t count) {
    const T* inks = static_cast<const T*>(colours);
    for (size_t i = 0; i < count; ++i, inks += 4, rgb += 3) {
      const float black = 1 - static_cast<float>(inks[3]) / kFull<T>;
      for (size_t k = 0; k < 3; ++k) rgb[k] = ToByte((1 - static_cast<float>(inks[k]) / kFull<T>)*black);
    }
  };
}

ColourFunction FromLab(const Colour& colour, const Primaries& to) {
  const double x = colour.primaries.xy[6], y = colour.primaries.xy[7];
  const std::array<float, 3> white = {static_cast<float>(x / y), 1, static_cast<float>((1 - x - y) / y)};
  return [=, m = AsFloats(XyzMatrix(x, y, to))](const void* colours, uint8_t* rgb, size_t count) {
    const float* lab = static_cast<const float*>(colours);
    // CIE 15: the cube, and a line near black.
    const auto inverse = [](float t) {
      return t > 6.0f / 29 ? t * t * t : 3 * (6.0f / 29) * (6.0f / 29) * (t - 4.0f / 29);
    };
    for (size_t i = 0; i < count; ++i, lab += 3, rgb += 3) {
      const float fy = (lab[0] + 16) / 116;
      StoreLight(Times(m, {white[0] * inverse(fy + lab[1] / 500), inverse(fy), white[2] * inverse(fy - lab[2] / 200)}),
                 false, rgb);
    }
  };
}

template <class T>
ColourFunction MakeFunction(SampleLayout layout, SampleType type, std::vector<std::string>& notes,
                            const Primaries& to) {
  const Colour& colour = layout.colour;
  layout.type = type;
  if (layout.model == ColourModel::kLab) return FromLab(colour, to);
  if (!colour.icc.empty()) {
    if (ColourFunction function = MakeProfileFunction(layout, notes, to)) return function;
  }
  if (layout.model == ColourModel::kCmyk) {
    notes.push_back("CMYK without a usable colour profile: converted by the simple formula of CSS, as in browsers");
    return NaiveInks<T>();
  }
  Colour own = colour;
  own.icc.clear();
  const bool grey = layout.model == ColourModel::kGrey;
  if (grey) own.primaries = kSrgbPrimaries;
  if (own.primaries == to && own.transfer == Transfer::kSrgb) return AsIs<T>(grey);
  auto matrix = RgbMatrix(own.primaries, to);
  if (!matrix) {
    notes.push_back("the picture's primaries are degenerate: sRGB assumed");
    matrix = RgbMatrix(kSrgbPrimaries, to);
  }
  if (own.is_hdr()) {
    notes.push_back(own.transfer == Transfer::kPq
                        ? "high dynamic range (PQ) tone-mapped: 203 nits map to white, brighter colours keep their hue"
                        : "high dynamic range (HLG, for a display of 1,000 nits) tone-mapped: 203 nits map to white, "
                          "brighter colours keep their hue");
  }
  return ThroughLight<T>(own, grey, *matrix);
}

// Splits pixels into colours and alpha and puts the results together. Premultiplied bytes are undone in 16 bits, because the
// quotient of two bytes has more than a byte's precision.
template <class T>
class Converter {
 public:
  using Wide = std::conditional_t<std::is_same_v<T, uint8_t>, uint16_t, T>;

  Converter(const SampleLayout& layout, std::vector<std::string>& notes, const Primaries& to)
      : colours_(static_cast<size_t>(layout.colour_channels())), alpha_(layout.alpha),
        undo_(layout.alpha && layout.premultiplied),
        plain_(layout.alpha && !undo_ && std::is_same_v<T, uint8_t> && layout.model == ColourModel::kRgb &&
               layout.colour.is_srgb() && to == kSrgbPrimaries) {
    if (plain_) return;
    const bool widen = undo_ && std::is_same_v<T, uint8_t>;
    const SampleType type = widen ? SampleType::kU16 : layout.type;
    function_ = undo_ ? MakeFunction<Wide>(layout, type, notes, to) : MakeFunction<T>(layout, type, notes, to);
  }

  void operator()(const void* samples, uint8_t* rgba, size_t count) {
    if (plain_) {
      std::memcpy(rgba, samples, 4 * count);
      return;
    }
    const T* from = static_cast<const T*>(samples);
    rgb_.resize(3 * count);
    if (!alpha_) {
      function_(samples, rgb_.data(), count);
    } else if (undo_) {
      wide_.resize(colours_ * count);
      for (size_t i = 0; i < count; ++i) Undo(from + i * (colours_ + 1), wide_.data() + i * colours_);
      function_(wide_.data(), rgb_.data(), count);
    } else {
      narrow_.resize(colours_ * count);
      for (size_t i = 0; i < count; ++i)
        std::copy_n(from + i * (colours_ + 1), colours_, narrow_.data() + i * colours_);
      function_(narrow_.data(), rgb_.data(), count);
    }
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(rgb_.data() + 3 * i, 3, rgba + 4 * i);
      rgba[4 * i + 3] = alpha_ ? ToByte(from[i * (colours_ + 1) + colours_]) : 255;
    }
  }

 private:
  void Undo(const T* pixel, Wide* out) const {
    const float alpha = static_cast<float>(pixel[colours_]) / kFull<T>;
    for (size_t k = 0; k < colours_; ++k) {
      const float value = alpha > 0 ? static_cast<float>(pixel[k]) / kFull<T> / alpha : 0.0f;
      if constexpr (std::is_same_v<T, float>) out[k] = value;
      else out[k] = static_cast<Wide>(std::min(value, 1.0f) * kFull<Wide> + 0.5f);
    }
  }

  size_t colours_;
  bool alpha_, undo_, plain_;
  ColourFunction function_;
  std::vector<Wide> wide_;
  std::vector<T> narrow_;
  std::vector<uint8_t> rgb_;
};

}  // namespace

RowConverter MakeConverter(const SampleLayout& layout, std::vector<std::string>& notes, const Primaries& to) {
  switch (layout.type) {
    case SampleType::kU8: return Converter<uint8_t>(layout, notes, to);
    case SampleType::kU16: return Converter<uint16_t>(layout, notes, to);
    case SampleType::kF32: return Converter<float>(layout, notes, to);
  }
  return {};
}

}  // namespace decal::cli
