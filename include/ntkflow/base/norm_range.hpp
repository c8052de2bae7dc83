#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow {

/// Smallest and largest |x|^2 among samples. The default holds any sample: nothing is known.
struct NormRange {
  double smallest = 0.0;
  double largest = std::numeric_limits<double>::infinity();
};

/// The range of no sample, to be joined with others.
inline constexpr NormRange kNoNorms{std::numeric_limits<double>::infinity(), 0.0};

constexpr NormRange join(NormRange a, NormRange b) {
  return {std::min(a.smallest, b.smallest), std::max(a.largest, b.largest)};
}

/// The range of the samples [d x n], one per column. Local.
template <class Real>
NormRange norm_range(MatrixView<const Real> samples) {
  NormRange range = kNoNorms;
  for (std::int64_t i = 0; i < samples.cols; ++i) {
    // Summed with more digits, so that samples of equal norm are seen to be so.
    long double sum = 0.0L;
    for (std::int64_t k = 0; k < samples.rows; ++k) {
      const auto value = static_cast<long double>(samples.column(i)[k]);
      sum += value * value;
    }
    const auto squared_norm = static_cast<double>(sum);
    range = join(range, {squared_norm, squared_norm});
  }
  return range;
}

}  // namespace ntkflow
