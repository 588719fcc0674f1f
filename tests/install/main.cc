// Cuts out a bright disc on a dark ground with the embedded model, using nothing but the installed library.
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstdio>
#include <vector>

#include <decal/cutout.h>
#include <decal/version.h>

int main() {
  constexpr int kWidth = 320, kHeight = 240, kRadius = 80;
  std::vector<uint8_t> rgba(size_t{4} * kWidth * kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const int dx = x - kWidth / 2, dy = y - kHeight / 2;
      const bool inside = dx * dx + dy * dy < kRadius * kRadius;
      uint8_t* pixel = &rgba[size_t{4} * (static_cast<size_t>(y) * kWidth + x)];
      pixel[0] = inside ? 230 : 20;
      pixel[1] = inside ? 120 : 40;
      pixel[2] = inside ? 40 : 30;
      pixel[3] = 255;
    }
  }
  const decal::MutableImageView picture{rgba.data(), kWidth, kHeight, size_t{4} * kWidth};

  const auto runner = decal::MakeThreadPool(0);
  auto remover = decal::Remover::CreateDefault(*runner);
  if (!remover) {
    std::fprintf(stderr, "%s\n", remover.error().ToString().c_str());
    return 1;
  }
  const auto report = remover->Run(picture, {}, picture);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().ToString().c_str());
    return 1;
  }

  // The ground goes, the disc stays. How cleanly is the model's business, not this test's.
  const int corner = rgba[3];
  const int centre = picture.row(kHeight / 2)[size_t{4} * (kWidth / 2) + 3];
  std::printf("decal %s on %s: coverage %.3f, alpha %d in the corner, %d at the centre\n", decal::Version(),
              decal::SimdTarget(), static_cast<double>(report->coverage), corner, centre);
  return corner < 64 && centre > 192 ? 0 : 1;
}
