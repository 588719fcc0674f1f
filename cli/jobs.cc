// Expands inputs and names outputs: photo.jpg -> photo.decal.png beside it or in the output folder.
#include "cli/jobs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "cli/file_io.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

// What counts as a picture in a folder. A file named on the command line may be called anything.
constexpr std::array<std::string_view, 9> kPictureExtensions = {".jpg", ".jpeg", ".png",  ".webp", ".tif",
                                                               ".tiff", ".heic", ".avif", ".gif"};

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
bool IsPictureOfFolder(const fs::path& path) {
  const std::string stem = path.stem().string();
  return !stem.starts_with('.') && !stem.ends_with(Suffix(false)) && !stem.ends_with(Suffix(true)) &&
         std::ranges::find(kPictureExtensions, Lower(path.extension().string())) != kPictureExtensions.end();
}

void ExpandFolder(const std::string& folder, std::vector<std::string>& pictures, std::vector<Error>& errors) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    if (it->is_regular_file(unreadable) && IsPictureOfFolder(it->path())) found.push_back(it->path().string());
  }
  if (error) {
    errors.push_back({ErrorCode::kIo, fmt::format("cannot read: {}", error.message()), folder});
  } else if (found.empty()) {
    errors.push_back({ErrorCode::kNotFound, "no pictures directly in this folder", folder});
  }
  std::ranges::sort(found);
  std::ranges::move(found, std::back_inserter(pictures));
}

std::unexpected<Error> BadJob(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

// One name per picture. Pictures of one run that differ only in extension keep it: a.jpg.decal.png, a.png.decal.png.
void NameOutputs(Plan& plan, const std::string& folder, bool mask_only) {
  const auto place = [&](const std::string& input, bool keep_extension) {
    const fs::path path(input);
    const fs::path name = input == kStandardStream ? fs::path("stdin") : keep_extension ? path.filename() : path.stem();
    const fs::path parent = folder.empty() ? path.parent_path() : fs::path(folder);
    return (parent / (name.string() + Suffix(mask_only) + Extension(plan.format))).string();
  };
  std::map<std::string, int> uses;
  for (const Job& job : plan.jobs) ++uses[place(job.input, false)];
  for (Job& job : plan.jobs) job.output = place(job.input, uses[place(job.input, false)] > 1);
}

Status CheckOutputs(const Plan& plan) {
  std::map<std::string, const Job*> writers;
  for (const Job& job : plan.jobs) {
    if (job.output == kStandardStream) continue;
    std::error_code missing;
    if (fs::equivalent(job.input, job.output, missing)) return BadJob("would overwrite the picture " + job.input);
    const auto [writer, first] = writers.emplace(job.output, &job);
    if (!first) {
      return BadJob(fmt::format("{} and {} would both become {}", writer->second->input, job.input, job.output));
    }
  }
  return {};
}

}  // namespace

Result<Plan> PlanJobs(const RemoveOptions& options) {
  Plan plan;
  std::vector<std::string> pictures;
  bool any_folder = false;
  for (const std::string& input : options.inputs) {
    std::error_code error;
    if (input != kStandardStream && fs::is_directory(input, error)) {
      any_folder = true;
      ExpandFolder(input, pictures, plan.errors);
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
    NameOutputs(plan, output, options.mask_only);
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
