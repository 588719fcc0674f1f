// From a file's bytes to the decoder of its kind.
// SPDX-License-Identifier: MIT
#include "cli/picture_io.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <vips/vips8>

#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/pictures/decoders.h"
#include "cli/pictures/metadata.h"
#include "cli/pictures/quiet_stderr.h"
#include "cli/pictures/vips_error.h"

namespace decal::cli {
namespace {

// How soon an interrupt is heeded.
constexpr auto kPollInterval = std::chrono::milliseconds(20);

std::atomic<bool> abandoned{false};

// An error for what is not read; nothing for what is.
Status CheckKind(const SniffedKind& sniffed, const std::string& where) {
  if (sniffed.kind == PictureKind::kUnknown)
    return Fail(ErrorCode::kCorruptImage, "not a picture we can decode", where);
  if (!IsRead(sniffed.kind)) {
    return Fail(ErrorCode::kUnsupported, fmt::format("not a format that decal reads ({})", sniffed.name), where);
  }
  return {};
}

Status Decode(std::span<const std::byte> file, PictureKind kind, Canvas& canvas) {
  switch (kind) {
    case PictureKind::kJpeg:
    case PictureKind::kPng:
    case PictureKind::kWebp:
    case PictureKind::kGif:
    case PictureKind::kJp2:
    case PictureKind::kSvg: return DecodeByVips(file, kind, canvas);
    case PictureKind::kTiff: return DecodeTiff(file, canvas);
    case PictureKind::kHeif: return DecodeHeif(file, canvas);
    case PictureKind::kJxl: return DecodeJxl(file, canvas);
    case PictureKind::kBmp: return DecodeBmp(file, canvas);
    case PictureKind::kIco: return DecodeIco(file, canvas);
    case PictureKind::kPnm: return DecodePnm(file, canvas);
    case PictureKind::kQoi: return DecodeQoi(file, canvas);
    case PictureKind::kUnsupported:
    case PictureKind::kUnknown: break;
  }
  return canvas.Fail(ErrorCode::kInternal, "no decoder");
}

}  // namespace

size_t DefaultMaxMemory() {
  constexpr size_t kUsual = size_t{2} << 30;
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || page <= 0) return kUsual;
  return std::min(kUsual, static_cast<size_t>(pages) * static_cast<size_t>(page) / 4);
}

Status InitPictures(const char* program, int threads) {
  // Below this folder libvips looks for modules: ImageMagick, OpenSlide, Poppler, libheif and libjxl. It may read by none of the first, and the
  // last two we ask ourselves. Loading them takes 22 ms of processor time (medians of 9 runs in turn: 348 ms for a photo of 0.3 megapixels, 326
  // without).
  setenv("VIPSHOME", "/nonexistent", 0);
  if (VIPS_INIT(program) != 0) return Fail(ErrorCode::kInternal, "libvips does not start: " + VipsReason());
  // Pictures come from anywhere: only decoders that libvips holds to be tested against hostile files, and two more whose libraries
  // OSS-Fuzz tests: OpenJPEG, and librsvg, which is given no address to resolve others against.
  vips_block_untrusted_set(TRUE);
  vips_operation_block_set("VipsForeignLoadJp2k", FALSE);
  vips_operation_block_set("VipsForeignLoadSvg", FALSE);
  vips_cache_set_max(0);  // every picture is seen once
  if (threads > 0) vips_concurrency_set(threads);
  // Its warnings arrive as errors if they matter (fail_on in decode_vips.cc).
  g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, [](const char*, GLogLevelFlags, const char*, void*) {}, nullptr);
  return {};
}

Result<std::vector<std::byte>> ReadPictureFile(const std::string& path, size_t max_bytes) {
  const size_t limit = max_bytes != 0 ? max_bytes : DefaultMaxMemory();
  std::vector<std::byte> file;
  bool sniffed = false;
  const Status read = ReadFile(path, [&](std::span<const std::byte> piece) -> Status {
    if (piece.size() > limit - file.size()) {
      return Fail(ErrorCode::kLimitExceeded, fmt::format("the file has more than {} bytes (--max-memory)", limit),
                  path);
    }
    file.insert(file.end(), piece.begin(), piece.end());
    if (sniffed || file.size() < kSniffBytes) return {};
    sniffed = true;
    return CheckKind(SniffKind(std::span(file).first(kSniffBytes)), path);
  });
  if (!read) return std::unexpected(read.error());
  return file;
}

Result<Picture> DecodePicture(std::span<const std::byte> file, const std::string& where,
                              const DecodeOptions& options) try {
  if (file.empty()) return Fail(ErrorCode::kCorruptImage, "the file is empty", where);
  const SniffedKind sniffed = SniffKind(file.first(std::min(file.size(), kSniffBytes)));
  if (Status known = CheckKind(sniffed, where); !known) return std::unexpected(known.error());
  Canvas canvas(options, where);
  if (Status decoded = Decode(file, sniffed.kind, canvas); !decoded) return std::unexpected(decoded.error());
  Picture& picture = canvas.picture();
  if (options.metadata) {
    picture.metadata = MetadataToKeep(std::move(picture.metadata));
  } else {
    picture.metadata = {};
  }
  return std::move(picture);
} catch (const std::bad_alloc&) {
  return Fail(ErrorCode::kOutOfMemory, "no memory to decode it", where);
} catch (const std::exception& exception) {
  return Fail(ErrorCode::kInternal, exception.what(), where);
}

Result<Picture> DecodeInterruptibly(std::vector<std::byte> file, const std::string& where,
                                    const DecodeOptions& options) {
  // What the thread uses belongs to it as well: it may outlive this call.
  struct Work {
    std::vector<std::byte> file;
    std::string where;
    DecodeOptions options;
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<Picture>> result;
  };
  const auto work = std::make_shared<Work>();
  work->file = std::move(file);
  work->where = where;
  work->options = options;
  std::thread thread([work] {
    auto result = DecodePicture(work->file, work->where, work->options);
    vips_thread_shutdown();
    const std::lock_guard lock(work->mutex);
    work->result.emplace(std::move(result));
    work->done.notify_one();
  });
  std::unique_lock lock(work->mutex);
  while (!work->result) {
    work->done.wait_for(lock, kPollInterval);
    if (work->result || !Cancelled()) continue;
    abandoned = true;
    QuietStderr::End();
    thread.detach();
    return Fail(ErrorCode::kCancelled, "interrupted", where);
  }
  lock.unlock();
  thread.join();
  return *std::move(work->result);
}

bool DecoderAbandoned() { return abandoned; }

}  // namespace decal::cli
