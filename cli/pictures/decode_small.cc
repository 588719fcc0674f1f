// PNM (PBM, PGM, PPM, PAM, PFM) and QOI: formats so small that a reader of our own is shorter than the use of a library.
// SPDX-License-Identifier: MIT
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"

namespace decal::cli {
namespace {

// Words of a PNM header: blanks and comments part them.
class Words {
 public:
  explicit Words(ByteSpan file) : text_(AsText(file)) {}

  std::string_view Next() {
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      if (at_ >= text_.size() || text_[at_] != '#') break;
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  // -1 for what is no number.
  int64_t Number() {
    const std::string_view word = Next();
    int64_t value = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc{} && end == word.data() + word.size() ? value : -1;
  }
  // A digit by itself: in text bitmaps they may stand together.
  int Bit() {
    while (at_ < text_.size() && (std::isspace(static_cast<unsigned char>(text_[at_])) || text_[at_] == '#')) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        ++at_;
      }
    }
    if (at_ >= text_.size()) return -1;
    const char digit = text_[at_++];
    return digit == '0' || digit == '1' ? digit - '0' : -1;
  }
  // Binary data begin behind one blank.
  size_t data() const { return at_ + 1; }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

struct PnmHeader {
  int64_t width = -1, height = -1, channels = 1, full = 1;
  char type = 0;
  std::string_view meaning;  // PAM: of its channels
  float scale = 1;  // PFM: negative for little endian
};

bool ReadPamHeader(Words& words, PnmHeader& header) {
  for (;;) {
    const std::string_view key = words.Next();
    if (key == "ENDHDR") return true;
    if (key == "WIDTH") header.width = words.Number();
    else if (key == "HEIGHT") header.height = words.Number();
    else if (key == "DEPTH") header.channels = words.Number();
    else if (key == "MAXVAL") header.full = words.Number();
    else if (key == "TUPLTYPE") header.meaning = words.Next();
    else return false;
  }
}

bool ReadPnmHeader(Words& words, PnmHeader& header) {
  header.type = words.Next()[1];
  if (header.type == '7') return ReadPamHeader(words, header);
  header.width = words.Number();
  header.height = words.Number();
  if (header.type == '3' || header.type == '6' || header.type == 'F') header.channels = 3;
  if (header.type == 'F' || header.type == 'f') {
    const std::string word(words.Next());
    char* end = nullptr;
    header.scale = std::strtof(word.c_str(), &end);
    return end != word.c_str() && header.scale != 0;
  }
  if (header.type != '1' && header.type != '4') header.full = words.Number();
  return true;
}

// Whether the channels of a PAM are what their number says: grey or RGB, and alpha behind it.
bool MeansItsDepth(const PnmHeader& header) {
  const std::string_view meaning = header.meaning;
  if (meaning.empty()) return true;
  switch (header.channels) {
    case 1: return meaning == "GRAYSCALE" || meaning == "BLACKANDWHITE";
    case 2: return meaning == "GRAYSCALE_ALPHA" || meaning == "BLACKANDWHITE_ALPHA";
    case 3: return meaning == "RGB";
    default: return meaning == "RGB_ALPHA";
  }
}

Status Cut(const Canvas& canvas) {
  return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its end is missing");
}
Status Interrupted(const Canvas& canvas) { return canvas.Fail(ErrorCode::kCancelled, "interrupted"); }

Status DecodePfm(ByteSpan file, const Words& words, const PnmHeader& header, Canvas& canvas) {
  const SampleLayout layout{.type = SampleType::kF32,
                            .model = header.channels == 1 ? ColourModel::kGrey : ColourModel::kRgb,
                            .colour = {.transfer = Transfer::kLinear}};
  if (Status fits = canvas.CheckSize(header.width, header.height, layout.pixel_bytes()); !fits) return fits;
  const size_t row_values = static_cast<size_t>(header.width * header.channels);
  if (Slice(file, words.data()).size() < 4 * row_values * static_cast<size_t>(header.height)) return Cut(canvas);
  if (Status begun = canvas.Begin(header.width, header.height, layout); !begun) return begun;
  canvas.Note("float samples: read as linear light, 1.0 is white");
  const Numbers numbers(file, header.scale > 0);
  std::vector<float> row(row_values);
  for (int64_t y = 0; y < header.height; ++y) {
    if (Cancelled()) return Interrupted(canvas);
    for (size_t i = 0; i < row_values; ++i) {
      const uint32_t bits = numbers.U32(words.data() + 4 * (static_cast<size_t>(y) * row_values + i));
      std::memcpy(&row[i], &bits, 4);
    }
    canvas.Put(static_cast<int>(header.height - 1 - y), row.data());  // the last row comes first
  }
  return {};
}

}  // namespace

Status DecodePnm(ByteSpan file, Canvas& canvas) {
  Words words(file);
  PnmHeader header;
  if (!ReadPnmHeader(words, header) || header.width < 0 || header.height < 0 || header.full < 1 ||
      header.full > 65535) {
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its header makes no sense");
  }
  if (header.channels < 1 || header.channels > 4) {
    return canvas.Fail(ErrorCode::kUnsupported,
                       fmt::format("a PAM picture with {} channels is not read", header.channels));
  }
  if (!MeansItsDepth(header)) {
    return canvas.Fail(ErrorCode::kUnsupported,
                       fmt::format("a PAM picture of {} channels {} is not read", header.channels, header.meaning));
  }
  if (header.type == 'F' || header.type == 'f') return DecodePfm(file, words, header, canvas);

  const SampleLayout layout{.type = header.full > 255 ? SampleType::kU16 : SampleType::kU8,
                            .model = header.channels <= 2 ? ColourModel::kGrey : ColourModel::kRgb,
                            .alpha = header.channels == 2 || header.channels == 4};
  if (Status fits = canvas.CheckSize(header.width, header.height, layout.pixel_bytes()); !fits) return fits;
  const auto row_values = static_cast<size_t>(header.width * header.channels);
  const bool text = header.type >= '1' && header.type <= '3', bits = header.type == '4';
  const size_t row_bytes = bits ? (row_values + 7) / 8 : row_values * layout.sample_bytes();
  // A text has at least one byte a value.
  if (Slice(file, words.data()).size() < (text ? row_values : row_bytes) * static_cast<size_t>(header.height))
    return Cut(canvas);
  if (Status begun = canvas.Begin(header.width, header.height, layout); !begun) return begun;

  const auto full = static_cast<uint32_t>(header.full), top = layout.type == SampleType::kU8 ? 255u : 65535u;
  std::vector<uint8_t> row8(row_values);
  std::vector<uint16_t> row16(row_values);
  for (int64_t y = 0; y < header.height; ++y) {
    if (Cancelled()) return Interrupted(canvas);
    const ByteSpan row = text ? ByteSpan() : Slice(file, words.data() + static_cast<size_t>(y) * row_bytes, row_bytes);
    const Numbers numbers(row, true);
    for (size_t i = 0; i < row_values; ++i) {
      int64_t value = 0;
      if (header.type == '1') value = words.Bit();
      else if (text) value = words.Number();
      else if (bits) value = numbers.U8(i / 8) >> (7 - i % 8) & 1;
      else
        value = static_cast<int64_t>(numbers.Get(i * layout.sample_bytes(), static_cast<int>(layout.sample_bytes())));
      if (value < 0) return Cut(canvas);
      if (header.type == '1' || bits) value = 1 - value;  // ink is 1
      const auto scaled =
          static_cast<uint32_t>((std::min<uint64_t>(static_cast<uint64_t>(value), full) * top + full / 2) / full);
      if (layout.type == SampleType::kU8) row8[i] = static_cast<uint8_t>(scaled);
      else row16[i] = static_cast<uint16_t>(scaled);
    }
    canvas.Put(static_cast<int>(y),
               layout.type == SampleType::kU8 ? static_cast<const void*>(row8.data()) : row16.data());
  }
  return {};
}

// qoiformat.org, version 1.0.
Status DecodeQoi(ByteSpan file, Canvas& canvas) {
  const Numbers numbers(file, true);
  const int64_t width = numbers.U32(4), height = numbers.U32(8);
  const int channels = numbers.U8(12), space = numbers.U8(13);
  if (numbers.failed() || (channels != 3 && channels != 4) || space > 1) {
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its header makes no sense");
  }
  SampleLayout layout{.alpha = true};
  if (space == 1) layout.colour.transfer = Transfer::kLinear;
  if (Status fits = canvas.CheckSize(width, height, 4); !fits) return fits;
  // A run of 62 pixels is the most that a byte says.
  if ((file.size() - 14) * 62 < static_cast<size_t>(width * height)) return Cut(canvas);
  if (Status begun = canvas.Begin(width, height, layout); !begun) return begun;

  using Pixel = std::array<uint8_t, 4>;
  std::array<Pixel, 64> seen{};
  Pixel pixel = {0, 0, 0, 255};
  std::vector<Pixel> row(static_cast<size_t>(width));
  int run = 0;
  size_t at = 14;
  for (int64_t y = 0; y < height; ++y) {
    if (Cancelled()) return Interrupted(canvas);
    for (Pixel& out : row) {
      if (run > 0) {
        --run;
      } else {
        const int byte = numbers.U8(at++), low = byte & 0x3f;
        const auto add = [](uint8_t& to, int difference) { to = static_cast<uint8_t>(to + difference); };
        if (byte >= 0xfe) {
          for (size_t k = 0; k < (byte == 0xff ? 4u : 3u); ++k) pixel[k] = numbers.U8(at++);
        } else if (byte >> 6 == 0) {
          pixel = seen[static_cast<size_t>(low)];
        } else if (byte >> 6 == 1) {
          add(pixel[0], (byte >> 4 & 3) - 2);
          add(pixel[1], (byte >> 2 & 3) - 2);
          add(pixel[2], (byte & 3) - 2);
        } else if (byte >> 6 == 2) {
          const int green = low - 32, others = numbers.U8(at++);
          add(pixel[0], green - 8 + (others >> 4));
          add(pixel[1], green);
          add(pixel[2], green - 8 + (others & 15));
        } else {
          run = low;
        }
        seen[(pixel[0] * 3u + pixel[1] * 5u + pixel[2] * 7u + pixel[3] * 11u) % 64] = pixel;
        if (numbers.failed()) return Cut(canvas);
      }
      out = pixel;
      if (channels == 3) out[3] = 255;
    }
    canvas.Put(static_cast<int>(y), row.data());
  }
  return {};
}

}  // namespace decal::cli
