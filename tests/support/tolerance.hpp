#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

// The only tolerances that tests use. Each is a formula in the size of the problem and the
// precision, named after the check it bounds.
namespace ntkflow::test {

template <class Real>
inline constexpr double kEps = static_cast<double>(std::numeric_limits<Real>::epsilon());

/// ||A - L L^T||_1 <= 30 n eps ||A||_1.
template <class Real>
double factorisation_bound(std::int64_t n, double norm_a) {
  return 30.0 * static_cast<double>(n) * kEps<Real> * norm_a;
}

/// ||L - L'||_1 <= 60 n eps cond(A) ||L||_1 for two factorisations of A, each within its
/// factorisation_bound. To first order; Sun, BIT 31 (1991).
template <class Real>
double factor_bound(std::int64_t n, double condition, double norm_l) {
  return 60.0 * static_cast<double>(n) * kEps<Real> * condition * norm_l;
}

/// ||B - A X||_1 <= 25 n eps ||A||_1 ||X||_1.
template <class Real>
double solve_bound(std::int64_t n, double norm_a, double norm_x) {
  return 25.0 * static_cast<double>(n) * kEps<Real> * norm_a * norm_x;
}

/// sqrt(n) eps in double: the backward error at which a refinement ends when not told otherwise.
inline double refinement_tolerance(std::int64_t n) {
  return std::sqrt(static_cast<double>(n)) * kEps<double>;
}

/// ||A V - V Lambda||_1 <= 30 n eps ||A||_1, and the same with ||A|| = 1 for ||V^T V - I||_1.
template <class Real>
double eigen_bound(std::int64_t n, double norm_a) {
  return 30.0 * static_cast<double>(n) * kEps<Real> * norm_a;
}

/// |log det L L^T - log det A| <= n (n + 1) eps cond(A): to first order the trace of A^-1 dA.
template <class Real>
double log_determinant_bound(std::int64_t n, double condition) {
  return static_cast<double>(n) * static_cast<double>(n + 1) * kEps<Real> * condition;
}

/// ||C - A B||_1 <= 4 (k + 1) eps ||A||_1 ||B||_1, k the inner dimension.
template <class Real>
double product_bound(std::int64_t k, double norm_a, double norm_b) {
  return 4.0 * static_cast<double>(k + 1) * kEps<Real> * norm_a * norm_b;
}

/// k eps |value|: elementwise agreement of two evaluations with k rounding errors between them.
template <class Real>
double ulp_bound(double k, double value) {
  return k * kEps<Real> * std::abs(value);
}

/// k standard errors of a mean of n independent values with this standard deviation. With k = 5 a
/// right generator fails once in two million draws of a seed.
inline double standard_error_bound(double k, double deviation, std::int64_t n) {
  return k * deviation / std::sqrt(static_cast<double>(n));
}

/// Relative difference, against the larger magnitude; 0 when both are 0.
inline double relative_difference(double a, double b) {
  const double scale = std::max(std::abs(a), std::abs(b));
  return scale == 0.0 ? 0.0 : std::abs(a - b) / scale;
}

}  // namespace ntkflow::test
