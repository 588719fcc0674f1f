// The pictures of a batch, one after the other: a folder with all below it, a file of lines, or standard input.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/picture_io.h"
#include "decal/result.h"

namespace decal::cli {

struct ListOptions {
  std::string from;  // a folder, a file, or "-"
  std::string to;    // the folder of results, which a walk leaves out
  std::string base;  // lists: results keep their pictures' paths relative to it; empty: the current directory
  PictureFormat format = PictureFormat::kPng;
  bool mask_only = false;
};

struct ListedPicture {
  std::string input;
  std::string output;  // relative to the folder of results, and within it
  // Found in a folder: it is not known yet whether it is a picture (LooksLikePicture in cli/jobs.h).
  bool of_folder = false;
};

// Reads as it is asked; never holds more than a line, or the folders that it is within.
class PictureList {
 public:
  // Errors: kNotFound, kIo, kInvalidArgument.
  static Result<std::unique_ptr<PictureList>> Open(const ListOptions& options);
  virtual ~PictureList() = default;

  // The next picture; nothing at the end. An error is of one line or one folder, and the others follow.
  virtual std::optional<Result<ListedPicture>> Next() = 0;

  // Whether Next would not wait for more of the list; then `fd` is what it waits for.
  virtual bool Ready() const { return true; }
  virtual int fd() const { return -1; }

  // How much of it has been read, 0..1; less than 0 if that cannot be known without reading all of it.
  virtual double share() const { return -1; }
};

}  // namespace decal::cli
