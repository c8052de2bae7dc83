#pragma once

#include <cmath>
#include <cstdint>

namespace ntkflow {

/// The larger of two numbers, or NaN if either is one: std::max drops a NaN that comes second, and
/// with it the only sign that a certificate is void. Local.
inline double max_or_nan(double a, double b) {
  return b > a || std::isnan(b) ? b : a;
}

/// The largest |value| of n, or NaN if one is; 0 of none. Local.
inline double largest_magnitude(const double* values, std::int64_t n) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    largest = max_or_nan(largest, std::abs(values[i]));
  }
  return largest;
}

}  // namespace ntkflow
