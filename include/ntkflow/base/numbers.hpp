#pragma once

#include <cmath>

namespace ntkflow {

/// The larger of two numbers, or NaN if either is one: std::max drops a NaN that comes second, and
/// with it the only sign that a certificate is void. Local.
inline double max_or_nan(double a, double b) {
  return b > a || std::isnan(b) ? b : a;
}

}  // namespace ntkflow
