#include "ntkflow/dynamics/gradient_flow.hpp"

#include <algorithm>
#include <cmath>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {

GradientFlow::GradientFlow(const EigenSystem<double>& eigen, const Matrix<double>& residual,
                           double ridge)
    : eigen_(&eigen),
      residual_(residual.clone()),
      modes_(modes_of(eigen, residual)),
      ridge_(ridge) {}

double GradientFlow::lambda_max() const {
  return eigen_->values.back() / static_cast<double>(eigen_->values.size());
}

Matrix<double> GradientFlow::filtered(std::span<const double> times,
                                      const std::function<double(double, double)>& filter) const {
  const std::int64_t n = modes_.rows();
  const std::int64_t outputs = modes_.cols();
  Matrix<double> weighted;
  collectively(eigen_->vectors.grid()->comm(),
               [&] { weighted = Matrix<double>(n, std::ssize(times) * outputs); });
  for (std::size_t k = 0; k < times.size(); ++k) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double weight = filter(eigen_->values[static_cast<std::size_t>(i)], times[k]);
      for (std::int64_t j = 0; j < outputs; ++j) {
        weighted.column(static_cast<std::int64_t>(k) * outputs + j)[i] =
            weight * modes_.column(j)[i];
      }
    }
  }
  return from_modes(*eigen_, weighted);
}

double GradientFlow::filter(double lambda, double t) const {
  const std::int64_t n = modes_.rows();
  return lambda + ridge_ > rounding_level(*eigen_) ? flow_filter(lambda + ridge_, t, n) : 0.0;
}

Matrix<double> GradientFlow::coefficients(std::span<const double> times) const {
  return filtered(times, [&](double lambda, double t) { return filter(lambda, t); });
}

Matrix<double> GradientFlow::train_increment(std::span<const double> times) const {
  return filtered(times, [&](double lambda, double t) { return lambda * filter(lambda, t); });
}

std::vector<double> GradientFlow::identity_errors(const LinearOperator& k,
                                                  std::span<const double> times,
                                                  const Matrix<double>& coefficients) const {
  const std::int64_t n = modes_.rows();
  const std::int64_t outputs = modes_.cols();
  const Matrix<double> remaining = filtered(times, [&](double lambda, double t) {
    return std::exp(-t * std::max(lambda + ridge_, 0.0) / static_cast<double>(n));
  });
  const Matrix<double> product = k.apply(coefficients);
  std::vector<double> errors(times.size(), 0.0);
  for (std::int64_t column = 0; column < coefficients.cols(); ++column) {
    const double* r = residual_.column(column % outputs);
    double difference = 0.0;
    double norm = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double left = product.column(column)[i] + ridge_ * coefficients.column(column)[i] +
                          remaining.column(column)[i];
      difference += (left - r[i]) * (left - r[i]);
      norm += r[i] * r[i];
    }
    if (norm != 0.0) {
      double& error = errors[static_cast<std::size_t>(column / outputs)];
      error = max_or_nan(error, std::sqrt(difference / norm));
    }
  }
  return errors;
}

}  // namespace ntkflow
