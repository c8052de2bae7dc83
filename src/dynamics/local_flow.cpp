#include "ntkflow/dynamics/local_flow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {

LocalFlow::LocalFlow(MatrixView<const double> kernel, std::int64_t samples)
    : samples_(samples), eigen_(diagonalise_local(kernel)) {
  NTKFLOW_EXPECTS(kernel.rows >= 1 && samples >= 1, kernel.rows, samples);
}

double LocalFlow::lambda_max() const {
  return eigen_.values.back() / static_cast<double>(samples_);
}

Matrix<double> LocalFlow::train(const Matrix<double>& r, const TrainingRule& rule,
                                double point) const {
  const Matrix<double>& vectors = eigen_.vectors;
  const std::int64_t n = vectors.rows();
  NTKFLOW_EXPECTS(r.rows() == n, r.rows(), n);
  const double zero =
      static_cast<double>(n) * std::numeric_limits<double>::epsilon() * eigen_.values.back();
  Matrix<double> modes(n, r.cols());
  multiply(Transpose::yes, Transpose::no, 1.0, vectors.view(), r.view(), 0.0, modes.view());
  for (std::int64_t i = 0; i < n; ++i) {
    const double lambda = eigen_.values[static_cast<std::size_t>(i)];
    const double weight = lambda > zero ? rule.filter(lambda, point, samples_) : 0.0;
    if (std::isinf(weight)) {
      Matrix<double> overflow(n, r.cols());
      std::fill_n(overflow.data(), overflow.size(), weight);
      return overflow;
    }
    for (std::int64_t j = 0; j < modes.cols(); ++j) {
      modes(i, j) *= weight;
    }
  }
  Matrix<double> result(n, r.cols());
  multiply(Transpose::no, Transpose::no, 1.0, vectors.view(), std::as_const(modes).view(), 0.0,
           result.view());
  return result;
}

Matrix<double> LocalFlow::flow(const Matrix<double>& r, double t) const {
  return train(r, {}, t);
}

Matrix<double> LocalFlow::descent(const Matrix<double>& r, double learning_rate,
                                  std::int64_t steps) const {
  return train(r, {Optimizer::gradient_descent, learning_rate, 0.0}, static_cast<double>(steps));
}

}  // namespace ntkflow
