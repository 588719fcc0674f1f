// TIFF by libtiff: every photometric meaning, depth and sample format that is a picture, after TIFF 6.0 and its supplements.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "cli/pictures/decoders.h"
#include "cli/pictures/exif.h"
#include "cli/pictures/metadata.h"
#include "cli/pictures/profile_transform.h"
#include "cli/pictures/tiff_rows.h"

namespace decal::cli {
namespace {

constexpr Primaries kD50 = {{0, 0, 0, 0, 0, 0, 0.3457, 0.3585}};

struct TiffPicture {
  TiffGrid grid;
  uint16_t photometric = 0, compression = 0;
  size_t colours = 3;
  bool alpha = false, premultiplied = false;
  bool inks = false;  // other than CMYK
  SampleLayout layout;
};

Status Unsupported(const Canvas& canvas, std::string what) {
  return canvas.Fail(ErrorCode::kUnsupported, fmt::format("TIFF with {} is not read", what));
}

size_t AlphaCount(const TiffFile& tiff) {
  uint16_t count = 0;
  const uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || kinds == nullptr) return 0;
  return static_cast<size_t>(std::count_if(kinds, kinds + count, [](uint16_t kind) {
    return kind == EXTRASAMPLE_ASSOCALPHA || kind == EXTRASAMPLE_UNASSALPHA;
  }));
}

std::vector<std::byte> IccOf(const TiffFile& tiff) {
  uint32_t size = 0;
  const std::byte* icc = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_ICCPROFILE, &size, &icc) != 1 || icc == nullptr) return {};
  return {icc, icc + size};
}

// How many channels are inks. A profile for as many as there are beside alpha knows them all; otherwise NumberOfInks of an ink set
// that is not CMYK (TIFF 6.0, section 16), or four.
size_t InkCount(const TiffFile& tiff, TiffPicture& picture) {
  const size_t beside_alpha =
      picture.grid.samples_per_pixel - std::min<size_t>(picture.grid.samples_per_pixel, AlphaCount(tiff));
  const auto of_profile = static_cast<size_t>(InksOfProfile(IccOf(tiff)));
  const bool cmyk = tiff.Get<uint16_t>(TIFFTAG_INKSET, INKSET_CMYK) == INKSET_CMYK;
  if (cmyk && !(of_profile > 4 && of_profile == beside_alpha)) return 4;
  picture.inks = true;
  if (of_profile == beside_alpha) return beside_alpha;
  uint16_t number = 0;
  if (TIFFGetField(tiff.get(), TIFFTAG_NUMBEROFINKS, &number) == 1 && number > 0) return number;
  return beside_alpha;
}

// How many channels are colour, and what they are.
Status ReadPhotometric(const TiffFile& tiff, Canvas& canvas, TiffPicture& picture) {
  switch (picture.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: picture.colours = 1; break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_LOGLUV: picture.colours = 3; break;
    case PHOTOMETRIC_PALETTE:
    case PHOTOMETRIC_LOGL: picture.colours = 1; break;
    case PHOTOMETRIC_SEPARATED: picture.colours = InkCount(tiff, picture); break;
    default: return Unsupported(canvas, fmt::format("colours of kind {}", picture.photometric));
  }
  if (picture.grid.samples_per_pixel < picture.colours) {
    return canvas.Fail(ErrorCode::kCorruptImage, fmt::format("damaged picture: {} channels where {} are needed",
                                                             picture.grid.samples_per_pixel, picture.colours));
  }
  return {};
}

