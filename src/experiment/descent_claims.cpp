#include "descent_claims.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ntkflow {

namespace {

/// So many standard errors are chance.
constexpr double kErrors = 3.0;

std::size_t peak_of(const DescentCurve& curve) {
  return static_cast<std::size_t>(
      std::distance(curve.mean.begin(), std::max_element(curve.mean.begin(), curve.mean.end())));
}

double log2_ratio(std::int64_t a, std::int64_t b) {
  return std::log2(static_cast<double>(a) / static_cast<double>(b));
}

}  // namespace

Claim peak_claim(const DescentCurve& curve, const std::vector<std::int64_t>& counts,
                 std::int64_t n) {
  const std::size_t at = peak_of(curve);
  // The list knows where the peak is up to its own steps.
  const double step =
      std::max(at > 0 ? log2_ratio(counts[at], counts[at - 1]) : 0.0,
               at + 1 < counts.size() ? log2_ratio(counts[at + 1], counts[at]) : 0.0);
  return {"log2 of features per sample at the peak of the test error", log2_ratio(counts[at], n),
          0.0, step};
}

Claim fall_claim(const DescentCurve& curve) {
  double rise = 0.0;
  for (std::size_t p = peak_of(curve); p + 1 < curve.mean.size(); ++p) {
    rise = std::max(
        rise, (curve.mean[p + 1] - curve.mean[p]) / std::hypot(curve.error[p], curve.error[p + 1]));
  }
  return {"largest rise of the test error beyond the peak, in standard errors", rise, 0.0, kErrors};
}

Claim limit_claim(const DescentCurve& curve) {
  // Two terms of order 1 / P stand between the kernel's error and this: the variance, and the bias
  // of a larger ridge, of either sign. The fourth moments of an activation, which Gaussian features
  // do not have, change both, and are allowed to do so by as much as there is.
  const double bias = curve.theory.back() - curve.variance.back() - curve.limit;
  return {"test error with the most features, of Gaussian features", curve.mean.back(),
          curve.theory.back(),
          kErrors * curve.error.back() + curve.variance.back() + std::abs(bias)};
}

Claim theory_claim(const std::vector<DescentCurve>& curves, const std::vector<std::int64_t>& counts,
                   std::int64_t n) {
  double largest = 0.0;
  for (const DescentCurve& curve : curves) {
    for (std::size_t p = 0; p < counts.size(); ++p) {
      // At the peak the variance between draws has no bound.
      constexpr double kNear = 1.25;
      const double ratio = static_cast<double>(counts[p]) / static_cast<double>(n);
      if (ratio * kNear < 1.0 || ratio > kNear) {
        const double excess = std::abs(curve.mean[p] - curve.theory[p]) - kErrors * curve.error[p];
        largest = std::max(largest, excess / curve.theory[p]);
      }
    }
  }
  // Theory is the leading order in 1 / N, and the next one is relative 1 / sqrt(N), the distance of
  // a sample's spectrum from its limit, with a constant that depends on data and activation. It is
  // taken as 2, of which relu on the sphere in 8 dimensions leaves at least half.
  return {
      "test error relative to that of Gaussian features, away from P = N, largest distance "
      "beyond three standard errors",
      largest, 0.0, 2.0 / std::sqrt(static_cast<double>(n))};
}

std::optional<Claim> taken_away_claim(const DescentCurve& curve,
                                      const std::vector<std::int64_t>& counts, std::int64_t n) {
  const auto found = std::find(counts.begin(), counts.end(), n);
  if (found == counts.begin() || found == counts.end() || std::next(found) == counts.end()) {
    return std::nullopt;
  }
  const auto at = static_cast<std::size_t>(std::distance(counts.begin(), found));
  const std::size_t larger = curve.mean[at - 1] > curve.mean[at + 1] ? at - 1 : at + 1;
  return Claim{"test error at P = N with the largest ridge above that of both neighbours",
               std::max(0.0, curve.mean[at] - curve.mean[larger]), 0.0,
               kErrors * std::hypot(curve.error[at], curve.error[larger])};
}

Claim network_claim(double last_gap, double error, double first_gap, std::int64_t first_width,
                    std::int64_t last_width) {
  // Functions are n^(-1/2) from their limit: so much of the narrowest networks' gap may be left.
  const double left = std::sqrt(static_cast<double>(first_width) / static_cast<double>(last_width));
  return {"test error of the widest networks less that of the tangent kernel over the same time",
          last_gap, 0.0, kErrors * error + left * std::abs(first_gap)};
}

}  // namespace ntkflow
