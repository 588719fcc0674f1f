// Parses and checks the fields of requests as the command checks its options.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/request_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cctype>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "border/rules.h"
#include "cli/colour_text.h"
#include "cli/cut_options.h"

namespace decal::cli {
namespace {

std::unexpected<Error> BadField(const std::string& name, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", name, what));
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

// As pydantic, which rembg's server reads them with.
std::optional<bool> ParseFlag(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* yes : {"1", "true", "t", "yes", "y", "on"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "false", "f", "no", "n", "off"}) {
    if (text == no) return false;
  }
  return {};
}

// Fields of rembg's alone.
constexpr rules::Rule kByte{"", "a whole number, 0 to 255", 0, 255};
constexpr rules::Rule kErode{"", "a whole number, 0 to 65536", 0, 65536};

using Setter = std::function<Status(const std::string& name, const std::string& text)>;

Setter Flag(bool& flag, bool set = true) {
  return [&flag, set](const std::string& name, const std::string& text) -> Status {
    const auto value = ParseFlag(text);
    if (!value) return BadField(name, "true or false");
    flag = *value == set;
    return {};
  };
}

// Within what border/fields.json allows, as the command's option of that name; what it says otherwise.
template <class T>
Setter Number(T& number, const rules::Rule& rule) {
  return [&number, &rule](const std::string& name, const std::string& text) -> Status {
    const auto value = ParseNumber<double>(text);
    if (!value || !rule.Allows(*value)) return BadField(name, rule.message);
    number = static_cast<float>(*value);
    return {};
  };
}

Setter Whole(int& number, const rules::Rule& rule) {
  return [&number, &rule](const std::string& name, const std::string& text) -> Status {
    const auto value = ParseNumber<int>(text);
    if (!value || !rule.Allows(*value)) return BadField(name, rule.message);
    number = *value;
    return {};
  };
}

Setter Text(std::string& text_field) {
  return [&text_field](const std::string&, const std::string& text) -> Status {
    text_field = text;
    return {};
  };
}

Status SetAll(const RequestFields& fields, const std::map<std::string, Setter>& setters) {
  for (const auto& [name, text] : fields) {
    const auto setter = setters.find(name);
    if (setter == setters.end()) return Fail(ErrorCode::kInvalidArgument, fmt::format("unknown field '{}'", name));
    if (Status set = setter->second(name, text); !set) return set;
  }
  return {};
}

}  // namespace

Result<RequestOptions> ReadOptions(const RequestFields& fields, const CutOptions& usual) {
  RequestOptions request{.cut = usual};
  CutOptions& cut = request.cut;
  CutTexts texts;
  std::string report;
  const std::map<std::string, Setter> setters = {
      {"model", Text(request.model)},
      {"report", Text(report)},
      {"format", Text(texts.format)},
      {"background", Text(texts.background)},
      {"refine", Text(texts.refine)},
      {"profile", Text(texts.profile_rule)},
      {"quality", Whole(cut.quality, rules::kCommandQuality)},
      {"svg-size", Whole(cut.svg_size, rules::kCommandSvgSize)},
      {"mask", Flag(cut.mask_only)},
      {"keep-metadata", Flag(cut.keep_metadata)},
      {"keep-colours", Flag(cut.decontaminate, false)},
      {"background-only", Flag(cut.background_only)},
      {"threshold", Number(cut.threshold, rules::kOutputThreshold)},
      {"remove-islands", Number(cut.remove_islands, rules::kOutputRemoveIslands)},
      {"fill-holes", Number(cut.fill_holes, rules::kOutputFillHoles)},
      {"smooth", Number(cut.smooth, rules::kOutputSmooth)},
      {"grow", Number(cut.grow, rules::kOutputGrow)},
      {"shadow", Number(cut.shadow, rules::kOutputShadow)},
      {"crop", Number(cut.frame.crop, rules::kOutputCrop)},
      {"aspect-ratio", Text(texts.aspect_ratio)},
      {"size", Text(texts.size)},
      {"scale", Number(cut.frame.scale, rules::kOutputScale)},
  };
  for (const auto& [name, text] : fields) {
    if (text.empty() && setters.contains(name)) return BadField(name, "no value: give one, or leave the field out");
  }
  if (Status set = SetAll(fields, setters); !set) return std::unexpected(set.error());
  const bool keep_profile = cut.keep_profile;
  if (Status read = ReadCutTexts(texts, cut); !read) return std::unexpected(read.error());
  if (texts.profile_rule.empty()) cut.keep_profile = keep_profile;
  else if (texts.profile_rule != "keep" && texts.profile_rule != "srgb") return BadField("profile", "srgb or keep");
  if (!report.empty() && report != "header" && report != "part") return BadField("report", "header or part");
  return request;
}

Result<RequestOptions> ReadRembgOptions(RequestFields form, RequestFields query, const CutOptions& usual) {
  // To rembg's server they are not there.
  for (RequestFields* fields : {&form, &query})
    std::erase_if(*fields, [](const auto& field) { return field.second.empty(); });
  RequestOptions request{.cut = usual};
  CutOptions& cut = request.cut;
  cut.format = PictureFormat::kPng;  // rembg writes nothing else
  bool alpha_matting = false, smooth = false;
  int foreground = 240, background = 10, erode = 10;
  const std::map<std::string, Setter> form_setters = {
      {"model", Text(request.model)},
      {"a", Flag(alpha_matting)},
      {"af", Whole(foreground, kByte)},
      {"ab", Whole(background, kByte)},
      {"ae", Whole(erode, kErode)},
      {"om", Flag(cut.mask_only)},
      {"ppm", Flag(smooth)},
  };
  const std::map<std::string, Setter> query_setters = {
      {"bgc",
       [&](const std::string& name, const std::string& text) -> Status {
         std::array<uint8_t, 4> colour{};
         std::string_view rest = text;
         for (size_t k = 0; k < 4; ++k) {
           const size_t comma = rest.find(',');
           const auto value = ParseNumber<int>(rest.substr(0, comma));
           if (!value || *value < 0 || *value > 255 || (k < 3) != (comma != std::string_view::npos))
             return BadField(name, "four numbers of 0 to 255 with commas between: red, green, blue, alpha");
           colour[k] = static_cast<uint8_t>(*value);
           rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
         }
         cut.background = colour;
         return {};
       }},
      {"extras",
       [&](const std::string& name, const std::string& text) -> Status {
         // What models of rembg take besides; none of Decal's takes any.
         if (nlohmann::json::parse(text, nullptr, false).is_object()) return {};
         return BadField(name, "a JSON object");
       }},
  };
  if (Status set = SetAll(form, form_setters); !set) return std::unexpected(set.error());
  if (Status set = SetAll(query, query_setters); !set) return std::unexpected(set.error());
  if (foreground <= background) return BadField("af", "more than ab");
  if (alpha_matting) cut.refine = Refine::kBest;
  if (smooth) {
    cut.threshold = 0.5f;
    cut.remove_islands = std::max(cut.remove_islands, 0.01f);
  }
  return request;
}

}  // namespace decal::cli