// The first channel that the file calls alpha; others say something else of each pixel (TIFF 6.0, ExtraSamples).
void ReadExtraChannels(const TiffFile& tiff, Canvas& canvas, TiffPicture& picture) {
  uint16_t count = 0;
  uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || kinds == nullptr) count = 0;
  TiffGrid& grid = picture.grid;
  for (size_t i = 0; i < picture.colours; ++i) grid.wanted.push_back(static_cast<uint16_t>(i));
  const size_t extra = grid.samples_per_pixel - picture.colours;
  for (size_t i = 0; i < std::min<size_t>(count, extra) && !picture.alpha; ++i) {
    if (kinds[i] != EXTRASAMPLE_ASSOCALPHA && kinds[i] != EXTRASAMPLE_UNASSALPHA) continue;
    picture.alpha = true;
    picture.premultiplied = kinds[i] == EXTRASAMPLE_ASSOCALPHA;
    grid.wanted.push_back(static_cast<uint16_t>(picture.colours + i));
  }
  const size_t left = extra - (picture.alpha ? 1 : 0);
  if (left > 0)
    canvas.Note(
        fmt::format("TIFF: {} extra channel{} ignored: not marked as transparency", left, left == 1 ? "" : "s"));
}

// CIELAB has the white that the file names; without one that of Photoshop's files is D50 (Adobe's technical note), that of most others D65.
Primaries LabWhite(const TiffFile& tiff, const TiffPicture& picture, Canvas& canvas) {
  float* white = nullptr;
  if (picture.photometric == PHOTOMETRIC_ICCLAB) return kD50;
  if (TIFFGetField(tiff.get(), TIFFTAG_WHITEPOINT, &white) == 1 && white != nullptr && white[0] > 0 && white[1] > 0) {
    return {{0, 0, 0, 0, 0, 0, white[0], white[1]}};
  }
  const char* software = nullptr;
  TIFFGetField(tiff.get(), TIFFTAG_SOFTWARE, &software);
  uint32_t size = 0;
  const void* data = nullptr;
  const bool adobe = (software != nullptr && std::string_view(software).find("Adobe") != std::string_view::npos) ||
                     TIFFGetField(tiff.get(), TIFFTAG_PHOTOSHOP, &size, &data) == 1 ||
                     TIFFGetField(tiff.get(), TIFFTAG_ICCPROFILE, &size, &data) == 1;
  canvas.Note(fmt::format("TIFF: CIELAB without a white point: {} assumed", adobe ? "D50" : "D65"));
  return adobe ? kD50 : kSrgbPrimaries;
}

Status ReadLayout(TiffFile& tiff, Canvas& canvas, TiffPicture& picture) {
  SampleLayout& layout = picture.layout;
  TiffSamples& samples = picture.grid.samples;
  layout.alpha = picture.alpha;
  layout.premultiplied = picture.premultiplied;
  layout.model = picture.inks           ? ColourModel::kInks
                 : picture.colours == 1 ? ColourModel::kGrey
                 : picture.colours == 4 ? ColourModel::kCmyk
                                        : ColourModel::kRgb;
  layout.inks = picture.inks ? static_cast<int>(picture.colours) : 0;
  layout.colour.icc = IccOf(tiff);

  if (picture.photometric == PHOTOMETRIC_LOGL || picture.photometric == PHOTOMETRIC_LOGLUV) {
    TIFFSetField(tiff.get(), TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT);
    samples = {.bits = 32, .format = TiffFormat::kFloat};
    layout.colour = {.transfer = Transfer::kLinear};
  }
  layout.type = samples.type();
  const bool lab = picture.photometric == PHOTOMETRIC_CIELAB || picture.photometric == PHOTOMETRIC_ICCLAB;
  if (lab) {
    if (samples.format != TiffFormat::kFloat && samples.bits != 8 && samples.bits != 16)
      return Unsupported(canvas, fmt::format("CIELAB of {} bits", samples.bits));
    layout.model = ColourModel::kLab;
    layout.type = SampleType::kF32;
    layout.colour = {.primaries = LabWhite(tiff, picture, canvas)};
    picture.grid.raw = samples.format != TiffFormat::kFloat;
  } else if (picture.photometric == PHOTOMETRIC_PALETTE) {
    if (samples.format == TiffFormat::kFloat || samples.bits > 16)
      return Unsupported(canvas, fmt::format("a palette of {} bits", samples.bits));
    layout.model = ColourModel::kRgb;
    layout.type = SampleType::kU16;
    picture.grid.raw = true;
  } else if (picture.inks) {
    std::vector<std::string> reasons;
    if (layout.colour.icc.empty())
      return Unsupported(
          canvas, fmt::format("{} inks that are not CMYK, and no colour profile that explains them,", layout.inks));
    if (!MakeProfileFunction(layout, reasons))
      return Unsupported(canvas, fmt::format("{} inks that are not CMYK ({})", layout.inks, reasons.back()));
  } else if (samples.format == TiffFormat::kFloat) {
    if (layout.colour.icc.empty() && layout.model != ColourModel::kCmyk) {
      layout.colour.transfer = Transfer::kLinear;
      canvas.Note("float samples without a colour profile: read as linear light, 1.0 is white");
    }
  } else if (samples.format == TiffFormat::kSigned) {
    canvas.Note("TIFF: signed samples: 0 and below are black");
  }
  return {};
}

