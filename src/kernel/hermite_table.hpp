#pragma once

#include <span>
#include <vector>

#include "numerical_activation.hpp"

namespace ntkflow {

/// Hermite coefficients a_k(q) of an activation over a range of variances, interpolated in sqrt(q)
/// by Chebyshev polynomials: a sample's coefficients cost a microsecond in place of a hundred. An
/// odd or even activation has none of the other parity, which are left out. Immutable. Members are
/// Local.
class HermiteTable {
 public:
  /// `terms` coefficients for smallest <= q <= largest. Interpolates with the degree that leaves
  /// 1e-16 of sqrt(F(q, q, q)) at the largest q, at most 256, and compares with the coefficients
  /// themselves at variances between the nodes.
  HermiteTable(const NumericalActivation& activation, int terms, double smallest, double largest);

  /// Number of coefficients kept: a_first, a_(first + step), ...
  [[nodiscard]] int terms() const noexcept { return static_cast<int>(rows_.front().size()); }
  [[nodiscard]] int first() const noexcept { return first_; }
  [[nodiscard]] int step() const noexcept { return step_; }
  /// Largest difference met from the coefficients themselves, relative to sqrt(F(q, q, q)).
  [[nodiscard]] double error() const noexcept { return error_; }

  /// Writes the coefficients kept. Variances a little outside of the range are served as well.
  /// @param coefficients  [terms]
  /// @param scratch       [2 terms], overwritten
  void evaluate(double q, std::span<double> coefficients, std::span<double> scratch) const;

 private:
  void choose_parity(const std::vector<std::vector<double>>& all, double negligible);

  double middle_;
  double half_width_;
  int first_ = 0;
  int step_ = 1;
  std::vector<std::vector<double>> rows_;  ///< of each Chebyshev polynomial, all coefficients
  double error_ = 0.0;
};

}  // namespace ntkflow
