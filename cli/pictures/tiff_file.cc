// Access to memory for libtiff, and the walk over directories.
// SPDX-License-Identifier: MIT
#include "cli/pictures/tiff_file.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

namespace decal::cli {

struct TiffCallbacks {
  static TiffFile& Of(thandle_t handle) { return *static_cast<TiffFile*>(handle); }

  static tmsize_t Read(thandle_t handle, void* to, tmsize_t size) {
    TiffFile& file = Of(handle);
    const ByteSpan bytes = Slice(file.file_, file.position_, static_cast<size_t>(std::max<tmsize_t>(size, 0)));
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    file.position_ += bytes.size();
    return static_cast<tmsize_t>(bytes.size());
  }
  static tmsize_t Write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t Seek(thandle_t handle, toff_t offset, int from) {
    TiffFile& file = Of(handle);
    const toff_t base = from == SEEK_CUR ? file.position_ : from == SEEK_END ? file.file_.size() : 0;
    file.position_ = static_cast<size_t>(base + offset);
    return file.position_;
  }
  static int Close(thandle_t) { return 0; }
  static toff_t Size(thandle_t handle) { return Of(handle).file_.size(); }
  static int Map(thandle_t handle, void** base, toff_t* size) {
    const ByteSpan file = Of(handle).file_;
    *base = const_cast<std::byte*>(file.data());
    *size = file.size();
    return 1;
  }
  static void Unmap(thandle_t, void*, toff_t) {}
  static int Error(TIFF*, void* file, const char*, const char* format, va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    for (char& c : text) {
      if (c == '\n') c = ' ';
    }
    static_cast<TiffFile*>(file)->reason_ = text;
    return 1;
  }
  static int Warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

TiffFile::TiffFile(ByteSpan file, size_t max_alloc_bytes) : file_(file) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(max_alloc_bytes));
  TIFFOpenOptionsSetErrorHandlerExtR(options, TiffCallbacks::Error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options, TiffCallbacks::Warning, this);
  tiff_ =
      TIFFClientOpenExt("picture", "r", this, TiffCallbacks::Read, TiffCallbacks::Write, TiffCallbacks::Seek,
                        TiffCallbacks::Close, TiffCallbacks::Size, TiffCallbacks::Map, TiffCallbacks::Unmap, options);
  TIFFOpenOptionsFree(options);
}

TiffFile::~TiffFile() {
  if (tiff_ != nullptr) TIFFClose(tiff_);
}

namespace {

constexpr int kMaxDirectories = 4096;  // far above what people make; a file may hold millions of empty ones

struct Directory {
  uint64_t offset = 0;
  uint32_t width = 0, height = 0;
  int photometric = -1;
  bool reduced = false, mask = false;

  bool full() const { return !reduced && !mask; }
  bool raw() const { return photometric == PHOTOMETRIC_CFA || photometric == 34892; }  // LinearRaw
};

// A short or long of the directory at `offset` as the file has it; libtiff does not tell of the old SubfileType.
uint32_t TagOf(ByteSpan file, uint64_t offset, uint16_t tag) {
  const Numbers header(file, StartsWith(file, "MM"));
  const bool big = header.U16(2) == 43;
  const uint64_t count = header.Get(offset, big ? 8 : 2);
  const size_t entry_bytes = big ? 20 : 12;
  for (size_t at = offset + (big ? 8 : 2), i = 0; i < count && !header.failed(); ++i, at += entry_bytes) {
    if (header.U16(at) != tag) continue;
    const size_t value = at + (big ? 12 : 8);
    return header.U16(at + 2) == TIFF_SHORT ? header.U16(value) : header.U32(value);
  }
  return 0;
}

Directory Describe(const TiffFile& tiff) {
  Directory directory{.offset = TIFFCurrentDirOffset(tiff.get())};
  directory.width = tiff.Get<uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
  directory.height = tiff.Get<uint32_t>(TIFFTAG_IMAGELENGTH, 0);
  uint16_t photometric = 0;
  if (TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &photometric) == 1) directory.photometric = photometric;
  const auto kind = tiff.Get<uint32_t>(TIFFTAG_SUBFILETYPE, 0);
  const uint32_t old_kind = TagOf(tiff.bytes(), directory.offset, TIFFTAG_OSUBFILETYPE);
  directory.reduced = (kind & FILETYPE_REDUCEDIMAGE) != 0 || old_kind == OFILETYPE_REDUCEDIMAGE;
  directory.mask = (kind & FILETYPE_MASK) != 0 || photometric == PHOTOMETRIC_MASK;
  return directory;
}

std::vector<uint64_t> SubDirectories(const TiffFile& tiff) {
  uint16_t count = 0;
  uint64_t* offsets = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_SUBIFD, &count, &offsets) != 1 || offsets == nullptr) return {};
  return {offsets, offsets + count};
}

}  // namespace

Status SelectPicture(TiffFile& tiff, Canvas& canvas) {
  const auto damaged = [&] { return canvas.Fail(ErrorCode::kCorruptImage, "damaged picture: " + tiff.reason()); };
  const void* version = nullptr;
  const bool dng = TIFFGetField(tiff.get(), TIFFTAG_DNGVERSION, &version) == 1;

  std::vector<Directory> pages, below;
  std::vector<uint64_t> below_offsets;
  do {
    pages.push_back(Describe(tiff));
    const auto offsets = SubDirectories(tiff);
    below_offsets.insert(below_offsets.end(), offsets.begin(), offsets.end());
  } while (pages.size() < kMaxDirectories && TIFFReadDirectory(tiff.get()) == 1);
  for (const uint64_t offset : below_offsets) {
    if (below.size() >= kMaxDirectories || TIFFSetSubDirectory(tiff.get(), offset) != 1) break;
    below.push_back(Describe(tiff));
  }

  const auto full_pages = std::ranges::count_if(pages, &Directory::full);
  const Directory* chosen = nullptr;
  for (const auto* list : {&pages, &below}) {
    for (const Directory& directory : *list) {
      if (chosen == nullptr && directory.full()) chosen = &directory;
    }
  }
  const bool only_reduced = chosen == nullptr;
  if (only_reduced) {
    // A file whose every picture says that it is a reduced one: the largest is the best there is.
    for (const Directory& directory : pages) {
      if (chosen == nullptr || uint64_t{directory.width} * directory.height > uint64_t{chosen->width} * chosen->height)
        chosen = &directory;
    }
  }
  if (dng || chosen->raw())
    return canvas.Fail(ErrorCode::kUnsupported, "not a format that decal reads (raw photo, as DNG)");
  if (TIFFSetSubDirectory(tiff.get(), chosen->offset) != 1) return damaged();
  if (only_reduced) {
    canvas.Note("TIFF: its only picture is marked as a reduced version of another: used anyway");
  } else if (chosen != &pages.front()) {
    canvas.Note(fmt::format("TIFF: the full picture ({} x {}) used, not the thumbnail before it ({} x {})",
                            chosen->width, chosen->height, pages.front().width, pages.front().height));
  }
  if (full_pages > 1) canvas.Note(fmt::format("TIFF: first of {} pages used", full_pages));
  return {};
}

}  // namespace decal::cli
