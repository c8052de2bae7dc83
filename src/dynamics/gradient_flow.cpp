#include "ntkflow/dynamics/gradient_flow.hpp"

#include <cmath>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {

GradientFlow::GradientFlow(const EigenSystem<double>& eigen, const Matrix<double>& residual,
                           double ridge, const TrainingRule& rule)
    : eigen_(&eigen),
      residual_(residual.clone()),
      modes_(modes_of(eigen, residual)),
      ridge_(ridge),
      rule_(rule) {}

double GradientFlow::lambda_max() const {
  return eigen_->values.back() / static_cast<double>(eigen_->values.size());
}

Matrix<double> GradientFlow::filtered(std::span<const double> points,
                                      const std::function<double(double, double)>& filter) const {
  const std::int64_t n = modes_.rows();
  const std::int64_t outputs = modes_.cols();
  NTKFLOW_EXPECTS(finite_points(rule_, points, eigen_->values.back() + ridge_, n) == points.size(),
                  rule_.learning_rate);
  Matrix<double> weighted;
  collectively(eigen_->vectors.grid()->comm(),
               [&] { weighted = Matrix<double>(n, std::ssize(points) * outputs); });
  for (std::size_t k = 0; k < points.size(); ++k) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double weight = filter(eigen_->values[static_cast<std::size_t>(i)], points[k]);
      for (std::int64_t j = 0; j < outputs; ++j) {
        weighted.column(static_cast<std::int64_t>(k) * outputs + j)[i] =
            weight * modes_.column(j)[i];
      }
    }
  }
  return from_modes(*eigen_, weighted);
}

TrainedModes GradientFlow::modes() const {
  TrainedModes modes{modes_.rows(), ridge_, eigen_->values, {}};
  for (std::int64_t i = 0; i < modes_.rows(); ++i) {
    double energy = 0.0;
    for (std::int64_t j = 0; j < modes_.cols(); ++j) {
      energy += modes_(i, j) * modes_(i, j);
    }
    modes.energy.push_back(energy);
  }
  return modes;
}

bool GradientFlow::moves(double lambda) const {
  return lambda + ridge_ > rounding_level(*eigen_);
}

double GradientFlow::filter(double lambda, double point) const {
  return moves(lambda) ? rule_.filter(lambda + ridge_, point, modes_.rows()) : 0.0;
}

Matrix<double> GradientFlow::coefficients(std::span<const double> points) const {
  return filtered(points, [&](double lambda, double point) { return filter(lambda, point); });
}

Matrix<double> GradientFlow::train_increment(std::span<const double> points) const {
  return filtered(points,
                  [&](double lambda, double point) { return lambda * filter(lambda, point); });
}

std::vector<double> GradientFlow::identity_errors(const LinearOperator& k,
                                                  std::span<const double> points,
                                                  const Matrix<double>& coefficients) const {
  const std::int64_t n = modes_.rows();
  const std::int64_t outputs = modes_.cols();
  const Matrix<double> remaining = filtered(points, [&](double lambda, double point) {
    return moves(lambda) ? rule_.residual(lambda + ridge_, point, n) : 1.0;
  });
  const Matrix<double> product = k.apply(coefficients);
  std::vector<double> errors(points.size(), 0.0);
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
