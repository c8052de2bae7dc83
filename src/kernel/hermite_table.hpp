#pragma once

#include <span>
#include <vector>

#include "numerical_activation.hpp"

namespace ntkflow {

/// Hermite coefficients a_k(q) of an activation over a range of variances, interpolated in sqrt(q)
/// by Chebyshev polynomials: a sample's coefficients cost a microsecond in place of a hundred.
/// Immutable. Members are Local.
class HermiteTable {
 public:
  /// `terms` coefficients for smallest <= q <= largest. Interpolates with the degree that leaves
  /// 1e-16 of sqrt(F(q, q, q)) at the largest q, at most 256, and compares with the coefficients
  /// themselves at variances between the nodes.
  HermiteTable(const NumericalActivation& activation, int terms, double smallest, double largest);

  [[nodiscard]] int terms() const noexcept { return terms_; }
  /// Largest difference met from the coefficients themselves, relative to sqrt(F(q, q, q)) at the
  /// largest q.
  [[nodiscard]] double error() const noexcept { return error_; }

  /// Writes a_0(q), a_1(q), ... Variances a little outside of the range are served as well.
  /// @param coefficients  [terms]
  /// @param scratch       [2 terms], overwritten
  void evaluate(double q, std::span<double> coefficients, std::span<double> scratch) const;

 private:
  int terms_;
  double middle_;
  double half_width_;
  std::vector<std::vector<double>> rows_;  ///< of each Chebyshev polynomial, all coefficients
  double error_ = 0.0;
};

}  // namespace ntkflow
