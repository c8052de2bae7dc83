#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

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

/// sqrt(sum of squares) of n values. Local.
inline double euclidean_norm(const double* values, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += values[i] * values[i];
  }
  return std::sqrt(sum);
}

/// The number below which a standard normal variable falls with probability p in (0, 1), to a few
/// eps. Local. Ref: Abramowitz, Stegun (1964), 26.2.23, refined by Halley's method.
inline double normal_quantile(double p) {
  if (p > 0.5) {
    return -normal_quantile(1.0 - p);
  }
  const double t = std::sqrt(-2.0 * std::log(p));
  double x = (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
             t;
  for (int step = 0; step < 3; ++step) {
    const double excess = 0.5 * std::erfc(-x / std::numbers::sqrt2) / p - 1.0;
    const double u =
        excess * std::sqrt(2.0 * std::numbers::pi) * std::exp(std::log(p) + 0.5 * x * x);
    x -= u / (1.0 + 0.5 * x * u);
  }
  return x;
}

}  // namespace ntkflow
