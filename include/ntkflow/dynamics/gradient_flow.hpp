#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// phi_t(lambda) = (1 - exp(-t lambda / N)) / lambda, entire in lambda: t/N at lambda = 0, and
/// 1/lambda for t = infinity. From expm1, so that no digits cancel. Local. Ref: Jacot, Gabriel,
/// Hongler (2018), section 5.
double flow_filter(double lambda, double t, std::int64_t n);

/// Gradient flow of 1/2 mean |f(x_i) - y_i|^2 under the kernel K, in the eigenbasis of K:
///
///     f_t(x) = f_0(x) + kappa(x)^T A_t,   A_t = phi_t(K + ridge I) (y - f_0(X)).
///
/// On the training set kappa is a row of K. At t = 0 A_t is exactly zero; as t grows it becomes the
/// closed form's coefficients. Modes whose lambda + ridge is zero to rounding (<= N eps lambda_max)
/// span the null space, which never moves: their part of A_t is zero at all times.
class GradientFlow {
 public:
  /// @param eigen  of K; must outlive the flow.  @param residual  y - f_0(X), [N x C], whole on
  /// every rank.
  /// @param ridge  absolute. Collective over the grid of eigen.
  GradientFlow(const EigenSystem<double>& eigen, const Matrix<double>& residual, double ridge);

  /// lambda_max of K / N, the rate of the fastest mode (without the ridge).
  [[nodiscard]] double lambda_max() const;

  /// A_t for several times, C columns for each time, [N x (T C)], whole on every rank. Collective
  /// over the grid.
  [[nodiscard]] Matrix<double> coefficients(std::span<const double> times) const;
  /// f_t(X) - f_0(X) = K A_t on the training set, likewise.
  [[nodiscard]] Matrix<double> train_increment(std::span<const double> times) const;

  /// How well A_t obeys the flow's own identity (K + ridge I) A_t + exp(-t (K + ridge I)/N) r = r,
  /// with K applied anew: the largest over times and outputs of |left - right| / |r|. @param
  /// coefficients  of the same times. Collective over the grid.
  [[nodiscard]] double identity_error(const LinearOperator& k, std::span<const double> times,
                                      const Matrix<double>& coefficients) const;

 private:
  /// phi_t(lambda + ridge), zero in the null space.
  [[nodiscard]] double filter(double lambda, double t) const;
  /// V (g(lambda_i, t) S_i) for all times.
  [[nodiscard]] Matrix<double> filtered(std::span<const double> times,
                                        const std::function<double(double, double)>& filter) const;

  const EigenSystem<double>* eigen_;
  Matrix<double> residual_;
  Matrix<double> modes_;  ///< of the residual, row i for the ascending eigenvalue i
  double ridge_;
};

}  // namespace ntkflow
