#pragma once

#include <functional>
#include <span>
#include <vector>

namespace ntkflow {

/// c_0 ... c_n of the interpolant sum_k c_k T_k(y) of `count` functions of y in [-1, 1] at the
/// zeros of T_n+1; coefficients of function m are row m. sample(y, values) writes all functions'
/// values at once. Local. Ref: Trefethen, Approximation Theory and Approximation Practice (2013),
/// chapter 3.
std::vector<std::vector<double>> chebyshev_interpolate(
    int degree, std::size_t count,
    const std::function<void(long double, std::span<long double>)>& sample);

/// Number of leading coefficients after which the rest sums up to at most `tolerance`. Local.
std::size_t significant_terms(std::span<const double> coefficients, double tolerance);

/// sum_k c_k T_k(y) by Clenshaw's recurrence, with the same operations as the tile's. Local.
template <class Real>
Real clenshaw(std::span<const Real> coefficients, Real y) {
  Real next{};
  Real after{};
  for (std::size_t k = coefficients.size() - 1; k > 0; --k) {
    const Real sum = 2 * y * next + (coefficients[k] - after);
    after = next;
    next = sum;
  }
  return y * next + (coefficients[0] - after);
}

}  // namespace ntkflow
