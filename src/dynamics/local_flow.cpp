#include "ntkflow/dynamics/local_flow.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {

LocalFlow::LocalFlow(MatrixView<const double> kernel, std::int64_t samples)
    : samples_(samples), eigen_(diagonalise_local(kernel)) {
  NTKFLOW_EXPECTS(kernel.rows >= 1 && samples >= 1, kernel.rows, samples);
}

double LocalFlow::lambda_max() const {
  return eigen_.values.back() / static_cast<double>(samples_);
}

Matrix<double> LocalFlow::filtered(const Matrix<double>& r,
                                   const std::function<double(double)>& phi) const {
  const Matrix<double>& vectors = eigen_.vectors;
  const std::int64_t n = vectors.rows();
  NTKFLOW_EXPECTS(r.rows() == n, r.rows(), n);
  const double zero =
      static_cast<double>(n) * std::numeric_limits<double>::epsilon() * eigen_.values.back();
  Matrix<double> modes(n, r.cols());
  multiply(Transpose::yes, Transpose::no, 1.0, vectors.view(), r.view(), 0.0, modes.view());
  for (std::int64_t i = 0; i < n; ++i) {
    const double lambda = eigen_.values[static_cast<std::size_t>(i)];
    const double weight = lambda > zero ? phi(lambda) : 0.0;
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
  return filtered(r, [&](double lambda) { return flow_filter(lambda, t, samples_); });
}

Matrix<double> LocalFlow::descent(const Matrix<double>& r, double learning_rate,
                                  std::int64_t steps) const {
  return filtered(r, [&](double lambda) {
    const double step = learning_rate * lambda / static_cast<double>(samples_);
    const auto count = static_cast<double>(steps);
    // Below 1 through logarithms, so that no digits cancel where a mode has hardly moved.
    const double moved =
        step < 1.0 ? -std::expm1(count * std::log1p(-step)) : 1.0 - std::pow(1.0 - step, count);
    return moved / lambda;
  });
}

}  // namespace ntkflow