Status ReadTags(TiffFile& tiff, Canvas& canvas, TiffPicture& picture) {
  TiffGrid& grid = picture.grid;
  grid.width = tiff.Get<uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
  grid.height = tiff.Get<uint32_t>(TIFFTAG_IMAGELENGTH, 0);
  grid.samples_per_pixel = tiff.Get<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
  grid.separate = tiff.Get<uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE &&
                  grid.samples_per_pixel > 1;
  grid.samples.bits = tiff.Get<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
  picture.compression = tiff.Get<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  if (TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &picture.photometric) != 1) {
    picture.photometric = grid.samples_per_pixel >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  }
  const auto format = tiff.Get<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if (format == SAMPLEFORMAT_COMPLEXINT || format == SAMPLEFORMAT_COMPLEXIEEEFP)
    return Unsupported(canvas, "complex samples");
  grid.samples.format = format == SAMPLEFORMAT_INT      ? TiffFormat::kSigned
                        : format == SAMPLEFORMAT_IEEEFP ? TiffFormat::kFloat
                                                        : TiffFormat::kUnsigned;
  if (!TIFFIsCODECConfigured(picture.compression))
    return Unsupported(canvas, fmt::format("compression {}", picture.compression));
  if (Status read = ReadPhotometric(tiff, canvas, picture); !read) return read;
  const bool log = picture.photometric == PHOTOMETRIC_LOGL || picture.photometric == PHOTOMETRIC_LOGLUV;
  if (!log && !grid.samples.known()) {
    return Unsupported(canvas, fmt::format("{} samples of {} bits", format == SAMPLEFORMAT_IEEEFP ? "float" : "integer",
                                           grid.samples.bits));
  }
  return {};
}

void ReadDensity(const TiffFile& tiff, Picture& picture) {
  picture.density = DensityOf(static_cast<double>(tiff.Get<float>(TIFFTAG_XRESOLUTION, 0)),
                              static_cast<double>(tiff.Get<float>(TIFFTAG_YRESOLUTION, 0)),
                              tiff.Get<uint16_t>(TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH));
}

