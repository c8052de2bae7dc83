#include "blas_self_test.hpp"

#include <cmath>
#include <limits>
#include <random>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/local.hpp>

#include "blas_abi.hpp"

namespace ntkflow {
namespace {

/// C = A B^T by plain loops, the innermost along columns.
Matrix<double> plain_product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.rows());
  for (std::int64_t j = 0; j < c.cols(); ++j) {
    for (std::int64_t l = 0; l < a.cols(); ++l) {
      const double factor = b(j, l);
      const double* from = a.column(l);
      double* to = c.column(j);
      for (std::int64_t i = 0; i < c.rows(); ++i) {
        to[i] += from[i] * factor;
      }
    }
  }
  return c;
}

/// Largest difference of the lower triangles, or of all elements. A NaN counts as infinite.
double largest_difference(const Matrix<double>& a, const Matrix<double>& b, bool lower_only) {
  double largest = 0.0;
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = lower_only ? j : 0; i < a.rows(); ++i) {
      const double difference = std::abs(a(i, j) - b(i, j));
      if (!(difference <= largest)) {
        largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
      }
    }
  }
  return largest;
}

}  // namespace

std::string find_blas_fault(const BlasRoutines& routines, int n) {
  Matrix<double> a(n, n);
  Matrix<double> transposed(n, n);
  std::minstd_rand random(1);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < n; ++i) {
      a(i, j) = uniform(random);
      transposed(j, i) = a(i, j);
    }
  }
  const Matrix<double> expected = plain_product(a, a);
  // Sums of n terms in any order differ by at most n eps times the sum of magnitudes, here below n.
  const double bound = n * static_cast<double>(n) * std::numeric_limits<double>::epsilon();
  Matrix<double> result(n, n);
  routines.product(n, a.data(), transposed.data(), result.data());
  if (!(largest_difference(result, expected, false) <= bound)) {
    return "its matrix product (dgemm) is wrong";
  }
  routines.rank_k_update(n, a.data(), result.data());
  if (!(largest_difference(result, expected, true) <= bound)) {
    return "its rank-k update (dsyrk) is wrong";
  }

  // A A^T + n I is positive definite with eigenvalues between n and (n^2 + n).
  Matrix<double> positive = expected.clone();
  for (int i = 0; i < n; ++i) {
    positive(i, i) += n;
  }
  Matrix<double> factor = positive.clone();
  if (routines.factor(n, factor.data()) != 0) {
    return "its Cholesky factorisation (dpotrf) rejects a positive definite matrix";
  }
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < j; ++i) {
      factor(i, j) = 0.0;
    }
  }
  // Higham, Accuracy and Stability of Numerical Algorithms (2002), theorem 10.3: an element of
  // A - L L^T is below (n + 1) eps times the root of two diagonal elements of A, here below 2 n.
  if (!(largest_difference(plain_product(factor, factor), positive, true) <= 4.0 * bound)) {
    return "its Cholesky factorisation (dpotrf) is wrong";
  }
  return {};
}

std::string blas_self_test() {
  constexpr int kOrder = 300;
  constexpr BlasRoutines kRoutines{
      [](int n, const double* a, const double* b, double* c) {
        blas::gemm('N', 'N', n, n, n, 1.0, a, n, b, n, 0.0, c, n);
      },
      [](int n, const double* a, double* c) { blas::syrk('L', 'N', n, n, 1.0, a, n, 0.0, c, n); },
      [](int n, double* a) { return blas::potrf('L', n, a, n); }};
  const std::string fault = find_blas_fault(kRoutines, kOrder);
  return fault.empty() ? fault
                       : blas_description() + " is not usable on this processor: " + fault +
                             "; set OPENBLAS_CORETYPE=Haswell or use another BLAS";
}

}  // namespace ntkflow
