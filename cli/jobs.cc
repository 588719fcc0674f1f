// Expands inputs and names outputs: photo.jpg -> photo.decal.png beside it or in the output folder.
// SPDX-License-Identifier: MIT
#include "cli/jobs.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "cli/file_io.h"
#include "cli/pictures/kind.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

// Names that promise a picture that decal reads.
constexpr std::array<std::string_view, 24> kPictureExtensions = {
    ".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif",
    ".gif", ".bmp",  ".ico",  ".jxl", ".jp2", ".j2k",  ".ppm", ".pgm",  ".pbm",  ".pfm",  ".qoi", ".svg"};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const char* Extension(PictureFormat format) {
  switch (format) {
    case PictureFormat::kPng: return ".png";
    case PictureFormat::kWebp: return ".webp";
    case PictureFormat::kJpeg: return ".jpg";
  }
  return "";
}

std::optional<PictureFormat> FormatOf(const fs::path& path) {
  const std::string extension = Lower(path.extension().string());
  if (extension == ".png") return PictureFormat::kPng;
  if (extension == ".webp") return PictureFormat::kWebp;
  if (extension == ".jpg" || extension == ".jpeg") return PictureFormat::kJpeg;
  return {};
}

const char* Suffix(bool mask_only) { return mask_only ? ".decal-mask" : ".decal"; }

// Hidden files and our own outputs are no inputs: running twice on a folder does the same work twice.
bool IsInputOfFolder(const fs::path& path) {
  const std::string stem = path.stem().string();
  return !stem.starts_with('.') && !stem.ends_with(Suffix(false)) && !stem.ends_with(Suffix(true));
}

SniffedKind KindOfFile(const fs::path& path) {
  std::vector<char> begin(kSniffBytes);
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return SniffKind(
      std::as_bytes(std::span(begin).first(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)))));
}

// What of a folder is no picture, counted by kind.
class Skipped {
 public:
  void Add(const char* kind) { ++counts_[kind]; }
  std::string ToText(const std::string& folder) const {
    int all = 0;
    std::string kinds;
    for (const auto& [kind, count] : counts_) {
      all += count;
      if (!kind.empty()) kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, kind);
    }
    if (all == 0) return {};
    if (const auto other = counts_.find(""); other != counts_.end() && !kinds.empty())
      kinds += fmt::format(", {} others", other->second);
    return fmt::format("{}: {} file{} skipped that decal does not read{}", folder, all, all == 1 ? "" : "s",
                       kinds.empty() ? "" : " (" + kinds + ")");
  }

 private:
  std::map<std::string, int> counts_;
};

// Null for a picture, else what it is instead. The first bytes count. A file that only its name calls a picture is damaged rather than
// another kind of file, and will say so.
const char* PictureOrKind(const fs::path& path) {
  const SniffedKind kind = KindOfFile(path);
  const bool named =
      std::ranges::find(kPictureExtensions, Lower(path.extension().string())) != kPictureExtensions.end();
  return IsRead(kind.kind) || (kind.kind == PictureKind::kUnknown && named) ? nullptr : kind.name;
}

void Visit(const fs::directory_entry& entry, std::vector<std::string>& found, Skipped& skipped) {
  if (!MayBeInput(entry)) return;
  if (const char* kind = PictureOrKind(entry.path())) skipped.Add(kind);
  else found.push_back(entry.path().string());
}

template <class Iterator>
std::error_code VisitAll(const std::string& folder, std::vector<std::string>& found, Skipped& skipped) {
  std::error_code error;
  for (Iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if constexpr (std::is_same_v<Iterator, fs::recursive_directory_iterator>) {
      if (it->path().filename().string().starts_with('.')) it.disable_recursion_pending();
    }
    Visit(*it, found, skipped);
  }
  return error;
}