// Subsampled colours outside JPEG, and JPEG of the first kind: libtiff converts them whole.
Status DecodeByRgbaImage(TiffFile& tiff, const TiffPicture& picture, int orientation, Canvas& canvas) {
  const uint32_t width = picture.grid.width, height = picture.grid.height;
  if (Status fits = canvas.CheckSize(width, height, 8); !fits) return fits;
  TIFFRGBAImage image;
  char reason[1024] = "";
  if (TIFFRGBAImageBegin(&image, tiff.get(), 1, reason) != 1)
    return canvas.Fail(ErrorCode::kCorruptImage, fmt::format("damaged picture: {}", reason));
  image.req_orientation = image.orientation;  // the canvas turns
  std::vector<uint32_t> raster(size_t{width} * height);
  const int got = TIFFRGBAImageGet(&image, raster.data(), width, height);
  TIFFRGBAImageEnd(&image);
  if (got != 1) return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: " + tiff.reason());
  SampleLayout layout = picture.layout;
  layout.type = SampleType::kU8;
  layout.model = ColourModel::kRgb;
  layout.alpha = false;
  if (Status begun = canvas.Begin(width, height, layout, orientation); !begun) return begun;
  std::vector<uint8_t> row(size_t{3} * width);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      const uint32_t pixel = raster[size_t{y} * width + x];
      row[3 * x] = static_cast<uint8_t>(TIFFGetR(pixel));
      row[3 * x + 1] = static_cast<uint8_t>(TIFFGetG(pixel));
      row[3 * x + 2] = static_cast<uint8_t>(TIFFGetB(pixel));
    }
    canvas.Put(static_cast<int>(y), row.data());
  }
  return {};
}

// Values as they are stored, to L, a and b.
void LabRow(const TiffPicture& picture, const uint16_t* raw, size_t count, std::vector<float>& out) {
  const size_t channels = picture.grid.wanted.size();
  const bool icc = picture.photometric == PHOTOMETRIC_ICCLAB, wide = picture.grid.samples.bits == 16;
  out.resize(channels * count);
  for (size_t i = 0; i < count; ++i, raw += channels) {
    float* lab = out.data() + channels * i;
    lab[0] = static_cast<float>(raw[0]) * 100 / (!wide ? 255.0f : icc ? 65280.0f : 65535.0f);
    for (size_t k = 1; k < 3; ++k) {
      const float value = static_cast<float>(icc    ? raw[k]
                                             : wide ? static_cast<int16_t>(raw[k])
                                                    : static_cast<int8_t>(raw[k]));
      lab[k] = (wide ? value / 256 : value) - (icc ? 128.0f : 0.0f);
    }
    if (channels > 3) lab[3] = static_cast<float>(raw[3]) / (wide ? 65535.0f : 255.0f);
  }
}

struct Palette {
  const uint16_t* maps[3] = {};
  size_t size = 0;
  uint32_t factor = 1;
};

Status ReadPalette(const TiffFile& tiff, const Canvas& canvas, int bits, Palette& palette) {
  uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_COLORMAP, &red, &green, &blue) != 1) {
    return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: its palette is missing");
  }
  palette = {{red, green, blue}, size_t{1} << bits, 1};
  // Old writers put bytes where words belong.
  const auto narrow = [&](const uint16_t* map) {
    return std::all_of(map, map + palette.size, [](uint16_t v) { return v < 256; });
  };
  if (narrow(red) && narrow(green) && narrow(blue)) palette.factor = 257;
  return {};
}

void PaletteRow(const Palette& palette, const uint16_t* raw, size_t channels, size_t count, int bits,
                std::vector<uint16_t>& out) {
  const size_t to = channels + 2;
  out.resize(to * count);
  for (size_t i = 0; i < count; ++i) {
    const size_t index = raw[channels * i];
    for (size_t k = 0; k < 3; ++k)
      out[to * i + k] = index < palette.size ? static_cast<uint16_t>(palette.maps[k][index] * palette.factor) : 0;
    if (channels > 1) out[to * i + 3] = static_cast<uint16_t>(raw[channels * i + 1] * 65535u / ((1u << bits) - 1));
  }
}

template <class T>
void Invert(void* row, size_t channels, size_t count, T full) {
  for (size_t i = 0; i < count; ++i)
    static_cast<T*>(row)[channels * i] = static_cast<T>(full - static_cast<T*>(row)[channels * i]);
}

void InvertGrey(SampleType type, void* row, size_t channels, size_t count) {
  if (type == SampleType::kU8) Invert<uint8_t>(row, channels, count, 255);
  if (type == SampleType::kU16) Invert<uint16_t>(row, channels, count, 65535);
  if (type == SampleType::kF32) Invert<float>(row, channels, count, 1);
}

