// Signatures of picture formats, and of files that are often mistaken for pictures.
// SPDX-License-Identifier: MIT
#include "cli/pictures/kind.h"

#include <array>
#include <cctype>
#include <string_view>

namespace decal::cli {
namespace {

using std::literals::operator""sv;

struct Signature {
  size_t offset;
  std::string_view bytes;
  PictureKind kind;
  const char* name;
};

constexpr auto kNo = PictureKind::kUnsupported;

// The first that fits counts.
constexpr std::array kSignatures = {
    Signature{0, "\xff\xd8\xff\xf7"sv, kNo, "JPEG-LS"},
    Signature{0, "\xff\xd8\xff"sv, PictureKind::kJpeg, "JPEG"},
    Signature{0, "\x89PNG\r\n\x1a\n"sv, PictureKind::kPng, "PNG"},
    Signature{8, "WEBP"sv, PictureKind::kWebp, "WebP"},
    Signature{0, "GIF87a"sv, PictureKind::kGif, "GIF"},
    Signature{0, "GIF89a"sv, PictureKind::kGif, "GIF"},
    Signature{8, "CR\x02"sv, kNo, "Canon CR2 camera raw"},
    Signature{0, "IIRO"sv, kNo, "Olympus camera raw"},
    Signature{0, "IIRS"sv, kNo, "Olympus camera raw"},
    Signature{0, "MMOR"sv, kNo, "Olympus camera raw"},
    Signature{0, "IIU\0"sv, kNo, "Panasonic camera raw"},
    Signature{0, "II\xbc"sv, kNo, "JPEG XR"},
    Signature{0, "II*\0"sv, PictureKind::kTiff, "TIFF"},
    Signature{0, "MM\0*"sv, PictureKind::kTiff, "TIFF"},
    Signature{0, "II+\0"sv, PictureKind::kTiff, "TIFF"},
    Signature{0, "MM\0+"sv, PictureKind::kTiff, "TIFF"},
    Signature{0, "\xff\x0a"sv, PictureKind::kJxl, "JPEG XL"},
    Signature{0, "\0\0\0\x0cJXL \r\n\x87\n"sv, PictureKind::kJxl, "JPEG XL"},
    Signature{0, "\0\0\0\x0cjP  \r\n\x87\n"sv, PictureKind::kJp2, "JPEG 2000"},
    Signature{0, "\xff\x4f\xff\x51"sv, PictureKind::kJp2, "JPEG 2000"},
    Signature{0, "qoif"sv, PictureKind::kQoi, "QOI"},
    Signature{0, "8BPS"sv, kNo, "PSD"},
    Signature{0, "#?RADIANCE"sv, kNo, "Radiance HDR"},
    Signature{0, "#?RGBE"sv, kNo, "Radiance HDR"},
    Signature{0, "v/1\x01"sv, kNo, "OpenEXR"},
    Signature{0, "%PDF-"sv, kNo, "PDF"},
    Signature{0, "%!PS"sv, kNo, "PostScript"},
    Signature{0, "\xc5\xd0\xd3\xc6"sv, kNo, "EPS"},
    Signature{0, "SIMPLE  ="sv, kNo, "FITS"},
    Signature{128, "DICM"sv, kNo, "DICOM"},
    Signature{0, "gimp xcf"sv, kNo, "XCF"},
    Signature{0, "DDS "sv, kNo, "DDS"},
    Signature{0, "\xabKTX "sv, kNo, "KTX"},
    Signature{0, "FLIF"sv, kNo, "FLIF"},
    Signature{0, "BPG\xfb"sv, kNo, "BPG"},
    Signature{0, "farbfeld"sv, kNo, "farbfeld"},
    Signature{0, "icns"sv, kNo, "ICNS"},
    Signature{0, "AT&TFORM"sv, kNo, "DjVu"},
    Signature{0, "FUJIFILMCCD-RAW"sv, kNo, "Fujifilm camera raw"},
    Signature{0, "FOVb"sv, kNo, "Sigma camera raw"},
    Signature{40, " EMF"sv, kNo, "EMF"},
    Signature{0, "\xd7\xcd\xc6\x9a"sv, kNo, "WMF"},
    Signature{0, "\x0a\x05\x01"sv, kNo, "PCX"},
    Signature{0, "\x59\xa6\x6a\x95"sv, kNo, "Sun raster"},
    Signature{0, "\x01\xda"sv, kNo, "SGI"},
    Signature{0, "/* XPM */"sv, kNo, "XPM"},
    Signature{0, "SDPX"sv, kNo, "DPX"},
    Signature{0, "XPDS"sv, kNo, "DPX"},
    Signature{0, "\x80\x2a\x5f\xd7"sv, kNo, "Cineon"},
    Signature{0, "\x8aMNG\r\n\x1a\n"sv, kNo, "MNG"},
    Signature{0, "\x8bJNG\r\n\x1a\n"sv, kNo, "JNG"},
    Signature{0, "id=ImageMagick"sv, kNo, "MIFF"},
    Signature{0, "\x97JB2"sv, kNo, "JBIG2"},
    Signature{0, "\x1a\x45\xdf\xa3"sv, kNo, "Matroska or WebM film"},
    Signature{8, "AVI "sv, kNo, "AVI film"},
    Signature{0, "PK\x03\x04"sv, kNo, "ZIP"},
    Signature{0, "\x1f\x8b"sv, kNo, "gzip"},
};

bool IsBmp(ByteSpan begin) {
  if (!StartsWith(begin, "BM")) return false;
  // Two letters are little: the size of the next header tells.
  const uint32_t header = Numbers(begin, false).U32(14);
  return header == 12 || header == 16 || (header >= 40 && header <= 124);
}

bool IsIco(ByteSpan begin) {
  const Numbers numbers(begin, false);
  const uint16_t type = numbers.U16(2), count = numbers.U16(4);
  // The first entry's reserved byte is 0, and its picture lies behind the directory.
  return begin.size() >= 22 && numbers.U16(0) == 0 && (type == 1 || type == 2) && count > 0 && numbers.U8(9) == 0 &&
         numbers.U32(18) >= 6u + 16u * count;
}

SniffedKind IsoMedia(ByteSpan begin) {
  if (!HasAt(begin, 4, "ftyp")) return {};
  const size_t size = Numbers(begin, true).U32(0);
  const ByteSpan brands = Slice(begin, 8, size > 8 ? size - 8 : 0);
  const std::string_view major = AsText(Slice(brands, 0, 4));
  if (major == "crx ") return {kNo, "Canon CR3 camera raw"};
  for (size_t i = 0; i + 4 <= brands.size(); i += 4) {
    const std::string_view brand = AsText(Slice(brands, i, 4));
    if (brand == "avif" || brand == "avis") return {PictureKind::kHeif, "AVIF"};
  }
  for (size_t i = 0; i + 4 <= brands.size(); i += 4) {
    const std::string_view brand = AsText(Slice(brands, i, 4));
    if (brand.starts_with("hei") || brand == "hevc" || brand == "hevx" || brand == "hevm" || brand == "hevs" ||
        brand == "mif1" || brand == "msf1") {
      return {PictureKind::kHeif, "HEIC"};
    }
  }
  return {kNo, "MP4 or QuickTime film"};
}

bool IsPnm(ByteSpan begin) {
  if (begin.size() < 3 || static_cast<char>(begin[0]) != 'P') return false;
  const char type = static_cast<char>(begin[1]), next = static_cast<char>(begin[2]);
  const bool known = (type >= '1' && type <= '7') || type == 'F' || type == 'f';
  return known && (std::isspace(static_cast<unsigned char>(next)) || next == '#');
}

// The first element behind declarations, comments and the document type is <svg>, with or without a namespace prefix.
SniffedKind Markup(ByteSpan begin) {
  std::string_view text = AsText(begin);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (;;) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    std::string_view end;
    if (text.starts_with("<!--")) {
      end = "-->";
    } else if (text.starts_with("<?")) {
      end = "?>";
    } else if (text.starts_with("<!")) {
      // A document type may hold declarations in brackets.
      const size_t bracket = text.find('['), close = text.find('>');
      end = bracket < close ? "]" : ">";
    } else if (text.starts_with(">")) {
      text.remove_prefix(1);
      continue;
    } else {
      break;
    }
    const size_t at = text.find(end);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + end.size());
  }
  if (!text.starts_with('<')) return {};
  const std::string_view name = text.substr(1, text.find_first_of(" \t\r\n>/", 1) - 1);
  if (name == "svg" || name.ends_with(":svg")) return {PictureKind::kSvg, "SVG"};
  if (name == "html" || name == "HTML") return {kNo, "HTML"};
  return {};
}

}  // namespace

SniffedKind SniffKind(ByteSpan begin) {
  for (const Signature& signature : kSignatures) {
    if (!HasAt(begin, signature.offset, signature.bytes)) continue;
    if (signature.kind == PictureKind::kWebp && !StartsWith(begin, "RIFF")) continue;
    return {signature.kind, signature.name};
  }
  if (IsBmp(begin)) return {PictureKind::kBmp, "BMP"};
  if (IsPnm(begin)) return {PictureKind::kPnm, "PNM"};
  if (IsIco(begin)) return {PictureKind::kIco, "ICO"};
  if (const SniffedKind media = IsoMedia(begin); media.kind != PictureKind::kUnknown) return media;
  return Markup(begin);
}

}  // namespace decal::cli
