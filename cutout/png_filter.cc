// Every filter is scored without being stored, and the best one is run again into the output.
#include "cutout/png_filter.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>

namespace decal {
namespace {

constexpr size_t kPixelBytes = 4;

// The predictors, numbered as in the file format. a: left, b: above, c: above left.
struct None {
  static constexpr uint8_t kNumber = 0;
  static uint8_t Predict(int, int, int) { return 0; }
};
struct Sub {
  static constexpr uint8_t kNumber = 1;
  static uint8_t Predict(int a, int, int) { return static_cast<uint8_t>(a); }
};
struct Up {
  static constexpr uint8_t kNumber = 2;
  static uint8_t Predict(int, int b, int) { return static_cast<uint8_t>(b); }
};
struct Average {
  static constexpr uint8_t kNumber = 3;
  static uint8_t Predict(int a, int b, int) { return static_cast<uint8_t>((a + b) >> 1); }
};
struct Paeth {
  static constexpr uint8_t kNumber = 4;
  static uint8_t Predict(int a, int b, int c) {
    // The distances of a + b - c from a, b and c. 16 bits hold them and twice the lanes.
    const int16_t to_a = static_cast<int16_t>(std::abs(b - c));
    const int16_t to_b = static_cast<int16_t>(std::abs(a - c));
    const int16_t to_c = static_cast<int16_t>(std::abs(a + b - 2 * c));
    const int not_a = to_b <= to_c ? b : c;
    return static_cast<uint8_t>(to_a <= to_b && to_a <= to_c ? a : not_a);
  }
};

// Calls `fn(i, difference)` for every byte of the row. Outside of the picture everything is 0.
template <class Predictor, class Fn>
inline void ForDifferences(const uint8_t* row, const uint8_t* above, size_t bytes, const Fn& fn) {
  for (size_t i = 0; i < kPixelBytes; ++i) {
    fn(i, static_cast<uint8_t>(row[i] - Predictor::Predict(0, above ? above[i] : 0, 0)));
  }
  if (above == nullptr) {
    for (size_t i = kPixelBytes; i < bytes; ++i) {
      fn(i, static_cast<uint8_t>(row[i] - Predictor::Predict(row[i - kPixelBytes], 0, 0)));
    }
    return;
  }
  for (size_t i = kPixelBytes; i < bytes; ++i) {
    fn(i, static_cast<uint8_t>(
              row[i] - Predictor::Predict(row[i - kPixelBytes], above[i], above[i - kPixelBytes])));
  }
}

template <class Predictor>
uint64_t Score(const uint8_t* row, const uint8_t* above, size_t bytes) {
  uint32_t sum = 0;  // a row would need 2^25 bytes to overflow it, and then only the choice would suffer
  ForDifferences<Predictor>(row, above, bytes, [&](size_t, uint8_t difference) {
    sum += std::min<uint32_t>(difference, 256u - difference);
  });
  return sum;
}

template <class Predictor>
void Write(const uint8_t* row, const uint8_t* above, size_t bytes, uint8_t* __restrict out) {
  *out++ = Predictor::kNumber;
  ForDifferences<Predictor>(row, above, bytes, [out](size_t i, uint8_t difference) { out[i] = difference; });
}

template <class... Predictors>
void FilterRow(const uint8_t* row, const uint8_t* above, size_t bytes, uint8_t* out) {
  uint64_t best = std::numeric_limits<uint64_t>::max();
  void (*write)(const uint8_t*, const uint8_t*, size_t, uint8_t*) = nullptr;
  const auto consider = [&]<class Predictor>(Predictor) {
    const uint64_t score = Score<Predictor>(row, above, bytes);
    if (score >= best) return;
    best = score;
    write = Write<Predictor>;
  };
  (consider(Predictors{}), ...);
  write(row, above, bytes, out);
}

}  // namespace

void FilterPngRows(const uint8_t* rgba, int width, int first, int count, uint8_t* out, ThreadRunner& runner) {
  const size_t bytes = kPixelBytes * static_cast<size_t>(width);
  ParallelFor(runner, static_cast<size_t>(count), [&](size_t i, size_t) {
    const size_t y = static_cast<size_t>(first) + i;
    const uint8_t* row = rgba + y * bytes;
    FilterRow<None, Sub, Up, Average, Paeth>(row, y == 0 ? nullptr : row - bytes, bytes, out + i * (bytes + 1));
  });
}

}  // namespace decal
