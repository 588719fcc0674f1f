// A TIFF file in memory, opened by libtiff, and which of its directories is the picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <tiffio.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/pictures/bytes.h"
#include "cli/pictures/canvas.h"

namespace decal::cli {

// Keeps the file's bytes by reference, and libtiff's last error.
class TiffFile {
 public:
  TiffFile(ByteSpan file, size_t max_alloc_bytes);
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;
  ~TiffFile();

  TIFF* get() const { return tiff_; }  // null where the file could not be opened
  ByteSpan bytes() const { return file_; }
  // libtiff's last reason, one line.
  std::string reason() const { return reason_.empty() ? "the decoder gave no reason" : reason_; }

  template <class T>
  T Get(uint32_t tag, T missing) const {
    T value = missing;
    return TIFFGetFieldDefaulted(tiff_, tag, &value) == 1 ? value : missing;
  }

 private:
  friend struct TiffCallbacks;
  ByteSpan file_;
  size_t position_ = 0;
  std::string reason_;
  TIFF* tiff_ = nullptr;
};

// Makes the full picture the current directory: the first that is neither a reduced version nor a mask of another, below others
// too. What was passed over is noted. Errors: kUnsupported for raw photos (DNG and relatives), kCorruptImage.
Status SelectPicture(TiffFile& tiff, Canvas& canvas);

}  // namespace decal::cli