void ExpandFolder(const std::string& folder, bool tree, std::vector<std::string>& pictures, Plan& plan) {
  std::vector<std::string> found;
  Skipped skipped;
  const std::error_code error = tree ? VisitAll<fs::recursive_directory_iterator>(folder, found, skipped)
                                     : VisitAll<fs::directory_iterator>(folder, found, skipped);
  if (error) {
    plan.errors.push_back({ErrorCode::kIo, fmt::format("cannot read: {}", error.message()), folder});
  } else if (found.empty()) {
    plan.errors.push_back({ErrorCode::kNotFound,
                           tree ? "no pictures in this folder or below" : "no pictures directly in this folder",
                           folder});
  }
  if (std::string text = skipped.ToText(folder); !text.empty()) plan.skipped.push_back(std::move(text));
  std::ranges::sort(found);
  std::ranges::move(found, std::back_inserter(pictures));
}

std::unexpected<Error> BadJob(std::string message) { return Fail(ErrorCode::kInvalidArgument, std::move(message)); }

// The folder that all inputs have in common: the kept tree begins below it.
fs::path CommonFolder(const std::vector<std::string>& inputs) {
  std::optional<fs::path> common;
  std::error_code error;
  for (const std::string& input : inputs) {
    if (input == kStandardStream) continue;
    const fs::path whole = fs::absolute(input, error).lexically_normal();
    // "folder/" ends with an empty name.
    const fs::path folder = fs::is_directory(input, error) && whole.has_filename() ? whole : whole.parent_path();
    if (!common) {
      common = folder;
      continue;
    }
    fs::path shared;
    for (auto a = common->begin(), b = folder.begin(); a != common->end() && b != folder.end() && *a == *b; ++a, ++b)
      shared /= *a;
    common = shared;
  }
  return common.value_or(fs::path());
}

// One name per picture. Pictures of one run that differ only in extension keep it: a.jpg.decal.png, a.png.decal.png; those that
// still have the same name are numbered: a.decal.png, a-2.decal.png. `tree`: below it the folders are kept; empty: none are.
void NameOutputs(Plan& plan, const std::string& folder, const fs::path& tree, bool mask_only) {
  const auto place = [&](const std::string& input, bool keep_extension, int number) {
    const bool stream = input == kStandardStream;
    const fs::path path(input);
    std::string name = stream ? "stdin" : path.stem().string();
    if (number > 1) name += fmt::format("-{}", number);
    if (keep_extension && !stream) name += path.extension().string();
    fs::path parent = folder.empty() ? path.parent_path() : fs::path(folder);
    if (!folder.empty() && !tree.empty() && !stream) {
      std::error_code error;
      parent = (parent / fs::absolute(path, error).lexically_normal().parent_path().lexically_relative(tree))
                   .lexically_normal();
    }
    return (parent / (name + Suffix(mask_only) + Extension(plan.format))).string();
  };
  std::map<std::string, std::set<std::string>> extensions;
  for (const Job& job : plan.jobs)
    extensions[place(job.input, false, 1)].insert(fs::path(job.input).extension().string());
  std::set<std::string> taken;
  for (Job& job : plan.jobs) {
    const bool keep_extension = extensions[place(job.input, false, 1)].size() > 1;
    int number = 1;
    do job.output = place(job.input, keep_extension, number++);
    while (!taken.insert(job.output).second);
  }
}

Status MakeFolders(const Plan& plan) {
  for (const Job& job : plan.jobs) {
    const fs::path parent = fs::path(job.output).parent_path();
    std::error_code error;
    if (!parent.empty()) fs::create_directories(parent, error);
    if (error) return Fail(ErrorCode::kIo, fmt::format("cannot create folder: {}", error.message()), parent.string());
  }
  return {};
}

// What tells two names of one file.
std::optional<std::pair<dev_t, ino_t>> FileAt(const std::string& path) {
  struct stat state;
  if (path == kStandardStream || stat(path.c_str(), &state) != 0) return {};
  return std::pair(state.st_dev, state.st_ino);
}