// LogLuv's XYZ to linear sRGB, in place.
void XyzRow(float* row, size_t channels, size_t count, const Matrix3& m) {
  for (size_t i = 0; i < count; ++i, row += channels) {
    const double x = row[0], y = row[1], z = row[2];
    for (size_t k = 0; k < 3; ++k) row[k] = static_cast<float>(m[3 * k] * x + m[3 * k + 1] * y + m[3 * k + 2] * z);
  }
}

Status DecodeRows(TiffFile& tiff, const TiffPicture& picture, int orientation, size_t max_bytes, Canvas& canvas) {
  const TiffGrid& grid = picture.grid;
  const size_t channels = grid.wanted.size(), count = grid.width;
  Palette palette;
  if (picture.photometric == PHOTOMETRIC_PALETTE) {
    if (Status read = ReadPalette(tiff, canvas, grid.samples.bits, palette); !read) return read;
  }
  if (Status begun = canvas.Begin(grid.width, grid.height, picture.layout, orientation); !begun) return begun;
  const Matrix3 from_xyz = XyzMatrix(kSrgbPrimaries.xy[6], kSrgbPrimaries.xy[7]);
  std::vector<float> lab;
  std::vector<uint16_t> colours;
  return ReadTiffRows(tiff, grid, canvas, max_bytes, [&](int y, void* row) {
    if (picture.layout.model == ColourModel::kLab && grid.raw) {
      LabRow(picture, static_cast<const uint16_t*>(row), count, lab);
      return canvas.Put(y, lab.data());
    }
    if (picture.photometric == PHOTOMETRIC_PALETTE) {
      PaletteRow(palette, static_cast<const uint16_t*>(row), channels, count, grid.samples.bits, colours);
      return canvas.Put(y, colours.data());
    }
    if (picture.photometric == PHOTOMETRIC_MINISWHITE) InvertGrey(picture.layout.type, row, channels, count);
    if (picture.photometric == PHOTOMETRIC_LOGLUV) XyzRow(static_cast<float*>(row), channels, count, from_xyz);
    canvas.Put(y, row);
  });
}

}  // namespace

Status DecodeTiff(ByteSpan file, Canvas& canvas) {
  const size_t max_bytes = canvas.options().max_bytes != 0 ? canvas.options().max_bytes : DefaultMaxMemory();
  TiffFile tiff(file, max_bytes);
  if (tiff.get() == nullptr) return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: " + tiff.reason());
  if (Status selected = SelectPicture(tiff, canvas); !selected) return selected;
  TiffPicture picture;
  if (Status read = ReadTags(tiff, canvas, picture); !read) return read;
  ReadExtraChannels(tiff, canvas, picture);
  if (Status read = ReadLayout(tiff, canvas, picture); !read) return read;
  const TiffGrid& grid = picture.grid;
  const size_t stored_bytes = (static_cast<size_t>(grid.samples.bits) + 7) / 8 * grid.samples_per_pixel;
  if (Status fits = canvas.CheckSize(grid.width, grid.height, std::max(stored_bytes, picture.layout.pixel_bytes()));
      !fits)
    return fits;
  ReadDensity(tiff, canvas.picture());
  if (canvas.options().metadata) canvas.picture().metadata = TiffMetadata(file, TIFFCurrentDirOffset(tiff.get()));
  const int orientation = tiff.Get<uint16_t>(TIFFTAG_ORIENTATION, 1);

  if (picture.compression == COMPRESSION_OJPEG) return DecodeByRgbaImage(tiff, picture, orientation, canvas);
  if (picture.photometric == PHOTOMETRIC_YCBCR) {
    if (picture.compression != COMPRESSION_JPEG) return DecodeByRgbaImage(tiff, picture, orientation, canvas);
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  return DecodeRows(tiff, picture, orientation, max_bytes, canvas);
}

}  // namespace decal::cli
