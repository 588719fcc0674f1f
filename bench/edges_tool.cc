// What bench/edges.py measures: mattes of the default model and composites, for raw files, as jobs on standard input.
//   matte PICTURE WIDTH HEIGHT REFINE OUT              the model's own matte: of two passes if REFINE is 2; prints its width and height
//   cut PICTURE WIDTH HEIGHT MATTE WIDTH HEIGHT REFINE DECONTAMINATE THREADS OUT   REFINE 0 off, 1 fast, 2 best; prints milliseconds,
//                                                      and those of processor time
// Pictures are RGBA bytes, mattes float32. A cut-out is written as RGBA.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "decal/cutout.h"

namespace {

std::vector<char> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const void* data, size_t bytes) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

decal::MutableImageView View(std::vector<char>& bytes, int width, int height) {
  return {reinterpret_cast<uint8_t*>(bytes.data()), width, height, size_t{4} * static_cast<size_t>(width)};
}

}  // namespace

int main() {
  const auto pool = decal::MakeThreadPool(2);
  auto remover = decal::Remover::CreateDefault(*pool);
  if (!remover) return 1;
  std::string job, picture, matte, out;
  int width, height, matte_width, matte_height, refine, threads;
  bool decontaminate;
  while (std::cin >> job) {
    if (job == "matte" && std::cin >> picture >> width >> height >> refine >> out) {
      std::vector<char> rgba = ReadFile(picture);
      const decal::CompositeOptions options{.refine = static_cast<decal::Refine>(refine)};
      if (!remover->Run(View(rgba, width, height), options, View(rgba, width, height))) return 1;
      const decal::MatteView found = remover->matte();
      WriteFile(out, found.data, sizeof(float) * static_cast<size_t>(found.width) * static_cast<size_t>(found.height));
      std::cout << found.width << " " << found.height << std::endl;
    } else if (job == "cut" && std::cin >> picture >> width >> height >> matte >> matte_width >> matte_height >>
                                   refine >> decontaminate >> threads >> out) {
      std::vector<char> rgba = ReadFile(picture);
      const std::vector<char> values = ReadFile(matte);
      const auto runner = decal::MakeThreadPool(static_cast<size_t>(threads));
      const decal::CompositeOptions options{.refine = static_cast<decal::Refine>(refine),
                                            .decontaminate = decontaminate};
      const auto start = std::chrono::steady_clock::now();
      const std::clock_t processor_start = std::clock();
      const decal::MutableImageView view = View(rgba, width, height);
      const auto status = Composite(view, {reinterpret_cast<const float*>(values.data()), matte_width, matte_height},
                                    options, view, *runner);
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
      const std::clock_t processor = std::clock() - processor_start;
      if (!status) return 1;
      if (out != "-") WriteFile(out, rgba.data(), rgba.size());
      std::cout << took.count() << " " << 1e3 * static_cast<double>(processor) / CLOCKS_PER_SEC << std::endl;
    } else {
      return 2;
    }
  }
}
