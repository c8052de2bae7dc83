#include "ntkflow/spectrum/alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

double dot(const double* a, const double* b, std::int64_t n) {
  return std::inner_product(a, a + n, b, 0.0);
}

/// |Y^T Y|_F.
double gram_norm(const Matrix<double>& y) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < y.cols(); ++i) {
    for (std::int64_t j = 0; j < y.cols(); ++j) {
      const double entry = dot(y.column(i), y.column(j), y.rows());
      sum += entry * entry;
    }
  }
  return std::sqrt(sum);
}

double ratio(double numerator, double denominator) {
  return denominator > 0.0 ? numerator / denominator : 0.0;
}

}  // namespace

Matrix<double> with_ones(const Matrix<double>& y) {
  Matrix<double> result(y.rows(), y.cols() + 1);
  std::copy_n(y.data(), y.size(), result.data());
  std::fill_n(result.column(y.cols()), y.rows(), 1.0);
  return result;
}

Alignment target_alignment(const Matrix<double>& targets, const Matrix<double>& products,
                           double frobenius, double rounding) {
  const std::int64_t n = targets.rows();
  const std::int64_t outputs = targets.cols();
  NTKFLOW_EXPECTS(products.rows() == n && products.cols() == outputs + 1, products.rows(),
                  products.cols());
  const auto size = static_cast<double>(n);
  const double* sums = products.column(outputs);  // K 1
  const double total = std::accumulate(sums, sums + n, 0.0);
  Matrix<double> centred = targets.clone();
  double plain_product = 0.0;
  double centred_product = 0.0;
  for (std::int64_t j = 0; j < outputs; ++j) {
    double* y = centred.column(j);
    const double mean = std::accumulate(y, y + n, 0.0) / size;
    plain_product += dot(y, products.column(j), n);
    std::transform(y, y + n, y, [mean](double value) { return value - mean; });
    // (H y)^T K (H y) with K H y = K y - mean K 1
    centred_product += dot(y, products.column(j), n) - mean * dot(y, sums, n);
  }
  // Constant targets keep rounding where their mean was taken off.
  constexpr double kRounding = 1e-13;
  // Of |H K H|_F^2 as part of |K|_F^2: an eighth of it may be rounding here.
  const double least = 16.0 * (size * std::numeric_limits<double>::epsilon() + rounding);
  const double target_norm = gram_norm(targets);
  const double centred_target_norm = gram_norm(centred);
  const double centred_square =
      frobenius * frobenius - 2.0 * dot(sums, sums, n) / size + (total / size) * (total / size);
  Alignment alignment;
  alignment.plain = ratio(plain_product, frobenius * target_norm);
  if (centred_target_norm > kRounding * kRounding * target_norm &&
      centred_square > least * frobenius * frobenius) {
    alignment.centred = centred_product / (std::sqrt(centred_square) * centred_target_norm);
  }
  return alignment;
}

}  // namespace ntkflow
