#include "random_features.hpp"

#include <algorithm>
#include <cmath>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/linalg/local.hpp>

#include "statistics.hpp"

namespace ntkflow {

namespace {

Matrix<double> product(Transpose transpose_a, Transpose transpose_b, const Matrix<double>& a,
                       const Matrix<double>& b) {
  Matrix<double> c(transpose_a == Transpose::no ? a.rows() : a.cols(),
                   transpose_b == Transpose::no ? b.cols() : b.rows());
  multiply<double>(transpose_a, transpose_b, 1.0, a.view(), b.view(), 0.0, c.view());
  return c;
}

/// Eigensystem of a Gram matrix, whose values are not negative but for rounding.
LocalEigenSystem diagonalise_gram(const Matrix<double>& gram) {
  LocalEigenSystem eigen = diagonalise_local(gram.view());
  for (double& value : eigen.values) {
    value = std::max(value, 0.0);
  }
  return eigen;
}

double square(double x) {
  return x * x;
}

}  // namespace

std::vector<std::int64_t> feature_counts(std::span<const double> per_sample, std::int64_t samples) {
  std::vector<std::int64_t> counts;
  for (const double multiple : per_sample) {
    const std::int64_t count =
        std::max<std::int64_t>(1, std::llround(multiple * static_cast<double>(samples)));
    if (counts.empty() || counts.back() < count) {
      counts.push_back(count);
    }
  }
  return counts;
}

Matrix<double> regress_on_features(const Matrix<double>& train, const Matrix<double>& test,
                                   const Matrix<double>& y, std::span<const double> ridges) {
  // theta = (phi phi' + ridge)^-1 phi y = phi (phi' phi + ridge)^-1 y: the smaller matrix, since
  // the larger one has no full rank. Not by fit_functions, which is collective over a grid and
  // factors for one ridge: here each rank has draws of its own, and one eigensystem serves every
  // ridge, all positive, so that no mode needs to be left out.
  const bool is_narrow = train.rows() <= train.cols();
  const Matrix<double> gram = is_narrow ? product(Transpose::no, Transpose::yes, train, train)
                                        : product(Transpose::yes, Transpose::no, train, train);
  const LocalEigenSystem eigen = diagonalise_gram(gram);
  const Matrix<double> side =
      is_narrow ? product(Transpose::no, Transpose::no, train, y) : y.clone();
  const Matrix<double> modes = product(Transpose::yes, Transpose::no, eigen.vectors, side);
  const auto count = std::ssize(ridges);
  Matrix<double> filtered(gram.rows(), count);
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t i = 0; i < gram.rows(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      filtered(i, r) = modes(i, 0) / (eigen.values[k] + ridges[static_cast<std::size_t>(r)]);
    }
  }
  Matrix<double> theta = product(Transpose::no, Transpose::no, eigen.vectors, filtered);
  if (!is_narrow) {
    theta = product(Transpose::no, Transpose::no, train, theta);
  }
  return product(Transpose::yes, Transpose::no, test, theta);
}

GaussianFeatures::GaussianFeatures(const Matrix<double>& train, const Matrix<double>& cross,
                                   std::span<const double> diagonal, const Matrix<double>& y,
                                   const Matrix<double>& test_y)
    : eigen_(diagonalise_gram(train)),
      cross_(product(Transpose::yes, Transpose::no, eigen_.vectors, cross)),
      test_y_(test_y.data(), test_y.data() + test_y.size()),
      test_diagonal_(mean(diagonal)) {
  const Matrix<double> modes = product(Transpose::yes, Transpose::no, eigen_.vectors, y);
  y_.assign(modes.data(), modes.data() + modes.size());
  for (std::int64_t i = 0; i < cross_.rows(); ++i) {
    double sum = 0.0;
    for (std::int64_t j = 0; j < cross_.cols(); ++j) {
      sum += square(cross_(i, j));
    }
    cross_square_.push_back(sum / static_cast<double>(cross_.cols()));
    scale_ += train(i, i) / static_cast<double>(train.rows());
  }
}

double GaussianFeatures::effective_ridge(double ridge, std::int64_t features) const {
  NTKFLOW_EXPECTS(ridge > 0.0 && features >= 1, ridge, features);
  const auto per_feature = 1.0 / static_cast<double>(features);
  double trace = 0.0;
  for (const double value : eigen_.values) {
    trace += value;
  }
  // e - ridge - (e / P) tr K G is convex in e and negative at e = 0: it has one root, and is not
  // negative at ridge + tr K / P. Halving the logarithm 200 times ends at neighbouring numbers.
  double low = ridge;
  double high = ridge + trace * per_feature;
  for (int step = 0; step < 200 && low < high; ++step) {
    const double middle = std::sqrt(low) * std::sqrt(high);
    double sum = 0.0;
    for (const double value : eigen_.values) {
      sum += value / (value + middle);
    }
    (middle - ridge - middle * per_feature * sum < 0.0 ? low : high) = middle;
  }
  return high;
}

double GaussianFeatures::kernel_error(double ridge) const {
  double sum = 0.0;
  for (std::int64_t j = 0; j < cross_.cols(); ++j) {
    double f = 0.0;
    for (std::size_t i = 0; i < y_.size(); ++i) {
      f += cross_(static_cast<std::int64_t>(i), j) * y_[i] / (eigen_.values[i] + ridge);
    }
    sum += square(f - test_y_[static_cast<std::size_t>(j)]);
  }
  return sum / static_cast<double>(cross_.cols());
}

double GaussianFeatures::error(double ridge, std::int64_t features) const {
  const double e = effective_ridge(ridge, features);
  const auto count = static_cast<double>(features);
  double inverse_slope = 1.0;  // 1 / e'
  double power = 0.0;          // y' K G^2 y
  double left = test_diagonal_;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    const double value = eigen_.values[i];
    inverse_slope -= square(value / (value + e)) / count;
    power += value * square(y_[i] / (value + e));
    left -= cross_square_[i] * (value + 2.0 * e) / square(value + e);
  }
  return kernel_error(e) + power * left / (count * inverse_slope);
}

}  // namespace ntkflow
