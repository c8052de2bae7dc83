#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dynamics/options.hpp>

namespace ntkflow {

/// Gradient flow of 1/2 mean |f(x_i) - y_i|^2 under the kernel K:
///
///     f_t(x) = f_0(x) + kappa(x)^T A_t,   A_t = phi_t(K + ridge I) (y - f_0(X)).
///
/// On the training set kappa is a row of K. At t = 0 A_t is exactly zero; as t grows it becomes the
/// closed form's coefficients. Times are absolute. Ref: Jacot, Gabriel, Hongler (2018), section 5.
class Flow {
 public:
  Flow() = default;
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  Flow(Flow&&) = delete;
  Flow& operator=(Flow&&) = delete;
  virtual ~Flow() = default;

  /// lambda_max of K / N, the rate of the fastest mode (without the ridge).
  [[nodiscard]] virtual double lambda_max() const = 0;
  /// A_t for several times, C columns for each time, [N x (T C)], whole on every rank. Collective.
  [[nodiscard]] virtual Matrix<double> coefficients(std::span<const double> times) const = 0;
  /// f_t(X) - f_0(X) = K A_t on the training set, likewise.
  [[nodiscard]] virtual Matrix<double> train_increment(std::span<const double> times) const = 0;
};

/// Times in units of 1. 0 stays 0; where lambda_max is zero, all positive times in its unit are
/// infinite. Local.
/// @param lambda_max  of K / N
std::vector<double> absolute_times(std::vector<double> times, TimeUnit unit, double lambda_max);
/// The times that the options ask for.
inline std::vector<double> absolute_times(const DynamicsOptions& options, double lambda_max) {
  return absolute_times(options.times, options.time_unit, lambda_max);
}

/// phi_t(lambda) = (1 - exp(-t lambda / N)) / lambda, entire in lambda: t/N at lambda = 0, and
/// 1/lambda for t = infinity. From expm1, so that no digits cancel. Local.
double flow_filter(double lambda, double t, std::int64_t n);

}  // namespace ntkflow
