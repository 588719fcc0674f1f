// The item properties of ISO/IEC 14496-12 (8.11.14) and ISO/IEC 23008-12, as far as transformations need them.
// SPDX-License-Identifier: MIT
#include "cli/pictures/heif_boxes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

namespace decal::cli {
namespace {

struct Box {
  std::string_view type;
  size_t body = 0, end = 0;
};

// The boxes in [begin, end), as far as they are whole.
std::vector<Box> Boxes(ByteSpan file, size_t begin, size_t end) {
  std::vector<Box> boxes;
  const Numbers numbers(file, true);
  for (size_t at = begin; at + 8 <= end;) {
    uint64_t size = numbers.U32(at);
    const size_t head = size == 1 ? 16 : 8;
    if (size == 1) size = numbers.Get(at + 8, 8);
    if (size == 0) size = end - at;
    if (size < head || size > end - at) break;
    boxes.push_back({AsText(Slice(file, at + 4, 4)), at + head, at + size});
    at += size;
  }
  return boxes;
}

std::vector<Box> Within(ByteSpan file, const Box* box, size_t skip = 0) {
  return box != nullptr ? Boxes(file, box->body + skip, box->end) : std::vector<Box>();
}

const Box* Find(const std::vector<Box>& boxes, std::string_view type) {
  const auto found = std::ranges::find(boxes, type, &Box::type);
  return found == boxes.end() ? nullptr : &*found;
}

struct Property {
  Box box;
  size_t association = 0, bytes = 1;  // where it is said that the item has it
};

// The properties of each item, in the order in which they apply.
std::map<uint32_t, std::vector<Property>> Properties(ByteSpan file, const std::vector<Box>& iprp) {
  std::map<uint32_t, std::vector<Property>> found;
  const Numbers numbers(file, true);
  const std::vector<Box> all = Within(file, Find(iprp, "ipco"));
  for (const Box& box : iprp) {
    if (box.type != "ipma") continue;
    const bool wide_ids = numbers.U8(box.body) > 0;
    const size_t bytes = (numbers.U8(box.body + 3) & 1) != 0 ? 2 : 1, id_bytes = wide_ids ? 4 : 2;
    size_t at = box.body + 8;
    for (uint32_t count = numbers.U32(box.body + 4); count > 0 && at < box.end; --count) {
      auto& own = found[static_cast<uint32_t>(numbers.Get(at, static_cast<int>(id_bytes)))];
      at += id_bytes;
      for (int left = numbers.U8(at++); left > 0 && at < box.end; --left, at += bytes) {
        const auto index = numbers.Get(at, static_cast<int>(bytes)) & (bytes == 2 ? 0x7fff : 0x7f);
        if (index >= 1 && index <= all.size()) own.push_back({all[index - 1], at, bytes});
      }
    }
  }
  return found;
}

bool IsTransform(const Property& property) {
  return property.box.type == "irot" || property.box.type == "imir" || property.box.type == "clap";
}

// Whether another item is the alpha of `main`.
bool HasAlpha(ByteSpan file, const Box* iref, uint32_t main,
              const std::map<uint32_t, std::vector<Property>>& properties) {
  if (iref == nullptr) return false;
  const Numbers numbers(file, true);
  const int id_bytes = numbers.U8(iref->body) > 0 ? 4 : 2;
  const auto step = static_cast<size_t>(id_bytes);
  for (const Box& reference : Within(file, iref, 4)) {
    if (reference.type != "auxl") continue;
    const auto item = properties.find(static_cast<uint32_t>(numbers.Get(reference.body, id_bytes)));
    bool of_main = false;
    for (int i = 0; i < numbers.U16(reference.body + step); ++i)
      of_main = of_main || numbers.Get(reference.body + step + 2 + step * static_cast<size_t>(i), id_bytes) == main;
    if (!of_main || item == properties.end()) continue;
    for (const Property& property : item->second) {
      const ByteSpan kind = Slice(file, property.box.body + 4);
      if (property.box.type == "auxC" && (StartsWith(kind, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha") ||
                                          StartsWith(kind, "urn:mpeg:hevc:2015:auxid:1")))
        return true;
    }
  }
  return false;
}

// Width, height and the offset of the middle from the picture's, as fractions. Not of whole pixels, or not within: no crop.
void ReadClap(const Numbers& numbers, size_t body, double width, double height, HeifTransforms& to) {
  const auto fraction = [&](size_t at) {
    return numbers.I32(body + at) / static_cast<double>(numbers.U32(body + at + 4));
  };
  const double w = fraction(0), h = fraction(8), x = (width - w) / 2 + fraction(16),
               y = (height - h) / 2 + fraction(24);
  for (const double value : {w, h, x, y}) {
    if (!(value >= 0) || value != std::floor(value)) return;
  }
  if (w < 1 || h < 1 || x + w > width || y + h > height) return;
  to.x = static_cast<int64_t>(x);
  to.y = static_cast<int64_t>(y);
  to.width = static_cast<int64_t>(w);
  to.height = static_cast<int64_t>(h);
}

// EXIF's orientation of quarter turns against the clock, without mirror, then with top and bottom, then with left and right exchanged.
constexpr int kTurned[3][4] = {{1, 8, 3, 6}, {4, 5, 2, 7}, {2, 7, 4, 5}};

}  // namespace

std::optional<HeifTransforms> TakeTransforms(ByteSpan file) {
  const std::vector<Box> top = Boxes(file, 0, file.size());
  const std::vector<Box> meta = Within(file, Find(top, "meta"), 4);
  const Box* pitm = Find(meta, "pitm");
  if (pitm == nullptr) return {};
  const Numbers numbers(file, true);
  const auto main = static_cast<uint32_t>(numbers.Get(pitm->body + 4, numbers.U8(pitm->body) > 0 ? 4 : 2));
  const auto properties = Properties(file, Within(file, Find(meta, "iprp")));
  const auto own = properties.find(main);
  if (own == properties.end() || std::ranges::none_of(own->second, IsTransform)) return {};
  if (!HasAlpha(file, Find(meta, "iref"), main, properties)) return {};

  HeifTransforms transforms;
  double width = 0, height = 0;
  int turn = 0, mirror = 0;
  for (const Property& property : own->second) {
    const size_t body = property.box.body;
    if (property.box.type == "ispe") {
      width = numbers.U32(body + 4);
      height = numbers.U32(body + 8);
    } else if (property.box.type == "irot") {
      turn = numbers.U8(body) & 3;
    } else if (property.box.type == "imir") {
      mirror = 1 + (numbers.U8(body) & 1);
    } else if (property.box.type == "clap") {
      ReadClap(numbers, body, width, height, transforms);
    }
  }
  if (numbers.failed()) return {};
  transforms.orientation = kTurned[mirror][turn];
  // Alpha has transformations of its own, which are the same, or none. An association with property 0 is none.
  transforms.file.assign(file.begin(), file.end());
  for (const auto& [item, list] : properties) {
    for (const Property& property : list) {
      if (!IsTransform(property)) continue;
      std::fill_n(transforms.file.begin() + static_cast<ptrdiff_t>(property.association), property.bytes, std::byte{0});
    }
  }
  return transforms;
}

}  // namespace decal::cli