Status CheckOutputs(const Plan& plan) {
  std::map<std::string, const Job*> writers;
  std::map<std::pair<dev_t, ino_t>, const Job*> readers;
  for (const Job& job : plan.jobs) {
    if (const auto file = FileAt(job.input)) readers.emplace(*file, &job);
  }
  for (const Job& job : plan.jobs) {
    if (job.output == kStandardStream) continue;
    if (const auto file = FileAt(job.output); file && readers.contains(*file)) {
      const Job& reader = *readers.at(*file);
      if (FileAt(job.input) == file) return BadJob("would overwrite the picture " + job.input);
      return BadJob(fmt::format("the result of {} would overwrite {}, another picture of this run: use -o FOLDER",
                                job.input, reader.input));
    }
    const auto [writer, first] = writers.emplace(job.output, &job);
    if (!first) {
      return BadJob(fmt::format("{} and {} would both become {}", writer->second->input, job.input, job.output));
    }
  }
  return {};
}

}  // namespace

std::string OutputEnding(PictureFormat format, bool mask_only) {
  return std::string(Suffix(mask_only)) + Extension(format);
}

std::optional<PictureFormat> FormatByName(const std::filesystem::path& path) { return FormatOf(path); }

bool MayBeInput(const std::filesystem::directory_entry& entry) {
  std::error_code unreadable;
  return entry.is_regular_file(unreadable) && IsInputOfFolder(entry.path());
}

bool LooksLikePicture(const std::filesystem::path& path) { return PictureOrKind(path) == nullptr; }

Result<Plan> PlanJobs(const RemoveOptions& options) {
  Plan plan;
  std::vector<std::string> pictures;
  bool any_folder = false;
  for (const std::string& input : options.inputs) {
    std::error_code error;
    if (input != kStandardStream && fs::is_directory(input, error)) {
      any_folder = true;
      ExpandFolder(input, options.keep_tree, pictures, plan);
    } else {
      pictures.push_back(input);
    }
  }
  // The same file twice, named directly and through its folder, is one job.
  std::set<std::string> seen;
  for (std::string& picture : pictures) {
    if (!seen.insert(fs::path(picture).lexically_normal().string()).second) continue;
    plan.jobs.push_back({std::move(picture), {}});
  }
  plan.format = options.format.value_or(PictureFormat::kPng);

  const bool several = any_folder || options.inputs.size() > 1;
  const bool from_stdin = options.inputs.size() == 1 && options.inputs[0] == kStandardStream;
  const std::string& output = options.output;
  if (output == kStandardStream || (output.empty() && from_stdin)) {
    if (several) return BadJob("several pictures do not fit into standard output: use -o FOLDER");
    plan.jobs[0].output = kStandardStream;
    return plan;
  }
  std::error_code error;
  const bool to_folder = !output.empty() && (several || output.ends_with('/') || fs::is_directory(output, error));
  if (output.empty() || to_folder) {
    if (to_folder) {
      if (fs::exists(output, error) && !fs::is_directory(output, error)) {
        return BadJob(output + " is a file: several pictures need a folder");
      }
      if (several && FormatOf(output) && !fs::exists(output, error)) {
        return BadJob(output + " names a picture file: several pictures need a folder");
      }
      fs::create_directories(output, error);
      if (error) return Fail(ErrorCode::kIo, fmt::format("cannot create folder: {}", error.message()), output);
    }
    NameOutputs(plan, output, to_folder && options.keep_tree ? CommonFolder(options.inputs) : fs::path(),
                options.mask_only);
    if (to_folder && options.keep_tree) {
      if (Status made = MakeFolders(plan); !made) return std::unexpected(made.error());
    }
  } else {
    const auto by_name = FormatOf(output);
    if (!options.format && !by_name && fs::path(output).has_extension()) {
      return BadJob(
          fmt::format("cannot write {} files: png, webp and jpeg only", fs::path(output).extension().string()));
    }
    plan.format = options.format ? *options.format : by_name.value_or(PictureFormat::kPng);
    plan.jobs[0].output = output;
  }
  if (Status checked = CheckOutputs(plan); !checked) return std::unexpected(checked.error());
  return plan;
}

}  // namespace decal::cli
