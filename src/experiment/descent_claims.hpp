#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ntkflow/experiment/study.hpp>

// What the study of descent claims of test errors over the number of random features.
namespace ntkflow {

/// A curve over the numbers of features, at one ridge.
struct DescentCurve {
  std::vector<double> mean;
  std::vector<double> error;     ///< standard, of the mean
  std::vector<double> theory;    ///< of Gaussian features: bias and variance
  std::vector<double> variance;  ///< the latter alone
  double limit = 0.0;            ///< of the kernel itself
};

// In all of them `counts` are the ascending numbers P of features, and n that of samples. All
// Local.

/// Where the test error of a small ridge is largest: at P = n, up to the steps of the list.
Claim peak_claim(const DescentCurve& curve, const std::vector<std::int64_t>& counts,
                 std::int64_t n);

/// That it falls from there on.
Claim fall_claim(const DescentCurve& curve);

/// That it has come as near to the kernel's, with the most features, as theory says.
Claim limit_claim(const DescentCurve& curve);

/// That it is that of Gaussian features where P is not near n.
Claim theory_claim(const std::vector<DescentCurve>& curves, const std::vector<std::int64_t>& counts,
                   std::int64_t n);

/// That the curve of a large ridge has no peak at P = n. Nothing where the list has no such number
/// with neighbours on both sides.
std::optional<Claim> taken_away_claim(const DescentCurve& curve,
                                      const std::vector<std::int64_t>& counts, std::int64_t n);

/// That the mean distance of the widest networks from the tangent kernel's error is about 0.
/// @param error  standard, of `last_gap`;  @param first_gap  of the narrowest
Claim network_claim(double last_gap, double error, double first_gap, std::int64_t first_width,
                    std::int64_t last_width);

}  // namespace ntkflow
